import * as tf from "@tensorflow/tfjs"
import { activation } from "./activation.ts"

/** The logistic function 1 / (1 + exp(-x)). */
export const sigmoid = activation("sigmoid", {
  value: (x) => tf.sigmoid(x),
  // sigmoid(x) sigmoid(-x): y (1 - y) would lose the tail where y rounds to 1.
  derivative: (x, y) => tf.mul(y, tf.sigmoid(tf.neg(x)))
})
