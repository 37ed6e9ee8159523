/**
 * What the normalisations share: y = xhat scale + shift, channel by channel, for an xhat that has no parameters.
 *
 * *Math*: the block is `[2, channels]`, the scale and below it the shift; the score is sum_t xhat[t] g[t] for the scale and sum_t g[t]
 * for the shift. With xhat = (x - mean) r over S numbers and r = (variance + epsilon)^-1/2, the derivative of xhat is
 * r (I - 1 1^T / S - xhat xhat^T / S): symmetric, so one map pulls cotangents back and pushes tangents forward.
 *
 * *Source*: Ba, Kiros and Hinton 2016, section 3; Ioffe and Szegedy 2015, section 3.
 */
import * as tf from "@tensorflow/tfjs"
import { Schema } from "effect"
import { ShapeMismatch } from "../../Errors.ts"
import type { BlockShape, BuiltLayer, Masking, Weights } from "../Layer.ts"
import { channelsOf, positionsOf, type Shape, sizeOf } from "../Shape.ts"
import { added } from "./affine.ts"
import {
  type LayerName,
  layerName,
  type NumberPart,
  numberPart,
  type Said,
  type SwitchPart,
  switchPart
} from "./layerName.ts"

export interface ScaleAndShift {
  /** Whether the scale (Keras's gamma) is there; true unless said. */
  readonly scale?: boolean
  /** Whether the shift (Keras's beta) is there; true unless said. */
  readonly shift?: boolean
}

export interface NormOptions extends ScaleAndShift {
  /** What is added to the variance; 0.001 unless said, as Keras has it. */
  readonly epsilon?: number
}

/** What is added to a variance in float32: its root and the root's reciprocal are numbers there too. */
export const Epsilon = Schema.Number.check(
  Schema.makeFilter(
    (value: number) => (value >= 1e-30 && value <= 1e30) || "Give a number from 1e-30 to 1e30."
  )
)

export const normFields = {
  epsilon: Schema.optionalKey(Epsilon),
  scale: Schema.optionalKey(Schema.Boolean),
  shift: Schema.optionalKey(Schema.Boolean)
}

/** The name of a normalisation whose first parts are given. */
export type NormName<Word extends string, First extends ReadonlyArray<string>, Options> = LayerName<
  Word,
  [
    ...First,
    NumberPart<"epsilon", Said<Options, "epsilon", 0.001>, 0.001>,
    SwitchPart<"scale", Said<Options, "scale", true>>,
    SwitchPart<"shift", Said<Options, "shift", true>>
  ]
>

/** The options in one form, and the name. */
export const named = (word: string, first: ReadonlyArray<string>, options: NormOptions) => {
  const { epsilon = 0.001, scale = true, shift = true } = options
  const parts = [
    ...first,
    numberPart("epsilon", epsilon, 0.001),
    switchPart("scale", scale),
    switchPart("shift", shift)
  ]
  return { epsilon, scale, shift, name: layerName(word, parts) }
}

/** xhat at a block of x. */
export interface Normalised {
  /** `[N, in]` */
  readonly output: tf.Tensor2D
  readonly tape: ReadonlyArray<tf.Tensor>
  /** The derivative, which is symmetric, times each of `[K, N, in]`. */
  readonly derivative: (g: tf.Tensor3D) => tf.Tensor3D
}

export interface Normalisation {
  readonly name: string
  readonly scale: boolean
  readonly shift: boolean
  readonly masking: Masking
  readonly normalise: (x: tf.Tensor2D) => Normalised
}

