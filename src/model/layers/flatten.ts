/** An image as a row of numbers. Values are flat already, NHWC row-major, so no number moves. */
import type { Layer } from "../Layer.ts"
import { type Form, sizeOf } from "../Shape.ts"

/** What a dense layer after an image needs: from here on, height, width and channels are forgotten. Of numbers, the same numbers. */
export const flatten: Layer<"flatten", Form, "numbers"> = {
  _tag: "Layer",
  name: "flatten",
  gives: "numbers",
  build: (input) => ({
    output: sizeOf(input),
    forward: (_, x) => x,
    linearize: (at) => ({
      output: at.input,
      tape: [],
      pullbackInput: (cotangent) => cotangent,
      pushforward: (tangent) => tangent
    })
  })
}
