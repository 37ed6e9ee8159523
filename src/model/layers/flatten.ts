/** An image or a sequence as a row of numbers. Values are flat already, channels last, so no number moves. */
import { type SingleLayer, single } from "../Layer.ts"
import { type Form, sizeOf } from "../Shape.ts"
import { unchanged } from "./unchanged.ts"

/** What a dense layer on all of an image or a sequence needs: from here on, its shape is forgotten. Of numbers, the same numbers. */
export const flatten: SingleLayer<"flatten", Form, "numbers"> = single({
  name: "flatten",
  gives: "numbers",
  build: (input) => unchanged(sizeOf(input), "ends")
})
