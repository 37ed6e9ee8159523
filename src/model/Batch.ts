/**
 * A batch: some examples as typed arrays, with the index that each has in the data.
 *
 * The index is what a draw of y is keyed by, so it goes where the example goes: through shuffles, rebatching and workers.
 */
import { Schema } from "effect"
import { InvalidArgument, NonFinite, ShapeMismatch } from "../Errors.ts"
import { decodeOrThrow, firstNonFinite, NonNegativeInt, shown } from "../Options.ts"

export interface Batch {
  /** `[N, features]` */
  readonly x: Float32Array
  readonly examples: number
  readonly features: number
  /** `[N]`: where each example stands in the data. */
  readonly indices: Float64Array
  /** The data's own labels, `[N, labelSize]`, if it has any. */
  readonly labels?: Labels
}

export interface Labels {
  readonly values: Float32Array
  readonly labelSize: number
}

/** Numbers in rows: an array of rows, or a flat array with its shape. */
export type Matrix =
  | ReadonlyArray<ArrayLike<number>>
  | { readonly data: ArrayLike<number>; readonly shape: readonly [rows: number, columns: number] }

const Shape = Schema.Struct({ rows: NonNegativeInt, columns: NonNegativeInt })

/** A `Matrix`, flat and checked: finite float32 numbers, `[rows, columns]`. */
export interface Table {
  readonly values: Float32Array
  readonly rows: number
  readonly columns: number
}

/**
 * The numbers of a matrix, copied to float32 and checked.
 *
 * *Throws*: `InvalidArgument` for what is no matrix of numbers (a tensor among them), `ShapeMismatch` for ragged rows,
 * `NonFinite`.
 */
export const table = (what: string, matrix: Matrix): Table => tableOf(what, matrix, false)

/** The same without a copy of numbers that are flat and float32 already: they are still the caller's. *Throws* as `table`. */
export const tableView = (what: string, matrix: Matrix): Table => tableOf(what, matrix, true)

const tableOf = (what: string, matrix: Matrix, view: boolean): Table => {
  if (Array.isArray(matrix)) return fromRows(what, matrix as ReadonlyArray<ArrayLike<number>>)
  if (typeof matrix !== "object" || matrix === null || !("data" in matrix)) throw notMatrix(what, matrix)
  const { data, shape } = matrix as { readonly data: unknown; readonly shape: unknown }
  if (!isNumeric(data)) throw notMatrix(`${what}.data`, data)
  if (!Array.isArray(shape) || shape.length !== 2) {
    throw new InvalidArgument({
      argument: `${what}.shape`,
      value: shown(shape),
      message: `${what}.shape is ${shown(shape)}. Give [rows, columns].`
    })
  }
  const { columns, rows } = decodeOrThrow(Shape, { rows: shape[0], columns: shape[1] })
  if (data.length !== rows * columns) {
    throw new ShapeMismatch({
      what,
      expected: `${rows} x ${columns} numbers`,
      actual: String(data.length),
      message: `${what} has ${data.length} numbers for the shape ${rows} x ${columns}. Correct the shape or the data.`
    })
  }
  if (view && data instanceof Float32Array) {
    const index = firstNonFinite(data)
    if (index >= 0) throw notFinite(what, index, data[index]!)
    return { values: data, rows, columns }
  }
  const values = new Float32Array(data.length)
  copyRow(what, data, values, 0)
  return { values, rows, columns }
}

const notMatrix = (what: string, value: unknown): InvalidArgument =>
  new InvalidArgument({
    argument: what,
    value: shown(value),
    message: `${what} is ${shown(value)}. Pass an array of rows of numbers, or { data, shape: [rows, columns] }; of a tensor, its data and shape.`
  })

/** Labels as a table: one number for each example, or a row for each. *Throws* as `table`. */
export const labelTable = (what: string, y: ArrayLike<number> | Matrix): Table => {
  const flat = isNumeric(y) && (ArrayBuffer.isView(y) || typeof y[0] !== "object")
  return table(what, flat ? { data: y as ArrayLike<number>, shape: [y.length, 1] } : (y as Matrix))
}

const fromRows = (what: string, matrix: ReadonlyArray<ArrayLike<number>>): Table => {
  const columns = isNumeric(matrix[0]) ? matrix[0].length : 0
  const values = new Float32Array(matrix.length * columns)
  for (const [i, row] of matrix.entries()) {
    if (!isNumeric(row)) {
      throw new InvalidArgument({
        argument: `${what}[${i}]`,
        value: shown(row),
        message: `${what}[${i}] is ${shown(row)}. Every row is an array of numbers.`
      })
    }
    if (row.length !== columns) {
      throw new ShapeMismatch({
        what: `${what}[${i}]`,
        expected: String(columns),
        actual: String(row.length),
        message: `${what}[${i}] has ${row.length} numbers and ${what}[0] has ${columns}. All rows must be equally long.`
      })
    }
    copyRow(what, row, values, i * columns)
  }
  return { values, rows: matrix.length, columns }
}

const copyRow = (what: string, row: ArrayLike<number>, out: Float32Array, offset: number): void => {
  for (let j = 0; j < row.length; j++) {
    const value: unknown = row[j]
    if (typeof value !== "number") {
      throw new InvalidArgument({
        argument: what,
        value: shown(value),
        message: `${what} holds ${shown(value)} at index ${offset + j}. Every entry must be a number.`
      })
    }
    out[offset + j] = value
    if (!Number.isFinite(out[offset + j])) throw notFinite(what, offset + j, value)
  }
}

const notFinite = (what: string, index: number, value: number): NonFinite =>
  new NonFinite({
    what,
    index,
    value: String(value),
    message: `${what} holds ${value} at index ${index}. Every number must be finite in float32.`
  })

/** Big integers are array-like too, and no numbers. */
export const isNumeric = (value: unknown): value is ArrayLike<number> =>
  Array.isArray(value) ||
  (ArrayBuffer.isView(value) &&
    !(value instanceof DataView) &&
    !(value instanceof BigInt64Array) &&
    !(value instanceof BigUint64Array))
