/** Typed arrays as bytes, little-endian on every machine. */
import { Effect, Schema, SchemaTransformation } from "effect"
import { Hex } from "effect/encoding"
import { SnapshotFailure } from "../../Errors.ts"

type Numbers = Float32Array | Float64Array

const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** The bytes with those of every number turned around, on the machines where that is due. */
const turned = (bytes: Uint8Array, width: number): Uint8Array => {
  if (littleEndian) return bytes
  const out = new Uint8Array(bytes)
  for (let i = 0; i < out.length; i += width) out.subarray(i, i + width).reverse()
  return out
}

/** The bytes of some numbers: a view of them where that can be. */
export const bytesOf = ({ BYTES_PER_ELEMENT, buffer, byteLength, byteOffset }: Numbers): Uint8Array =>
  turned(new Uint8Array(buffer, byteOffset, byteLength), BYTES_PER_ELEMENT)

/** The numbers that whole groups of 8 bytes are. */
export const float64s = (bytes: Uint8Array): Float64Array =>
  new Float64Array(new Uint8Array(turned(bytes, 8)).buffer)

/** The numbers that whole groups of 4 bytes are. */
export const float32s = (bytes: Uint8Array): Float32Array =>
  new Float32Array(new Uint8Array(turned(bytes, 4)).buffer)

/** The parts, one after another. */
export const joined = (parts: ReadonlyArray<Uint8Array>): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

const wholeNumbers = (width: number) =>
  Schema.Uint8ArrayFromBase64.check(
    Schema.makeFilter((bytes) => bytes.length % width === 0 || `Give whole numbers of ${width} bytes.`)
  )

/** A Float64Array, as base64 in JSON. */
export const Float64s = wholeNumbers(8).pipe(
  Schema.decodeTo(
    Schema.instanceOf(Float64Array<ArrayBufferLike>),
    SchemaTransformation.transform({ decode: float64s, encode: bytesOf })
  )
)

/** A Float32Array, as base64 in JSON. */
export const Float32s = wholeNumbers(4).pipe(
  Schema.decodeTo(
    Schema.instanceOf(Float32Array<ArrayBufferLike>),
    SchemaTransformation.transform({ decode: float32s, encode: bytesOf })
  )
)

/** SHA-256 of some bytes. *Fails*: `SnapshotFailure` where the page has no Web Crypto. */
export const sha256 = (
  bytes: Uint8Array<ArrayBuffer>
): Effect.Effect<Uint8Array<ArrayBuffer>, SnapshotFailure> =>
  Effect.tryPromise({
    try: async () => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)),
    catch: (cause) =>
      new SnapshotFailure({
        source: "Web Crypto",
        cause,
        message:
          "There is no SHA-256 here: a browser has Web Crypto for pages of https and of localhost alone. Serve the page over https."
      })
  })

/** SHA-256 of some bytes one after the other, hexadecimal. */
export const digestOf = (parts: ReadonlyArray<Uint8Array>): Effect.Effect<string, SnapshotFailure> =>
  Effect.map(sha256(joined(parts)), Hex.encode)
