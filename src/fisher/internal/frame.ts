/**
 * One byte string that is whole or refused: what it is, a header, some numbers, and the SHA-256 of all that.
 *
 *     0   8 bytes   "natgrad" and a zero
 *     8   uint32    the version of the format
 *    12   uint32    the header's length H, spaces at its end included
 *    16   H bytes   the header, JSON in UTF-8, up to a multiple of 8
 *    16 + H         the payload
 *     ...32 bytes   SHA-256 of everything before it
 *
 * Integers are little-endian.
 */
import { Effect } from "effect"
import { SnapshotCorrupt, type SnapshotFailure } from "../../Errors.ts"
import { shown } from "../../Options.ts"
import { joined, sha256 } from "./bytes.ts"

const magic = new TextEncoder().encode("natgrad\0")
/** 2 since the sums of symmetric matrices are their lower triangles: a change of what the payload means is one of the format. */
const version = 2
const preamble = 16
const sealSize = 32

export interface Frame {
  readonly header: string
  readonly payload: Uint8Array
}

/** The frame around a header and its payload, given in parts. */
export const seal = Effect.fnUntraced(function* (
  header: string,
  parts: ReadonlyArray<Uint8Array>
): Effect.fn.Return<Uint8Array<ArrayBuffer>, SnapshotFailure> {
  const text = new TextEncoder().encode(header)
  const padded = new Uint8Array(Math.ceil(text.length / 8) * 8).fill(0x20)
  padded.set(text)
  const sizes = new Uint8Array(8)
  const view = new DataView(sizes.buffer)
  view.setUint32(0, version, true)
  view.setUint32(4, padded.length, true)
  // Room for the seal from the start: the bytes are not copied again.
  const bytes = joined([magic, sizes, padded, ...parts, new Uint8Array(sealSize)])
  const end = bytes.length - sealSize
  bytes.set(yield* sha256(bytes.subarray(0, end)), end)
  return bytes
})

export const corrupt = (source: string, cause: string): SnapshotCorrupt =>
  new SnapshotCorrupt({
    source,
    message: `${source} ${cause}. Give a snapshot that is whole, or remove it and begin anew.`
  })

/**
 * What is in a frame. Nothing is taken from it before its SHA-256 holds, and nothing is allocated by a length that it claims.
 *
 * *Fails*: `SnapshotCorrupt`.
 */
export const open = Effect.fnUntraced(function* (
  source: string,
  given: Uint8Array
): Effect.fn.Return<Frame, SnapshotCorrupt | SnapshotFailure> {
  if (!(given instanceof Uint8Array)) return yield* corrupt(source, `is ${shown(given)} and not a Uint8Array`)
  if (!magic.every((byte, i) => given[i] === byte))
    return yield* corrupt(source, `does not begin as a snapshot does`)
  if (given.length < preamble + sealSize)
    return yield* corrupt(source, `is cut short after ${given.length} bytes`)
  const bytes = new Uint8Array(given)
  const view = new DataView(bytes.buffer)
  const found = view.getUint32(8, true)
  if (found !== version) {
    return yield* corrupt(source, `is of format version ${found}, and this natgrad reads version ${version}`)
  }
  const end = bytes.length - sealSize
  const seal = yield* sha256(bytes.subarray(0, end))
  if (!seal.every((byte, i) => bytes[end + i] === byte)) {
    return yield* corrupt(
      source,
      `is damaged, or not of its first length: the SHA-256 of its ${bytes.length} bytes differs`
    )
  }
  const begin = preamble + view.getUint32(12, true)
  if (begin > end) return yield* corrupt(source, `has a header that is longer than itself`)
  const header = yield* Effect.try({
    try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(preamble, begin)),
    catch: () => corrupt(source, `has a header that is no text`)
  })
  return { header, payload: bytes.subarray(begin, end) }
})
