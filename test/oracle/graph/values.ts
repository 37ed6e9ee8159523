/**
 * Shapes and values of the graph oracle. A value is a flat vector with the channels last: a sequence is position by position,
 * an image row by row and pixel by pixel. A position is a place in a sequence or a pixel; plain numbers are one position whose
 * channels they are.
 */
import { type Rows, zeros } from "../linear.ts"

export interface SequenceShape {
  readonly length: number
  readonly channels: number
}

export interface ImageShape {
  readonly height: number
  readonly width: number
  readonly channels: number
}

/** So many plain numbers, a sequence or an image. */
export type Shape = number | SequenceShape | ImageShape

export interface Value {
  readonly shape: Shape
  readonly data: Float64Array
  /** Which positions of a sequence count: false is a masked one. Absent where all do. */
  readonly mask?: ReadonlyArray<boolean>
}

export const positionsOf = (shape: Shape): number => {
  if (typeof shape === "number") return 1
  return "length" in shape ? shape.length : shape.height * shape.width
}

export const channelsOf = (shape: Shape): number => (typeof shape === "number" ? shape : shape.channels)

export const sizeOf = (shape: Shape): number => positionsOf(shape) * channelsOf(shape)

/** The same kind of shape with another number of channels. */
export const withChannels = (shape: Shape, channels: number): Shape =>
  typeof shape === "number" ? channels : { ...shape, channels }

export const sequenceOf = (what: string, shape: Shape): SequenceShape => {
  if (typeof shape === "number" || !("length" in shape)) throw new RangeError(`${what} wants a sequence`)
  return shape
}

export const imageOf = (what: string, shape: Shape): ImageShape => {
  if (typeof shape === "number" || "length" in shape) throw new RangeError(`${what} wants an image`)
  return shape
}

export const numbersOf = (what: string, shape: Shape): number => {
  if (typeof shape !== "number") throw new RangeError(`${what} wants plain numbers`)
  return shape
}

export const sameShape = (a: Shape, b: Shape): boolean =>
  JSON.stringify(dimensions(a)) === JSON.stringify(dimensions(b))

const dimensions = (shape: Shape): ReadonlyArray<number> => {
  if (typeof shape === "number") return [shape]
  return "length" in shape ? [shape.length, shape.channels] : [shape.height, shape.width, shape.channels]
}

/** The channels at every position: positions x channels. */
export const rowsOf = ({ data, shape }: Value): Rows => {
  const channels = channelsOf(shape)
  return Array.from({ length: positionsOf(shape) }, (_, t) => data.slice(t * channels, (t + 1) * channels))
}

/** The value whose channels at position t are rows[t]. */
export const fromRows = (shape: Shape, rows: Rows, mask?: ReadonlyArray<boolean>): Value => {
  const data = new Float64Array(sizeOf(shape))
  const channels = channelsOf(shape)
  for (const [t, row] of rows.entries()) data.set(row, t * channels)
  return mask === undefined ? { shape, data } : { shape, data, mask }
}

/** The value with 0 at its masked positions and without its mask. */
export const forgetMask = (value: Value): Value => {
  const { mask, shape } = value
  if (mask === undefined) return value
  return fromRows(
    shape,
    rowsOf(value).map((row, t) => (mask[t]! ? row : zeros(1, row.length)[0]!))
  )
}

export const equalMasks = (masks: ReadonlyArray<Value["mask"]>): boolean =>
  masks.every((mask) => JSON.stringify(mask) === JSON.stringify(masks[0]))
