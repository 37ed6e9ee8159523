/**
 * A function of the rows of two matrices, given as a tfjs program: its values, and its gradients in the second matrix.
 *
 * Each call is a tensor program by itself, on the backend that is current, or cpu; only numbers go in and come out. They are float32.
 */
import * as tf from "@tensorflow/tfjs"
import { makeCurrent, readsAtOnce } from "./internal/current.ts"
import { failure, runProgram } from "./internal/program.ts"

/** `y [R, L]` and `z [R, C]` to one number a row, `[R]`. */
export type RowFunction = (y: tf.Tensor2D, z: tf.Tensor2D) => tf.Tensor1D

/** Where it is evaluated: `y [R, L]` and `z [R, C]`, R `rows`. */
export interface Rows {
  readonly rows: number
  readonly y: ArrayLike<number>
  readonly z: ArrayLike<number>
}

const matrix = (values: ArrayLike<number>, rows: number): tf.Tensor2D =>
  tf.tensor2d(Float32Array.from(values), [rows, values.length / rows])

/** The function's values, of which there must be one a row. */
const evaluated = (f: RowFunction, y: tf.Tensor2D, z: tf.Tensor2D, rows: number): tf.Tensor1D => {
  const values: unknown = f(y, z)
  if (!(values instanceof tf.Tensor))
    throw new Error("it gave no tensor where one number for each row is due")
  if (values.shape[0] !== rows || values.size !== rows) {
    throw new Error(
      `it gave the shape [${values.shape.join(", ")}] for ${rows} rows, and one number for each is due`
    )
  }
  if (values.dtype !== "float32") throw new Error(`it gave numbers of ${values.dtype} where float32 is due`)
  return values.as1D()
}

/** Numbers of some rows, as many for each. */
type Part = (y: tf.Tensor2D, z: tf.Tensor2D, rows: number) => tf.Tensor

/** What `part` gives of all rows, of which the first and the last must be what it gives of each alone: else it mixes rows. */
const rowwise = (part: Part, { rows, y, z }: Rows): Float32Array => {
  const [labels, outputs] = [matrix(y, rows), matrix(z, rows)]
  const all = part(labels, outputs, rows).dataSync<"float32">()
  if (rows === 1) return all
  const width = all.length / rows
  const size = all.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const row = (of: tf.Tensor2D, n: number) => tf.slice(of, [n, 0], [1, of.shape[1]])
  for (const n of [0, rows - 1]) {
    const alone = part(row(labels, n), row(outputs, n), 1).dataSync<"float32">()
    // What is not finite is refused elsewhere.
    if (alone.some((value, c) => Math.abs(value - all[n * width + c]!) > 1e-3 * size))
      throw new Error(`row ${n} of ${rows} is another alone, and no row may depend on another`)
  }
  return all
}

const run = (stage: string, program: () => Float32Array): Float32Array => {
  const before = tf.getBackend()
  try {
    // Where nobody has started a backend tfjs would start wasm, which is not there before this returns, as a GPU's numbers are not.
    if (!before || !readsAtOnce()) makeCurrent("cpu")
    return runProgram(() => Float32Array.from(program())).result
  } catch (cause) {
    throw failure(stage)(cause)
  } finally {
    if (before) makeCurrent(before)
  }
}

/** `[R]`. *Throws*: `TensorFailure` of this stage, with what the function threw, or for one that mixes rows. */
export const valuesOf = (stage: string, f: RowFunction, rows: Rows): Float32Array =>
  run(stage, () => rowwise((y, z, count) => evaluated(f, y, z, count), rows))

/**
 * The gradient in z of each row's value, `[R, C]`: that of their sum, since no row's value may depend on another row.
 *
 * *Throws*: as `valuesOf`.
 */
export const gradientsOf = (stage: string, f: RowFunction, rows: Rows): Float32Array =>
  run(stage, () =>
    rowwise((y, z, count) => tf.grad((at) => tf.sum(evaluated(f, y, at as tf.Tensor2D, count)))(z), rows)
  )
