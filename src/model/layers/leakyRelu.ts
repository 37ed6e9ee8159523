import * as tf from "@tensorflow/tfjs"
import { Schema } from "effect"
import { decodeOrThrow } from "../../Options.ts"
import type { SingleLayer } from "../Layer.ts"
import type { Form } from "../Shape.ts"
import { activation } from "./activation.ts"

const LeakyRelu = Schema.Struct({
  slope: Schema.Number.check(
    Schema.makeFilter((slope: number) => (slope >= 0 && slope <= 1) || "Give a number from 0 to 1.")
  )
})

/** x over 0, slope x below and at 0. *Throws*: `InvalidArgument` for a slope that is not from 0 to 1. */
export const leakyRelu = <const Slope extends number>(
  slope: Slope
): SingleLayer<`leakyRelu(${Slope})`, Form, "same"> => {
  decodeOrThrow(LeakyRelu, { slope })
  return activation(`leakyRelu(${slope})`, {
    value: (x) => tf.maximum(x, tf.mul(slope, x)),
    derivative: (x) => tf.add(slope, tf.mul(1 - slope, tf.step(x)))
  })
}
