/**
 * Layers whose output is an image of the input's own pixels, and of zeros: what Keras has to enlarge, pad and crop.
 *
 * They are linear, and one table says all of one: which pixel each position shows. Its transpose sums, for each pixel, over the positions
 * that show it.
 */
import type * as tf from "@tensorflow/tfjs"
import { sumOf } from "../../tensor/Device.ts"
import { pixelTables } from "../internal/convolution.ts"
import { type BuiltLayer, type SingleLayer, single } from "../Layer.ts"
import { taken } from "../layers/patchwise.ts"
import type { Image, Shape } from "../Shape.ts"

/** The row and the column of the input's pixel at a row and a column of the output; one outside the image shows 0. */
export type Shown = (row: number, column: number) => readonly [row: number, column: number]

/** A layer that gives an image of this height and width. */
export const showing = (
  name: string,
  size: Pick<Image, "height" | "width">,
  shown: Shown
): SingleLayer<string, "image", "image"> =>
  single({
    name,
    takes: ["image"],
    gives: "image",
    build: (input: Shape) => build(input as Image, size, shown)
  })

const build = (
  { channels, height, width }: Image,
  size: Pick<Image, "height" | "width">,
  shown: Shown
): BuiltLayer => {
  const pixels = height * width
  const positions = size.height * size.width
  const table = Int32Array.from({ length: positions }, (_, position) => {
    const [row, column] = shown(Math.floor(position / size.width), position % size.width)
    return row >= 0 && row < height && column >= 0 && column < width ? row * width + column : pixels
  })
  const showing = pixelTables(table, pixels)
  const images = (x: tf.Tensor2D): tf.Tensor2D =>
    taken(x.reshape([-1, pixels, channels]), table).reshape([-1, positions * channels])
  return {
    output: { height: size.height, width: size.width, channels },
    forward: (_, x) => images(x),
    linearize: ({ input }) => ({
      output: images(input),
      tape: [],
      pullbackInput: (cotangent) => {
        const each = cotangent.reshape<tf.Tensor3D>([-1, positions, channels])
        return sumOf(showing.length, (nth) => taken(each, showing[nth]!)).reshape([
          cotangent.shape[0],
          cotangent.shape[1],
          pixels * channels
        ])
      },
      pushforward: (tangent) => tangent && images(tangent)
    })
  }
}
