/**
 * The geometry of a convolution: which pixel of the input lies under which tap of the kernel, at which position of the output.
 *
 * Position (i, j) and tap (p, q) meet at the pixel (i stride - top + p dilation, j stride - left + q dilation), or in the padding. In a
 * transposed convolution they meet at ((i + top - p) / stride, (j + left - q) / stride), where that is whole and inside the image.
 * Pooling, too, is told by these tables what lies in its windows.
 */
import { InvalidArgument, ShapeMismatch } from "../../Errors.ts"
import { type TableSizes, tableOf, type Windows, windowsOf } from "../../tensor/Windows.ts"
import { described, formOf, type Image, type Sequence, type Shape } from "../Shape.ts"

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

/** The geometry on an image; its output may be smaller than 1 pixel. */
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
 * The geometry of a transposed convolution, whose output is `more` pixels larger below and on the right; that may be smaller than 1
 * pixel. "same" is size x stride: the input's size that its convolution would have.
 */
export const transposedGeometry = (input: Image, [rows, columns]: Two<Side>, more: Two<number>): Geometry => {
  const side = ({ kernel, padding, stride }: Side, size: number, extra: number) =>
    padding === "same"
      ? { length: size * stride, before: Math.floor(Math.max(0, kernel - stride) / 2) }
      : { length: (size - 1) * stride + kernel - padding[0] - padding[1] + extra, before: padding[0] }
  const [down, across] = [side(rows, input.height, more[0]), side(columns, input.width, more[1])]
  return {
    input,
    output: [down.length, across.length],
    kernel: [rows.kernel, columns.kernel],
    stride: [rows.stride, columns.stride],
    dilation: [1, 1],
    before: [down.before, across.before]
  }
}

/** 256 MiB of patches an example. */
const mostPatchNumbers = 2 ** 26

/**
 * The geometry on an image, or on a sequence as an image of height 1.
 *
 * *Throws*: `ShapeMismatch` where the output would be smaller than 1 pixel; `InvalidArgument` for patches of over 2^26 numbers an example.
 */
export const fitted = (name: string, shape: Shape, sides: Two<Side>): Geometry => {
  const made = geometry(imageOf(shape), sides)
  if (made.output[0] < 1 || made.output[1] < 1) {
    const due =
      formOf(shape) === "sequence"
        ? `${reach(sides[1])} positions`
        : `${reach(sides[0])}x${reach(sides[1])} pixels`
    throw new ShapeMismatch({
      what: name,
      expected: `an input of at least ${due}, padding included`,
      actual: described(shape),
      message: `${name} reaches over ${due}, and with its padding ${described(shape)} is smaller. Give a smaller window or more padding.`
    })
  }
  requireMemory(name, shape, made)
  return made
}

/** *Throws* `InvalidArgument` for patches of over 2^26 numbers an example. */
export const requireMemory = (name: string, shape: Shape, { input, kernel, output }: Geometry): void => {
  const numbers = output[0] * output[1] * kernel[0] * kernel[1] * input.channels
  if (numbers <= mostPatchNumbers) return
  throw new InvalidArgument({
    argument: "kernel",
    value: `${kernel[0]}x${kernel[1]}`,
    message: `${name} on ${described(shape)} has patches of ${numbers} numbers an example, over the ${mostPatchNumbers} that are allowed. Give a smaller window or input, or a larger stride.`
  })
}

/** A sequence as an image of height 1. */
export const imageOf = (shape: Shape): Image => {
  const either = shape as Image | Sequence
  return "length" in either ? { height: 1, width: either.length, channels: either.channels } : either
}

/** What comes out, of the form that came in. */
export const outputShape = (shape: Shape, { output: [height, width] }: Geometry, channels: number): Shape =>
  formOf(shape) === "sequence" ? { length: width, channels } : { height, width, channels }

/** Pixels of padding below and on the right that the windows reach into: none where they leave pixels out. */
export const after = ({ before, dilation, input, kernel, output, stride }: Geometry): Two<number> => {
  const side = (size: number, of: 0 | 1): number =>
    Math.max(0, (output[of] - 1) * stride[of] + dilation[of] * (kernel[of] - 1) + 1 - size - before[of])
  return [side(input.height, 0), side(input.width, 1)]
}

/** For each position, for each tap, its pixel: `[T, kernel height x kernel width]`. One past the last pixel is the padding. */
export const patchTable = (g: Geometry): Int32Array =>
  tableOf(sizes(g), (of, position, tap) => position * g.stride[of] - g.before[of] + tap * g.dilation[of])

/** The same for a transposed convolution. Its dilation is 1. */
export const transposedTable = (g: Geometry): Int32Array =>
  tableOf(sizes(g), (of, position, tap) => (position + g.before[of] - tap) / g.stride[of])

const sizes = ({ input, kernel, output }: Geometry): TableSizes => ({
  image: [input.height, input.width],
  output,
  kernel
})

/** A table of this geometry as the kernels of a device take it. */
export const windowsOn = ({ input, kernel }: Geometry, table: Int32Array): Windows =>
  windowsOf(table, {
    pixels: input.height * input.width,
    channels: input.channels,
    taps: kernel[0] * kernel[1]
  })

/** The pixel of one tap for each position, `[T]`. */
export const tapTable = (patches: Int32Array, taps: number, tap: number): Int32Array =>
  Int32Array.from({ length: patches.length / taps }, (_, position) => patches[position * taps + tap]!)

/** The same for each pixel: at which position the tap sees it, `[pixels]`; one past the last position where at none. */
export const positionTable = (seen: Int32Array, pixels: number): Int32Array => {
  const table = new Int32Array(pixels).fill(seen.length)
  for (const [position, pixel] of seen.entries()) if (pixel < pixels) table[pixel] = position
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
