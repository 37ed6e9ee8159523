/** The two-step expectation, from a data source and a sampler to a Fisher. */
import { Effect, Schema, type Scope, Stream } from "effect"
import type { EmptyData, InvalidArgument, NonFinite, ShapeMismatch, TensorFailure } from "../Errors.ts"
import type { Batch } from "../model/Batch.ts"
import { type Conditional, type Linearization, type Loaded, linearize, load } from "../model/Conditional.ts"
import type { Params } from "../model/Params.ts"
import { decode, NonNegativeInt, PositiveInt } from "../Options.ts"
import { blocks, defaultBlockSize } from "../sampling/Blocks.ts"
import type { DataError, DataSource } from "../sampling/DataSource.ts"
import { cotangents } from "../sampling/Draws.ts"
import { Sampler, type SamplerError } from "../sampling/Sampler.ts"
import { Device } from "../tensor/Device.ts"
import * as Accumulator from "./Accumulator.ts"
import type { Fisher } from "./Fisher.ts"
import type { Operation, Structure } from "./Structure.ts"

/**
 * `blockSize`: examples in a block (256 unless said): memory grows with it times the draws, and the last bits depend on it.
 * `concurrency`: blocks under way at once (1 unless said); no bit depends on it. `pass`: which pass of the source. `round`: which
 * draws of the sampler: in a loop of your own give it the number of the step, or every step has the same.
 */
export const EstimateOptions = Schema.Struct({
  blockSize: Schema.optionalKey(PositiveInt),
  concurrency: Schema.optionalKey(PositiveInt),
  pass: Schema.optionalKey(NonNegativeInt),
  round: Schema.optionalKey(NonNegativeInt)
})
export type EstimateOptions = typeof EstimateOptions.Type

export type EstimateError =
  | DataError
  | SamplerError
  | EmptyData
  | InvalidArgument
  | NonFinite
  | ShapeMismatch
  | TensorFailure

type BlockSums<S extends string, Op extends Operation> = Effect.fn.Return<
  Accumulator.Accumulator<S, Op>,
  SamplerError | ShapeMismatch | NonFinite | TensorFailure,
  Sampler | Device | Scope.Scope
>

/** How many numbers of cotangents are on the device at once: 128 MiB, beside some copies of them. */
const columnBudget = 2 ** 25

/**
 * Sample, backprop and reduce, for a block that is linearised already. Where the columns of the block are too many to be on the
 * device at once, they go back in groups, and the sums of the groups are added in order.
 */
export const sampledSums = Effect.fnUntraced(function* <S extends string, Op extends Operation>(
  { backprop, outputs, width }: Linearization<S>,
  structure: Structure<Op>,
  round: number
): BlockSums<S, Op> {
  const sampler = yield* Sampler
  const draws = yield* sampler.draw(outputs, round)
  const all = yield* Effect.fromResult(cotangents(draws, outputs))
  const { examples } = outputs.batch
  const atOnce = Math.max(1, Math.floor(columnBudget / (examples * width)))
  const group = Effect.fnUntraced(function* (from: number) {
    const columns = Math.min(atOnce, draws.columns - from)
    const part = all.subarray(from * examples * outputs.size, (from + columns) * examples * outputs.size)
    return yield* Accumulator.reduce(structure, yield* backprop(part, columns, columns / draws.columns))
  }, Effect.scoped)
  const sums = yield* group(0)
  for (let from = atOnce; from < draws.columns; from += atOnce) {
    yield* Effect.yieldNow
    addSums(sums.sums, (yield* group(from)).sums)
  }
  return sums
})

/** Steps 2 to 5 of the pipeline for one block: linearize, sample, backprop, reduce. Nothing of it outlives the block. */
export const blockSums = Effect.fnUntraced(function* <S extends string, Op extends Operation>(
  loaded: Loaded<S>,
  batch: Batch,
  structure: Structure<Op>,
  round: number
): BlockSums<S, Op> {
  return yield* sampledSums(yield* linearize(loaded, batch), structure, round)
}, Effect.scoped)

/**
 * Estimates the Fisher in two steps: x from the data, then y from p(y|x), one backpropagation each.
 *
 * *Math*: F = (1/N) sum_n sum_k w_nk score_nk score_nk^T in the chosen structure. *Cost*: one forward pass and one backward pass for
 * each column of the sampler, then the structure's own. *Memory*: one block with all its draws, whatever N; on the device, a group
 * of its columns.
 * *Fails*: `EmptyData`, `ShapeMismatch`, `NonFinite`, `InvalidArgument`, `TensorFailure`, and what source and sampler fail with.
 * *Source*: T. George, How to compute the Fisher of a conditional, 2018.
 */
export const estimate = Effect.fn("Fisher.estimate")(function* <S extends string, Op extends Operation>(
  conditional: Conditional<S>,
  params: Params<S>,
  structure: Structure<Op>,
  options: EstimateOptions = {}
): Effect.fn.Return<Fisher<S, Op>, EstimateError, DataSource | Sampler | Device | Scope.Scope> {
  const {
    blockSize = defaultBlockSize,
    concurrency = 1,
    pass = 0,
    round = 0
  } = yield* Effect.fromResult(decode(EstimateOptions, options))
  const device = yield* Device
  const start = yield* Accumulator.start(structure, conditional.network.space)
  const loaded = yield* load(conditional, params)
  const sums = yield* blocks({ size: blockSize, pass }).pipe(
    Stream.mapEffect((batch) => Effect.tap(blockSums(loaded, batch, structure, round), Effect.yieldNow), {
      concurrency
    }),
    Stream.runFold(() => start, addInPlace)
  )
  return yield* Effect.fromResult(Accumulator.finish(sums, device.kernels))
}, Effect.scoped)

/** `combine` into sums that this fold owns: a new copy for every block would be most of its cost. */
const addInPlace = <S extends string, Op extends Operation>(
  sums: Accumulator.Accumulator<S, Op>,
  block: Accumulator.Accumulator<S, Op>
): Accumulator.Accumulator<S, Op> => {
  addSums(sums.sums, block.sums)
  return { ...sums, weight: sums.weight + block.weight }
}

const addSums = (sums: ReadonlyArray<Float64Array>, parts: ReadonlyArray<Float64Array>): void => {
  for (const [i, sum] of sums.entries()) {
    const part = parts[i]!
    for (let j = 0; j < sum.length; j++) sum[j] = sum[j]! + part[j]!
  }
}
