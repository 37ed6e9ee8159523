import * as tf from "@tensorflow/tfjs"
import { activation } from "./activation.ts"

/** Phi(x), the standard normal distribution function. */
const phi = (x: tf.Tensor2D): tf.Tensor2D => tf.mul(0.5, tf.add(1, tf.erf(tf.mul(x, Math.SQRT1_2))))

/** The normal density. */
const density = (x: tf.Tensor2D): tf.Tensor2D =>
  tf.mul(1 / Math.sqrt(2 * Math.PI), tf.exp(tf.mul(-0.5, tf.square(x))))

/** x Phi(x), in the exact form. *Source*: Hendrycks and Gimpel 2016. */
export const gelu = activation("gelu", {
  value: (x) => tf.mul(x, phi(x)),
  derivative: (x) => tf.add(phi(x), tf.mul(x, density(x)))
})
