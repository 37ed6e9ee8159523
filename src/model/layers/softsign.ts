import * as tf from "@tensorflow/tfjs"
import { activation } from "./activation.ts"

const size = (x: tf.Tensor2D): tf.Tensor2D => tf.add(1, tf.abs(x))

/** x / (1 + |x|). */
export const softsign = activation("softsign", {
  value: (x) => tf.div(x, size(x)),
  derivative: (x) => tf.square(tf.div(1, size(x)))
})
