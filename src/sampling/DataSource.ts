/**
 * x ~ q(x): where examples come from, as a service.
 *
 * Averages over the data cut what the source gives into blocks of a fixed number of examples and fold them in order, so that they
 * do not depend on how the source batches. A source is asked for a *pass*: one walk over the data, in an order of its own.
 */
import { Context, Effect, Layer, Schema, Stream } from "effect"
import { InvalidArgument, ShapeMismatch } from "../Errors.ts"
import type { Batch, Matrix } from "../model/Batch.ts"
import { attempt, decode, NonNegativeInt, PositiveInt, shown } from "../Options.ts"
import { alsoBrief } from "./internal/brief.ts"
import {
  type DataError,
  type Examples,
  inMemory,
  OrderOptions,
  readArrays,
  readLabels,
  wholeBatch
} from "./internal/memory.ts"

export { type DataError, type Examples, OrderOptions } from "./internal/memory.ts"

const Data = Schema.Any

const ArrayOptions = Schema.Struct({ ...OrderOptions.fields, x: Data, y: Schema.optionalKey(Data) })

/** Examples in memory: `x` and `y`, and in which order they come. */
export interface ArrayOptions extends OrderOptions {
  readonly x: Matrix
  readonly y?: ArrayLike<number> | Matrix
}

const DensityOptions = Schema.Struct({
  batchSize: Schema.optionalKey(PositiveInt),
  y: Schema.optionalKey(Data)
})

/** The observations of a density, and how many of them a batch has. */
export interface DensityOptions {
  readonly y?: ArrayLike<number> | Matrix
  readonly batchSize?: number
}

const StreamBatch = Schema.Struct({
  x: Data,
  y: Schema.optionalKey(Data),
  firstIndex: Schema.optionalKey(NonNegativeInt)
})

/** A batch of a stream, and where its first example stands in the data. */
export interface StreamBatch {
  readonly x: Matrix
  readonly y?: ArrayLike<number> | Matrix
  readonly firstIndex?: number
}

export class DataSource extends Context.Service<
  DataSource,
  {
    /** For logs, errors and fingerprints. */
    readonly name: string
    /** How many numbers an x has; undefined where only the first batch tells. */
    readonly features: number | undefined
    /** How many examples a pass has; undefined where only its end tells. */
    readonly examples: number | undefined
    /** One walk over the data. Sources with an order of their own (`shuffle`) order each pass by its number. */
    readonly pass: (pass: number) => Stream.Stream<Batch, DataError>
  }
>()("natgrad/DataSource") {
  /**
   * Examples in memory.
   *
   * `x` is rows of numbers, or `{ data, shape }`; `y`, if given, one number for each example or a row for each. `batchSize` is how
   * many examples a batch has (256 unless said); with `shuffle` every pass has an order of its own, a function of the seed.
   *
   * *Fails*: `InvalidArgument`, `ShapeMismatch`, `NonFinite`.
   */
  static readonly fromArrays = (options: ArrayOptions): Layer.Layer<DataSource, DataError> =>
    Layer.effect(
      DataSource,
      Effect.gen(function* () {
        const { x, y, ...order } = yield* Effect.fromResult(decode(ArrayOptions, options))
        return yield* checked(() => inMemory("arrays", readArrays(x, y), order))
      })
    )

  /**
   * No x at all: for a density p(y). `y`, if given, are its observations; without it there is one example, since E_x is over
   * nothing.
   *
   * *Fails*: `InvalidArgument`, `ShapeMismatch`, `NonFinite`.
   */
  static readonly density = (options: DensityOptions): Layer.Layer<DataSource, DataError> =>
    Layer.effect(
      DataSource,
      Effect.gen(function* () {
        const { y, ...order } = yield* Effect.fromResult(decode(DensityOptions, options))
        return yield* checked(() => inMemory("density", readLabels(y), order))
      })
    )

  /**
   * Batches from a stream, such as one over files or a network. `pass` is called anew for each walk; a batch's `firstIndex` says
   * where it stands in the data (counted from 0 in order of arrival unless said).
   *
   * The arrays of a batch are read before the next is pulled: a stream that makes each when it is pulled (`Stream.mapEffect`; `Stream.map`
   * makes a chunk of them at once) may write all of them to the same arrays. An x in a flat Float32Array is copied once, into its block.
   *
   * *Fails*: what the stream fails with, and what `fromArrays` fails with, when a batch is read.
   */
  static readonly fromStream = (options: {
    readonly name?: string
    readonly pass: (pass: number) => Stream.Stream<StreamBatch, DataError>
  }): Layer.Layer<DataSource> =>
    Layer.succeed(DataSource, {
      name: options.name ?? "stream",
      features: undefined,
      examples: undefined,
      pass: (pass) => {
        const given = options.pass(pass)
        const read = (options: { readonly view: boolean }) =>
          given.pipe(
            Stream.mapEffect((batch) => readBatch(batch, options)),
            numbered
          )
        return alsoBrief(read({ view: false }), read({ view: true }))
      }
    })

  /**
   * Batches from an iterable, walked anew for each pass. A generator can be walked once only: give an array, or an object whose
   * iterator starts afresh. *Fails*: as `fromStream`.
   */
  static readonly fromIterable = (batches: Iterable<StreamBatch>): Layer.Layer<DataSource> =>
    DataSource.fromStream({ name: "iterable", pass: () => Stream.fromIterable(batches) })

  /** Examples in memory that were checked already, such as those of a file. *Throws*: `InvalidArgument`. */
  static readonly fromExamples = (
    name: string,
    examples: Examples,
    options: OrderOptions
  ): typeof DataSource.Service => DataSource.of(inMemory(name, examples, options))
}

