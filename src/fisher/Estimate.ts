/** The two-step expectation, from a data source and a sampler to a Fisher. */
import { Effect, Result, Schema, type Scope, Stream } from "effect"
import {
  type EmptyData,
  InvalidArgument,
  type NonFinite,
  type ShapeMismatch,
  type SnapshotCorrupt,
  type SnapshotFailure,
  SnapshotMismatch,
  type TensorFailure
} from "../Errors.ts"
import type { Kernels, Real } from "../kernels/Kernels.ts"
import type { Batch } from "../model/Batch.ts"
import { type Conditional, type Linearization, type Loaded, linearize, load } from "../model/Conditional.ts"
import { giveBack } from "../model/Loan.ts"
import type { Params } from "../model/Params.ts"
import { decode, multipleOf, NonNegativeInt, PositiveInt } from "../Options.ts"
import { blockSizeFor, blocks } from "../sampling/Blocks.ts"
import { type DataError, DataSource } from "../sampling/DataSource.ts"
import { collapse, cotangents } from "../sampling/Draws.ts"
import { Sampler, type SamplerError } from "../sampling/Sampler.ts"
import { Device } from "../tensor/Device.ts"
import * as Accumulator from "./Accumulator.ts"
import { Checkpoint, type Store } from "./Checkpoint.ts"
import { noRecord, otherExamples, record, skipTo, stopAt } from "./internal/ranges.ts"
import { isTwoPass } from "./internal/twoPass.ts"
import type { Fisher } from "./internal/value.ts"
import { digest, type Origin, otherOrigin } from "./Origin.ts"
import * as Snapshot from "./Snapshot.ts"
import type {
  AnyStructure,
  Fit,
  Operation,
  OperationsOf,
  SolveError,
  Structure,
  TwoPass
} from "./Structure.ts"

/**
 * `blockSize`: examples in a block, unless said a power of 2 from 32 to 1024 that fits the network (`Blocks.blockSizeFor`): memory grows with
 * it times the draws, and the last bits depend on it.
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

/** Those, and which examples: `from` (0 unless said) to before `to` (the end unless said), both whole blocks. */
export const RangeOptions = Schema.Struct({
  ...EstimateOptions.fields,
  from: Schema.optionalKey(NonNegativeInt),
  to: Schema.optionalKey(NonNegativeInt)
})
export type RangeOptions = typeof RangeOptions.Type

/** What a walk over the data can fail with. */
export type AccumulateError =
  | DataError
  | SamplerError
  | InvalidArgument
  | NonFinite
  | ShapeMismatch
  | TensorFailure
  | SnapshotMismatch
  | SnapshotFailure

export type EstimateError = AccumulateError | EmptyData | SnapshotCorrupt

type BlockSums<S extends string, Op extends Operation> = Effect.fn.Return<
  Accumulator.Accumulator<S, Op>,
  SamplerError | ShapeMismatch | NonFinite | TensorFailure,
  Sampler | Device | Scope.Scope
>

/** How many numbers of cotangents are on the device at once: 128 MiB, beside some copies of them. */
const columnBudget = 2 ** 25

/** 1 GiB of one column: gradients that are written out are as many numbers as the parameters, for each example. */
const mostNumbers = 2 ** 28

const tooWide = (examples: number, numbers: number): InvalidArgument =>
  new InvalidArgument({
    argument: "blockSize",
    value: String(examples),
    message: `A block of ${examples} examples takes ${numbers} numbers for each column of its backward pass, over the ${mostNumbers} that are allowed. Give a smaller blockSize.`
  })

/**
 * Sample, backprop and reduce, for a block that is linearised already. Where the columns of the block are too many to be on the
 * device at once, they go back in groups, and the sums of the groups are added in order. `arrays`: those that sums may be read to.
 */
