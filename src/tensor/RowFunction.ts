/**
 * A function of the rows of two matrices, given as a tfjs program: its values, and its gradients in the second matrix.
 *
 * Each call is a tensor program by itself, on the backend that is current, or cpu; only numbers go in and come out. They are float32.
 */
import * as tf from "@tensorflow/tfjs"
import { makeCurrent } from "./internal/current.ts"
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
  return values.as1D()
}

const run = (stage: string, program: () => tf.Tensor): Float32Array => {
  try {
    // Where nobody has started a backend tfjs would start wasm, which is not there before this returns.
    if (!tf.getBackend()) makeCurrent("cpu")
    return runProgram(() => Float32Array.from(program().dataSync())).result
  } catch (cause) {
    throw failure(stage)(cause)
  }
}

/** `[R]`. *Throws*: `TensorFailure` of this stage, with what the function threw. */
export const valuesOf = (stage: string, f: RowFunction, { rows, y, z }: Rows): Float32Array =>
  run(stage, () => evaluated(f, matrix(y, rows), matrix(z, rows), rows))

/**
 * The gradient in z of each row's value, `[R, C]`: that of their sum, since no row's value may depend on another row.
 *
 * *Throws*: `TensorFailure` of this stage, with what the function threw.
 */
export const gradientsOf = (stage: string, f: RowFunction, { rows, y, z }: Rows): Float32Array =>
  run(stage, () => {
    const labels = matrix(y, rows)
    return tf.grad((at) => tf.sum(evaluated(f, labels, at as tf.Tensor2D, rows)))(matrix(z, rows))
  })
