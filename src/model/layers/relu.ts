import * as tf from "@tensorflow/tfjs"
import { gated } from "../../tensor/Windows.ts"
import { single } from "../Layer.ts"

/** max(x, 0), with derivative 0 at 0: it is kept as the output alone, which is over 0 where its derivative is 1. */
export const relu = single({
  name: "relu",
  gives: "same",
  build: (input) => ({
    output: input,
    masking: "keeps",
    forward: (_, x) => tf.relu(x),
    linearize: ({ input: x }) => {
      const output = tf.relu(x)
      return {
        output,
        tape: [],
        pullbackInput: (cotangent) => gated(cotangent, output),
        pushforward: (tangent) => tangent && gated(tangent, output)
      }
    }
  })
})
