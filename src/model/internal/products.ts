/** Many products of small matrices at once. */
import * as tf from "@tensorflow/tfjs"
import { inParts } from "../../tensor/Rows.ts"

/**
 * From this many flops a product on, one product for each matrix is faster on wasm than tfjs's batched one: that makes 2 to 3 GFLOPS, the
 * single one 15 after about 20 us.
 */
const manyFlops = 2 ** 16

/** a[b] c[b] for every b: `[B, m, k]` and `[B, k, n]` to `[B, m, n]`. */
export const products = (a: tf.Tensor3D, c: tf.Tensor3D): tf.Tensor3D => {
  const [count, m, k] = a.shape
  const n = c.shape[2]
  if (2 * m * k * n < manyFlops) return tf.matMul(a, c)
  const [left, right] = [a.reshape<tf.Tensor2D>([count * m, k]), c.reshape<tf.Tensor2D>([count * k, n])]
  return inParts(count, 1, (b) =>
    tf.matMul(tf.slice(left, [b * m, 0], [m, k]), tf.slice(right, [b * k, 0], [k, n]))
  ).reshape([count, m, n])
}

/** The transposes of matrices, `[B, m, n]` to `[B, n, m]`. */
export const transposes = (x: tf.Tensor3D): tf.Tensor3D => tf.transpose(x, [0, 2, 1])
