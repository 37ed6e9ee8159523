/** The format of a snapshot's bytes, written a second time: for bytes that `Snapshot.encode` would not write. */
import { createHash } from "node:crypto"

export const version = 2

export interface Parts {
  readonly magic?: string
  readonly version?: number
  /** As the bytes say; its own unless given. */
  readonly headerSize?: number
  readonly header: string | Uint8Array
  readonly payload: Uint8Array
}

/** A byte string with a SHA-256 that holds. */
export const sealed = (parts: Parts): Uint8Array => {
  const { header, magic = "natgrad\0", payload } = parts
  const text = Buffer.from(header)
  const padded = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, " ")])
  const sizes = Buffer.alloc(8)
  sizes.writeUInt32LE(parts.version ?? version, 0)
  sizes.writeUInt32LE(parts.headerSize ?? padded.length, 4)
  return resealed(Buffer.concat([Buffer.from(magic), sizes, padded, payload, Buffer.alloc(32)]))
}

/** The same bytes with a SHA-256 that holds. */
export const resealed = (bytes: Uint8Array): Uint8Array => {
  const body = bytes.subarray(0, bytes.length - 32)
  return Uint8Array.from([...body, ...createHash("sha256").update(body).digest()])
}
