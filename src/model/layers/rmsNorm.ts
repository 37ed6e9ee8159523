/** Root-mean-square normalisation: each position over the root of its mean square. */
import { Schema } from "effect"
import { decodeOrThrow } from "../../Options.ts"
import { type SingleLayer, single } from "../Layer.ts"
import type { Form } from "../Shape.ts"
import { type LayerName, layerName, type NumberPart, numberPart, type Only, type Said } from "./layerName.ts"
import { Epsilon, normalisation, perPosition, standardised } from "./normalisation.ts"

export interface RmsNormOptions {
  /** What is added to the mean square; 0.000001 unless said, as Keras has it. */
  readonly epsilon?: number
}

export type RmsNormName<Options> = LayerName<
  "rmsNorm",
  [NumberPart<"epsilon", Said<Options, "epsilon", 1e-6>, 1e-6>]
>

const RmsNorm = Schema.Struct({ epsilon: Schema.optionalKey(Epsilon) })

/**
 * y = x / sqrt(mean x^2 + epsilon) scale, the mean over the channels of each position; over all numbers, where the input is numbers.
 *
 * *Shapes*: parameters `[1, channels]`, the scale, 1 at first. *Cost*: about 7 N T channels flops forwards.
 * *Throws*: `InvalidArgument`; `ShapeMismatch` on 0 numbers. *Source*: Zhang and Sennrich 2019, eq. 4.
 */
export const rmsNorm = <const Options extends RmsNormOptions = {}>(
  options: Options & Only<Options, RmsNormOptions> = {} as Options & Only<Options, RmsNormOptions>
): SingleLayer<RmsNormName<Options>, Form, "same"> => {
  const decoded: RmsNormOptions = decodeOrThrow(RmsNorm, options)
  const { epsilon = 1e-6 } = decoded
  const name = layerName("rmsNorm", [numberPart("epsilon", epsilon, 1e-6)])
  return single({
    name: name as RmsNormName<Options>,
    gives: "same",
    build: (input) => {
      const sets = perPosition(input)
      const normalise = (x: Parameters<typeof standardised>[0]) => standardised(x, sets, epsilon, false)
      return normalisation({ name, scale: true, shift: false, masking: "keeps", normalise }, input)
    }
  })
}
