/** Layers that apply one function to every number: what their files share. */
import * as tf from "@tensorflow/tfjs"
import { type SingleLayer, single } from "../Layer.ts"
import type { Form } from "../Shape.ts"

export interface ElementwiseFunction {
  readonly value: (x: tf.Tensor2D) => tf.Tensor2D
  /** f'(x), given y = f(x) too, for the functions whose derivative is shorter in y. */
  readonly derivative: (x: tf.Tensor2D, y: tf.Tensor2D) => tf.Tensor2D
}

/** A layer without parameters that applies `f` to every number. *Cost*: N in evaluations of f and of f'. */
export const activation = <const Name extends string>(
  name: Name,
  f: ElementwiseFunction
): SingleLayer<Name, Form, "same"> =>
  single({
    name,
    gives: "same",
    build: (input) => ({
      output: input,
      masking: "keeps",
      forward: (_, input) => f.value(input),
      linearize: ({ input }) => {
        const output = f.value(input)
        const slope = f.derivative(input, output)
        return {
          output,
          tape: [slope],
          pullbackInput: (cotangent) => tf.mul(cotangent, slope),
          pushforward: (tangent) => (tangent === undefined ? undefined : tf.mul(tangent, slope))
        }
      }
    })
  })
