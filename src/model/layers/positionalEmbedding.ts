/** Learned positions: s[t] = x[t] + the row t of a table. As a product, the one-hot vector of the position times the table. */
import * as tf from "@tensorflow/tfjs"
import { variance } from "../Init.ts"
import { type BuiltLayer, type SingleLayer, single } from "../Layer.ts"
import { channelsOf, positionsOf, type Shape } from "../Shape.ts"
import { added, drawn } from "./affine.ts"

const build = (input: Shape): BuiltLayer => {
  const [positions, channels] = [positionsOf(input), channelsOf(input)]
  const row = (table: tf.Tensor2D): tf.Tensor2D => table.reshape([1, positions * channels])
  return {
    output: input,
    masking: "keeps",
    shape: { rows: positions, columns: channels, bias: false, form: "outer" },
    // One row counts at a time: a fan-in of 1, whatever the length.
    initialise: (key, init) => drawn(key, variance(init, 1, channels), positions, channels, false),
    forward: (weights, x) => tf.add(x, row(weights!.kernel)),
    linearize: ({ block, input: x, mask, weights }) => ({
      output: tf.add(x, row(weights!.kernel)),
      tape: [],
      pullbackInput: (cotangent) => cotangent,
      score: (cotangent) => {
        const [columns, examples] = cotangent.shape
        return {
          _tag: "Outer",
          block: block!,
          positions,
          input: tf.tile(tf.eye(positions), [examples, 1]),
          cotangent: cotangent.reshape([columns, examples * positions, channels]),
          mask
        }
      },
      pushforward: (tangent, direction) =>
        added(direction && tf.tile(row(direction.kernel), [x.shape[0], 1]), tangent)
    })
  }
}

/**
 * Adds a learned vector to every position of a sequence.
 *
 * *Shapes*: parameters `[length, channels]`, no bias. *Cost*: N T channels additions; a score has N T^2 numbers.
 */
export const positionalEmbedding: SingleLayer<"positionalEmbedding", "sequence", "sequence"> = single({
  name: "positionalEmbedding",
  takes: ["sequence"],
  gives: "sequence",
  build
})
