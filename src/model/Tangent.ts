/** A direction of movement in parameter space: an update. The inverse of a Fisher gives one. */
import { type Vector, vectorValues } from "./internal/vector.ts"
import { block, type ParamSpace } from "./ParamSpace.ts"

/** A direction of movement in parameter space: an update. The inverse of a Fisher gives one. */
export interface Tangent<S extends string> extends Vector<S> {
  readonly _tag: "Tangent"
}

/** Makes one from its `[P]` numbers, copied to float32. *Throws* `ShapeMismatch`, `NonFinite`. */
export const make = <S extends string>(space: ParamSpace<S>, values: ArrayLike<number>): Tangent<S> => ({
  _tag: "Tangent",
  space,
  values: vectorValues(space, "components of a tangent", values)
})

/** Its components in one parameter block, a layer of the network. *Throws* `InvalidArgument` for a block that is not there. */
export const restrict = <S extends string, const I extends number>(
  self: Tangent<S>,
  index: I
): Tangent<`${S}, block ${I}`> => {
  const space = block(self.space, index)
  const { offset } = self.space.blocks[index]!
  return make(space, self.values.subarray(offset, offset + space.size))
}
