import { NonFinite, ShapeMismatch } from "../../Errors.ts"
import { firstNonFinite, shown } from "../../Options.ts"
import type { Layout, ParamSpace } from "../ParamSpace.ts"

/** What `Params`, `Tangent` and `Cotangent` have in common. */
export interface Vector<S extends string> {
  readonly space: ParamSpace<S>
  /** `[P]`. Never written to after it was made. */
  readonly values: Float32Array
}

/** The numbers of a vector of `space`, copied to float32. *Throws* `ShapeMismatch`, `NonFinite`. */
export const vectorValues = (space: Layout, what: string, values: ArrayLike<number>): Float32Array => {
  if (!Array.isArray(values) && !(values instanceof Float32Array) && !(values instanceof Float64Array)) {
    throw new ShapeMismatch({
      what,
      expected: "an array, a Float32Array or a Float64Array",
      actual: shown(values),
      message: `The ${what} are ${shown(values)}. Pass their numbers as an array, a Float32Array or a Float64Array.`
    })
  }
  if (values.length !== space.size) {
    throw new ShapeMismatch({
      what,
      expected: String(space.size),
      actual: String(values.length),
      message:
        `The ${what} of the network ${space.signature} are ${space.size} numbers, not ${values.length}. ` +
        "Take them from the same network."
    })
  }
  const foreign = Array.isArray(values) ? values.findIndex((value) => typeof value !== "number") : -1
  if (foreign >= 0) throw nonFinite(what, foreign, values[foreign])
  const copy = new Float32Array(values)
  const index = firstNonFinite(copy)
  if (index >= 0) throw nonFinite(what, index, values[index])
  return copy
}

const nonFinite = (what: string, index: number, value: unknown): NonFinite =>
  new NonFinite({
    what,
    index,
    value: shown(value),
    message: `The ${what} hold ${shown(value)} at index ${index}. Every number must be finite in float32.`
  })
