/**
 * What windows see of images of three axes, as tfjs describes its convolutions and pools, for the kernels of src/kernels/windows.ts. An
 * image of two axes has depth 1.
 */
import type * as tf from "@tensorflow/tfjs"
import type { Windows } from "../Windows.ts"
import { sizeOf } from "./heap.ts"

/** Depth, height and width. */
type Three = readonly [depth: number, height: number, width: number]

/** Windows of `kernel` taps, `dilation` apart, at each of the positions of `output`. */
export interface Boxes {
  readonly channels: number
  readonly image: Three
  readonly output: Three
  readonly kernel: Three
  readonly stride: Three
  readonly dilation: Three
  /** The padding in front of the image. */
  readonly before: Three
}

export const boxesOf2d = (info: tf.backend_util.Conv2DInfo): Boxes => ({
  channels: info.inChannels,
  image: [1, info.inHeight, info.inWidth],
  output: [1, info.outHeight, info.outWidth],
  kernel: [1, info.filterHeight, info.filterWidth],
  stride: [1, info.strideHeight, info.strideWidth],
  dilation: [1, info.dilationHeight, info.dilationWidth],
  before: [0, info.padInfo.top, info.padInfo.left]
})

export const boxesOf3d = (info: tf.backend_util.Conv3DInfo): Boxes => ({
  channels: info.inChannels,
  image: [info.inDepth, info.inHeight, info.inWidth],
  output: [info.outDepth, info.outHeight, info.outWidth],
  kernel: [info.filterDepth, info.filterHeight, info.filterWidth],
  stride: [info.strideDepth, info.strideHeight, info.strideWidth],
  dilation: [info.dilationDepth, info.dilationHeight, info.dilationWidth],
  before: [info.padInfo.front, info.padInfo.top, info.padInfo.left]
})

/** The runs of these windows, their taps in order, or with `backwards` from the last to the first. */
export const windowsOver = (boxes: Boxes, backwards = false): Windows => {
  const { channels, image, kernel, output } = boxes
  const [planes, rows, columns] = [0, 1, 2].map((axis) => placesOf(boxes, axis, backwards)) as [
    Places,
    Places,
    Places
  ]
  const runs: Array<number> = []
  for (const inPlanes of planes) {
    for (const inRows of rows) {
      for (const inColumns of columns) {
        // A run ends with the position that it is of.
        let due = Number.NaN
        for (const plane of inPlanes) {
          for (const row of inRows) {
            const line = plane < 0 || row < 0 ? -1 : (plane * image[1] + row) * image[2]
            for (const column of inColumns) {
              const pixel = line < 0 || column < 0 ? -1 : line + column
              if (pixel === due) runs[runs.length - 1]!++
              else runs.push(pixel, 1)
              due = pixel < 0 ? -1 : pixel + 1
            }
          }
        }
      }
    }
  }
  return {
    channels,
    pixels: sizeOf(image),
    positions: sizeOf(output),
    taps: sizeOf(kernel),
    runs: Int32Array.from(runs)
  }
}

/** For each position along an axis where each tap lies, or -1 outside the image. */
type Places = ReadonlyArray<ReadonlyArray<number>>

const placesOf = (
  { before, dilation, image, kernel, output, stride }: Boxes,
  axis: number,
  backwards: boolean
): Places =>
  Array.from({ length: output[axis]! }, (_, position) => {
    const places = Array.from({ length: kernel[axis]! }, (_, tap) => {
      const place = position * stride[axis]! - before[axis]! + tap * dilation[axis]!
      return place < image[axis]! ? Math.max(place, -1) : -1
    })
    return backwards ? places.reverse() : places
  })

/** Puts the runs where a kernel can read them: `scratch` of as many numbers. The address. */
export const writeRuns = ({ runs }: Windows, scratch: Float32Array): number => {
  new Int32Array(scratch.buffer, scratch.byteOffset, runs.length).set(runs)
  return scratch.byteOffset
}