export const sampledSums = Effect.fnUntraced(function* <S extends string, Op extends Operation>(
  { backprop, outputs, width }: Linearization<S>,
  structure: Structure<Op>,
  round: number,
  arrays?: ReadonlyArray<Real>
): BlockSums<S, Op> {
  const sampler = yield* Sampler
  const draws = collapse(yield* sampler.draw(outputs, round), outputs)
  const all = yield* Effect.fromResult(cotangents(draws, outputs))
  const { examples } = outputs.batch
  if (examples * width > mostNumbers) return yield* tooWide(examples, examples * width)
  const atOnce = Math.max(1, Math.floor(columnBudget / (examples * width)))
  const group = (from: number, arrays?: ReadonlyArray<Real>) => {
    const columns = Math.min(atOnce, draws.columns - from)
    const part = all.subarray(from * examples * outputs.size, (from + columns) * examples * outputs.size)
    const scores = backprop(part, columns, columns / draws.columns)
    return Effect.scoped(Effect.flatMap(scores, (made) => Accumulator.reduce(structure, made, arrays)))
  }
  const first = yield* group(0, arrays)
  if (atOnce >= draws.columns) return first
  const sums = Accumulator.fold(first)
  let free: ReadonlyArray<Real> | undefined
  for (let from = atOnce; from < draws.columns; from += atOnce) {
    yield* Effect.yieldNow
    const part: Accumulator.Accumulator<S, Op> = yield* group(from, free)
    yield* Effect.fromResult(sums.add(part))
    free = sums.holds(part) ? undefined : part.sums
  }
  return { ...sums.done(), weight: examples }
})

/** Steps 2 to 5 of the pipeline for one block: linearize, sample, backprop, reduce. Nothing of it outlives the block. */
export const blockSums = Effect.fnUntraced(function* <S extends string, Op extends Operation>(
  loaded: Loaded<S>,
  batch: Batch,
  structure: Structure<Op>,
  round: number,
  arrays?: ReadonlyArray<Real>
): BlockSums<S, Op> {
  return yield* sampledSums(yield* linearize(loaded, batch), structure, round, arrays)
}, Effect.scoped)

/** A walk over some examples: which, and from which sums on. */
interface Walk<S extends string> {
  readonly loaded: Loaded<S>
  /** Of no example yet. */
  readonly origin: Origin
  readonly concurrency: number
  readonly to: number | undefined
  readonly store: Store | undefined
}

interface Walked<S extends string, Op extends Operation> {
  readonly sums: Accumulator.Accumulator<S, Op>
  /** SHA-256 of the examples, for a walk with a store. */
  readonly data: string
}

type Services = DataSource | Sampler | Device

/** Adds block after block to `start`, from where it ends; every so many blocks the sums go to the store. */
const walk = Effect.fnUntraced(function* <S extends string, Op extends Operation>(
  { concurrency, loaded, origin, store, to }: Walk<S>,
  start: Accumulator.Accumulator<S, Op>
): Effect.fn.Return<Walked<S, Op>, AccumulateError, Services> {
  const { structure } = start
  const { blockSize, first, pass, round } = origin
  const begun = start.origin?.to ?? 0
  const sums = Accumulator.fold(start)
  /** Sums of blocks that were added: those of the next are read to their arrays. */
  const free: Array<ReadonlyArray<Real>> = []
  let at = begun
  let unsaved = 0
  // Only a store needs to know its data again.
  const data = store === undefined ? noRecord : record(start.origin?.data ?? null)
  yield* blocks({ size: blockSize, pass }).pipe(
    stopAt(to),
    skipTo(begun, data),
    Stream.mapEffect(
      (batch) =>
        blockSums(loaded, batch, structure, round, free.pop()).pipe(
          Effect.map((block) => ({ batch, block })),
          Effect.tap(Effect.yieldNow)
        ),
      { concurrency }
    ),
    Stream.runForEach(
      Effect.fnUntraced(function* ({ batch, block }) {
        const from = at
        at += block.weight
        yield* data.add(batch)
        giveBack(batch)
        yield* Effect.fromResult(
          sums.add({ ...block, origin: { ...origin, structure: structure.name, from, to: at } })
        )
        if (!sums.holds(block)) free.push(block.sums)
        if (store !== undefined && ++unsaved % store.every === 0) {
          yield* save(store, { ...sums.done(), origin: { ...sums.origin()!, data: data.digest() } })
        }
      })
    )
  )
  // The second of two passes must have met what the first did, of which another life may have walked a part.
  if (store !== undefined && first !== null && data.digest() !== first) {
    return yield* otherExamples(first, data.digest())
  }
  return { sums: sums.done(), data: data.digest() }
})

const save = Effect.fnUntraced(function* <S extends string, Op extends Operation>(
  store: Store,
  sums: Accumulator.Accumulator<S, Op>
): Effect.fn.Return<void, InvalidArgument | SnapshotFailure> {
  yield* store.write(yield* Snapshot.encode(yield* Effect.fromResult(Snapshot.of(sums))))
})

