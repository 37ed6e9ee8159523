import * as tf from "@tensorflow/tfjs"
import { activation } from "./activation.ts"

/** The fixed point of mean 0 and variance 1, to float64. */
const alpha = 1.6732632423543772
const lambda = 1.0507009873554805

const below = (x: tf.Tensor2D): tf.Tensor2D => tf.minimum(x, 0)

/**
 * lambda x over 0, lambda alpha (exp(x) - 1) below, with the slope of below at 0.
 * *Source*: Klambauer, Unterthiner, Mayr and Hochreiter 2017, eq. 2 and 14.
 */
export const selu = activation("selu", {
  value: (x) => tf.add(tf.mul(lambda, tf.relu(x)), tf.mul(lambda * alpha, tf.expm1(below(x)))),
  derivative: (x) => {
    const over = tf.step(x)
    return tf.add(tf.mul(lambda, over), tf.mul(lambda * alpha, tf.mul(tf.sub(1, over), tf.exp(below(x)))))
  }
})
