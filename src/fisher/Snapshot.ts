/**
 * An accumulator as a value without functions: to be kept in a file, sent to another machine, and combined there.
 *
 * `Snapshot` is its Schema, JSON on the encoded side, with the numbers of an array as the base64 of their bytes. `encode` and `decode`
 * go to and from one compact byte string that ends in the SHA-256 of itself: a damaged one is refused and never read in part.
 *
 *     const snapshot = Result.getOrThrow(Snapshot.of(accumulator))      // here
 *     const bytes = yield* Snapshot.encode(snapshot)
 *     const again = yield* Snapshot.decode(bytes, "part 3")             // there
 *     const part = Result.getOrThrow(Snapshot.toAccumulator(again, Structure.kfac, space))
 */
import { Effect, Result, Schema } from "effect"
import {
  InvalidArgument,
  type SnapshotCorrupt,
  type SnapshotFailure,
  type SnapshotMismatch
} from "../Errors.ts"
import type { Real } from "../kernels/Kernels.ts"
import type { ParamSpace } from "../model/ParamSpace.ts"
import { decode as decodeOptions, NonNegative, NonNegativeInt } from "../Options.ts"
import type { Accumulator } from "./Accumulator.ts"
import { sameArrays } from "./internal/arrays.ts"
import { bytesOf, Float32s, Float64s, float32s, float64s } from "./internal/bytes.ts"
import { corrupt, open, seal } from "./internal/frame.ts"
import { type Moment, sizeOf } from "./Moment.ts"
import { differs, Origin, otherOrigin } from "./Origin.ts"
import type { Operation, Structure } from "./Structure.ts"

export const Snapshot = Schema.Struct({
  origin: Origin,
  /** The examples in the sums. */
  weight: NonNegative,
  /** What the moments are taken in, such as the bases of EKFAC. */
  constants: Schema.Array(Float32s),
  sums: Schema.Array(Float64s),
  /** What rounding took from each sum; none where nothing is missing. */
  rests: Schema.Array(Float64s)
})
export type Snapshot = typeof Snapshot.Type

/**
 * The snapshot of an accumulator; it shares its arrays, but for those of float32, of one block.
 *
 * *Fails*: `InvalidArgument` for sums of unknown origin, such as a moving average: nothing could tell later what they belong to.
 */
export const of = <S extends string, Op extends Operation>(
  self: Accumulator<S, Op>
): Result.Result<Snapshot, InvalidArgument> => {
  const { origin, rests, structure, sums, weight } = self
  return origin === undefined
    ? Result.fail(
        new InvalidArgument({
          argument: "accumulator",
          value: `sums of ${structure.name}`,
          message: `It is not known which examples these sums of ${structure.name} are of. Take a snapshot of what Fisher.accumulate gives, or state the origin.`
        })
      )
    : Result.succeed({ origin, weight, constants: structure.constants, sums: sums.map(doubled), rests })
}

const doubled = (sum: Real): Float64Array => (sum instanceof Float64Array ? sum : new Float64Array(sum))

const Lengths = Schema.Array(NonNegativeInt)

/** What is in a byte string before its numbers: sums, rests, constants, in this order. */
const Header = Schema.Struct({
  origin: Origin,
  weight: NonNegative,
  sums: Lengths,
  rests: Lengths,
  constants: Lengths
})

const lengths = (arrays: ReadonlyArray<{ readonly length: number }>): ReadonlyArray<number> =>
  arrays.map(({ length }) => length)

/**
 * A snapshot as one byte string. *Memory*: one copy of it, and one for the SHA-256.
 *
 * *Fails*: `InvalidArgument` for a snapshot made by hand whose origin or weight is none.
 */
export const encode = Effect.fnUntraced(function* (
  self: Snapshot
): Effect.fn.Return<Uint8Array<ArrayBuffer>, InvalidArgument | SnapshotFailure> {
  const { constants, origin, rests, sums, weight } = self
  const sizes = { sums: lengths(sums), rests: lengths(rests), constants: lengths(constants) }
  const header = yield* Effect.fromResult(decodeOptions(Header, { origin, weight, ...sizes }))
  return yield* seal(JSON.stringify(header), [...sums, ...rests, ...constants].map(bytesOf))
})

const readHeader = (text: string): Result.Result<typeof Header.Type, string> =>
  Result.try({ try: (): unknown => JSON.parse(text), catch: () => "is no JSON" }).pipe(
    Result.flatMap((json) =>
      Result.mapError(
        decodeOptions(Header, json),
        ({ argument, value }) => `says that its ${argument} is ${value}`
      )
    )
  )

