/**
 * Global pooling: of each channel the mean, or the largest, over all positions that count.
 *
 * An example whose positions are all masked gives 0. Of several largest positions the first one is taken, as in `maxPool2d`.
 */
import * as tf from "@tensorflow/tfjs"
import { type BuiltLayer, type LayerPoint, type SingleLayer, single } from "../Layer.ts"
import { channelsOf, positionsOf, type Shape } from "../Shape.ts"
import { same } from "./pool.ts"

/** How much each position has of the output, `[N or 1, T, channels or 1]`: what both maps multiply by. */
type Parts = (at: LayerPoint, positions: number, channels: number) => tf.Tensor3D

const pooled = (input: Shape, parts: Parts): BuiltLayer => {
  const [positions, channels] = [positionsOf(input), channelsOf(input)]
  const rows = (x: tf.Tensor2D): tf.Tensor3D => x.reshape([-1, positions, channels])
  return {
    output: channels,
    masking: "reads",
    linearize: (at) => {
      const own = parts(at, positions, channels)
      const pool = (x: tf.Tensor2D): tf.Tensor2D => tf.sum(tf.mul(rows(x), own), 1)
      return {
        output: pool(at.input),
        tape: [own],
        pullbackInput: (cotangent) => {
          const [columns, examples] = cotangent.shape
          return tf
            .mul(cotangent.reshape([columns, examples, 1, channels]), own.expandDims(0))
            .reshape([columns, examples, positions * channels])
        },
        pushforward: (tangent) => tangent && pool(tangent)
      }
    }
  }
}

/** 1 over how many positions count, at each that does. */
const shares: Parts = ({ mask }, positions) =>
  mask === undefined
    ? tf.fill([1, positions, 1], 1 / positions)
    : tf.div(mask, tf.maximum(tf.sum(mask, 1, true), 1)).reshape([-1, positions, 1])

/** Under every other number, where a position does not count. */
const lowest = -3.4028234663852886e38

/** 1 at the first of the largest positions that count, else 0. */
const firsts: Parts = ({ input, mask }, positions, channels) => {
  const x = input.reshape<tf.Tensor3D>([-1, positions, channels])
  const at = (counting: tf.Tensor3D): tf.Tensor3D =>
    same(
      tf.cast(tf.argMax(counting, 1), "float32").expandDims(1),
      tf.range(0, positions).reshape([positions, 1])
    ) as tf.Tensor3D
  if (mask === undefined) return at(x)
  const counts = mask.reshape<tf.Tensor3D>([-1, positions, 1])
  const outside = tf.mul(lowest, tf.sub(1, counts))
  return tf.mul(at(tf.add(tf.mul(x, counts), outside)), counts)
}

/**
 * Of each channel of a sequence or an image the mean over its positions; over those that count, where some are masked.
 *
 * *Shapes*: as many numbers as channels. *Cost*: N T channels flops.
 */
export const globalAveragePool: SingleLayer<"globalAveragePool", "sequence" | "image", "numbers"> = single({
  name: "globalAveragePool",
  takes: ["sequence", "image"],
  gives: "numbers",
  build: (input) => pooled(input, shares)
})

/**
 * Of each channel of a sequence or an image the largest of its positions; of those that count, where some are masked.
 *
 * *Shapes*: as many numbers as channels. *Cost*: N T channels comparisons. Linearised it keeps N T channels floats.
 */
export const globalMaxPool: SingleLayer<"globalMaxPool", "sequence" | "image", "numbers"> = single({
  name: "globalMaxPool",
  takes: ["sequence", "image"],
  gives: "numbers",
  build: (input) => pooled(input, firsts)
})
