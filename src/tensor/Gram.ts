/**
 * Second moments of rows, of which half is computed, kept and read: a symmetric matrix as its lower triangle, row by row.
 */
import * as tf from "@tensorflow/tfjs"
import { packedLength } from "../kernels/packed.ts"
import { packedGramKernel } from "./internal/packedGram.ts"

/**
 * Inside a tensor program: the lower triangle of x^T x, row by row, `[n (n + 1) / 2]` for x `[rows, n]`. It has no gradient.
 *
 * *Cost*: rows n^2 flops where the device has a kernel for it; else the whole product, and a gather.
 */
export const packedGram = (x: tf.Tensor2D): tf.Tensor1D => {
  if (tf.getKernel(packedGramKernel, tf.getBackend()) !== undefined) {
    return tf.engine().runKernel(packedGramKernel, { x })
  }
  const n = x.shape[1]
  const whole: tf.Tensor2D = tf.matMul(x, x, true, false)
  return tf.gather(whole.reshape<tf.Tensor1D>([n * n]), tf.tensor1d(places(n), "int32"))
}

/** Where the numbers of the lower triangle are in the whole matrix. */
const places = (n: number): Int32Array => {
  const out = new Int32Array(packedLength(n))
  let at = 0
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) out[at++] = i * n + j
  return out
}