/**
 * Reads what `encode` wrote; `source`, such as the file's name, is what an error calls it.
 *
 * *Fails*: `SnapshotCorrupt` where one bit is not as it was written, where bytes are missing or too many, or for another version of the
 * format.
 */
export const decode = Effect.fnUntraced(function* (
  bytes: Uint8Array,
  source: string
): Effect.fn.Return<Snapshot, SnapshotCorrupt | SnapshotFailure> {
  const { header, payload } = yield* open(source, bytes)
  const read = readHeader(header)
  if (Result.isFailure(read)) return yield* corrupt(source, `has a header that ${read.failure}`)
  const { origin, weight, ...sizes } = read.success
  const total = (counts: ReadonlyArray<number>): number => counts.reduce((sum, count) => sum + count, 0)
  const due = 8 * (total(sizes.sums) + total(sizes.rests)) + 4 * total(sizes.constants)
  if (due !== payload.length) {
    return yield* corrupt(source, `has ${payload.length} bytes of numbers for arrays of ${due}`)
  }
  let at = 0
  const next = (size: number): Uint8Array => payload.subarray(at, (at += size))
  const doubles = (counts: ReadonlyArray<number>) => counts.map((count) => float64s(next(8 * count)))
  const sums = doubles(sizes.sums)
  const rests = doubles(sizes.rests)
  return { origin, weight, sums, rests, constants: sizes.constants.map((count) => float32s(next(4 * count))) }
})

/** Why the arrays are none of these moments, or nothing. */
const otherSizes = (
  { rests, sums, weight }: Snapshot,
  moments: ReadonlyArray<Moment>
): SnapshotMismatch | undefined => {
  if (weight === 0 && sums.length === 0 && rests.length === 0) return undefined
  if (sums.length !== moments.length)
    return differs("sums", `${moments.length} arrays`, `${sums.length} arrays`)
  if (rests.length !== 0 && rests.length !== moments.length) {
    return differs("rests", `${moments.length} arrays`, `${rests.length} arrays`)
  }
  for (const [i, moment] of moments.entries()) {
    const [sum, rest] = [sums[i]!.length, rests[i]?.length]
    const left = sizeOf(moment)
    const fits = moment._tag === "Rows" ? sum % moment.width === 0 : sum === left
    const due = moment._tag === "Rows" ? `rows of ${moment.width} numbers` : `${left} numbers`
    if (!fits) return differs("sums", due, `${sum} numbers`)
    if (rest !== undefined && rest !== left) return differs("rests", `${left} numbers`, `${rest} numbers`)
  }
  return undefined
}

const otherConstants = (
  { constants }: Snapshot,
  due: ReadonlyArray<Float32Array>
): SnapshotMismatch | undefined => {
  return sameArrays(constants, due)
    ? undefined
    : differs("constants", "those of the structure", "other bases")
}

/**
 * The accumulator that a snapshot is of, to be combined with others: of this structure (the one of the second pass, made of the
 * snapshot's own `constants`, where it has two) and this network.
 *
 * *Fails*: `SnapshotMismatch`.
 */
export const toAccumulator = <S extends string, Op extends Operation>(
  self: Snapshot,
  structure: Structure<Op>,
  space: ParamSpace<S>
): Result.Result<Accumulator<S, Op>, SnapshotMismatch> => {
  const { origin, rests, sums, weight } = self
  const other =
    otherOrigin({ ...origin, network: space.signature, structure: structure.name }, origin) ??
    otherSizes(self, structure.moments(space)) ??
    otherConstants(self, structure.constants)
  return other === undefined
    ? Result.succeed({ structure, space, weight, sums, rests, origin })
    : Result.fail(other)
}

/**
 * `toAccumulator`, where it is known what the sums must be of: everything that `due` says but where its examples end.
 *
 * *Fails*: `SnapshotMismatch` with the first field that differs.
 */
export const restore = <S extends string, Op extends Operation>(
  self: Snapshot,
  structure: Structure<Op>,
  space: ParamSpace<S>,
  due: Origin
): Result.Result<Accumulator<S, Op>, SnapshotMismatch> => {
  const { from } = self.origin
  const other =
    otherOrigin(due, self.origin) ?? (from === due.from ? undefined : differs("from", due.from, from))
  return other === undefined ? toAccumulator(self, structure, space) : Result.fail(other)
}
