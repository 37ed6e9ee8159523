/** The same numbers as a row, a sequence or an image of another shape. Values are flat, channels last, so no number moves. */
import { Schema } from "effect"
import { ShapeMismatch } from "../../Errors.ts"
import { decodeOrThrow, PositiveInt } from "../../Options.ts"
import { type SingleLayer, single } from "../Layer.ts"
import {
  described,
  type Form,
  type FormOf,
  formOf,
  type Shape,
  type ShapeName,
  shapeName,
  sizeOf
} from "../Shape.ts"
import { unchanged } from "./unchanged.ts"

const Numbers = Schema.Struct({ shape: PositiveInt })
const OfSequence = Schema.Struct({ shape: Schema.Struct({ length: PositiveInt, channels: PositiveInt }) })
const OfImage = Schema.Struct({
  shape: Schema.Struct({ height: PositiveInt, width: PositiveInt, channels: PositiveInt })
})

const decoded = (shape: unknown): Shape => {
  if (typeof shape !== "object" || shape === null) return decodeOrThrow(Numbers, { shape }).shape
  return "length" in shape
    ? decodeOrThrow(OfSequence, { shape }).shape
    : decodeOrThrow(OfImage, { shape }).shape
}

/**
 * A number, `{ length, channels }` or `{ height, width, channels }` of as many numbers as the input has. A mask ends here.
 *
 * *Throws*: `InvalidArgument` for a shape that is none; `ShapeMismatch` for one of another size.
 */
export const reshape = <const S extends Shape>(
  shape: S
): SingleLayer<`reshape(${ShapeName<S>})`, Form, FormOf<S>> => {
  const output = decoded(shape)
  const name = `reshape(${shapeName(output)})`
  return single({
    name: name as `reshape(${ShapeName<S>})`,
    // `formOf` gives one of all forms, and which one the compiler cannot tell.
    gives: formOf(output) as FormOf<S>,
    build: (input) => {
      requireSize(name, output, input)
      return unchanged(output, "ends")
    }
  })
}

const requireSize = (name: string, output: Shape, input: Shape): void => {
  if (sizeOf(output) === sizeOf(input)) return
  throw new ShapeMismatch({
    what: name,
    expected: `${sizeOf(output)} numbers`,
    actual: described(input),
    message: `${name} makes ${sizeOf(output)} numbers of ${described(input)}, which has ${sizeOf(input)}. Give a shape of ${sizeOf(input)} numbers.`
  })
}
