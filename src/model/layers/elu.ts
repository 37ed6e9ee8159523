import * as tf from "@tensorflow/tfjs"
import { activation } from "./activation.ts"

const below = (x: tf.Tensor2D): tf.Tensor2D => tf.minimum(x, 0)

/** x over 0, exp(x) - 1 below. *Source*: Clevert, Unterthiner and Hochreiter 2016, with alpha 1. */
export const elu = activation("elu", {
  value: (x) => tf.add(tf.relu(x), tf.expm1(below(x))),
  derivative: (x) => tf.exp(below(x))
})
