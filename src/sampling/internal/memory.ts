/** Examples in memory, and the source that walks over them. */
import { Effect, Schema, Stream } from "effect"
import { type DataFailure, type InvalidArgument, type NonFinite, ShapeMismatch } from "../../Errors.ts"
import {
  type Batch,
  type Labels,
  labelTable,
  type Matrix,
  type Table,
  table,
  tableView
} from "../../model/Batch.ts"
import { decode, decodeOrThrow, NonNegativeInt, PositiveInt, Seed } from "../../Options.ts"
import { permutation } from "../../random/Distributions.ts"
import { fold, make as makeKey } from "../../random/Key.ts"
import { alsoBrief } from "./brief.ts"
import { selectRows } from "./rows.ts"

/** What can go wrong while data is read. */
export type DataError = DataFailure | ShapeMismatch | NonFinite | InvalidArgument

/** `batchSize`: how many examples a batch has, 256 unless said. `shuffle`: every pass in an order of its own. */
export const OrderOptions = Schema.Struct({
  batchSize: Schema.optionalKey(PositiveInt),
  shuffle: Schema.optionalKey(Schema.Struct({ seed: Seed }))
})
export type OrderOptions = typeof OrderOptions.Type

/** Examples in memory: x is `scale` times the numbers, so that bytes can stay bytes. */
export interface Examples {
  readonly examples: number
  readonly features: number
  /** `[examples, features]` */
  readonly x: Float32Array | Uint8Array
  readonly scale: number
  readonly labels?: Labels
}

const withLabels = (data: Examples, labels: Table | undefined): Examples =>
  labels === undefined ? data : { ...data, labels: { values: labels.values, labelSize: labels.columns } }

/** x and y, checked; with `view`, numbers of x that are float32 already are no copy. *Throws*: `InvalidArgument`, `ShapeMismatch`, `NonFinite`. */
export const readArrays = (
  x: Matrix,
  y: ArrayLike<number> | Matrix | undefined,
  { view = false } = {}
): Examples => {
  const inputs = view ? tableView("x", x) : table("x", x)
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

/** No x; one example where there is no y. *Throws*: as `readArrays`. */
export const readLabels = (y: ArrayLike<number> | Matrix | undefined): Examples => {
  const labels = y === undefined ? undefined : labelTable("y", y)
  return withLabels({ examples: labels?.rows ?? 1, features: 0, x: new Float32Array(0), scale: 1 }, labels)
}

/** All examples as one batch, whose first stands at `first` in the data. */
export const wholeBatch = (data: Examples, first: number): Batch =>
  selectRows(
    data,
    Float64Array.from({ length: data.examples }, (_, n) => n),
    first
  )

const PassNumber = Schema.Struct({ pass: NonNegativeInt })

/** A source over examples in memory. *Throws*: `InvalidArgument`. */
export const inMemory = (name: string, data: Examples, options: OrderOptions) => {
  const { batchSize = 256, shuffle } = decodeOrThrow(OrderOptions, options)
  const key = shuffle === undefined ? undefined : makeKey(shuffle.seed)
  const walk = (pass: number, place?: (numbers: number) => Float32Array): Stream.Stream<Batch, DataError> =>
    Stream.unwrap(
      Effect.map(Effect.fromResult(decode(PassNumber, { pass })), () => {
        const order = key === undefined ? undefined : permutation(fold(key, pass), data.examples)
        return Stream.range(0, Math.ceil(data.examples / batchSize) - 1).pipe(
          Stream.rechunk(1),
          Stream.map((b) => {
            const from = b * batchSize
            const rows = new Float64Array(Math.min(batchSize, data.examples - from))
            for (let i = 0; i < rows.length; i++) rows[i] = order?.[from + i] ?? from + i
            return selectRows(data, rows, 0, place)
          })
        )
      })
    )
  /** All copies in one array. */
  const briefWalk = (pass: number) =>
    Stream.suspend(() => {
      let copy = new Float32Array(0)
      return walk(pass, (numbers) => {
        if (copy.length < numbers) copy = new Float32Array(numbers)
        return copy.subarray(0, numbers)
      })
    })
  const copies = key !== undefined || data.scale !== 1 || !(data.x instanceof Float32Array)
  return {
    // Sums of one order do not add to sums of another.
    name: shuffle === undefined ? name : `${name}, shuffled by seed ${shuffle.seed}`,
    features: data.features,
    examples: data.examples,
    pass: (pass: number): Stream.Stream<Batch, DataError> =>
      copies ? alsoBrief(walk(pass), briefWalk(pass)) : walk(pass)
  }
}
