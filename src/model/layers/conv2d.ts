/**
 * A convolution over an image: s[t] = patch[t] W + b at every position t, W and b shared by all positions.
 *
 * A patch is what lies under the kernel, `[kernel height x kernel width x channels]` in this order, so W is tfjs's kernel
 * (HWIO) as a matrix `[in, filters]`. The layer is thus a dense one on T patches for each example: its score is the outer form with
 * T positions. As tfjs and PyTorch have it, it is a cross-correlation: the kernel is not turned around.
 *
 * Patches are one gather; the pullback to the image is a product and, for each pixel, the sum over the patches that it is in, again
 * gathers. See internal/convolution.ts for the tables.
 */
import * as tf from "@tensorflow/tfjs"
import { InvalidArgument, ShapeMismatch } from "../../Errors.ts"
import { sumOf } from "../../tensor/Device.ts"
import { byRows } from "../../tensor/Rows.ts"
import { variance } from "../Init.ts"
import {
  type Geometry,
  geometry,
  patchTable,
  pixelTables,
  reach,
  type Side,
  type Two
} from "../internal/convolution.ts"
import { type BuiltLayer, type SingleLayer, single } from "../Layer.ts"
import { type Image, type Shape, shapeName, sizeOf } from "../Shape.ts"
import { added, affine, drawn, product } from "./affine.ts"
import { type Conv2dName, type Conv2dOptions, decoded, type NoOther } from "./conv2dOptions.ts"

export type { Conv2dName, Conv2dOptions, Padding, Pair } from "./conv2dOptions.ts"

/**
 * A convolution of an image with `filters` kernels, an image of as many channels.
 *
 * *Shapes*: height floor((height + padding - dilation (kernel - 1) - 1) / stride) + 1, width alike; T is their product.
 * Parameters `[kernel height x kernel width x channels (+1), filters]`: tfjs's HWIO kernel, then the bias.
 * *Cost*: 2 N T kernel channels filters flops forwards, twice that for a cotangent. Linearised it keeps its patches,
 * N T kernel channels floats.
 * *Throws*: `InvalidArgument` for an option out of its range, or patches of over 2^26 numbers an example; `ShapeMismatch` where the
 * output would be smaller than 1 pixel.
 */
export const conv2d = <const Options extends Conv2dOptions>(
  options: Options & NoOther<Options>
): SingleLayer<Conv2dName<Options>, "image", "image"> => {
  const { bias, filters, name, sides } = decoded(options)
  return single({
    name: name as Conv2dName<Options>,
    takes: ["image"],
    gives: "image",
    build: (input) => build(onImage(name, sides, input), filters, bias)
  })
}

/** 256 MiB of patches an example. */
const mostPatchNumbers = 2 ** 26

const onImage = (name: string, sides: Two<Side>, input: Shape): Geometry => {
  const made = geometry(input as Image, sides)
  const image = `an image of ${shapeName(input)}`
  if (made.output[0] < 1 || made.output[1] < 1) {
    const due = `${reach(sides[0])}x${reach(sides[1])} pixels`
    throw new ShapeMismatch({
      what: name,
      expected: `an image of at least ${due}, padding included`,
      actual: image,
      message: `${name} reaches over ${due}, and with its padding ${image} is smaller. Give a smaller kernel or more padding.`
    })
  }
  const numbers = made.output[0] * made.output[1] * patchSize(made)
  if (numbers > mostPatchNumbers) {
    throw new InvalidArgument({
      argument: "kernel",
      value: `${made.kernel[0]}x${made.kernel[1]}`,
      message: `${name} on ${image} has patches of ${numbers} numbers an example, over the ${mostPatchNumbers} that are allowed. Give a smaller kernel or image, or a larger stride.`
    })
  }
  return made
}

/** How many numbers one patch has. */
const patchSize = ({ input, kernel }: Geometry): number => kernel[0] * kernel[1] * input.channels

