/**
 * The geometry of a convolution: which pixel of the input lies under which tap of the kernel, at which position of the output.
 *
 * Position (i, j) and tap (p, q) meet at the pixel (i stride - top + p dilation, j stride - left + q dilation), or in the padding.
 * All tensor work of a convolution is a gather by these tables and a product.
 */
import type { Image } from "../Shape.ts"

/** Along the height and along the width. */
export type Two<A> = readonly [height: A, width: A]

/** What a convolution is along one side of the image. */
export interface Side {
  readonly kernel: number
  readonly stride: number
  readonly dilation: number
  /** Pixels of padding before the first and after the last, or as TensorFlow's "same" has it. */
  readonly padding: "same" | readonly [before: number, after: number]
}

export interface Geometry {
  readonly input: Image
  /** Height and width of the output. */
  readonly output: Two<number>
  readonly kernel: Two<number>
  readonly stride: Two<number>
  readonly dilation: Two<number>
  /** Pixels of padding above and on the left; the rest follows from the output's size. */
  readonly before: Two<number>
}

/** How many pixels a kernel reaches over. */
export const reach = ({ dilation, kernel }: Side): number => dilation * (kernel - 1) + 1

/**
 * How long the output is, and the padding before the first pixel.
 *
 * "same" gives ceil(size / stride), with the padding that this needs: half before, and the odd one after.
 */
const along = (side: Side, size: number): { readonly length: number; readonly before: number } => {
  if (side.padding === "same") {
    const length = Math.ceil(size / side.stride)
    const padding = Math.max(0, (length - 1) * side.stride + reach(side) - size)
    return { length, before: Math.floor(padding / 2) }
  }
  const [before, after] = side.padding
  return { length: Math.floor((size + before + after - reach(side)) / side.stride) + 1, before }
}

/** The geometry on an image; its output may be smaller than 1 pixel, which is the caller's to refuse. */
export const geometry = (input: Image, [rows, columns]: Two<Side>): Geometry => {
  const [down, across] = [along(rows, input.height), along(columns, input.width)]
  return {
    input,
    output: [down.length, across.length],
    kernel: [rows.kernel, columns.kernel],
    stride: [rows.stride, columns.stride],
    dilation: [rows.dilation, columns.dilation],
    before: [down.before, across.before]
  }
}

/**
 * For each position, for each tap, its pixel: `[T, kernel height x kernel width]`. One past the last pixel is the padding.
 */
export const patchTable = (g: Geometry): Int32Array => {
  const { height, width } = g.input
  const table = new Int32Array(g.output[0] * g.output[1] * g.kernel[0] * g.kernel[1])
  let at = 0
  for (let i = 0; i < g.output[0]; i++) {
    for (let j = 0; j < g.output[1]; j++) {
      for (let p = 0; p < g.kernel[0]; p++) {
        const row = i * g.stride[0] - g.before[0] + p * g.dilation[0]
        for (let q = 0; q < g.kernel[1]; q++) {
          const column = j * g.stride[1] - g.before[1] + q * g.dilation[1]
          const inside = row >= 0 && row < height && column >= 0 && column < width
          table[at++] = inside ? row * width + column : height * width
        }
      }
    }
  }
  return table
}

/**
 * The patch table read backwards: for each pixel, the entries of the table that name it, as many tables `[pixels]` as the
 * most-named pixel needs. Where a pixel has fewer, the number of entries stands: one past the last.
 */
export const pixelTables = (patches: Int32Array, pixels: number): ReadonlyArray<Int32Array> => {
  const tables = [new Int32Array(pixels).fill(patches.length)]
  const named = new Int32Array(pixels)
  for (const [entry, pixel] of patches.entries()) {
    if (pixel === pixels) continue
    const nth = named[pixel]!++
    if (nth === tables.length) tables.push(new Int32Array(pixels).fill(patches.length))
    tables[nth]![pixel] = entry
  }
  return tables
}
