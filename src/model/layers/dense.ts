/** A dense layer: s = a W + b, with W `[in, out]`. */
import * as tf from "@tensorflow/tfjs"
import { Schema } from "effect"
import { ShapeMismatch } from "../../Errors.ts"
import { decodeOrThrow, PositiveInt } from "../../Options.ts"
import { variance } from "../Init.ts"
import type { BuiltLayer, Layer, LayerPoint, LinearizedLayer } from "../Layer.ts"
import { sizeOf } from "../Shape.ts"
import { affine, drawn, product } from "./affine.ts"

export interface DenseOptions {
  /** Whether b is there; true unless said. */
  readonly bias?: boolean
}

const Dense = Schema.Struct({ units: PositiveInt, bias: Schema.optionalKey(Schema.Boolean) })

/** A dense layer's name in a signature: two layers of different sizes have different names. */
export type DenseName<Units extends number, Options extends DenseOptions> = Options extends {
  readonly bias: false
}
  ? `dense(${Units}, no bias)`
  : `dense(${Units})`

/**
 * A dense layer of `units` outputs.
 *
 * *Cost*: 2 N in out flops forwards, twice that for a cotangent. *Throws*: `InvalidArgument` where `units` is not a whole number
 * of at least 1; `ShapeMismatch` for a layer that would have no parameters.
 */
export const dense = <const Units extends number, const Options extends DenseOptions = {}>(
  units: Units,
  options?: Options
): Layer<DenseName<Units, Options>, "numbers", "numbers"> => {
  const { bias = true } = decodeOrThrow(Dense, { units, ...options })
  return {
    _tag: "Layer",
    name: (bias ? `dense(${units})` : `dense(${units}, no bias)`) as DenseName<Units, Options>,
    takes: "numbers",
    gives: "numbers",
    build: (input) => build(sizeOf(input), units, bias)
  }
}

const build = (inputs: number, outputs: number, bias: boolean): BuiltLayer => {
  if (inputs === 0 && !bias) {
    throw new ShapeMismatch({
      what: `dense(${outputs}, no bias)`,
      expected: "an input of at least 1 number, or a bias",
      actual: "an input of 0 numbers",
      message: `dense(${outputs}, no bias) has no parameters on an input of 0 numbers. Give it its bias.`
    })
  }
  return {
    output: outputs,
    shape: { rows: inputs + (bias ? 1 : 0), columns: outputs, bias },
    initialise: (key, init) => drawn(key, variance(init, inputs, outputs), inputs, outputs, bias),
    forward: (weights, input) => affine(input, weights!),
    linearize
  }
}

const linearize = ({ block, input, weights }: LayerPoint): LinearizedLayer => {
  const { kernel } = weights!
  return {
    output: affine(input, weights!),
    tape: [],
    pullbackInput: (cotangent) => {
      const [columns, rows, outputs] = cotangent.shape
      const flat = cotangent.reshape<tf.Tensor2D>([columns * rows, outputs])
      return tf.matMul(flat, kernel, false, true).reshape([columns, rows, kernel.shape[0]])
    },
    score: (cotangent) => ({ _tag: "Outer", block: block!, positions: 1, input, cotangent }),
    pushforward: (tangent, direction) => {
      const own = affine(input, direction!)
      return tangent === undefined ? own : tf.add(own, product(tangent, kernel))
    }
  }
}
