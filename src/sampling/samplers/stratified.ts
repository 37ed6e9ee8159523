/**
 * K draws by Latin hypercube: the uniform numbers of a slot fall one into each of K equal parts of (0, 1).
 *
 * *Math*: at slot j draw k takes u_kj = (pi_j(k) + v_kj) / K, where pi_j is a random permutation of 0 ... K - 1 of the example and the
 * slot, and v_kj is uniform. pi_j(k) is uniform for every k and the slots are independent, so a draw by itself is uniform on the
 * cube: its y is exactly from p. The K draws are dependent, and repel each other in every coordinate.
 *
 * *Source*: McKay, Beckman and Conover 1979, A comparison of three methods for selecting values of input variables, section 2.
 */
import { Schema } from "effect"
import type { Uniforms } from "../../model/Likelihood.ts"
import { PositiveInt, Seed } from "../../Options.ts"
import { permutation } from "../../random/Distributions.ts"
import { fold, type Key, uniform } from "../../random/Key.ts"
import { fixedSize, largestBelowOne } from "../internal/labelled.ts"

/** `draws`: how many for each example, and so how many strata. `seed`: of all of them. */
export const StratifiedOptions = Schema.Struct({ draws: PositiveInt, seed: Seed })

/** The place in its stratum is the number that independent draws would take; the permutation of a slot has a key of its own. */
const stratum =
  (draws: number) =>
  (own: Key): Uniforms => {
    const permutations: Array<Uint32Array> = []
    return (draw, slot) => {
      const strata = (permutations[slot] ??= permutation(fold(own, slot), draws))
      // Near the end of the last stratum the sum rounds to K.
      return Math.min(largestBelowOne, (strata[draw]! + uniform(own, draw, slot)) / draws)
    }
  }

export const stratified = (options: typeof StratifiedOptions.Type) =>
  fixedSize("stratified", options, stratum(options.draws))
