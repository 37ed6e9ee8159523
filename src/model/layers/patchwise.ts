/**
 * s[t] = patch[t] W + b at every position t, W and b shared by all positions: what every convolution does.
 *
 * A patch is what lies under the kernel, `[kernel height x kernel width x channels]` in this order, so W is tfjs's kernel (HWIO) as a
 * matrix `[in, filters]`. The layer is thus a dense one on T patches for each example: its score is the outer form with T positions.
 *
 * Where the device has kernels for windows, patches and the pullback to the image are one each. Elsewhere patches are one gather, and the
 * pullback is a convolution of its own where it can be (`turned`); where not, it is a product and, for each pixel, the sum over the patches
 * that it is in, again gathers.
 */
import * as tf from "@tensorflow/tfjs"
import { sumOf } from "../../tensor/Device.ts"
import { byRows } from "../../tensor/Rows.ts"
import { patchesOf, pulledBack } from "../../tensor/Windows.ts"
import { variance } from "../Init.ts"
import { type Geometry, pixelTables, type Two, windowsOn } from "../internal/convolution.ts"
import type { BuiltLayer, Weights } from "../Layer.ts"
import { type Shape, sizeOf } from "../Shape.ts"
import { added, drawn, product } from "./affine.ts"

/** Cotangents of images `[B, pixels, channels]`, for those of the outputs `[B, T, filters]` and a kernel `[in, filters]`. */
export type Turned = (cotangent: tf.Tensor3D, kernel: tf.Tensor2D) => tf.Tensor3D

export interface Patchwise {
  readonly geometry: Geometry
  /** For each position, for each tap, its pixel. */
  readonly table: Int32Array
  readonly output: Shape
  readonly filters: number
  readonly bias: boolean
  /** How many pixels a position sees, on the mean: what first values are scaled by. */
  readonly seen: number
  /** The pullback as a convolution, where it is one. */
  readonly turned: Turned | undefined
}

/** How many numbers of patches are on the device at once, besides those that are kept: 16 MiB. */
const patchBudget = 2 ** 19

export const patchwise = (spec: Patchwise): BuiltLayer => {
  const { bias, filters, geometry, output, seen } = spec
  const { channels } = geometry.input
  const taps = geometry.kernel[0] * geometry.kernel[1]
  const inputs = taps * channels
  const positions = geometry.output[0] * geometry.output[1]
  const { patches, pullback, windows } = maps(spec)
  const atOnce = Math.max(1, Math.floor(patchBudget / (positions * inputs)))
  /** W and b applied to patches `[N T, in]`, as an image for each example. */
  const images = (patches: tf.Tensor2D, { bias, kernel }: Weights): tf.Tensor2D => {
    const s = product(patches, kernel).reshape<tf.Tensor2D>([-1, positions * filters])
    return bias === undefined ? s : tf.add(s, repeated(bias, positions))
  }
  return {
    output,
    shape: { rows: inputs + (bias ? 1 : 0), columns: filters, bias, form: "outer" },
    initialise: (key, init) =>
      drawn(key, variance(init, seen * channels, taps * filters), inputs, filters, bias),
    forward: (weights, input) => byRows(input, atOnce, (rows) => images(patches(rows), weights!)),
    linearize: ({ block, input, weights }) => {
      const own = patches(input)
      return {
        output: images(own, weights!),
        tape: [own],
        pullbackInput: (cotangent) => {
          const [columns, examples] = cotangent.shape
          const all = cotangent.reshape<tf.Tensor3D>([columns * examples, positions, filters])
          const { kernel } = weights!
          const pulled =
            pulledBack(all, kernel, windows) ??
            spec.turned?.(all, kernel) ??
            byRows(all, atOnce, (part) => pullback(part, kernel))
          return pulled.reshape([columns, examples, sizeOf(geometry.input)])
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
            direction && images(own, direction),
            tangent && byRows(tangent, atOnce, (rows) => images(patches(rows), { kernel: weights!.kernel }))
          )
      }
    }
  }
}

/**
 * A row of numbers for every position, `[T width]`. tfjs's wasm is many times slower where it broadcasts over a few numbers at a time
 * than where it does so over examples.
 */
export const repeated = (row: tf.Tensor, positions: number): tf.Tensor1D =>
  tf.matMul(tf.ones([positions, 1]), row.reshape([1, row.size])).reshape([positions * row.size])

/** tfjs's convolution of images `[B, height, width, in]` with a kernel `[kernel height, kernel width, in, out]`. */
export const convolved = (
  images: tf.Tensor4D,
  kernel: tf.Tensor4D,
  window: Pick<Geometry, "stride" | "dilation"> & { readonly padding: Two<Two<number>> }
): tf.Tensor4D => {
  const [[top, bottom], [left, right]] = window.padding
  const padding: tf.backend_util.ExplicitPadding = [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0]
  ]
  return tf.conv2d(images, kernel, [...window.stride], padding, "NHWC", [...window.dilation])
}

/** With a row of one value after the last: the padding, or the position that a pixel is not in. */
const extended = (x: tf.Tensor3D, value: number): tf.Tensor3D =>
  tf.concat([x, tf.fill<tf.Rank.R3>([x.shape[0], 1, x.shape[2]], value)], 1)

/** `x[:, places, :]`, with `otherwise` for the place one past the last. */
export const taken = (x: tf.Tensor3D, places: Int32Array, otherwise = 0): tf.Tensor3D =>
  tf.gather(places.includes(x.shape[1]) ? extended(x, otherwise) : x, tf.tensor1d(places, "int32"), 1)

/** The two linear maps between images and patches, with the tables for them. */
const maps = ({ filters, geometry, table }: Patchwise) => {
  const { channels, height, width } = geometry.input
  const pixels = height * width
  const taps = geometry.kernel[0] * geometry.kernel[1]
  const positions = geometry.output[0] * geometry.output[1]
  const tables = pixelTables(table, pixels)
  const windows = windowsOn(geometry, table)
  return {
    windows,
    /** `[N T, in]`, of images `[N, height x width x channels]`. */
    patches: (x: tf.Tensor2D): tf.Tensor2D =>
      patchesOf(x, windows) ?? taken(x.reshape([-1, pixels, channels]), table).reshape([-1, taps * channels]),
    /** The cotangents of images, `[B, pixels, channels]`, for those of the outputs, `[B, T, filters]`. */
    pullback: (cotangent: tf.Tensor3D, kernel: tf.Tensor2D): tf.Tensor3D => {
      // A position more, of zeros, has zeros for its patch: where the pixel tables point that have nothing to say.
      const g = extended(cotangent, 0).reshape<tf.Tensor2D>([-1, filters])
      const patches = tf
        .matMul(g, kernel, false, true)
        .reshape<tf.Tensor3D>([-1, (positions + 1) * taps, channels])
      return sumOf(tables.length, (nth) => tf.gather(patches, tf.tensor1d(tables[nth]!, "int32"), 1))
    }
  }
}
