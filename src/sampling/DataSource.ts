/**
 * x ~ q(x): where examples come from, as a service.
 *
 * Averages over the data cut what the source gives into blocks of a fixed number of examples and fold them in order, so that they
 * do not depend on how the source batches. A source is asked for a *pass*: one walk over the data, in an order of its own.
 */
import { Context, Effect, Layer, Schema, Stream } from "effect"
import { type DataFailure, type InvalidArgument, type NonFinite, ShapeMismatch } from "../Errors.ts"
import { type Batch, type Labels, labelTable, type Matrix, table } from "../model/Batch.ts"
import { decodeOrThrow, PositiveInt, Seed } from "../Options.ts"
import { permutation } from "../random/Distributions.ts"
import { fold, make as makeKey } from "../random/Key.ts"
import { selectRows } from "./internal/rows.ts"

/** What can go wrong while data is read. */
export type DataError = DataFailure | ShapeMismatch | NonFinite | InvalidArgument

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
      Effect.try({
        try: () => DataSource.of(inMemory("arrays", readArrays(options), orderOf(options))),
        catch: asDataError
      })
    )

  /**
   * No x at all: for a density p(y). `y`, if given, are its observations; without it there is one example, since E_x is over
   * nothing.
   *
   * *Fails*: `InvalidArgument`, `NonFinite`.
   */
  static readonly density = (options: {
    readonly y?: ArrayLike<number> | Matrix
    readonly batchSize?: number
  }): Layer.Layer<DataSource, DataError> =>
    Layer.effect(
      DataSource,
      Effect.try({
        try: () => {
          const labels = options.y === undefined ? undefined : labelTable("y", options.y)
          const examples = labels?.rows ?? 1
          const data: Examples = { examples, features: 0, x: new Float32Array(0), scale: 1 }
          return DataSource.of(inMemory("density", withLabels(data, labels), orderOf(options)))
        },
        catch: asDataError
      })
    )

  /**
   * Batches from a stream, such as one over files or a network. `pass` is called anew for each walk; a batch's `firstIndex` says
   * where it stands in the data (counted from 0 in order of arrival unless said).
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
      pass: (pass) =>
        options.pass(pass).pipe(
          Stream.mapAccum(
            () => 0,
            (arrived, batch) => {
              const first = batch.firstIndex ?? arrived
              return [first + batch.x.length, [{ batch, first }]] as const
            }
          ),
          Stream.mapEffect(({ batch, first }) =>
            Effect.try({ try: () => wholeBatch(readArrays(batch), first), catch: asDataError })
          ),
          sameWidth
        )
    })

  /** Batches from an iterable, walked anew for each pass. *Fails*: as `fromStream`. */
  static readonly fromIterable = (batches: Iterable<StreamBatch>): Layer.Layer<DataSource> =>
    DataSource.fromStream({ name: "iterable", pass: () => Stream.fromIterable(batches) })

  /** A source from its walk over examples in memory; what `fromArrays` and the IDX reader share. */
  static readonly fromExamples = (
    name: string,
    examples: Examples,
    options: OrderOptions
  ): typeof DataSource.Service => DataSource.of(inMemory(name, examples, options))
}

/** `batchSize`: how many examples a batch has, 256 unless said. `shuffle`: every pass in an order of its own. */
export const OrderOptions = Schema.Struct({
  batchSize: Schema.optionalKey(PositiveInt),
  shuffle: Schema.optionalKey(Schema.Struct({ seed: Seed }))
})
export type OrderOptions = typeof OrderOptions.Type

export interface ArrayOptions extends OrderOptions {
  readonly x: Matrix
  readonly y?: ArrayLike<number> | Matrix
}

/** A batch of a stream: some rows, and where they stand in the data. */
export interface StreamBatch {
  readonly x: ReadonlyArray<ArrayLike<number>>
  readonly y?: ArrayLike<number> | ReadonlyArray<ArrayLike<number>>
  readonly firstIndex?: number
}

/** Examples in memory: x is `scale` times the numbers, so that bytes can stay bytes. */
export interface Examples {
  readonly examples: number
  readonly features: number
  /** `[examples, features]` */
  readonly x: Float32Array | Uint8Array
  readonly scale: number
  readonly labels?: Labels
}

const orderOf = ({ batchSize, shuffle }: OrderOptions): OrderOptions => ({
  ...(batchSize === undefined ? {} : { batchSize }),
  ...(shuffle === undefined ? {} : { shuffle })
})

const asDataError = (cause: unknown): DataError => {
  if (cause instanceof Error && "_tag" in cause) return cause as DataError
  throw cause
}

const withLabels = (data: Examples, labels: ReturnType<typeof table> | undefined): Examples =>
  labels === undefined ? data : { ...data, labels: { values: labels.values, labelSize: labels.columns } }

const readArrays = ({ x, y }: Pick<ArrayOptions, "x" | "y">): Examples => {
  const inputs = table("x", x)
  const labels = y === undefined ? undefined : labelTable("y", y)
  if (labels !== undefined && labels.rows !== inputs.rows) {
    throw new ShapeMismatch({
      what: "y",
      expected: `${inputs.rows} rows`,
      actual: `${labels.rows} rows`,
      message: `y has ${labels.rows} rows and x has ${inputs.rows}. Give every example its label.`
    })
  }
  const data: Examples = { examples: inputs.rows, features: inputs.columns, x: inputs.values, scale: 1 }
  return withLabels(data, labels)
}

const wholeBatch = (data: Examples, first: number): Batch =>
  selectRows(
    data,
    Float64Array.from({ length: data.examples }, (_, n) => n),
    first
  )

const inMemory = (name: string, data: Examples, options: OrderOptions): typeof DataSource.Service => {
  const { batchSize = 256, shuffle } = decodeOrThrow(OrderOptions, options)
  const key = shuffle === undefined ? undefined : makeKey(shuffle.seed)
  return {
    name,
    features: data.features,
    examples: data.examples,
    pass: (pass) =>
      Stream.suspend(() => {
        const order = key === undefined ? undefined : permutation(fold(key, pass), data.examples)
        return Stream.range(0, Math.ceil(data.examples / batchSize) - 1).pipe(
          Stream.rechunk(1),
          Stream.map((b) => {
            const from = b * batchSize
            const rows = Float64Array.from(
              { length: Math.min(batchSize, data.examples - from) },
              (_, i) => order?.[from + i] ?? from + i
            )
            return selectRows(data, rows, 0)
          })
        )
      })
  }
}

/** A source that changes its width fails where it does. */
const sameWidth = <R>(batches: Stream.Stream<Batch, DataError, R>): Stream.Stream<Batch, DataError, R> =>
  batches.pipe(
    Stream.mapAccum(
      () => undefined as Batch | undefined,
      (first, batch) => [first ?? batch, [{ first: first ?? batch, batch }]] as const
    ),
    Stream.mapEffect(({ batch, first }) =>
      batch.features === first.features && batch.labels?.labelSize === first.labels?.labelSize
        ? Effect.succeed(batch)
        : Effect.fail(
            new ShapeMismatch({
              what: `the batch from example ${batch.indices[0]} on`,
              expected: `${first.features} features, ${first.labels?.labelSize ?? "no"} labels`,
              actual: `${batch.features} features, ${batch.labels?.labelSize ?? "no"} labels`,
              message: `The source changed its width from ${first.features} to ${batch.features} features, or its labels, at example ${batch.indices[0]}. All batches must have the same columns.`
            })
          )
    )
  )
