/**
 * Second moments of rows, of which half is computed, kept and read: a symmetric matrix as its lower triangle, row by row.
 */
import * as tf from "@tensorflow/tfjs"
import { packedLength } from "../kernels/packed.ts"
import { sumOf } from "./Device.ts"
import { packedGramKernel } from "./internal/packedGram.ts"

/**
 * Inside a tensor program: the lower triangle of x^T x, row by row, `[n (n + 1) / 2]` for x `[rows, n]`. It has no gradient.
 *
 * At most `rowsAtOnce` rows are summed at once, and then their sums, since a float32 sum of more loses digits.
 *
 * *Cost*: rows n^2 flops where the device has a kernel for it; else the whole product, and a gather.
 */
export const packedGram = (x: tf.Tensor2D, rowsAtOnce = Math.max(1, x.shape[0])): tf.Tensor1D => {
  if (tf.getKernel(packedGramKernel, tf.getBackend()) !== undefined) {
    return tf.engine().runKernel(packedGramKernel, { x }, { rowsAtOnce })
  }
  const n = x.shape[1]
  const whole = byParts(x, rowsAtOnce, (rows) => tf.matMul(rows, rows, true, false) as tf.Tensor2D)
  return tf.gather(whole.reshape<tf.Tensor1D>([n * n]), tf.tensor1d(places(n), "int32"))
}

/** Inside a tensor program: the sum of `product` over parts of the rows of x, each with the row that it begins at. */
export const byParts = <T extends tf.Tensor>(
  x: tf.Tensor2D,
  rowsAtOnce: number,
  product: (rows: tf.Tensor2D, from: number) => T
): T => {
  const [rows, width] = x.shape
  if (rows <= rowsAtOnce) return product(x, 0)
  return sumOf(Math.ceil(rows / rowsAtOnce), (i) => {
    const from = i * rowsAtOnce
    return product(tf.slice(x, [from, 0], [Math.min(rowsAtOnce, rows - from), width]), from)
  })
}

/** Where the numbers of the lower triangle are in the whole matrix. */
const places = (n: number): Int32Array => {
  const out = new Int32Array(packedLength(n))
  let at = 0
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) out[at++] = i * n + j
  return out
}
