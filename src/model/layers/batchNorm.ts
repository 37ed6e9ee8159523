/**
 * Batch normalisation as a trained network has it: each channel by a mean and a variance that are constants of the layer.
 *
 * Statistics of the batch itself would make p(y|x) of one example depend on the others, and there would be no conditional to speak of.
 */
import * as tf from "@tensorflow/tfjs"
import { Schema } from "effect"
import { InvalidArgument, ShapeMismatch } from "../../Errors.ts"
import { decodeOrThrow, shown } from "../../Options.ts"
import { digest } from "../internal/digest.ts"
import { type SingleLayer, single } from "../Layer.ts"
import { channelsOf, type Form, type Shape } from "../Shape.ts"
import type { Only } from "./layerName.ts"
import { type Normalised, type NormOptions, named, normalisation, normFields } from "./normalisation.ts"

export interface BatchNormOptions extends NormOptions {
  /** Of each channel (Keras's moving_mean). */
  readonly mean: ArrayLike<number>
  /** Of each channel (Keras's moving_variance). */
  readonly variance: ArrayLike<number>
}

const BatchNorm = Schema.Struct({ mean: Schema.Any, variance: Schema.Any, ...normFields })

/**
 * y = (x - mean) / sqrt(variance + epsilon) scale + shift, channel by channel.
 *
 * The name holds a digest of the statistics, as of float32, so that networks with different ones have different spaces.
 * *Shapes*: parameters `[2, channels]`, scale (1 at first) and shift (0 at first); one row or none where an option leaves it out.
 * *Cost*: 4 N T channels flops forwards. *Throws*: `InvalidArgument`; `ShapeMismatch` on another number of channels.
 * *Source*: Ioffe and Szegedy 2015, algorithm 2.
 */
export const batchNorm = <const Options extends BatchNormOptions>(
  options: Options & Only<Options, BatchNormOptions>
): SingleLayer<`batchNorm(${string})`, Form, "same"> => {
  const { mean: means, variance: variances, ...others } = decodeOrThrow(BatchNorm, options)
  const mean = statistic("mean", means, "finite numbers", Number.isFinite)
  const variance = statistic(
    "variance",
    variances,
    "finite numbers of at least 0",
    (v) => Number.isFinite(v) && v >= 0
  )
  requireAlike(mean, variance)
  const { epsilon, ...rest } = named("batchNorm", [digest(Float32Array.from([...mean, ...variance]))], others)
  const rates = variance.map((v) => 1 / Math.sqrt(v + epsilon))
  return single({
    name: rest.name as `batchNorm(${string})`,
    gives: "same",
    build: (input) => {
      requireChannels(rest.name, mean.length, input)
      return normalisation({ ...rest, masking: "keeps", normalise: (x) => normalised(x, mean, rates) }, input)
    }
  })
}

const normalised = (x: tf.Tensor2D, mean: Float32Array, rates: Float32Array): Normalised => {
  const [centre, rate] = [tf.tensor1d(mean), tf.tensor1d(rates)]
  const rows = (of: tf.Tensor): tf.Tensor2D => of.reshape([-1, mean.length])
  return {
    output: tf.mul(tf.sub(rows(x), centre), rate).reshape(x.shape),
    tape: [rate],
    derivative: (g) => tf.mul(rows(g), rate).reshape(g.shape)
  }
}

/** A copy in float32. */
const statistic = (
  argument: string,
  values: unknown,
  due: string,
  holds: (value: number) => boolean
): Float32Array => {
  const wrong = (value: string, at: string): InvalidArgument =>
    new InvalidArgument({
      argument,
      value,
      message: `${argument} is ${value}${at}. Give an array of ${due}, one for each channel.`
    })
  if (!Array.isArray(values) && !ArrayBuffer.isView(values)) throw wrong(shown(values), "")
  const numbers: ReadonlyArray<unknown> = Array.from(values as unknown as ArrayLike<unknown>)
  if (numbers.length === 0) throw wrong("empty", "")
  const flaw = numbers.findIndex((value) => typeof value !== "number" || !holds(Math.fround(value)))
  if (flaw >= 0) throw wrong(shown(numbers[flaw]), ` at ${flaw}`)
  // -0 is the number 0, in the digest too.
  return Float32Array.from(numbers as ReadonlyArray<number>, (value) => value + 0)
}

const requireAlike = (mean: Float32Array, variance: Float32Array): void => {
  if (mean.length === variance.length) return
  throw new ShapeMismatch({
    what: "statistics of batchNorm",
    expected: `${mean.length} variances`,
    actual: String(variance.length),
    message: `batchNorm has ${mean.length} means and ${variance.length} variances. Give one of each for every channel.`
  })
}

const requireChannels = (name: string, due: number, input: Shape): void => {
  const channels = channelsOf(input)
  if (channels === due) return
  throw new ShapeMismatch({
    what: name,
    expected: `${due} channels`,
    actual: `${channels} channels`,
    message: `${name} has statistics of ${due} channels and its input has ${channels}. Give one mean and one variance for each channel.`
  })
}
