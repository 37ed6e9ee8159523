import * as tf from "@tensorflow/tfjs"
import { activation } from "./activation.ts"

/** x sigmoid(x), also called swish. *Source*: Elfwing, Uchibe and Doya 2018. */
export const silu = activation("silu", {
  value: (x) => tf.mul(x, tf.sigmoid(x)),
  derivative: (x, y) => tf.add(tf.sigmoid(x), tf.mul(y, tf.sigmoid(tf.neg(x))))
})
