/**
 * Windows that slide over an image. At output pixel (i, j) tap (p, q) lies on the pixel (i stride - top + p dilation,
 * j stride - left + q dilation), which may be outside the image. A sequence is an image of width 1.
 */
import type { ImageShape } from "./values.ts"

export type Two = readonly [height: number, width: number]
/** Before and after, on each side: [[top, bottom], [left, right]]. */
export type Border = readonly [height: Two, width: Two]

export interface Window {
  readonly kernel: Two
  readonly stride: Two
  readonly padding: Border
  readonly dilation: Two
}

export const noBorder: Border = [
  [0, 0],
  [0, 0]
]

/** How many places a window of `taps` finds along a side of `size` pixels. */
export const places = (
  size: number,
  taps: number,
  stride: number,
  padding: Two,
  dilation: number
): number => {
  let count = 0
  const padded = size + padding[0] + padding[1]
  for (let first = 0; first + dilation * (taps - 1) < padded; first += stride) count++
  if (count === 0) throw new RangeError(`${taps} taps do not fit into ${padded} pixels`)
  return count
}

export const outputImage = (
  { dilation, kernel, padding, stride }: Window,
  image: ImageShape,
  channels: number
): ImageShape => ({
  height: places(image.height, kernel[0], stride[0], padding[0], dilation[0]),
  width: places(image.width, kernel[1], stride[1], padding[1], dilation[1]),
  channels
})

/** Visits every output position, tap and pixel of the image that meet. */
export const eachMeeting = (
  { dilation, kernel, padding, stride }: Window,
  image: ImageShape,
  out: ImageShape,
  visit: (position: number, tap: number, pixel: number) => void
): void => {
  for (let i = 0; i < out.height; i++) {
    for (let j = 0; j < out.width; j++) {
      for (let p = 0; p < kernel[0]; p++) {
        for (let q = 0; q < kernel[1]; q++) {
          const row = i * stride[0] - padding[0][0] + p * dilation[0]
          const column = j * stride[1] - padding[1][0] + q * dilation[1]
          if (row < 0 || row >= image.height || column < 0 || column >= image.width) continue
          visit(i * out.width + j, p * kernel[1] + q, row * image.width + column)
        }
      }
    }
  }
}
