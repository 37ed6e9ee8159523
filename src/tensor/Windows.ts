/**
 * Windows that move over images: convolutions and pooling, where the device has kernels for them (`Device.wasm`, `Device.native`).
 *
 * Everything here runs inside a tensor program and has no gradient. Where the current device has no such kernel a function returns
 * nothing, and its caller does it in operations of tfjs.
 */
import * as tf from "@tensorflow/tfjs"
import { windowKernelNames } from "./internal/windowKernels.ts"

/** Height and width. */
type Two<A> = readonly [height: A, width: A]

/** What windows see of an image. */
export interface Windows {
  readonly pixels: number
  readonly channels: number
  readonly positions: number
  readonly taps: number
  /** For each position its taps in order, as runs `[., 2]` of neighbouring pixels: the first, or -1 in the padding, and how many. */
  readonly runs: Int32Array
}

/** The sizes that a table is made of. */
export interface TableSizes {
  readonly image: Two<number>
  readonly output: Two<number>
  readonly kernel: Two<number>
}

/**
 * For each position, for each tap, its pixel: `[T, taps]`; one past the last pixel is the padding. `at` is the row or the column of the
 * pixel; no whole number stands for none.
 */
export const tableOf = (
  { image: [height, width], kernel, output }: TableSizes,
  at: (of: 0 | 1, position: number, tap: number) => number
): Int32Array => {
  const taps = kernel[0] * kernel[1]
  const table = new Int32Array(output[0] * output[1] * taps).fill(height * width)
  const isIn = (place: number, size: number) => Number.isInteger(place) && place >= 0 && place < size
  for (let i = 0; i < output[0]; i++) {
    for (let p = 0; p < kernel[0]; p++) {
      const row = at(0, i, p)
      if (!isIn(row, height)) continue
      for (let j = 0; j < output[1]; j++) {
        for (let q = 0; q < kernel[1]; q++) {
          const column = at(1, j, q)
          if (!isIn(column, width)) continue
          table[(i * output[1] + j) * taps + p * kernel[1] + q] = row * width + column
        }
      }
    }
  }
  return table
}

/** A table as the kernels take it. */
export const windowsOf = (
  table: Int32Array,
  { channels, pixels, taps }: Pick<Windows, "channels" | "pixels" | "taps">
): Windows => {
  const runs: Array<number> = []
  for (let entry = 0; entry < table.length; entry++) {
    const pixel = table[entry]! < pixels ? table[entry]! : -1
    const last = runs.length - 2
    const due = last < 0 ? 0 : runs[last]! < 0 ? -1 : runs[last]! + runs[last + 1]!
    // A run ends with the position that it is of.
    if (entry % taps > 0 && pixel === due) runs[last + 1]!++
    else runs.push(pixel, 1)
  }
  return { pixels, channels, positions: table.length / taps, taps, runs: Int32Array.from(runs) }
}

/** Whether the current device has these kernels. */
const has = (name: string): boolean => tf.getKernel(name, tf.getBackend()) !== undefined

const runsTensor = ({ runs }: Windows): tf.Tensor2D => tf.tensor2d(runs, [runs.length / 2, 2], "int32")

const sizesOf = ({ channels, pixels, positions, taps }: Windows): tf.NamedAttrMap => ({
  channels,
  pixels,
  positions,
  taps
})

/** `[N T, taps x channels]`, of images `[N, pixels x channels]`: what lies under the windows, 0 in the padding. */
export const patchesOf = (x: tf.Tensor2D, windows: Windows): tf.Tensor2D | undefined => {
  if (!has(windowKernelNames.patches)) return undefined
  return tf.engine().runKernel(windowKernelNames.patches, { x, runs: runsTensor(windows) }, sizesOf(windows))
}

/**
 * The cotangents of images, `[B, pixels, channels]`, for those of the outputs of a convolution, `[B, T, filters]`, with a kernel
 * `[taps x channels, filters]`. *Cost*: 2 B T taps channels filters flops, fewer where cotangents are 0.
 */
export const pulledBack = (
  g: tf.Tensor3D,
  kernel: tf.Tensor2D,
  windows: Windows
): tf.Tensor3D | undefined => {
  if (!has(windowKernelNames.pullBack)) return undefined
  return tf
    .engine()
    .runKernel(windowKernelNames.pullBack, { g, kernel, runs: runsTensor(windows) }, sizesOf(windows))
}

/** The largest numbers under the windows, and where they are in the image. */
export interface Largest {
  /** `[N, T x channels]` */
  readonly value: tf.Tensor2D
  /** The same, int32. */
  readonly place: tf.Tensor2D
}

/** Of each channel of images `[N, pixels x channels]` the largest number under each window, the first where several are. */
export const largestOf = (x: tf.Tensor2D, windows: Windows): Largest | undefined => {
  if (!has(windowKernelNames.largest)) return undefined
  const [value, place] = tf
    .engine()
    .runKernel(
      windowKernelNames.largest,
      { x, runs: runsTensor(windows) },
      sizesOf(windows)
    ) as unknown as ReadonlyArray<tf.Tensor2D>
  return { value: value!, place: place! }
}

/** `[K, N, image]`: numbers `[K, N, outputs]` added up at their places `[N, outputs]`. Where there is a `place`, there is this. */
export const unpooled = (g: tf.Tensor3D, place: tf.Tensor2D, image: number): tf.Tensor3D =>
  tf.engine().runKernel(windowKernelNames.unpool, { g, place }, { image })

/** `[N, outputs]`: the numbers of images `[N, image]` at these places. Where there is a `place`, there is this. */
export const picked = (x: tf.Tensor2D, place: tf.Tensor2D): tf.Tensor2D =>
  tf.engine().runKernel(windowKernelNames.pick, { x, place })

/** g `[..., N, .]` where y `[N, .]` is over 0, and 0 elsewhere. */
export const gated = <T extends tf.Tensor>(g: T, y: tf.Tensor): T =>
  has(windowKernelNames.gate)
    ? (tf.engine().runKernel(windowKernelNames.gate, { g, y }) as T)
    : (tf.mul(g, tf.step(y)) as T)
