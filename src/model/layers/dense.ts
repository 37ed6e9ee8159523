/** A dense layer: s = a W + b, with W `[in, out]`; of a sequence, at each of its T positions. */
import * as tf from "@tensorflow/tfjs"
import { Schema } from "effect"
import { ShapeMismatch } from "../../Errors.ts"
import { decodeOrThrow, PositiveInt } from "../../Options.ts"
import { variance } from "../Init.ts"
import { type BuiltLayer, type SingleLayer, single } from "../Layer.ts"
import { channelsOf, positionsOf, type Shape, withChannels } from "../Shape.ts"
import { added, affine, drawn, product } from "./affine.ts"

export interface DenseOptions {
  /** Whether b is there; true unless said. */
  readonly bias?: boolean
}

const Units = Schema.Struct({ units: PositiveInt })
const Dense = Schema.Struct({ bias: Schema.optionalKey(Schema.Boolean) })

/** A dense layer's name in a signature: two layers of different sizes have different names. */
export type DenseName<Units extends number, Options extends DenseOptions> = Options extends {
  readonly bias: false
}
  ? `dense(${Units}, no bias)`
  : `dense(${Units})`

/**
 * A dense layer of `units` outputs, on numbers or at every position of a sequence.
 *
 * *Shapes*: parameters `[in (+1), units]`, in the channels of a position. *Cost*: 2 N T in out flops forwards, twice that for a
 * cotangent. *Throws*: `InvalidArgument` where `units` is not a whole number of at least 1, or for options that are none;
 * `ShapeMismatch` for a layer that would have no parameters.
 */
export const dense = <const Units extends number, const Options extends DenseOptions = {}>(
  units: Units,
  options: Options = {} as Options
): SingleLayer<DenseName<Units, Options>, "numbers" | "sequence", "same"> => {
  decodeOrThrow(Units, { units })
  const { bias = true } = decodeOrThrow(Dense, options)
  return single({
    name: (bias ? `dense(${units})` : `dense(${units}, no bias)`) as DenseName<Units, Options>,
    takes: ["numbers", "sequence"],
    gives: "same",
    build: (input) => build(input, units, bias)
  })
}

const build = (input: Shape, outputs: number, bias: boolean): BuiltLayer => {
  const inputs = channelsOf(input)
  const positions = positionsOf(input)
  if (inputs === 0 && !bias) {
    throw new ShapeMismatch({
      what: `dense(${outputs}, no bias)`,
      expected: "an input of at least 1 number, or a bias",
      actual: "an input of 0 numbers",
      message: `dense(${outputs}, no bias) has no parameters on an input of 0 numbers. Give it its bias.`
    })
  }
  const { joined, rows } = byPosition(positions)
  return {
    output: withChannels(input, outputs),
    masking: "keeps",
    shape: { rows: inputs + (bias ? 1 : 0), columns: outputs, bias, form: "outer" },
    initialise: (key, init) => drawn(key, variance(init, inputs, outputs), inputs, outputs, bias),
    forward: (weights, input) => joined(affine(rows(input), weights!)),
    linearize: ({ block, input, mask, weights }) => {
      const own = rows(input)
      const { kernel } = weights!
      return {
        output: joined(affine(own, weights!)),
        tape: [own],
        pullbackInput: (cotangent) => {
          const [columns, examples] = cotangent.shape
          const flat = cotangent.reshape<tf.Tensor2D>([columns * examples * positions, outputs])
          return tf.matMul(flat, kernel, false, true).reshape([columns, examples, positions * inputs])
        },
        score: (cotangent) => {
          const [columns, examples] = cotangent.shape
          return {
            _tag: "Outer",
            block: block!,
            positions,
            input: own,
            cotangent: cotangent.reshape([columns, examples * positions, outputs]),
            mask
          }
        },
        pushforward: (tangent, direction) =>
          added(
            direction && joined(affine(own, direction)),
            tangent && joined(product(rows(tangent), kernel))
          )
      }
    }
  }
}

/** Examples `[N, T width]` as rows of positions `[N T, width]`, and back: one position is the example itself. */
const byPosition = (positions: number) => ({
  rows: (x: tf.Tensor2D): tf.Tensor2D =>
    positions === 1 ? x : x.reshape([x.shape[0] * positions, x.shape[1] / positions]),
  joined: (x: tf.Tensor2D): tf.Tensor2D =>
    positions === 1 ? x : x.reshape([x.shape[0] / positions, x.shape[1] * positions])
})
