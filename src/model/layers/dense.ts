/** A dense layer: s = a W + b, with W `[in, out]`. */
import * as tf from "@tensorflow/tfjs"
import { Schema } from "effect"
import { ShapeMismatch } from "../../Errors.ts"
import { decodeOrThrow, PositiveInt } from "../../Options.ts"
import { normal } from "../../random/Distributions.ts"
import { type Key, uniform } from "../../random/Key.ts"
import { type Init, variance } from "../Init.ts"
import type { BuiltLayer, Layer, LayerPoint, LinearizedLayer, Weights } from "../Layer.ts"

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
): Layer<DenseName<Units, Options>> => {
  const { bias = true } = decodeOrThrow(Dense, { units, ...options })
  return {
    _tag: "Layer",
    name: (bias ? `dense(${units})` : `dense(${units}, no bias)`) as DenseName<Units, Options>,
    build: (inputs) => build(inputs, units, bias)
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
    outputs,
    shape: { rows: inputs + (bias ? 1 : 0), columns: outputs, bias },
    initialise: (key, init) => initialise(key, init, inputs, outputs, bias),
    forward: (weights, input) => affine(input, weights!),
    linearize
  }
}

const initialise = (key: Key, init: Init, inputs: number, outputs: number, bias: boolean): Float32Array => {
  const values = new Float32Array((inputs + (bias ? 1 : 0)) * outputs)
  const scale = Math.sqrt(variance(init, inputs, outputs))
  for (let i = 0; i < inputs * outputs; i++) values[i] = scale * normal(uniform(key, i, 0))
  return values
}

/** tfjs's kernels do not all take tensors without numbers, so an input of no features (a density) is a case of its own. */
const product = (a: tf.Tensor2D, kernel: tf.Tensor2D): tf.Tensor2D =>
  kernel.shape[0] === 0 ? tf.zeros([a.shape[0], kernel.shape[1]]) : tf.matMul(a, kernel)

const affine = (input: tf.Tensor2D, { kernel, bias }: Weights): tf.Tensor2D => {
  const s = product(input, kernel)
  return bias === undefined ? s : tf.add(s, bias)
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
