/** A point of parameter space: the weights and biases of a network. */
import { type Vector, vectorValues } from "./internal/vector.ts"
import { type ParamSpace, requireSame } from "./ParamSpace.ts"
import type { Tangent } from "./Tangent.ts"

/** A point of parameter space: the weights and biases of a network. */
export interface Params<S extends string> extends Vector<S> {
  readonly _tag: "Params"
}

/** Makes one from its `[P]` numbers, copied to float32. *Throws* `ShapeMismatch`, `NonFinite`. */
export const make = <S extends string>(space: ParamSpace<S>, values: ArrayLike<number>): Params<S> => ({
  _tag: "Params",
  space,
  values: vectorValues(space, "parameters", values)
})

/**
 * The point that is reached from `self` by `scale` times `update`. *Throws* `NonFinite` where float32 overflows, `ShapeMismatch`
 * for an update of another network.
 */
export const move = <S extends string>(self: Params<S>, update: Tangent<S>, scale = 1): Params<S> => {
  requireSame("update", self.space, update.space)
  // A loop: `map` of a typed array calls its function from outside of compiled code, at ten times the cost.
  const values = new Float32Array(self.values.length)
  for (let i = 0; i < values.length; i++) values[i] = self.values[i]! + scale * update.values[i]!
  return make(self.space, values)
}
