/**
 * A depthwise convolution: every channel of the image has kernels of its own.
 *
 * *Math*: s[t, c, m] = sum_tap patch[t, tap, c] K[tap, c, m] + b[c, m]. A column (c, m) of the parameters thus has its own inputs, and its
 * gradient sum_t patch[t, tap, c] g[t, c, m] has as many numbers as the parameters: it is written out, for all channels at once.
 */
import * as tf from "@tensorflow/tfjs"
import { Schema } from "effect"
import { decodeOrThrow, PositiveInt } from "../../Options.ts"
import { sumOf } from "../../tensor/Device.ts"
import { partByPart } from "../../tensor/Parts.ts"
import { variance } from "../Init.ts"
import { fitted, type Geometry, patchTable, positionTable, tapTable } from "../internal/convolution.ts"
import { type BuiltLayer, type SingleLayer, single, type Weights } from "../Layer.ts"
import { added, drawn } from "./affine.ts"
import type { Only, Said } from "./layerName.ts"
import { repeated, taken } from "./patchwise.ts"
import {
  type BiasText,
  both,
  type Padding,
  type PaddingText,
  type Pair,
  type PairText,
  type Part,
  paddingOption,
  paddingText,
  pair,
  pairText,
  part,
  sidesOf
} from "./windowOptions.ts"

export interface DepthwiseConv2dOptions {
  readonly kernel: Pair
  /** Kernels of each channel; 1 unless said. */
  readonly multiplier?: number
  /** 1 unless said. */
  readonly stride?: Pair
  /** `"valid"` unless said. */
  readonly padding?: Padding
  /** Distance between two taps of the kernel; 1 unless said. */
  readonly dilation?: Pair
  /** Whether b is there; true unless said. */
  readonly bias?: boolean
}

const DepthwiseConv2d = Schema.Struct({
  kernel: pair(1),
  multiplier: Schema.optionalKey(PositiveInt),
  stride: Schema.optionalKey(pair(1)),
  padding: Schema.optionalKey(paddingOption),
  dilation: Schema.optionalKey(pair(1)),
  bias: Schema.optionalKey(Schema.Boolean)
})

export type DepthwiseConv2dName<Options extends DepthwiseConv2dOptions> = `depthwiseConv2d(${PairText<
  Options["kernel"]
>}${Part<"multiplier", `${Said<Options, "multiplier", 1>}`, "1">}${Part<
  "stride",
  PairText<Said<Options, "stride", 1>>,
  "1x1"
>}${Part<"padding", PaddingText<Said<Options, "padding", "valid">>, "0:0x0:0">}${Part<
  "dilation",
  PairText<Said<Options, "dilation", 1>>,
  "1x1"
>}${BiasText<Options>})`

/**
 * A convolution of each channel of an image by itself, an image of channels x multiplier channels: c multiplier + m comes from c.
 *
 * *Shapes*: height and width as of `conv2d`. Parameters `[kernel height x kernel width (+1), channels x multiplier]`: tfjs's depthwise
 * kernel `[kernel height, kernel width, channels, multiplier]`, then the bias.
 * *Cost*: 2 N T kernel channels multiplier flops forwards, twice that for a cotangent.
 * *Throws*: as `conv2d`.
 */
export const depthwiseConv2d = <const Options extends DepthwiseConv2dOptions>(
  options: Options & Only<Options, DepthwiseConv2dOptions>
): SingleLayer<DepthwiseConv2dName<Options>, "image", "image"> => {
  const made: DepthwiseConv2dOptions = decodeOrThrow(DepthwiseConv2d, options)
  const { bias = true, dilation = 1, kernel, multiplier = 1, padding = "valid", stride = 1 } = made
  const sides = sidesOf({ kernel, stride, padding, dilation })
  const name = [
    `depthwiseConv2d(${pairText(both(kernel))}`,
    part("multiplier", String(multiplier), "1"),
    part("stride", pairText(both(stride)), "1x1"),
    part("padding", paddingText([sides[0].padding, sides[1].padding]), "0:0x0:0"),
    part("dilation", pairText(both(dilation)), "1x1"),
    bias ? ")" : ", no bias)"
  ].join("")
  return single({
    name: name as DepthwiseConv2dName<Options>,
    takes: ["image"],
    gives: "image",
    build: (input) => build(fitted(name, input, sides), multiplier, bias)
  })
}

