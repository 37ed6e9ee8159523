/** What comes into the methods of this folder, checked: their vectors, and the products of an operator. */
import { Effect } from "effect"
import { NonFinite, ShapeMismatch } from "../../Errors.ts"
import { firstNonFinite } from "../../Options.ts"
import type { Operator } from "../Operator.ts"

/** What is wrong with a vector that should have `size` finite numbers, if anything is. */
export const vectorFault = (
  what: string,
  size: number,
  values: Float64Array,
  remedy: string
): ShapeMismatch | NonFinite | undefined => {
  if (values.length !== size) {
    return new ShapeMismatch({
      what,
      expected: String(size),
      actual: String(values.length),
      message: `${what} has ${values.length} numbers, and the operator has size ${size}. Give vectors of its size.`
    })
  }
  const index = firstNonFinite(values)
  if (index < 0) return undefined
  const value = String(values[index])
  return new NonFinite({
    what,
    index,
    value,
    message: `${what} is ${value} at index ${index}. ${remedy}`
  })
}

/**
 * A v for each of the vectors, in one walk.
 *
 * *Fails* as the operator does; with `ShapeMismatch` or `NonFinite` where what it gives is not as many finite vectors
 * of its size.
 */
export const products = <E, R>(
  operator: Operator<E, R>,
  vectors: ReadonlyArray<Float64Array>
): Effect.Effect<ReadonlyArray<Float64Array>, E | ShapeMismatch | NonFinite, R> =>
  Effect.flatMap(operator.apply(vectors), (out) => {
    if (out.length !== vectors.length) {
      return Effect.fail(
        new ShapeMismatch({
          what: "the operator's products",
          expected: String(vectors.length),
          actual: String(out.length),
          message: `The operator gave ${out.length} products for ${vectors.length} vectors. Give one for each, in order.`
        })
      )
    }
    for (const product of out) {
      const fault = vectorFault(
        "a product of the operator",
        operator.size,
        product,
        "Look for the overflow in the operator, or scale it down."
      )
      if (fault !== undefined) return Effect.fail(fault)
    }
    return Effect.succeed(out)
  })
