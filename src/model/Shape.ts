/**
 * What lies between two layers: so many numbers, or an image of them.
 *
 * An image is flat like every other value: row by row, in a row pixel by pixel, in a pixel channel by channel (NHWC). So a layer
 * that takes an image must know its shape, and flattening one changes no number.
 */
export interface Image {
  readonly height: number
  readonly width: number
  readonly channels: number
}

/** How many numbers, or which image. */
export type Shape = number | Image

/** Which of the two a layer takes and gives. */
export type Form = "numbers" | "image"

export const formOf = (shape: Shape): Form => (typeof shape === "number" ? "numbers" : "image")

/** How many numbers it has. */
export const sizeOf = (shape: Shape): number =>
  typeof shape === "number" ? shape : shape.height * shape.width * shape.channels

/** A shape in a signature, such as `784` or `28x28x1`: height, width, channels. */
export type ShapeName<S extends Shape> = S extends number
  ? `${S}`
  : S extends { readonly height: infer H; readonly width: infer W; readonly channels: infer C }
    ? `${H & number}x${W & number}x${C & number}`
    : never

export const shapeName = (shape: Shape): string =>
  typeof shape === "number" ? String(shape) : `${shape.height}x${shape.width}x${shape.channels}`
