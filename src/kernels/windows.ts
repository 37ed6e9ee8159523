/**
 * The kernels of assembly/ for windows that move over images, on addresses: convolutions, pooling, and the gradients of both.
 *
 * All numbers are float32 and all addresses bytes. `runs` are pairs of 32-bit integers: the pixel that a run of pixels begins at, or -1 in
 * the padding, and how many they are; the runs of one position cover its taps in order. No output overlaps an input.
 */

/** Images: how many, and their size. */
type Images = readonly [count: number, pixels: number, channels: number]

export interface WindowKernels {
  /** What lies under the windows: out `[count, positions, taps, channels]` of x `[count, pixels, channels]`. `length`: of all runs. */
  readonly patches32: (
    ...args: readonly [...Images, runs: number, length: number, x: number, out: number]
  ) => void
  /** Its transpose: out `[count, pixels, channels]`, each pixel the sum over the patches that see it. */
  readonly fold32: (
    ...args: readonly [...Images, runs: number, length: number, patches: number, out: number]
  ) => void
  /** out += x, n numbers. */
  readonly add32: (n: number, x: number, out: number) => void
  /**
   * `fold32` of the product of g `[count positions, filters]` and a kernel `[filters, taps channels]`. `list`: 8 bytes for each of the
   * filters.
   */
  readonly pullBack32: (
    ...args: readonly [
      ...Images,
      positions: number,
      taps: number,
      filters: number,
      runs: number,
      g: number,
      kernel: number,
      out: number,
      list: number
    ]
  ) => void
  /**
   * The largest number under each window, `[count, positions, channels]`, and its place in the image, as 32-bit integers; -Infinity and -1
   * over padding alone.
   */
  readonly maxPool32: (
    ...args: readonly [
      ...Images,
      positions: number,
      taps: number,
      runs: number,
      x: number,
      value: number,
      place: number
    ]
  ) => void
  /** Out like x: each of g `[count, positions, channels]` added where the largest number is. `value`, `place`: room for a pixel. */
  readonly maxPoolGradient32: (
    ...args: readonly [
      ...Images,
      positions: number,
      taps: number,
      runs: number,
      x: number,
      g: number,
      out: number,
      value: number,
      place: number
    ]
  ) => void
  /** out `[columns, count, image]`: g `[columns, count, outputs]` added at its places `[count, outputs]`, and 0 elsewhere. */
  readonly unpool32: (
    columns: number,
    count: number,
    image: number,
    outputs: number,
    g: number,
    place: number,
    out: number
  ) => void
  /** out `[count, outputs]`: the numbers of x `[count, image]` at these places. */
  readonly pick32: (
    count: number,
    image: number,
    outputs: number,
    x: number,
    place: number,
    out: number
  ) => void
  /** out `[columns, n]`: g where y `[n]` is over 0, else 0. */
  readonly gate32: (columns: number, n: number, g: number, y: number, out: number) => void
  /** out `[rows, columns, width]` of g `[columns, rows, width]`, whose columns are `step` numbers apart. */
  readonly sideBySide32: (
    columns: number,
    step: number,
    rows: number,
    width: number,
    g: number,
    out: number
  ) => void
  /**
   * The products abar g^T `[inputs (+ 1), outputs]` of the rows of a `[rows, inputs]` and g `[rows, outputs]`, `step` numbers apart; abar
   * has a 1 after the inputs where there is a bias.
   */
  readonly outerRows32: (
    rows: number,
    inputs: number,
    outputs: number,
    bias: boolean,
    step: number,
    a: number,
    g: number,
    out: number
  ) => void
  /** sum `[rows, width]` += the squares of d `[rows, columns, width]`, summed over its columns. */
  readonly addSquares32: (rows: number, columns: number, width: number, d: number, sum: number) => void
  /**
   * The gradient `[taps, channels, multiplier]` of the kernel of a depthwise convolution, for the cotangents g `[count, positions, channels,
   * multiplier]`. `own`: room for as many numbers as `out`.
   */
  readonly depthwiseKernel32: (
    ...args: readonly [
      ...Images,
      multiplier: number,
      positions: number,
      taps: number,
      runs: number,
      x: number,
      g: number,
      out: number,
      own: number
    ]
  ) => void
  /** Its gradient in the images, `[count, pixels, channels]`. */
  readonly depthwiseImage32: (
    ...args: readonly [
      ...Images,
      multiplier: number,
      positions: number,
      taps: number,
      runs: number,
      g: number,
      kernel: number,
      out: number
    ]
  ) => void
}
