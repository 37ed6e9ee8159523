/**
 * Convolutions in float64, by the definition: loops over positions, taps and channels.
 *
 * An image is a flat vector, row by row, pixel by pixel, channel by channel. Position (i, j) sees, under tap (p, q), the pixel
 * (i stride - top + p dilation, j stride - left + q dilation), which is 0 outside the image. A kernel is
 * [kernel height, kernel width, channels, filters], row-major.
 */
import { type Rows, type Vector, zeros } from "./linear.ts"

export interface OracleImage {
  readonly height: number
  readonly width: number
  readonly channels: number
}

type Two = readonly [height: number, width: number]

export interface OracleConvolution {
  readonly kind: "conv2d"
  readonly filters: number
  readonly kernel: Two
  readonly stride: Two
  /** Pixels of zeros: top and bottom, left and right. */
  readonly padding: readonly [height: Two, width: Two]
  readonly dilation: Two
  readonly bias: boolean
}

/** A 3 x 3 kernel of stride 1 with bias and no padding, unless said. */
export const convolution = (
  filters: number,
  options: Partial<Omit<OracleConvolution, "kind" | "filters">> = {}
): OracleConvolution => ({
  kind: "conv2d",
  filters,
  kernel: [3, 3],
  stride: [1, 1],
  padding: [
    [0, 0],
    [0, 0]
  ],
  dilation: [1, 1],
  bias: true,
  ...options
})

export const imageSize = ({ channels, height, width }: OracleImage): number => height * width * channels

/** The image that a convolution makes of an image: one channel for each filter. */
export const convolved = (
  { dilation, filters, kernel, padding, stride }: OracleConvolution,
  { height, width }: OracleImage
): OracleImage => {
  const length = (size: number, side: 0 | 1) => {
    let count = 0
    const padded = size + padding[side][0] + padding[side][1]
    for (let first = 0; first + dilation[side] * (kernel[side] - 1) < padded; first += stride[side]) count++
    return count
  }
  return { height: length(height, 0), width: length(width, 1), channels: filters }
}

/** Visits every pair of a position and a tap that meet inside the image. */
const eachMeeting = (
  layer: OracleConvolution,
  image: OracleImage,
  visit: (position: number, tap: number, pixel: number) => void
): void => {
  const out = convolved(layer, image)
  const [rows, columns] = layer.kernel
  for (let i = 0; i < out.height; i++) {
    for (let j = 0; j < out.width; j++) {
      for (let p = 0; p < rows; p++) {
        for (let q = 0; q < columns; q++) {
          const row = i * layer.stride[0] - layer.padding[0][0] + p * layer.dilation[0]
          const column = j * layer.stride[1] - layer.padding[1][0] + q * layer.dilation[1]
          if (row < 0 || row >= image.height || column < 0 || column >= image.width) continue
          visit(i * out.width + j, p * columns + q, row * image.width + column)
        }
      }
    }
  }
}

/** Visits every product of the convolution: place in the output, place in the kernel, place in the image. */
const eachProduct = (
  layer: OracleConvolution,
  image: OracleImage,
  visit: (output: number, weight: number, input: number) => void
): void => {
  const { channels } = image
  eachMeeting(layer, image, (position, tap, pixel) => {
    for (let c = 0; c < channels; c++) {
      for (let o = 0; o < layer.filters; o++) {
        visit(position * layer.filters + o, (tap * channels + c) * layer.filters + o, pixel * channels + c)
      }
    }
  })
}

/** The convolution of an image with a kernel, without bias. */
export const convolve = (
  layer: OracleConvolution,
  image: OracleImage,
  kernel: Vector,
  a: Vector
): Float64Array => {
  const s = new Float64Array(imageSize(convolved(layer, image)))
  eachProduct(layer, image, (output, weight, input) => {
    s[output]! += kernel[weight]! * a[input]!
  })
  return s
}

/** d<g, convolve(a)> / da. */
export const pullBack = (
  layer: OracleConvolution,
  image: OracleImage,
  kernel: Vector,
  g: Vector
): Float64Array => {
  const back = new Float64Array(imageSize(image))
  eachProduct(layer, image, (output, weight, input) => {
    back[input]! += kernel[weight]! * g[output]!
  })
  return back
}

/** What the kernel sees at each position: T rows of kernel height x kernel width x channels, and a 1 last where there is a bias. */
export const patches = (layer: OracleConvolution, image: OracleImage, a: Vector): Rows => {
  const out = convolved(layer, image)
  const size = layer.kernel[0] * layer.kernel[1] * image.channels
  const rows = zeros(out.height * out.width, size + (layer.bias ? 1 : 0))
  if (layer.bias) for (const row of rows) row[size] = 1
  eachMeeting(layer, image, (position, tap, pixel) => {
    for (let c = 0; c < image.channels; c++)
      rows[position]![tap * image.channels + c] = a[pixel * image.channels + c]!
  })
  return rows
}
