import * as tf from "@tensorflow/tfjs"
import { activation } from "./activation.ts"

/** tanh(x). */
export const tanh = activation("tanh", {
  value: (x) => tf.tanh(x),
  derivative: (_, y) => tf.sub(1, tf.square(y))
})