const originOf = Effect.fnUntraced(function* <S extends string>(
  { likelihood, network }: Conditional<S>,
  params: string,
  options: RangeOptions
): Effect.fn.Return<Origin, never, Services> {
  const { examples, name: source } = yield* DataSource
  const { name: sampler } = yield* Sampler
  const { name: device } = yield* Device
  const { blockSize = blockSizeFor(network), from = 0, pass = 0, round = 0 } = options
  return {
    network: network.space.signature,
    likelihood: likelihood.name,
    params,
    sampler,
    structure: "",
    source,
    examples: examples ?? null,
    device,
    blockSize,
    pass,
    round,
    from,
    to: from,
    first: null,
    data: null
  }
})

const begin = Effect.fnUntraced(function* <S extends string, Op extends Operation>(
  structure: Structure<Op>,
  conditional: Conditional<S>,
  origin: Origin
): Effect.fn.Return<Accumulator.Accumulator<S, Op>, InvalidArgument | ShapeMismatch> {
  const empty = yield* Accumulator.start(structure, conditional.network.space)
  return { ...empty, origin: { ...origin, structure: structure.name } }
})

/**
 * The sums of some examples, to be combined with those of others: the part of `estimate` that can be done anywhere.
 *
 * Accumulators of one origin, whose examples follow one another, combine to the bits of one walk. A structure of two passes is
 * accumulated pass by pass: `structure.first`, then what `secondPass` gives.
 *
 * *Fails*: as `estimate`; `InvalidArgument` where `from` or `to` cuts a block.
 */
export const accumulate = Effect.fn("Fisher.accumulate")(function* <S extends string, Op extends Operation>(
  conditional: Conditional<S>,
  params: Params<S>,
  structure: Structure<Op> & Fit<S>,
  options: RangeOptions = {}
): Effect.fn.Return<Accumulator.Accumulator<S, Op>, AccumulateError, Services | Scope.Scope> {
  const decoded = yield* Effect.fromResult(decode(RangeOptions, options))
  const { blockSize = blockSizeFor(conditional.network), concurrency = 1, from = 0, to } = decoded
  yield* Effect.fromResult(decode(Schema.Struct({ from: multipleOf(blockSize) }), { from }))
  const origin = yield* originOf(conditional, yield* digest([params.values]), decoded)
  if (to !== undefined && to !== origin.examples) {
    yield* Effect.fromResult(decode(Schema.Struct({ to: multipleOf(blockSize) }), { to }))
  }
  if (to !== undefined && to < from) return yield* backwards(from, to)
  const start = yield* begin(structure, conditional, origin)
  const loaded = yield* load(conditional, params)
  const { sums } = yield* walk({ loaded, origin, concurrency, to, store: undefined }, start)
  return sums
}, Effect.scoped)

const backwards = (from: number, to: number): InvalidArgument =>
  new InvalidArgument({
    argument: "to",
    value: String(to),
    message: `to is ${to}, before the first example ${from}. Give a to of at least from.`
  })

/**
 * The structure that the second pass takes, from the sums of the first.
 *
 * *Fails*: `EmptyData`, `NonFinite`, and what the decomposition fails with.
 */
export const secondPass = <S extends string, Op extends Operation>(
  structure: TwoPass<Op>,
  first: Accumulator.Accumulator<S, never>,
  kernels: Kernels
): Result.Result<Structure<Op>, EmptyData | SolveError> =>
  Accumulator.finish(first, kernels).pipe(
    Result.flatMap(structure.prepare),
    Result.map((constants) => structure.second(constants, first.space))
  )

const notOfThis =
  (store: Store | undefined) =>
  ({ actual, expected, field }: SnapshotMismatch): SnapshotMismatch =>
    new SnapshotMismatch({
      field,
      expected,
      actual,
      message: `${store?.name} holds sums whose ${field} is ${actual}, and that of this estimate is ${expected}. Go on with what they were begun with, or remove them.`
    })

/** What the store holds, if it is of this estimate. */
const readSnapshot = Effect.fnUntraced(function* (store: Store, due: Origin) {
  const bytes = yield* store.read
  if (bytes === undefined) return undefined
  const saved = yield* Snapshot.decode(bytes, store.name)
  const { first, structure } = saved.origin
  const other = otherOrigin({ ...due, first, structure }, saved.origin)
  return other === undefined ? saved : yield* Effect.fail(notOfThis(store)(other))
})

