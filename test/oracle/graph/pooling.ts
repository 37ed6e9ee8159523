/**
 * Pooling. A window's average is over its pixels inside the image only, and its maximum ignores the padding too. Global pooling is over
 * the positions that are not masked, and 0 where there is none.
 */
import type { Operation } from "./operation.ts"
import { channelsOf, fromRows, type ImageShape, imageOf, rowsOf, type Shape, sequenceOf } from "./values.ts"
import { type Border, eachMeeting, noBorder, outputImage, type Two } from "./window.ts"

/** The stride is the size unless said, and there is no padding. */
export interface Pool2dOp {
  readonly kind: "maxPool2d" | "averagePool2d"
  readonly size: Two
  readonly stride?: Two
  readonly padding?: Border
}

export interface Pool1dOp {
  readonly kind: "maxPool1d" | "averagePool1d"
  readonly size: number
  readonly stride?: number
  readonly padding?: Two
}

/** A sequence or an image to one number for each channel. */
export interface GlobalPoolOp {
  readonly kind: "globalAveragePool" | "globalMaxPool"
}

type Pool = (values: ReadonlyArray<number>) => number

const average: Pool = (values) => values.reduce((sum, v) => sum + v, 0) / values.length
const maximum: Pool = (values) => values.reduce((largest, v) => (v > largest ? v : largest), values[0]!)

const pooling = (
  op: Omit<Pool2dOp, "kind">,
  pool: Pool,
  image: ImageShape,
  shape: (out: ImageShape) => Shape
): Operation => {
  const window = {
    kernel: op.size,
    stride: op.stride ?? op.size,
    padding: op.padding ?? noBorder,
    dilation: [1, 1] as const
  }
  const out = outputImage(window, image, image.channels)
  return {
    shape: shape(out),
    slots: [],
    seesMasks: false,
    apply: ([x]) => {
      const pixels = rowsOf({ ...x!, shape: image })
      const inside = Array.from({ length: out.height * out.width }, (): Array<number> => [])
      eachMeeting(window, image, out, (position, _, pixel) => inside[position]!.push(pixel))
      const rows = inside.map((seen) => {
        if (seen.length === 0) throw new RangeError("a pooling window lies in the padding")
        return Float64Array.from({ length: image.channels }, (_, c) => pool(seen.map((k) => pixels[k]![c]!)))
      })
      return fromRows(shape(out), rows)
    }
  }
}

export const pool2d = (op: Pool2dOp, input: Shape): Operation =>
  pooling(op, op.kind === "maxPool2d" ? maximum : average, imageOf(op.kind, input), (out) => out)

export const pool1d = (op: Pool1dOp, input: Shape): Operation => {
  const { channels, length } = sequenceOf(op.kind, input)
  const upright = {
    size: [op.size, 1] as const,
    stride: [op.stride ?? op.size, 1] as const,
    padding: [op.padding ?? [0, 0], [0, 0]] as const
  }
  const pool = op.kind === "maxPool1d" ? maximum : average
  return pooling(upright, pool, { height: length, width: 1, channels }, (out) => ({
    length: out.height,
    channels
  }))
}

export const globalPool = ({ kind }: GlobalPoolOp, input: Shape): Operation => {
  if (typeof input === "number") throw new RangeError(`${kind} wants a sequence or an image`)
  const channels = channelsOf(input)
  const pool = kind === "globalMaxPool" ? maximum : average
  return {
    shape: channels,
    slots: [],
    seesMasks: true,
    apply: ([x]) => {
      const rows = rowsOf(x!).filter((_, t) => x!.mask?.[t] ?? true)
      const pooled = Array.from({ length: channels }, (_, c) =>
        rows.length === 0 ? 0 : pool(rows.map((row) => row[c]!))
      )
      return fromRows(channels, [Float64Array.from(pooled)])
    }
  }
}
