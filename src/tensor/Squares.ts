/**
 * Squares of gradients that are sums over positions, summed over examples and columns, where the device has a kernel for it.
 *
 * The gradients of one example are there at a time, in the cache: no cotangent is laid out anew for all of them.
 */
import * as tf from "@tensorflow/tfjs"
import { squaredSumsKernel } from "./internal/squareKernel.ts"

/** Gradients D_kn = sum_t abar_nt g_knt^T, `[in (+1), out]`. */
export interface PositionSums {
  /** `[N T, in]` */
  readonly input: tf.Tensor2D
  /** `[K, N T, out]` */
  readonly cotangent: tf.Tensor3D
  /** T */
  readonly positions: number
  /** Whether abar has a 1 after the inputs. */
  readonly bias: boolean
  /** `[in (+1), in (+1)]` and `[out, out]`: the gradients are U^T D V. */
  readonly turned?: { readonly left: tf.Tensor2D; readonly right: tf.Tensor2D }
}

/**
 * Inside a tensor program: `sum_kn (U^T D_kn V)^2`, elementwise, `[in (+1), out]`; nothing where the device has no kernel for it. It has no
 * gradient.
 *
 * *Cost*: 2 K N T in out flops; turned, K N in out (in + out) more, twice.
 */
export const squaredSums = ({
  bias,
  cotangent,
  input,
  positions,
  turned
}: PositionSums): tf.Tensor2D | undefined => {
  if (tf.getKernel(squaredSumsKernel, tf.getBackend()) === undefined) return undefined
  return tf.engine().runKernel(squaredSumsKernel, { a: input, g: cotangent, ...turned }, { bias, positions })
}