const estimateIn = Effect.fn("Fisher.estimate")(function* <S extends string, Op extends Operation>(
  conditional: Conditional<S>,
  params: Params<S>,
  structure: AnyStructure<Op>,
  options: EstimateOptions = {}
): Effect.fn.Return<Fisher<S, Op>, EstimateError | SolveError, Services | Scope.Scope> {
  const decoded = yield* Effect.fromResult(decode(EstimateOptions, options))
  const { concurrency = 1 } = decoded
  const { kernels } = yield* Device
  const { space } = conditional.network
  const store = yield* Checkpoint
  // Without a store nobody asks where the sums come from, and a page without SHA-256 can estimate.
  const fingerprint = store === undefined ? "" : yield* digest([params.values])
  const origin = yield* originOf(conditional, fingerprint, decoded)
  const saved = store === undefined ? undefined : yield* readSnapshot(store, origin)
  const from = <Any extends Operation>(
    one: Structure<Any>,
    own: Origin,
    snapshot: Snapshot.Snapshot | undefined
  ) =>
    snapshot === undefined
      ? begin(one, conditional, own)
      : Effect.mapError(
          Effect.fromResult(Snapshot.restore(snapshot, one, space, { ...own, structure: one.name })),
          notOfThis(store)
        )
  const loaded = yield* load(conditional, params)
  const task: Walk<S> = { loaded, origin, concurrency, to: undefined, store }
  const last = Effect.fnUntraced(function* (
    one: Structure<Op>,
    own: Origin,
    snapshot: Snapshot.Snapshot | undefined
  ) {
    const start = yield* from(one, own, snapshot)
    // The constants are what a first pass was for: with them in the store it need not be walked again.
    if (store !== undefined && own.first !== null && snapshot === undefined) yield* save(store, start)
    return (yield* walk({ ...task, origin: own }, start)).sums
  })
  const both = Effect.fnUntraced(function* (two: TwoPass<Op>) {
    const first = saved?.origin.structure === two.name ? saved.origin.first : null
    if (saved !== undefined && first !== null) {
      return yield* last(two.second(saved.constants, space), { ...origin, first }, saved)
    }
    const { data, sums } = yield* walk(task, yield* from(two.first, origin, saved))
    const second = yield* Effect.fromResult(secondPass(two, sums, kernels))
    return yield* last(second, store === undefined ? origin : { ...origin, first: data }, undefined)
  })
  const sums = isTwoPass(structure) ? yield* both(structure) : yield* last(structure, origin, saved)
  const fisher = yield* Effect.fromResult(Accumulator.finishInPlace(sums, kernels))
  if (store !== undefined) yield* store.remove
  return fisher
}, Effect.scoped)

/**
 * Estimates the Fisher in two steps: x from the data, then y from p(y|x), one backpropagation each.
 *
 * *Math*: F = (1/N) sum_n sum_k w_nk score_nk score_nk^T in the chosen structure. *Cost*: one forward pass and one backward pass for
 * each column of the sampler, then the structure's own; a structure of two passes does it twice, with the same draws. *Memory*: one
 * block with all its draws, whatever N; on the device, a group of its columns.
 *
 * With a `Checkpoint` it goes on where one that was killed left off, and its result has the same bits.
 *
 * *Fails*: `EmptyData`, `ShapeMismatch`, `NonFinite`, `InvalidArgument`, `TensorFailure`, and what source and sampler fail with; with a
 * Checkpoint `SnapshotMismatch`, `SnapshotCorrupt`, `SnapshotFailure`.
 * *Source*: T. George, How to compute the Fisher of a conditional, 2018.
 */
export const estimate = estimateIn as {
  <S extends string, Op extends Operation>(
    conditional: Conditional<S>,
    params: Params<S>,
    structure: AnyStructure<Op> & Fit<S>,
    options?: EstimateOptions
  ): Effect.Effect<Fisher<S, Op>, EstimateError | SolveError, Services>
  <S extends string, T extends AnyStructure<never>>(
    conditional: Conditional<S>,
    params: Params<S>,
    structure: T & Fit<S>,
    options?: EstimateOptions
  ): Effect.Effect<Fisher<S, OperationsOf<T>>, EstimateError | SolveError, Services>
}
