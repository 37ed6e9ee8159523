/**
 * K draws in pairs: u and 1 - u at every slot.
 *
 * *Math*: 1 - u is uniform, so that every draw is exactly from p. A pair has half the variance of one draw times 1 + rho, rho the
 * correlation of its two outer products: less than independent draws have where rho < 0, and twice as much where rho = 1. The score
 * of a Gaussian is odd in u - 1/2, its outer product even: there rho is 1.
 *
 * *Source*: Hammersley and Morton 1956, A new Monte Carlo technique: antithetic variates.
 */
import { Schema } from "effect"
import type { Uniforms } from "../../model/Likelihood.ts"
import { PositiveInt, Seed } from "../../Options.ts"
import { type Key, uniform } from "../../random/Key.ts"
import { fixedSize, largestBelowOne } from "../internal/labelled.ts"

/** `draws`: how many for each example, an even number. `seed`: of all of them. */
export const AntitheticOptions = Schema.Struct({
  draws: PositiveInt.check(
    Schema.makeFilter(
      (draws) => draws % 2 === 0 || "Give an even number of draws: they come in pairs of u and 1 - u."
    )
  ),
  seed: Seed
})

const mirrored =
  (own: Key): Uniforms =>
  (draw, slot) => {
    const u = uniform(own, Math.floor(draw / 2), slot)
    // 1 - 2^-54 rounds to 1.
    return draw % 2 === 0 ? u : Math.min(largestBelowOne, 1 - u)
  }

export const antithetic = (options: typeof AntitheticOptions.Type) =>
  fixedSize("antithetic", options, mirrored)
