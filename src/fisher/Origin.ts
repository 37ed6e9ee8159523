/**
 * Where sums come from: the fingerprint that says which accumulators belong together.
 *
 * Sums may be added where everything that decides their values is the same and their examples follow one another. The parameters are
 * in it by their SHA-256; the structure's constants are not, they go with the sums and are compared themselves.
 */
import { type Effect, Schema } from "effect"
import { type SnapshotFailure, SnapshotMismatch } from "../Errors.ts"
import { NonNegativeInt, PositiveInt } from "../Options.ts"
import { bytesOf, digestOf } from "./internal/bytes.ts"

export const Origin = Schema.Struct({
  /** The network's signature. */
  network: Schema.String,
  likelihood: Schema.String,
  /** SHA-256 of the parameters' float32 numbers, hexadecimal. */
  params: Schema.String,
  /** The sampler's name, with its options and seed. */
  sampler: Schema.String,
  structure: Schema.String,
  /** The data source's name. */
  source: Schema.String,
  /** How many examples a pass over it has; null where only its end tells. */
  examples: Schema.NullOr(NonNegativeInt),
  device: Schema.String,
  blockSize: PositiveInt,
  pass: NonNegativeInt,
  round: NonNegativeInt,
  /** The examples that were added, counted in the order of the pass: `from` to before `to`. */
  from: NonNegativeInt,
  to: NonNegativeInt,
  /** For the second of two passes, the SHA-256 of the examples of the first; else null. */
  first: Schema.NullOr(Schema.String),
  /** SHA-256 of those examples, block after block, where sums are to be gone on with; else null. */
  data: Schema.NullOr(Schema.String)
})
export type Origin = typeof Origin.Type

const fixed = [
  "network",
  "likelihood",
  "params",
  "sampler",
  "structure",
  "source",
  "examples",
  "device",
  "blockSize",
  "pass",
  "round",
  "first"
] as const

/** Why sums of `actual` do not belong to those of `due`, or nothing; the range of examples is no part of it. */
export const otherOrigin = (due: Origin, actual: Origin): SnapshotMismatch | undefined => {
  const field = fixed.find((name) => due[name] !== actual[name])
  return field === undefined ? undefined : differs(field, due[field], actual[field])
}

/** Why sums of `next` cannot be added to those of `self`, or nothing. */
export const notNext = (self: Origin, next: Origin): SnapshotMismatch | undefined =>
  otherOrigin(self, next) ?? (self.to === next.from ? undefined : differs("from", self.to, next.from))

/** What sums have that they should not. */
export const differs = (field: string, expected: unknown, actual: unknown): SnapshotMismatch =>
  new SnapshotMismatch({
    field,
    expected: String(expected),
    actual: String(actual),
    message: `The ${field} of the sums is ${actual}, and ${expected} is due. Take sums that were made alike, in the order of the data.`
  })

/** SHA-256 of the bytes of some arrays, hexadecimal. *Fails*: `SnapshotFailure` where the page has no Web Crypto. */
export const digest = (
  arrays: ReadonlyArray<Float32Array | Float64Array>
): Effect.Effect<string, SnapshotFailure> => digestOf(arrays.map(bytesOf))
