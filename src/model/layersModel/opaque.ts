/**
 * A layer of a tfjs model that has no counterpart here, as a constant map: tfjs runs it and differentiates it.
 *
 * *Math*: J^T g is tfjs's own gradient, one pass for each column. J v differentiates it once more: J^T u is linear in u, and the gradient in u
 * of <J^T u, v> is J v.
 */
import * as tf from "@tensorflow/tfjs"
import type { BuiltLayer } from "../Layer.ts"
import { type Shape, sizeOf } from "../Shape.ts"
import type { KerasLayer } from "./keras.ts"

const dimensions = (shape: Shape): ReadonlyArray<number> =>
  typeof shape === "number"
    ? [shape]
    : "length" in shape
      ? [shape.length, shape.channels]
      : [shape.height, shape.width, shape.channels]

export const opaque = (layer: KerasLayer, input: Shape, output: Shape): BuiltLayer => {
  const applied = layer as unknown as { readonly apply: (x: tf.Tensor) => tf.Tensor }
  const f = (x: tf.Tensor): tf.Tensor =>
    applied.apply(x.reshape([x.shape[0]!, ...dimensions(input)])).reshape([x.shape[0]!, sizeOf(output)])
  return {
    output,
    forward: (_, x) => f(x) as tf.Tensor2D,
    linearize: ({ input: x }) => ({
      output: f(x) as tf.Tensor2D,
      tape: [],
      pullbackInput: (cotangent) => {
        const each = tf.unstack(cotangent).map((column) => tf.grad(f)(x, column))
        return tf.stack(each) as tf.Tensor3D
      },
      pushforward: (tangent) =>
        tangent === undefined
          ? undefined
          : (tf.grad((u) => tf.sum(tf.mul(tf.grad(f)(x, u), tangent)))(
              tf.zeros([x.shape[0], sizeOf(output)])
            ) as tf.Tensor2D)
    })
  }
}
