/** Average pooling: of each channel the mean over the pixels in a window. The padding is no pixel. */
import * as tf from "@tensorflow/tfjs"
import { sumOf } from "../../tensor/Device.ts"
import { taken } from "./patchwise.ts"
import { type Pooling, pool1d, pool2d } from "./pool.ts"

const average: Pooling = ({ channels, counts, pixels, positions, seen, windowsOf }) => {
  const shares = (): tf.Tensor2D =>
    tf.tensor2d(
      counts.map((count) => 1 / count),
      [positions, 1]
    )
  const means = (x: tf.Tensor2D): tf.Tensor2D => {
    const image = x.reshape<tf.Tensor3D>([-1, pixels, channels])
    return tf
      .mul(
        sumOf(seen.length, (place) => taken(image, seen[place]!)),
        shares()
      )
      .reshape([-1, positions * channels])
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
        const each = tf.mul<tf.Tensor3D>(cotangent.reshape([-1, positions, channels]), shares())
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
