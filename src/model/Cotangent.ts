/** A linear function of a movement in parameter space: a gradient. A Fisher applied to a tangent gives one. */
import { type Vector, vectorValues } from "./internal/vector.ts"
import { block, type ParamSpace, requireSame } from "./ParamSpace.ts"
import type { Tangent } from "./Tangent.ts"

/** A linear function of a movement in parameter space: a gradient. A Fisher applied to a tangent gives one. */
export interface Cotangent<S extends string> extends Vector<S> {
  readonly _tag: "Cotangent"
}

/** Makes one from its `[P]` numbers, copied to float32. *Throws* `ShapeMismatch`, `NonFinite`. */
export const make = <S extends string>(space: ParamSpace<S>, values: ArrayLike<number>): Cotangent<S> => ({
  _tag: "Cotangent",
  space,
  values: vectorValues(space, "components of a cotangent", values)
})

/**
 * `<gradient, update>`: the first-order change of the function whose gradient it is. Summed in float64. *Throws*
 * `ShapeMismatch` for an update of another network.
 */
export const pair = <S extends string>(self: Cotangent<S>, update: Tangent<S>): number => {
  requireSame("update", self.space, update.space)
  let sum = 0
  for (let i = 0; i < self.values.length; i++) sum += self.values[i]! * update.values[i]!
  return sum
}

/** Its components in one parameter block, a layer of the network. *Throws* `InvalidArgument` for a block that is not there. */
export const restrict = <S extends string, const I extends number>(
  self: Cotangent<S>,
  index: I
): Cotangent<`${S}, block ${I}`> => {
  const space = block(self.space, index)
  const { offset } = self.space.blocks[index]!
  return make(space, self.values.subarray(offset, offset + space.size))
}
