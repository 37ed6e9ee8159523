/** s = a W + b on rows a: what a dense layer does with examples, and a convolution with patches. */
import * as tf from "@tensorflow/tfjs"
import { normal } from "../../random/Distributions.ts"
import { type Key, uniform } from "../../random/Key.ts"
import type { Weights } from "../Layer.ts"

/** tfjs's kernels do not all take tensors without numbers, so an input of no features (a density) is a case of its own. */
export const product = (a: tf.Tensor2D, kernel: tf.Tensor2D): tf.Tensor2D =>
  kernel.shape[0] === 0 ? tf.zeros([a.shape[0], kernel.shape[1]]) : tf.matMul(a, kernel)

/** a W + b, or a W without b. */
export const affine = (a: tf.Tensor2D, { bias, kernel }: Weights): tf.Tensor2D => {
  const s = product(a, kernel)
  return bias === undefined ? s : tf.add(s, bias)
}

/** First values of W and b, `[in(+1), out]`: W normal with this variance, b 0. A pure function of the key. */
export const drawn = (
  key: Key,
  variance: number,
  inputs: number,
  outputs: number,
  bias: boolean
): Float32Array => {
  const values = new Float32Array((inputs + (bias ? 1 : 0)) * outputs)
  const scale = Math.sqrt(variance)
  for (let i = 0; i < inputs * outputs; i++) values[i] = scale * normal(uniform(key, i, 0))
  return values
}

/** The sum of two tangents of an output, either of which may be none. */
export const added = (
  own: tf.Tensor2D | undefined,
  passed: tf.Tensor2D | undefined
): tf.Tensor2D | undefined => (own === undefined ? passed : passed === undefined ? own : tf.add(own, passed))