/** A normalisation of an input of this shape. */
export const normalisation = (of: Normalisation, input: Shape): BuiltLayer => {
  const { masking, name, normalise, scale, shift } = of
  if (sizeOf(input) === 0) {
    throw new ShapeMismatch({
      what: name,
      expected: "at least 1 number",
      actual: "0 numbers",
      message: `${name} has nothing to normalise in an input of 0 numbers. Leave it out.`
    })
  }
  const channels = channelsOf(input)
  const { joined, summed } = byChannel(positionsOf(input), channels)
  const rows = (scale ? 1 : 0) + (shift ? 1 : 0)
  const shape: BlockShape = { rows, columns: channels, bias: shift, form: "unitwise" }
  const scaled = <T extends tf.Tensor>(y: T, weights: Weights | undefined): T =>
    scale ? joined(y, (each) => tf.mul(each, weights!.kernel)) : y
  const shifted = <T extends tf.Tensor>(y: T, weights: Weights | undefined): T =>
    shift ? joined(y, (each) => tf.add(each, weights!.bias!)) : y
  const affine = (xhat: tf.Tensor2D, weights: Weights | undefined): tf.Tensor2D =>
    shifted(scaled(xhat, weights), weights)
  return {
    output: input,
    masking,
    ...(rows > 0 && {
      shape,
      initialise: () => new Float32Array(rows * channels).fill(1, 0, scale ? channels : 0)
    }),
    forward: (weights, x) => affine(normalise(x).output, weights),
    linearize: ({ block, input, weights }) => {
      const { derivative, output: xhat, tape } = normalise(input)
      return {
        output: affine(xhat, weights),
        tape: [xhat, ...tape],
        pullbackInput: (cotangent) => derivative(scaled(cotangent, weights)),
        score: (cotangent) => ({
          _tag: "Written",
          block: block!,
          gradient: tf.concat(
            [
              ...(scale ? [summed(tf.mul(cotangent, tf.expandDims(xhat, 0)))] : []),
              ...(shift ? [summed(cotangent)] : [])
            ],
            2
          )
        }),
        pushforward: (tangent, direction) => {
          const passed =
            tangent &&
            scaled(derivative(tf.expandDims(tangent, 0)).reshape<tf.Tensor2D>(tangent.shape), weights)
          return added(
            direction && shifted(scale ? scaled(xhat, direction) : tf.zerosLike(xhat), direction),
            passed
          )
        }
      }
    }
  }
}

/** Values `[..., T channels]` channel by channel. */
const byChannel = (positions: number, channels: number) => ({
  /** `f` of the rows `[. T, channels]`. */
  joined: <T extends tf.Tensor>(x: T, f: (rows: tf.Tensor2D) => tf.Tensor): T =>
    f(x.reshape([-1, channels])).reshape(x.shape),
  /** The sums over positions, `[K, N, channels]`, of `[K, N, T channels]`. */
  summed: (x: tf.Tensor3D): tf.Tensor3D => {
    if (positions === 1) return x
    const [columns, examples] = x.shape
    return tf
      .sum(x.reshape([columns * examples, positions, channels]), 1)
      .reshape([columns, examples, channels])
  }
})

/** Which numbers have a mean and a variance in common: `[B, N, in]` as `[B, sets, S]`, and back. */
export interface Sets {
  readonly sets: (x: tf.Tensor3D) => tf.Tensor3D
  readonly whole: (x: tf.Tensor3D, examples: number) => tf.Tensor3D
}

/** The numbers of each position. */
export const perPosition = (input: Shape): Sets => {
  const channels = channelsOf(input)
  return {
    sets: (x) => x.reshape([x.shape[0], -1, channels]),
    whole: (x, examples) => x.reshape([x.shape[0], examples, -1])
  }
}

/**
 * (x - mean) / sqrt(variance + epsilon) in each set, or without the mean x / sqrt(mean x^2 + epsilon). The variance is that of the
 * set itself, its sum of squares over S.
 */
export const standardised = (
  x: tf.Tensor2D,
  { sets, whole }: Sets,
  epsilon: number,
  centred: boolean
): Normalised => {
  const examples = x.shape[0]
  const mean = (of: tf.Tensor3D): tf.Tensor3D => tf.mean(of, 2, true)
  const own = sets(tf.expandDims(x, 0))
  const centre = centred ? tf.sub<tf.Tensor3D>(own, mean(own)) : own
  // In units of the largest number no square overflows.
  const unit = tf.maximum(tf.max<tf.Tensor3D>(tf.abs(centre), 2, true), 1)
  const small = tf.div<tf.Tensor3D>(centre, unit)
  const root = tf.sqrt(tf.add(mean(tf.square(small)), tf.div(epsilon, tf.square(unit))))
  const xhat = tf.div<tf.Tensor3D>(small, root)
  const rate = tf.div(tf.div(1, root), unit)
  return {
    output: whole(xhat, examples).reshape(x.shape),
    tape: [xhat, rate],
    derivative: (cotangent) => {
      const g = sets(cotangent)
      const along = tf.mul(xhat, mean(tf.mul(g, xhat)))
      const across = centred ? tf.sub(g, mean(g)) : g
      return whole(tf.mul(rate, tf.sub(across, along)), examples)
    }
  }
}
