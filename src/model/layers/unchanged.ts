/** Operations that leave every number as it is: what they change is the shape, or the mask. */
import type { BuiltLayer, Masking } from "../Layer.ts"
import type { Shape } from "../Shape.ts"

/** The identity, with an output of this shape. */
export const unchanged = (output: Shape, masking: Masking): BuiltLayer => ({
  output,
  masking,
  forward: (_, x) => x,
  linearize: ({ input }) => ({
    output: input,
    tape: [],
    pullbackInput: (cotangent) => cotangent,
    pushforward: (tangent) => tangent
  })
})