/** How many numbers of patches are on the device at once, besides those that are kept: 16 MiB. */
const patchBudget = 2 ** 19

const build = (g: Geometry, filters: number, bias: boolean): BuiltLayer => {
  const inputs = patchSize(g)
  const positions = g.output[0] * g.output[1]
  const { patches, pullback } = maps(g, filters)
  const atOnce = Math.max(1, Math.floor(patchBudget / (positions * inputs)))
  /** What a product with patches gives, as an image for each example. */
  const images = (s: tf.Tensor2D): tf.Tensor2D => s.reshape([-1, positions * filters])
  return {
    output: { height: g.output[0], width: g.output[1], channels: filters },
    shape: { rows: inputs + (bias ? 1 : 0), columns: filters, bias, form: "outer" },
    initialise: (key, init) => {
      const taps = g.kernel[0] * g.kernel[1]
      return drawn(key, variance(init, inputs, taps * filters), inputs, filters, bias)
    },
    forward: (weights, input) => byRows(input, atOnce, (rows) => images(affine(patches(rows), weights!))),
    linearize: ({ block, input, weights }) => {
      const own = patches(input)
      return {
        output: images(affine(own, weights!)),
        tape: [own],
        pullbackInput: (cotangent) => {
          const [columns, examples] = cotangent.shape
          const all = cotangent.reshape<tf.Tensor3D>([columns * examples, positions, filters])
          const pulled = byRows(all, atOnce, (part) => pullback(part, weights!.kernel))
          return pulled.reshape([columns, examples, sizeOf(g.input)])
        },
        score: (cotangent) => {
          const [columns, examples] = cotangent.shape
          return {
            _tag: "Outer",
            block: block!,
            positions,
            input: own,
            cotangent: cotangent.reshape([columns, examples * positions, filters])
          }
        },
        pushforward: (tangent, direction) =>
          added(
            direction && images(affine(own, direction)),
            tangent && byRows(tangent, atOnce, (rows) => images(product(patches(rows), weights!.kernel)))
          )
      }
    }
  }
}

/** The two linear maps between images and patches, with the tables for them. */
const maps = (g: Geometry, filters: number) => {
  const { channels, height, width } = g.input
  const pixels = height * width
  const taps = g.kernel[0] * g.kernel[1]
  const positions = g.output[0] * g.output[1]
  const table = patchTable(g)
  const padded = table.includes(pixels)
  const tables = pixelTables(table, pixels)
  const at = (places: Int32Array): tf.Tensor1D => tf.tensor1d(places, "int32")
  /** With a row of zeros after the last: the padding, or the patch that a pixel is not in. */
  const withZeros = (x: tf.Tensor3D): tf.Tensor3D => tf.concat([x, tf.zeros([x.shape[0], 1, x.shape[2]])], 1)
  return {
    /** `[N T, in]`, of images `[N, height x width x channels]`. */
    patches: (x: tf.Tensor2D): tf.Tensor2D => {
      const image = x.reshape<tf.Tensor3D>([-1, pixels, channels])
      const gathered = tf.gather(padded ? withZeros(image) : image, at(table), 1)
      return gathered.reshape([-1, taps * channels])
    },
    /** The cotangents of images, `[B, pixels, channels]`, for those of the outputs, `[B, T, filters]`. */
    pullback: (cotangent: tf.Tensor3D, kernel: tf.Tensor2D): tf.Tensor3D => {
      // A position more, of zeros, has zeros for its patch: where the pixel tables point that have nothing to say.
      const g = withZeros(cotangent).reshape<tf.Tensor2D>([-1, filters])
      const patches = tf
        .matMul(g, kernel, false, true)
        .reshape<tf.Tensor3D>([-1, (positions + 1) * taps, channels])
      return sumOf(tables.length, (nth) => tf.gather(patches, at(tables[nth]!), 1))
    }
  }
}