const build = (g: Geometry, multiplier: number, bias: boolean): BuiltLayer => {
  const taps = g.kernel[0] * g.kernel[1]
  const columns = g.input.channels * multiplier
  const [height, width] = g.output
  const { apply, pullback, scores } = maps(g, multiplier)
  return {
    output: { height, width, channels: columns },
    shape: { rows: taps + (bias ? 1 : 0), columns, bias, form: "unitwise" },
    initialise: (key, init) => drawn(key, variance(init, taps, taps * multiplier), taps, columns, bias),
    forward: (weights, input) => apply(input, weights!),
    linearize: ({ block, input, weights }) => ({
      output: apply(input, weights!),
      tape: [],
      pullbackInput: (cotangent) => pullback(cotangent, weights!.kernel),
      score: (cotangent) => ({ _tag: "Written", block: block!, gradient: scores(input, cotangent, bias) }),
      pushforward: (tangent, direction) =>
        added(direction && apply(input, direction), tangent && apply(tangent, { kernel: weights!.kernel }))
    })
  }
}

/** The map of images and kernels, and its two transposes; all go tap by tap, with values `[., T channels multiplier]`. */
const maps = (g: Geometry, multiplier: number) => {
  const { channels, height, width } = g.input
  const pixels = height * width
  const taps = g.kernel[0] * g.kernel[1]
  const positions = g.output[0] * g.output[1]
  const columns = channels * multiplier
  const table = patchTable(g)
  const seen = Array.from({ length: taps }, (_, tap) => tapTable(table, taps, tap))
  const seenAt = seen.map((places) => positionTable(places, pixels))
  const channelOf = Int32Array.from({ length: columns }, (_, column) => Math.floor(column / multiplier))
  const kernelAt = (kernel: tf.Tensor2D, tap: number): tf.Tensor1D =>
    repeated(tf.slice(kernel, [tap, 0], [1, columns]), positions)
  /** What the tap sees at every position, for every kernel: `[N, T columns]`. */
  const seenBy = (x: tf.Tensor2D, tap: number): tf.Tensor2D => {
    const own = taken(x.reshape([-1, pixels, channels]), seen[tap]!)
    const each = multiplier === 1 ? own : taken(own.reshape([-1, channels, 1]), channelOf)
    return each.reshape([-1, positions * columns])
  }
  return {
    /** Images `[N, .]` to outputs `[N, .]`. */
    apply: (x: tf.Tensor2D, { bias, kernel }: Weights): tf.Tensor2D => {
      const s = sumOf(taps, (tap) => tf.mul<tf.Tensor2D>(seenBy(x, tap), kernelAt(kernel, tap)))
      return bias === undefined ? s : tf.add(s, repeated(bias, positions))
    },
    /** Cotangents of images for those of the outputs, both `[K, N, .]`. */
    pullback: (cotangent: tf.Tensor3D, kernel: tf.Tensor2D): tf.Tensor3D => {
      const rows = cotangent.reshape([-1, positions * columns])
      return sumOf(taps, (tap) => {
        const each = tf.mul(rows, kernelAt(kernel, tap))
        const own = multiplier === 1 ? each : tf.sum(each.reshape([-1, channels, multiplier]), 2)
        return taken(own.reshape([-1, positions, channels]), seenAt[tap]!)
      }).reshape([cotangent.shape[0], cotangent.shape[1], pixels * channels])
    },
    /** The gradients `[K, N, rows x columns]`. */
    scores: (x: tf.Tensor2D, cotangent: tf.Tensor3D, bias: boolean): tf.Tensor3D => {
      const [K, N] = cotangent.shape
      const summed = (terms: tf.Tensor): tf.Tensor3D =>
        tf.sum(terms.reshape([K * N, positions, columns]), 1).reshape([K, N, columns])
      const rows = partByPart([...seen.keys()], (tap) => [summed(tf.mul(cotangent, seenBy(x, tap)))])
      return tf.concat<tf.Tensor3D>((bias ? [...rows, summed(cotangent)] : rows) as Array<tf.Tensor3D>, 2)
    }
  }
}
