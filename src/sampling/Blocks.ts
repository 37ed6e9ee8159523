/**
 * Blocks: the data cut into a fixed number of examples, whatever the batches of its source.
 *
 * A float sum depends on where its terms are cut. Because blocks are of one size and are folded in the order of the data, every
 * average over the data has the same bits for any batch size of the source and any concurrency.
 *
 * A walk over blocks gives each back when it is done with (`Loan`), and the x of a later one is written to the same array: what a walk
 * holds is a block or two for each that is under way, whatever the number of examples.
 */
import { Effect, Result, Schema, Stream } from "effect"
import { EmptyData, type InvalidArgument, NonFinite } from "../Errors.ts"
import type { Batch } from "../model/Batch.ts"
import { giveBack } from "../model/Loan.ts"
import type { Network } from "../model/Network.ts"
import type { Layout } from "../model/ParamSpace.ts"
import { decode, firstNonFinite, NonNegativeInt, PositiveInt } from "../Options.ts"
import { checkedPass, type DataError, DataSource } from "./DataSource.ts"
import { briefly } from "./internal/brief.ts"
import { type Cutter, cutter, makeRoom } from "./internal/cut.ts"

/** How many examples a block has unless said, where no network tells how much memory one takes. */
export const defaultBlockSize = 256

/** What is read of a network, whatever its signature. */
type AnyNetwork = Pick<Network<string>, "features" | "layers"> & {
  readonly space: Layout
  readonly own?: unknown
}

/** How many numbers a block should keep on the device while it is linearised: 64 MiB. */
const blockBudget = 2 ** 24

/**
 * How many examples a block of this network has unless said: a power of 2 from 32 to 1024, so that what its linearisation keeps, inputs and
 * outputs of every layer, stays under 64 MiB where it can.
 */
export const blockSizeFor = ({ features, layers, own, space }: AnyNetwork): number => {
  const numbers = layers.reduce(
    (sum, { block, outputs }) => {
      const of = space.blocks[block]
      // An outer block keeps the input of each of its positions.
      return sum + outputs + (of?.form === "outer" ? (of.rows * outputs) / of.columns : 0)
    },
    features + (own === undefined ? 0 : space.size)
  )
  const most = 2 ** Math.floor(Math.log2(blockBudget / Math.max(1, numbers)))
  return Math.max(32, Math.min(1024, most))
}

const BlockOptions = Schema.Struct({ size: PositiveInt })

/** Batches of exactly `size` examples, the last one perhaps smaller, for batches of any size. *Fails*: `InvalidArgument`. */
export const rebatch =
  (size: number) =>
  <E, R>(batches: Stream.Stream<Batch, E, R>): Stream.Stream<Batch, E | InvalidArgument, R> =>
    Stream.unwrap(
      Effect.map(Effect.fromResult(decode(BlockOptions, { size })), () =>
        batches.pipe(cutBy(() => cutter({ size })))
      )
    )

const cutBy =
  (start: () => Cutter) =>
  <E, R>(batches: Stream.Stream<Batch, E, R>): Stream.Stream<Batch, E, R> =>
    batches.pipe(
      Stream.mapAccum(start, (cutter, batch) => [cutter, cutter.add(batch)] as const, {
        onHalt: (cutter) => cutter.end()
      })
    )

/** The blocks of one pass over the DataSource. Whoever reads the x of one has it for good. */
export const blocks = (options: {
  readonly size: number
  readonly pass: number
}): Stream.Stream<Batch, DataError, DataSource> =>
  Stream.unwrap(
    DataSource.useSync((source) =>
      Stream.suspend(() => {
        const given = source.pass(options.pass)
        const brief = briefly(given)
        return checkedPass(source, brief ?? given).pipe(
          cutBy(() => cutter({ size: options.size, room: makeRoom(), brief: brief !== undefined })),
          Stream.rechunk(1)
        )
      })
    )
  )

/** `blockSize`: examples in a block, unless said `blockSizeFor` the network, or 256 where there is none. `pass`: which pass of the source, 0 unless said. */
export const PassOptions = Schema.Struct({
  blockSize: Schema.optionalKey(PositiveInt),
  pass: Schema.optionalKey(NonNegativeInt)
})
export type PassOptions = typeof PassOptions.Type

const noData = (name: string): EmptyData =>
  new EmptyData({
    what: name,
    message: `The data source ${name} gave no example. An average needs at least one.`
  })

/** Numbers in parts that lie one after the other. */
type Parts = ReadonlyArray<Float32Array | Float64Array>

/** sum + part, in float64: to sums that are numbers of their own already. */
const added = (sums: Parts, parts: Parts): Parts =>
  sums.map((own, i) => {
    const part = parts[i]!
    const sum = own instanceof Float64Array ? own : new Float64Array(own)
    for (let j = 0; j < part.length; j++) sum[j] = sum[j]! + part[j]!
    return sum
  })

/** The sum over some examples, and how many they are. */
export interface Total {
  readonly examples: number
  readonly sums: Parts
}

/**
 * The sum over the examples of one pass: `block` gives that of each block, in parts that it hands over, and these are added in the order of
 * the data, in float64. Of one block alone they are what the block gave.
 *
 * *Fails*: as the source and `block` do; `EmptyData`, `InvalidArgument`.
 */
export const total = Effect.fnUntraced(function* <E, R>(
  options: PassOptions,
  block: (batch: Batch) => Effect.Effect<Parts, E, R>
): Effect.fn.Return<Total, E | DataError | EmptyData | InvalidArgument, R | DataSource> {
  const { blockSize = defaultBlockSize, pass = 0 } = yield* Effect.fromResult(decode(PassOptions, options))
  const source = yield* DataSource
  const whole = yield* blocks({ size: blockSize, pass }).pipe(
    Stream.mapEffect((batch) =>
      block(batch).pipe(
        Effect.map((sums): Total => {
          giveBack(batch)
          return { examples: batch.examples, sums }
        }),
        Effect.tap(Effect.yieldNow)
      )
    ),
    Stream.runFold(
      (): Total => ({ examples: 0, sums: [] }),
      (sum, { examples, sums }) => ({
        // Nothing is added to nothing.
        sums: sum.examples === 0 ? sums : added(sum.sums, sums),
        examples: sum.examples + examples
      })
    )
  )
  return whole.examples === 0 ? yield* noData(source.name) : whole
})

/**
 * The mean over the examples of one pass, `[length]`: that of `total`.
 *
 * *Fails*: as `total`; `NonFinite`.
 */
export const mean = Effect.fnUntraced(function* <E, R>(
  options: PassOptions,
  length: number,
  block: (batch: Batch) => Effect.Effect<Parts, E, R>
): Effect.fn.Return<Float64Array, E | DataError | EmptyData | InvalidArgument | NonFinite, R | DataSource> {
  return yield* Effect.fromResult(meanOf(yield* total(options, block), length))
})

/** The mean of a total, `[length]`. *Fails*: `NonFinite`. */
export const meanOf = ({ examples, sums }: Total, length: number): Result.Result<Float64Array, NonFinite> => {
  const means = new Float64Array(length)
  let at = 0
  for (const sum of sums) {
    for (let i = 0; i < sum.length; i++) means[at + i] = sum[i]! / examples
    at += sum.length
  }
  const index = firstNonFinite(means)
  if (index < 0) return Result.succeed(means)
  return Result.fail(
    new NonFinite({
      what: "mean",
      index,
      value: String(means[index]),
      message: `A mean over the data is ${means[index]}. The outputs or the labels are too far apart for float64: scale them down.`
    })
  )
}
