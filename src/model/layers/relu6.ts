import * as tf from "@tensorflow/tfjs"
import { activation } from "./activation.ts"

/** max(x, 0), and 6 from there on, with derivative 0 at 0 and at 6. */
export const relu6 = activation("relu6", {
  value: (x) => tf.minimum(tf.relu(x), 6),
  derivative: (x) => tf.mul(tf.step(x), tf.step(tf.sub(6, x)))
})
