/** K independent draws: score_k score_k^T / K, summed, has the variance of one draw over K. */
import { Schema } from "effect"
import type { Uniforms } from "../../model/Likelihood.ts"
import { PositiveInt, Seed } from "../../Options.ts"
import { type Key, uniform } from "../../random/Key.ts"
import { fixedSize } from "../internal/labelled.ts"

/** `draws`: how many for each example. `seed`: of all of them. */
export const MonteCarloOptions = Schema.Struct({ draws: PositiveInt, seed: Seed })

/** A number of its own for every draw and slot. */
export const independent =
  (own: Key): Uniforms =>
  (draw, slot) =>
    uniform(own, draw, slot)

export const monteCarlo = (options: typeof MonteCarloOptions.Type) =>
  fixedSize("monteCarlo", options, independent)
