/**
 * A transposed convolution: every pixel of the image adds its kernel, times its value, to the output.
 *
 * *Math*: s[i stride + p - top, j stride + q - left, f] = sum x[i, j, c] K[p, q, c, f] over all pixels and taps that meet there, and b[f].
 * Read from the output it is a convolution over the image with stride - 1 zeros between its pixels: position (i, j) sees under tap (p, q)
 * the pixel ((i + top - p) / stride, (j + left - q) / stride), where that is whole and inside.
 *
 * *Source*: Dumoulin and Visin 2016, chapter 4.
 */
import * as tf from "@tensorflow/tfjs"
import { Schema } from "effect"
import { InvalidArgument, ShapeMismatch } from "../../Errors.ts"
import { decodeOrThrow, PositiveInt } from "../../Options.ts"
import {
  type Geometry,
  imageOf,
  requireMemory,
  type Side,
  type Two,
  transposedGeometry,
  transposedTable
} from "../internal/convolution.ts"
import { type BuiltLayer, type SingleLayer, single } from "../Layer.ts"
import { described, type Shape } from "../Shape.ts"
import type { Only, Said } from "./layerName.ts"
import { convolved, patchwise, type Turned } from "./patchwise.ts"
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

export interface Conv2dTransposeOptions {
  /** Channels of the output. */
  readonly filters: number
  readonly kernel: Pair
  /** 1 unless said. */
  readonly stride?: Pair
  /**
   * What is cut off the output: nothing with `"valid"`, as it is unless said; so many pixels of each end; or with `"same"` what leaves
   * size x stride.
   */
  readonly padding?: Padding
  /** Pixels that the output has more below and on the right, fewer than the stride; 0 unless said. Not with `"same"`. */
  readonly outputPadding?: Pair
  /** Whether b is there; true unless said. */
  readonly bias?: boolean
}

const Conv2dTranspose = Schema.Struct({
  filters: PositiveInt,
  kernel: pair(1),
  stride: Schema.optionalKey(pair(1)),
  padding: Schema.optionalKey(paddingOption),
  outputPadding: Schema.optionalKey(pair(0)),
  bias: Schema.optionalKey(Schema.Boolean)
})

export type Conv2dTransposeName<Options extends Conv2dTransposeOptions> =
  `conv2dTranspose(${Options["filters"]}, ${PairText<Options["kernel"]>}${Part<
    "stride",
    PairText<Said<Options, "stride", 1>>,
    "1x1"
  >}${Part<"padding", PaddingText<Said<Options, "padding", "valid">>, "0:0x0:0">}${Part<
    "output padding",
    PairText<Said<Options, "outputPadding", 0>>,
    "0x0"
  >}${BiasText<Options>})`

/**
 * A transposed convolution of an image, an image of `filters` channels.
 *
 * *Shapes*: height (height - 1) stride + kernel - padding + outputPadding, width alike; height x stride with `"same"`. Parameters
 * `[kernel height x kernel width x channels (+1), filters]`: the kernel `[kernel height, kernel width, channels, filters]`, which
 * tf.conv2dTranspose has with its last two turned, then the bias.
 * *Cost*: 2 N T kernel channels filters flops forwards, with T the positions of the output. Linearised it keeps N T kernel channels floats.
 * *Throws*: `InvalidArgument` for an option out of its range, or patches of over 2^26 numbers an example; `ShapeMismatch` where the
 * padding leaves no output.
 */
export const conv2dTranspose = <const Options extends Conv2dTransposeOptions>(
  options: Options & Only<Options, Conv2dTransposeOptions>
): SingleLayer<Conv2dTransposeName<Options>, "image", "image"> => {
  const made: Conv2dTransposeOptions = decodeOrThrow(Conv2dTranspose, options)
  const { bias = true, filters, kernel, outputPadding = 0, padding = "valid", stride = 1 } = made
  const sides = sidesOf({ kernel, stride, padding, dilation: 1 })
  const more = both(outputPadding)
  requireLess(more, sides)
  const name = [
    `conv2dTranspose(${filters}, ${pairText(both(kernel))}`,
    part("stride", pairText(both(stride)), "1x1"),
    part("padding", paddingText([sides[0].padding, sides[1].padding]), "0:0x0:0"),
    part("output padding", pairText(more), "0x0"),
    bias ? ")" : ", no bias)"
  ].join("")
  return single({
    name: name as Conv2dTransposeName<Options>,
    takes: ["image"],
    gives: "image",
    build: (input) => build(onImage(name, input, sides, more), filters, bias)
  })
}

/** A stride's pixels more would be another pixel of the image. */
const requireLess = (more: Two<number>, sides: Two<Side>): void => {
  if (more[0] === 0 && more[1] === 0) return
  const same = sides[0].padding === "same"
  if (!same && more[0] < sides[0].stride && more[1] < sides[1].stride) return
  const stride = `${sides[0].stride}x${sides[1].stride}`
  throw new InvalidArgument({
    argument: "outputPadding",
    value: pairText(more),
    message: same
      ? `outputPadding is ${pairText(more)}, and with padding "same" the output's size is said already. Give its padding in pixels.`
      : `outputPadding is ${pairText(more)} with a stride of ${stride}. Give fewer pixels than the stride.`
  })
}

const onImage = (name: string, input: Shape, sides: Two<Side>, more: Two<number>): Geometry => {
  const made = transposedGeometry(imageOf(input), sides, more)
  if (made.output[0] < 1 || made.output[1] < 1) {
    throw new ShapeMismatch({
      what: name,
      expected: "an output of at least 1x1 pixels",
      actual: described(input),
      message: `${name} makes of ${described(input)} no more than its padding cuts off. Give less padding.`
    })
  }
  requireMemory(name, input, made)
  return made
}

const build = (geometry: Geometry, filters: number, bias: boolean): BuiltLayer => {
  const [height, width] = geometry.output
  const { kernel, stride } = geometry
  return patchwise({
    geometry,
    table: transposedTable(geometry),
    output: { height, width, channels: filters },
    filters,
    bias,
    seen: (kernel[0] * kernel[1]) / (stride[0] * stride[1]),
    turned: turned(geometry, filters)
  })
}

/** The pullback is the convolution that this one is the transpose of. */
const turned = ({ before, input, kernel, output, stride }: Geometry, filters: number): Turned => {
  const side = (size: number, of: 0 | 1): Two<number> => [
    before[of],
    Math.max(0, (size - 1) * stride[of] + kernel[of] - before[of] - output[of])
  ]
  const padding: Two<Two<number>> = [side(input.height, 0), side(input.width, 1)]
  return (cotangent, weights) =>
    convolved(
      cotangent.reshape([-1, ...output, filters]),
      tf.transpose(weights.reshape<tf.Tensor4D>([...kernel, input.channels, filters]), [0, 1, 3, 2]),
      { padding, stride, dilation: [1, 1] }
    ).reshape([-1, input.height * input.width, input.channels])
}
