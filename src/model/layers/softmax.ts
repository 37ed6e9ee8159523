/** Softmax as a layer, over the channels of each position. */
import * as tf from "@tensorflow/tfjs"
import { ShapeMismatch } from "../../Errors.ts"
import { type BuiltLayer, type SingleLayer, single } from "../Layer.ts"
import { channelsOf, type Form, type Shape, sizeOf } from "../Shape.ts"

const build = (input: Shape): BuiltLayer => {
  if (sizeOf(input) === 0) {
    throw new ShapeMismatch({
      what: "softmax",
      expected: "at least 1 number",
      actual: "0 numbers",
      message: "softmax has no numbers to share 1 between in an input of 0. Leave it out."
    })
  }
  const channels = channelsOf(input)
  const value = (x: tf.Tensor2D): tf.Tensor2D => tf.softmax(x.reshape([-1, channels])).reshape(x.shape)
  return {
    output: input,
    masking: "keeps",
    forward: (_, x) => value(x),
    linearize: ({ input: x }) => {
      const output = value(x)
      /** y (g - sum g y): symmetric, so cotangents and tangents go through one map. */
      const derivative = <T extends tf.Tensor>(g: T): T => {
        const [own, y] = [
          g.reshape<tf.Tensor3D>([-1, x.size / channels, channels]),
          output.reshape([1, -1, channels])
        ]
        return tf.mul(y, tf.sub(own, tf.sum(tf.mul(own, y), 2, true))).reshape(g.shape) as T
      }
      return {
        output,
        tape: [],
        pullbackInput: derivative,
        pushforward: (tangent) => tangent && derivative(tangent)
      }
    }
  }
}

/** exp(x_i) / sum_j exp(x_j) over the channels of each position; over all numbers, where the input is numbers. */
export const softmax: SingleLayer<"softmax", Form, "same"> = single({ name: "softmax", gives: "same", build })
