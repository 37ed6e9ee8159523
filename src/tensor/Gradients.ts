/**
 * Derivatives of a tfjs function of parameters and rows, by TensorFlow.js's own differentiation: products with its Jacobian J from the left
 * and from the right, and J itself.
 *
 * tfjs differentiates in reverse alone. A product from the right is the derivative of one from the left, which is linear in its cotangent:
 * J v = d/du <u^T J, v>. Where a gradient of tfjs has no gradient itself, there is none.
 *
 * Everything here runs inside a tensor program of the Device.
 *
 * *Source*: Griewank and Walther 2008, section 3.2; for the derivative of the derivative, Pearlmutter 1994.
 */
import * as tf from "@tensorflow/tfjs"
import { readsAtOnce } from "./internal/current.ts"

/** Parameters and rows `x [N, features]` to rows `z [N, C]`: row n of z is a function of row n of x. */
export type RowsFunction = (parameters: ReadonlyArray<tf.Tensor>, x: tf.Tensor2D) => tf.Tensor2D

/** A number, and its gradient in each of some tensors: 0 in one that it does not depend on. */
const gradientsOf = (
  f: () => tf.Scalar,
  xs: ReadonlyArray<tf.Tensor>
): { readonly value: tf.Scalar; readonly gradients: ReadonlyArray<tf.Tensor> } => {
  // tf.grads throws where one of the tensors does not matter.
  const { grads, value } = tf.engine().gradients(f, [...xs], undefined, true)
  return { value, gradients: xs.map((x, i) => grads[i] ?? tf.zerosLike(x)) }
}

/**
 * sum_n w_n^T J_n for one cotangent `[N, C]` of all rows: for each parameter, in its shape.
 *
 * *Cost*: one pass forwards and backwards over all rows.
 */
export const pulledBackSum = (
  f: RowsFunction,
  parameters: ReadonlyArray<tf.Tensor>,
  x: tf.Tensor2D,
  w: tf.Tensor2D
): ReadonlyArray<tf.Tensor> => gradientsOf(() => tf.sum(tf.mul(f(parameters, x), w)), parameters).gradients

/** Row n of a matrix, `[1, .]`. */
const rowOf = (x: tf.Tensor2D, n: number): tf.Tensor2D =>
  // tfjs slices no tensor without columns.
  x.shape[1] === 0 ? tf.zeros([1, 0]) : tf.slice(x, [n, 0], [1, x.shape[1]])

/** For each parameter, of so many numbers, the gradients of one row for cotangents `[K, C]`: `[K, P]`. */
const ofRow = (
  f: RowsFunction,
  parameters: ReadonlyArray<tf.Tensor>,
  x: tf.Tensor2D,
  w: tf.Tensor2D
): ReadonlyArray<tf.Tensor2D> => {
  const each = tf
    .unstack(w)
    .map((cotangent) => tf.tidy(() => [...pulledBackSum(f, parameters, x, cotangent.reshape([1, -1]))]))
  return parameters.map(({ size }, i) => tf.stack(each.map((of) => of[i]!.reshape([size]))) as tf.Tensor2D)
}

/**
 * w_kn^T J_n, for cotangents `[K, N, C]`: for each parameter `[K, N, P]`, row after row.
 *
 * *Cost*: min(K, C) passes forwards and backwards over each row by itself.
 */
export const pulledBack = (
  f: RowsFunction,
  parameters: ReadonlyArray<tf.Tensor>,
  x: tf.Tensor2D,
  cotangents: tf.Tensor3D
): ReadonlyArray<tf.Tensor3D> => {
  const [columns, examples, outputs] = cotangents.shape
  const rows = Array.from({ length: examples }, (_, n) =>
    tf.tidy(() => {
      const w: tf.Tensor2D = tf
        .slice(cotangents, [0, n, 0], [columns, 1, outputs])
        .reshape([columns, outputs])
      if (columns <= outputs) return [...ofRow(f, parameters, rowOf(x, n), w)]
      return ofRow(f, parameters, rowOf(x, n), tf.eye(outputs)).map((j) => tf.matMul(w, j) as tf.Tensor2D)
    })
  )
  return parameters.map(
    (_, i) =>
      tf.stack(
        rows.map((row) => row[i]!),
        1
      ) as tf.Tensor3D
  )
}

