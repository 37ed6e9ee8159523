import * as tf from "@tensorflow/tfjs"
import { activation } from "./activation.ts"

/** log(1 + exp(x)), as max(x, 0) + log(1 + exp(-|x|)), which neither overflows nor loses the tail. */
export const softplus = activation("softplus", {
  value: (x) => tf.add(tf.relu(x), tf.log1p(tf.exp(tf.neg(tf.abs(x))))),
  derivative: (x) => tf.sigmoid(x)
})
