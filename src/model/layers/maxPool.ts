/**
 * Maximum pooling: of each channel the largest pixel in a window. Where several are the largest, the first one is taken, row by row: its
 * tangent is the output's, and the output's cotangent is its own.
 *
 * Linearised it keeps the place of that pixel, one number for each of the output.
 */
import * as tf from "@tensorflow/tfjs"
import { sumOf } from "../../tensor/Device.ts"
import { byRows } from "../../tensor/Rows.ts"
import { type Largest, largestOf, picked, unpooled } from "../../tensor/Windows.ts"
import type { LinearizedLayer } from "../Layer.ts"
import { taken } from "./patchwise.ts"
import { type Pooling, pool1d, pool2d, same, type Windows } from "./pool.ts"

/** What the padding is: no other number is less. */
const lowest = -3.4028234663852886e38

/** How many numbers of windows are on the device at once, besides what is kept: 16 MiB. */
const budget = 2 ** 19

/** The largest pixels `[N, T, channels]`, and below them in the same tensor their places in the windows: `[N, 2 T, channels]`. */
const largest = (images: tf.Tensor3D, { channels, positions, seen }: Windows): tf.Tensor3D => {
  const atOnce = Math.max(1, Math.floor(budget / (positions * channels * seen.length)))
  return byRows(images, atOnce, (x) => {
    let value = taken(x, seen[0]!, lowest)
    let place: tf.Tensor3D = tf.zerosLike(value)
    for (let i = 1; i < seen.length; i++) {
      const other = taken(x, seen[i]!, lowest)
      // A step and products in place of tfjs's comparisons, which are many times slower on wasm.
      const larger = tf.step(tf.sub(other, value))
      const rest = tf.sub(1, larger)
      value = tf.add(tf.mul(other, larger), tf.mul(value, rest))
      place = tf.add(tf.mul(i, larger), tf.mul(place, rest))
    }
    return tf.concat([value, place], 1)
  })
}

/** In operations of tfjs: the place is that in the window, and both maps are gathers and a choice. */
const chosen = (windows: Windows, input: tf.Tensor2D): LinearizedLayer => {
  const { channels, pixels, positions, seen, windowsOf } = windows
  const images = (x: tf.Tensor): tf.Tensor3D => x.reshape([-1, pixels, channels])
  const both = largest(images(input), windows)
  const place = half(both, positions, positions)
  return {
    output: half(both, 0, positions).reshape([-1, positions * channels]),
    tape: [place],
    pullbackInput: (cotangent) => {
      const [columns, examples] = cotangent.shape
      const g = cotangent.reshape<tf.Tensor3D>([-1, positions, channels])
      return sumOf(windowsOf.length, (nth) => {
        const { place: due, position } = windowsOf[nth]!
        const isDue = same(
          taken(place, position).reshape([examples, pixels * channels]),
          // Of every channel, as a factor that is broadcast over examples alone is the faster one.
          Float32Array.from({ length: pixels * channels }, (_, i) => due[Math.floor(i / channels)]!)
        )
        return tf.mul<tf.Tensor3D>(taken(g, position).reshape([columns, examples, pixels * channels]), isDue)
      })
    },
    pushforward: (tangent) =>
      tangent &&
      sumOf(seen.length, (i) => tf.mul(taken(images(tangent), seen[i]!), same(place, i))).reshape([
        -1,
        positions * channels
      ])
  }
}

const half = (both: tf.Tensor3D, from: number, length: number): tf.Tensor3D =>
  tf.slice(both, [0, from, 0], [-1, length, -1])

/** By the kernels of the device: the place is that in the image. */
const moved = ({ place, value }: Largest, { channels, pixels }: Windows): LinearizedLayer => ({
  output: value,
  tape: [place],
  pullbackInput: (cotangent) => unpooled(cotangent, place, pixels * channels),
  pushforward: (tangent) => tangent && picked(tangent, place)
})

const maximum: Pooling = (windows) => {
  const { channels, pixels, positions } = windows
  const flat = (x: tf.Tensor): tf.Tensor2D => x.reshape([-1, positions * channels])
  return {
    forward: (_, x) =>
      largestOf(x, windows.seenBy)?.value ??
      flat(half(largest(x.reshape([-1, pixels, channels]), windows), 0, positions)),
    linearize: ({ input }) => {
      const own = largestOf(input, windows.seenBy)
      return own === undefined ? chosen(windows, input) : moved(own, windows)
    }
  }
}

/**
 * Of each channel of an image the largest pixel in windows of `size`. The padding is in no window.
 *
 * *Shapes*: height floor((height + padding - size) / stride) + 1, width alike; ceil(height / stride) with `"same"`. *Cost*: N T size
 * channels comparisons. *Throws*: `InvalidArgument`; `ShapeMismatch` where the output would be smaller than 1 pixel, or a window lies in
 * the padding alone.
 */
export const maxPool2d = pool2d("maxPool2d", maximum)

/** Of each channel of a sequence the largest position in windows of `size`. Masked positions are zeros to it. As `maxPool2d`. */
export const maxPool1d = pool1d("maxPool1d", maximum)