/**
 * J v `[N, C]`, for one tangent of each parameter in its shape; nothing where tfjs cannot differentiate twice, nor on a device whose numbers
 * must be waited for: whether it could is checked by numbers.
 *
 * *Cost*: three passes over all rows.
 */
export const pushedForward = (
  f: RowsFunction,
  parameters: ReadonlyArray<tf.Tensor>,
  x: tf.Tensor2D,
  outputs: number,
  v: ReadonlyArray<tf.Tensor>
): tf.Tensor2D | undefined => {
  if (!readsAtOnce()) return undefined
  const u: tf.Tensor2D = tf.ones([x.shape[0], outputs])
  const along = () =>
    tf.addN(
      pulledBackSum(f, parameters, x, u).map((gradient, i) => tf.sum(tf.mul(gradient, v[i]!)))
    ) as tf.Scalar
  const twice = attempted(() => gradientsOf(along, [u]))
  if (twice === undefined) return undefined
  const product = twice.gradients[0] as tf.Tensor2D
  return isSum(twice.value, product) ? product : undefined
}

/** Some operation has no second derivative: tfjs says so by throwing. */
const attempted = <A>(f: () => A): A | undefined => {
  try {
    return f()
  } catch {
    return undefined
  }
}

/**
 * Whether u^T (J v) is (u^T J) v at u = 1. A gradient that someone wrote without operations of tfjs throws nothing when it is differentiated:
 * its terms are missing.
 */
const isSum = (value: tf.Scalar, product: tf.Tensor2D): boolean => {
  const [due, sum, size] = [value, tf.sum(product), tf.sum(tf.abs(product))].map((of) => of.dataSync()[0]!)
  return Math.abs(due! - sum!) <= 1e-3 * (Math.abs(due!) + size!)
}

/**
 * J, for each parameter `[C, N, P]`, column by column; nothing where tfjs cannot differentiate twice.
 *
 * *Cost*: three passes over all rows for each number of the parameters.
 */
export const jacobian = (
  f: RowsFunction,
  parameters: ReadonlyArray<tf.Tensor>,
  x: tf.Tensor2D,
  outputs: number
): ReadonlyArray<tf.Tensor3D> | undefined => {
  const none = parameters.map((parameter) => tf.zerosLike(parameter))
  const made: Array<tf.Tensor3D> = []
  for (const [i, { shape, size }] of parameters.entries()) {
    const columns: Array<tf.Tensor2D> = []
    for (let p = 0; p < size; p++) {
      const column = tf.tidy(() => {
        const unit = tf.tensor(new Float32Array(size).fill(1, p, p + 1), shape)
        return pushedForward(f, parameters, x, outputs, none.with(i, unit)) ?? tf.zeros([0])
      })
      if (column.size === 0) return undefined
      columns.push(column as tf.Tensor2D)
    }
    made.push(tf.transpose(tf.stack(columns), [2, 1, 0]) as tf.Tensor3D)
  }
  return made
}

/**
 * How large z is, and how far the first and the last row of it are from what they are alone, `[3]`: for `mixedRow`, once they are read.
 */
export const rowsAlone = (
  f: RowsFunction,
  parameters: ReadonlyArray<tf.Tensor>,
  x: tf.Tensor2D,
  z: tf.Tensor2D
): tf.Tensor1D => {
  const away = (n: number) => tf.max(tf.abs(tf.sub(f(parameters, rowOf(x, n)), rowOf(z, n))))
  return tf.stack([tf.max(tf.abs(z)), away(0), away(x.shape[0] - 1)]) as tf.Tensor1D
}

/** Which of the first and the last row has another z alone, or nothing: a function that mixes its rows has such a row. */
export const mixedRow = ([size, first, last]: Float32Array): "first" | "last" | undefined => {
  // What is not finite is refused elsewhere.
  if (first! > 1e-3 * size!) return "first"
  return last! > 1e-3 * size! ? "last" : undefined
}
