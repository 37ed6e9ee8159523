/** Layer normalisation: each position has mean 0 and variance 1 over its channels. */

import { Schema } from "effect"
import { decodeOrThrow } from "../../Options.ts"
import { type SingleLayer, single } from "../Layer.ts"
import type { Form } from "../Shape.ts"
import type { Only } from "./layerName.ts"
import {
  type NormName,
  type NormOptions,
  named,
  normalisation,
  normFields,
  perPosition,
  standardised
} from "./normalisation.ts"

export type LayerNormName<Options> = NormName<"layerNorm", [], Options>

const LayerNorm = Schema.Struct(normFields)

/**
 * y = (x - mean) / sqrt(variance + epsilon) scale + shift, mean and variance over the channels of each position; over all numbers, where
 * the input is numbers.
 *
 * *Shapes*: parameters `[2, channels]`, scale (1 at first) and shift (0 at first); one row or none where an option leaves it out.
 * *Cost*: about 10 N T channels flops forwards. *Throws*: `InvalidArgument`; `ShapeMismatch` on 0 numbers.
 * *Source*: Ba, Kiros and Hinton 2016, section 3.
 */
export const layerNorm = <const Options extends NormOptions = {}>(
  options: Options & Only<Options, NormOptions> = {} as Options & Only<Options, NormOptions>
): SingleLayer<LayerNormName<Options>, Form, "same"> => {
  const { epsilon, ...rest } = named("layerNorm", [], decodeOrThrow(LayerNorm, options))
  return single({
    name: rest.name as LayerNormName<Options>,
    gives: "same",
    build: (input) => {
      const sets = perPosition(input)
      return normalisation(
        { ...rest, masking: "keeps", normalise: (x) => standardised(x, sets, epsilon, true) },
        input
      )
    }
  })
}
