import * as tf from "@tensorflow/tfjs"
import { activation } from "./activation.ts"

/** max(x, 0), with derivative 0 at 0. */
export const relu = activation("relu", {
  value: (x) => tf.relu(x),
  derivative: (x) => tf.step(x)
})