const checked = <A>(make: () => A): Effect.Effect<A, DataError> =>
  Effect.fromResult(attempt<DataError>()(make))

const readBatch = Effect.fnUntraced(function* (
  batch: StreamBatch,
  options: { readonly view: boolean }
): Effect.fn.Return<{ readonly data: Examples; readonly firstIndex: number | undefined }, DataError> {
  const { firstIndex, x, y } = yield* Effect.fromResult(decode(StreamBatch, batch))
  return { data: yield* checked(() => readArrays(x, y, options)), firstIndex }
})

/** Gives the examples their places in the data, in order of arrival where the batch does not say. */
const numbered = <E>(
  read: Stream.Stream<{ readonly data: Examples; readonly firstIndex: number | undefined }, E>
): Stream.Stream<Batch, E> =>
  read.pipe(
    Stream.mapAccum(
      () => 0,
      (arrived, { data, firstIndex }) => {
        const first = firstIndex ?? arrived
        return [first + data.examples, [wholeBatch(data, first)]] as const
      }
    )
  )

/**
 * The batches of one pass over the DataSource, each held to what it says of itself: a source can be anybody's.
 *
 * *Fails*: what the source fails with; `ShapeMismatch` for a batch whose arrays do not fit, one that is not as wide as the first, or a
 * pass that ends before or after the source's `examples`; `InvalidArgument` for an index that is no whole number of at least 0.
 */
export const batches = (pass: number): Stream.Stream<Batch, DataError, DataSource> =>
  Stream.unwrap(DataSource.useSync((source) => Stream.suspend(() => checkedPass(source, source.pass(pass)))))

/** The batches that a pass of this source gave, checked. *Fails*: as `batches`. */
export const checkedPass = (
  source: typeof DataSource.Service,
  given: Stream.Stream<Batch, DataError>
): Stream.Stream<Batch, DataError> =>
  Stream.suspend(() => {
    let first: Batch | undefined
    let arrived = 0
    const checked = given.pipe(
      Stream.mapEffect((batch) =>
        Effect.suspend(() => {
          const flaw = sizeFlaw(batch) ?? widthFlaw(batch, first, source.features) ?? indexFlaw(batch)
          if (flaw !== undefined) return Effect.fail(flaw)
          first ??= batch
          arrived += batch.examples
          return Effect.succeed(batch)
        })
      )
    )
    const end = Stream.suspend(() =>
      source.examples === undefined || arrived === source.examples
        ? Stream.empty
        : Stream.fail(
            mismatch(
              `a pass over ${source.name}`,
              `${source.examples} examples`,
              `${arrived}`,
              "Let the source say how many it has, or leave it open with undefined."
            )
          )
    )
    return Stream.concat(checked, end)
  })

const mismatch = (what: string, expected: string, actual: string, remedy: string): ShapeMismatch =>
  new ShapeMismatch({
    what,
    expected,
    actual,
    message: `${what} is of ${actual}, where ${expected} are due. ${remedy}`
  })

const sizeFlaw = ({ examples, features, indices, labels, x }: Batch): ShapeMismatch | undefined => {
  const sized = (
    what: string,
    array: unknown,
    type: typeof Float32Array | typeof Float64Array,
    rows: number,
    columns: number
  ) =>
    array instanceof type && array.length === rows * columns
      ? undefined
      : mismatch(
          `${what} of a batch`,
          `${rows} x ${columns} numbers in a ${type.name}`,
          array instanceof type ? `${array.length} numbers` : shown(array),
          `Give ${examples} examples of ${features} features, with an index for each.`
        )
  return (
    sized("x", x, Float32Array, examples, features) ??
    sized("indices", indices, Float64Array, examples, 1) ??
    (labels === undefined
      ? undefined
      : sized("labels", labels.values, Float32Array, examples, labels.labelSize))
  )
}

const widthFlaw = (
  batch: Batch,
  first: Batch | undefined,
  features: number | undefined
): ShapeMismatch | undefined => {
  const due = first ?? { ...batch, features: features ?? batch.features }
  const labels = (of: Pick<Batch, "labels">): string => `${of.labels?.labelSize ?? "no"}`
  if (batch.features === due.features && labels(batch) === labels(due)) return undefined
  return new ShapeMismatch({
    what: `the batch from example ${batch.indices[0]} on`,
    expected: `${due.features} features, ${labels(due)} labels`,
    actual: `${batch.features} features, ${labels(batch)} labels`,
    message: `At example ${batch.indices[0]} the source goes from ${due.features} to ${batch.features} features and from ${labels(due)} to ${labels(batch)} labels. All batches must have the same columns.`
  })
}

const indexFlaw = ({ indices }: Batch): InvalidArgument | undefined => {
  const wrong = indices.find((index) => !(Number.isSafeInteger(index) && index >= 0))
  return wrong === undefined
    ? undefined
    : new InvalidArgument({
        argument: "indices",
        value: String(wrong),
        message: `indices of a batch hold ${wrong}. An index is a whole number from 0 to 2^53 - 1.`
      })
}
