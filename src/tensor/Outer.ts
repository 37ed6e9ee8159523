/** Gradients that are outer products of two vectors each, written out side by side, where the device has a kernel for it. */
import * as tf from "@tensorflow/tfjs"
import { outerRowsKernel } from "./internal/outerKernel.ts"

/** Gradients abar_n g_kn^T, `[in (+1), out]`. */
export interface OuterProducts {
  /** `[N, in]` */
  readonly input: tf.Tensor2D
  /** `[K, N, out]` */
  readonly cotangent: tf.Tensor3D
  /** in; 0 where there is a bias alone, whatever the input. */
  readonly inputs: number
  /** Whether abar has a 1 after the inputs. */
  readonly bias: boolean
}

/**
 * Inside a tensor program: the gradients of each part, side by side, for the columns `[from, to)` below each other, `[(to - from) N, sum of
 * (in (+1)) out]`; nothing where the device has no kernel for it. They have no gradient.
 *
 * *Cost*: one multiplication and one store for each number.
 */
export const outerRows = (
  parts: ReadonlyArray<OuterProducts>,
  from: number,
  to: number
): tf.Tensor2D | undefined => {
  if (tf.getKernel(outerRowsKernel, tf.getBackend()) === undefined) return undefined
  const tensors = parts.flatMap(({ cotangent, input }, i) => [
    [`a${i}`, input] as const,
    [`g${i}`, cotangent] as const
  ])
  return tf.engine().runKernel(outerRowsKernel, Object.fromEntries(tensors), {
    from,
    to,
    inputs: parts.map(({ inputs }) => inputs),
    biases: parts.map(({ bias }) => bias)
  })
}
