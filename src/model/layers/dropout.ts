/** Dropout as a trained network has it: the identity. */
import { Schema } from "effect"
import { decodeOrThrow } from "../../Options.ts"
import { type SingleLayer, single } from "../Layer.ts"
import type { Form } from "../Shape.ts"
import { unchanged } from "./unchanged.ts"

const Dropout = Schema.Struct({
  rate: Schema.Number.check(
    Schema.makeFilter((rate: number) => (rate >= 0 && rate < 1) || "Give a number from 0 to under 1.")
  )
})

/**
 * The identity, whatever the rate: the Fisher is that of p(y|x), which drops nothing. The rate is in the name alone, for networks that
 * were trained with it. *Throws*: `InvalidArgument` for a rate that is not from 0 to under 1.
 */
export const dropout = <const Rate extends number>(
  rate: Rate
): SingleLayer<`dropout(${Rate})`, Form, "same"> => {
  decodeOrThrow(Dropout, { rate })
  return single({ name: `dropout(${rate})`, gives: "same", build: (input) => unchanged(input, "keeps") })
}
