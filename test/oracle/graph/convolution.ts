/**
 * Convolutions by the definition: loops over output positions, taps and channels.
 *
 * An output pixel sees under each tap (p, q) of its window a pixel, which is 0 outside the image. Rows of a kernel are in the order
 * p, q, channel. The transposed convolution goes the
 * other way: pixel (i, j) of its input adds to the output pixel (i stride + p - top, j stride + q - left).
 */
import { zeros } from "../linear.ts"
import type { Operation, Shared, Slot } from "./operation.ts"
import { fromRows, type ImageShape, imageOf, rowsOf, type Shape, sequenceOf } from "./values.ts"
import { type Border, eachMeeting, noBorder, outputImage, type Two, type Window } from "./window.ts"

/** Unless said: stride 1, no padding, dilation 1, with bias. */
interface Taps<Side, Padding> extends Shared {
  readonly kernel: Side
  readonly stride?: Side
  readonly padding?: Padding
  readonly bias?: boolean
}

export interface Conv1dOp extends Taps<number, Two> {
  readonly kind: "conv1d"
  readonly filters: number
  readonly dilation?: number
  /** 1 unless said: group j sees the j-th part of the channels and makes the j-th part of the filters, with a block of its own. */
  readonly groups?: number
}

export interface Conv2dOp extends Taps<Two, Border> {
  readonly kind: "conv2d"
  readonly filters: number
  readonly dilation?: Two
  readonly groups?: number
}

/** Output channel c multiplier + m comes from channel c alone. */
export interface DepthwiseConv2dOp extends Taps<Two, Border> {
  readonly kind: "depthwiseConv2d"
  readonly multiplier: number
  readonly dilation?: Two
}

/** `padding` is what is cropped from the output, `outputPadding` what its lower and right sides gain. */
export interface Conv2dTransposeOp extends Taps<Two, Border> {
  readonly kind: "conv2dTranspose"
  readonly filters: number
  readonly outputPadding?: Two
}

const windowOf = (op: Conv2dOp | DepthwiseConv2dOp): Window => ({
  kernel: op.kernel,
  stride: op.stride ?? [1, 1],
  padding: op.padding ?? noBorder,
  dilation: op.dilation ?? [1, 1]
})

/** `parts` equal parts of `whole`. */
const part = (what: string, whole: number, parts: number): number => {
  if (whole % parts !== 0) throw new RangeError(`${whole} ${what} do not make ${parts} groups`)
  return whole / parts
}

const convolution = (op: Conv2dOp, image: ImageShape, shape: (out: ImageShape) => Shape): Operation => {
  const window = windowOf(op)
  const { bias = true, filters, groups = 1 } = op
  const taps = op.kernel[0] * op.kernel[1]
  const out = outputImage(window, image, filters)
  const positions = out.height * out.width
  const channelsIn = part("channels", image.channels, groups)
  const channelsOut = part("filters", filters, groups)
  const rows = taps * channelsIn + (bias ? 1 : 0)
  const slots = Array.from({ length: groups }, (_, group): Slot => {
    const name = groups === 1 ? "" : `${group}`
    return { part: name, rows, columns: channelsOut, bias, form: "outer", positions }
  })
  return {
    shape: shape(out),
    slots,
    seesMasks: false,
    apply: ([x], context) => {
      const pixels = rowsOf({ ...x!, shape: image })
      const result = zeros(positions, filters)
      for (let group = 0; group < groups; group++) {
        const block = context.parameters(group)
        const abar = zeros(positions, rows)
        const s = zeros(positions, channelsOut)
        eachMeeting(window, image, out, (position, tap, pixel) => {
          for (let c = 0; c < channelsIn; c++) {
            const value = pixels[pixel]![group * channelsIn + c]!
            abar[position]![tap * channelsIn + c] = value
            for (let f = 0; f < channelsOut; f++) s[position]![f]! += value * block[tap * channelsIn + c]![f]!
          }
        })
        for (let t = 0; bias && t < positions; t++) {
          abar[t]![rows - 1] = 1
          for (let f = 0; f < channelsOut; f++) s[t]![f]! += block[rows - 1]![f]!
        }
        for (const [t, row] of context.outer(group, abar, s, undefined).entries())
          result[t]!.set(row, group * channelsOut)
      }
      return fromRows(shape(out), result)
    }
  }
}

