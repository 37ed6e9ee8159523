/**
 * What lies between two layers: so many numbers, a sequence of positions, or an image.
 *
 * Values are flat, whatever their shape: position by position and in a position channel by channel, an image row by row (NHWC). So
 * a layer that takes a sequence or an image must know its shape, and flattening one changes no number.
 */
export interface Sequence {
  /** How many positions: T. */
  readonly length: number
  readonly channels: number
}

export interface Image {
  readonly height: number
  readonly width: number
  readonly channels: number
}

/** How many numbers, or which sequence or image. */
export type Shape = number | Sequence | Image

/** Which of them a layer takes and gives. */
export type Form = "numbers" | "sequence" | "image"

/** The form of a shape, for the compiler; any, where it is known at run time alone. */
export type FormOf<S extends Shape> = [S] extends [number]
  ? "numbers"
  : [S] extends [Image]
    ? "image"
    : [S] extends [Sequence]
      ? "sequence"
      : Form

export const formOf = (shape: Shape): Form =>
  typeof shape === "number" ? "numbers" : "length" in shape ? "sequence" : "image"

/** How many positions it has: T, 1 for numbers. */
export const positionsOf = (shape: Shape): number =>
  typeof shape === "number" ? 1 : "length" in shape ? shape.length : shape.height * shape.width

/** How many numbers each of its positions has; all of them, for numbers. */
export const channelsOf = (shape: Shape): number => (typeof shape === "number" ? shape : shape.channels)

/** How many numbers it has. */
export const sizeOf = (shape: Shape): number => positionsOf(shape) * channelsOf(shape)

/** The same positions, each of so many numbers. */
export const withChannels = (shape: Shape, channels: number): Shape =>
  typeof shape === "number" ? channels : { ...shape, channels }

/** A shape in a signature, such as `784`, `32x16` (length, channels) or `28x28x1` (height, width, channels). */
export type ShapeName<S extends Shape> = S extends number
  ? `${S}`
  : S extends { readonly height: infer H; readonly width: infer W; readonly channels: infer C }
    ? `${H & number}x${W & number}x${C & number}`
    : S extends { readonly length: infer T; readonly channels: infer C }
      ? `${T & number}x${C & number}`
      : never

export const shapeName = (shape: Shape): string =>
  typeof shape === "number"
    ? String(shape)
    : "length" in shape
      ? `${shape.length}x${shape.channels}`
      : `${shape.height}x${shape.width}x${shape.channels}`

/** A shape in a sentence. */
export const described = (shape: Shape): string => {
  const form = formOf(shape)
  return form === "numbers"
    ? `${shape} numbers`
    : `${form === "image" ? "an image" : "a sequence"} of ${shapeName(shape)}`
}
