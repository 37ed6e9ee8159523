import * as tf from "@tensorflow/tfjs"
import { activation } from "./activation.ts"

/** x itself: for deep linear networks, where K-FAC is exact. */
export const identity = activation("identity", {
  value: (x) => tf.clone(x),
  derivative: (x) => tf.onesLike(x)
})