export const conv2d = (op: Conv2dOp, input: Shape): Operation =>
  convolution(op, imageOf("conv2d", input), (out) => out)

export const conv1d = (op: Conv1dOp, input: Shape): Operation => {
  const { channels, length } = sequenceOf("conv1d", input)
  const { bias = true, dilation = 1, filters, groups = 1, kernel, padding = [0, 0], stride = 1 } = op
  const upright: Conv2dOp = {
    kind: "conv2d",
    filters,
    kernel: [kernel, 1],
    stride: [stride, 1],
    padding: [padding, [0, 0]],
    dilation: [dilation, 1],
    groups,
    bias
  }
  return convolution(upright, { height: length, width: 1, channels }, (out) => ({
    length: out.height,
    channels: filters
  }))
}

export const depthwiseConv2d = (op: DepthwiseConv2dOp, input: Shape): Operation => {
  const image = imageOf("depthwiseConv2d", input)
  const window = windowOf(op)
  const { bias = true, multiplier } = op
  const taps = op.kernel[0] * op.kernel[1]
  const columns = image.channels * multiplier
  const out = outputImage(window, image, columns)
  const positions = out.height * out.width
  return {
    shape: out,
    slots: [{ part: "", rows: taps + (bias ? 1 : 0), columns, bias, form: "elementwise", positions }],
    seesMasks: false,
    apply: ([x], context) => {
      const pixels = rowsOf(x!)
      const block = context.parameters(0)
      const result = zeros(positions, columns)
      for (const row of result) if (bias) row.set(block[taps]!)
      eachMeeting(window, image, out, (position, tap, pixel) => {
        for (let c = 0; c < image.channels; c++) {
          for (let m = 0; m < multiplier; m++) {
            const o = c * multiplier + m
            result[position]![o]! += pixels[pixel]![c]! * block[tap]![o]!
          }
        }
      })
      return fromRows(out, result)
    }
  }
}

export const conv2dTranspose = (op: Conv2dTransposeOp, input: Shape): Operation => {
  const image = imageOf("conv2dTranspose", input)
  const { bias = true, filters, kernel, outputPadding = [0, 0], padding = noBorder, stride = [1, 1] } = op
  const side = (size: number, k: 0 | 1) =>
    (size - 1) * stride[k] + kernel[k] - padding[k][0] - padding[k][1] + outputPadding[k]
  const out: ImageShape = { height: side(image.height, 0), width: side(image.width, 1), channels: filters }
  if (out.height < 1 || out.width < 1) throw new RangeError("conv2dTranspose crops all")
  const positions = out.height * out.width
  const rows = kernel[0] * kernel[1] * image.channels + (bias ? 1 : 0)
  return {
    shape: out,
    slots: [{ part: "", rows, columns: filters, bias, form: "outer", positions }],
    seesMasks: false,
    apply: ([x], context) => {
      const pixels = rowsOf(x!)
      const block = context.parameters(0)
      const abar = zeros(positions, rows)
      const s = zeros(positions, filters)
      for (let i = 0; i < image.height; i++) {
        for (let j = 0; j < image.width; j++) {
          for (let p = 0; p < kernel[0]; p++) {
            for (let q = 0; q < kernel[1]; q++) {
              const row = i * stride[0] + p - padding[0][0]
              const column = j * stride[1] + q - padding[1][0]
              if (row < 0 || row >= out.height || column < 0 || column >= out.width) continue
              const t = row * out.width + column
              for (let c = 0; c < image.channels; c++) {
                const entry = (p * kernel[1] + q) * image.channels + c
                const value = pixels[i * image.width + j]![c]!
                abar[t]![entry] = value
                for (let f = 0; f < filters; f++) s[t]![f]! += value * block[entry]![f]!
              }
            }
          }
        }
      }
      for (let t = 0; bias && t < positions; t++) {
        abar[t]![rows - 1] = 1
        for (let f = 0; f < filters; f++) s[t]![f]! += block[rows - 1]![f]!
      }
      return fromRows(out, context.outer(0, abar, s, undefined))
    }
  }
}
