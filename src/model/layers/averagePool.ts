/** Average pooling: of each channel the mean over the pixels in a window. The padding is no pixel. */
import * as tf from "@tensorflow/tfjs"
import { sumOf } from "../../tensor/Device.ts"
import { taken } from "./patchwise.ts"
import { type Pooling, pool1d, pool2d } from "./pool.ts"

const average: Pooling = ({ channels, counts, pixels, positions, seen, windowsOf }) => {
  // Of every channel, as a factor that is broadcast over examples alone is the faster one.
  const shares = Float32Array.from(
    { length: positions * channels },
    (_, i) => 1 / counts[Math.floor(i / channels)]!
  )
  const means = (x: tf.Tensor2D): tf.Tensor2D => {
    const image = x.reshape<tf.Tensor3D>([-1, pixels, channels])
    const sums = sumOf(seen.length, (place) => taken(image, seen[place]!))
    return tf.mul(sums.reshape([-1, positions * channels]), shares)
  }
  /** Of each pixel a window, T where it is in none. */
  const inWindows = windowsOf.map(({ place, position }) =>
    position.map((own, pixel) => (place[pixel]! < 0 ? positions : own))
  )
  return {
    forward: (_, x) => means(x),
    linearize: ({ input }) => ({
      output: means(input),
      tape: [],
      pullbackInput: (cotangent) => {
        const [columns, examples] = cotangent.shape
        const each = tf.mul(cotangent, shares).reshape<tf.Tensor3D>([-1, positions, channels])
        return sumOf(inWindows.length, (nth) => taken(each, inWindows[nth]!)).reshape([
          columns,
          examples,
          pixels * channels
        ])
      },
      pushforward: (tangent) => tangent && means(tangent)
    })
  }
}

/**
 * Of each channel of an image the mean over windows of `size` pixels, those of the padding not counted.
 *
 * *Shapes*: height floor((height + padding - size) / stride) + 1, width alike; ceil(height / stride) with `"same"`. *Cost*: N T size
 * channels flops. *Throws*: `InvalidArgument`; `ShapeMismatch` where the output would be smaller than 1 pixel, or a window lies in the
 * padding alone.
 */
export const averagePool2d = pool2d("averagePool2d", average)

/** Of each channel of a sequence the mean over windows of `size` positions. Masked positions are zeros to it. As `averagePool2d`. */
export const averagePool1d = pool1d("averagePool1d", average)
