/**
 * Gamma: y is C independent numbers over 0 of mean e^z, with the shape k fixed; the variance is e^(2z) / k.
 *
 * *Math*: log p = k log k - k z + (k - 1) log y - k y e^-z - log Gamma(k); score = k (y e^-z - 1); Lambda = k I, whatever z;
 * KL(z || w) = k (e^d - 1 - d) with d = z - w. Shape 1 is the exponential distribution.
 *
 * *Source*: McCullagh and Nelder 1989, Generalized Linear Models, section 8.2.
 */
import { Schema } from "effect"
import { decodeOrThrow, Moderate } from "../../Options.ts"
import { gamma as drawGamma } from "../../random/Distributions.ts"
import { expGap, stirlingError } from "../../random/SpecialFunctions.ts"
import { independent, type One } from "../internal/independent.ts"
import type { Likelihood } from "../Likelihood.ts"

/** `shape`: k, from 1e-300 to 1e300. */
export const GammaOptions = Schema.Struct({ shape: Moderate })

const at = (z: number, k: number): One => {
  // log p = k (l + 1 - e^l) - log y + (log k - log 2 pi) / 2 - the Stirling error of k, with l = log y - z.
  const constant = 0.5 * Math.log(k / (2 * Math.PI)) - stirlingError(k)
  return {
    logProbability: (y) => {
      const l = Math.log(y) - z
      return constant - k * expGap(l) - Math.log(y)
    },
    score: (y) => k * Math.expm1(Math.log(y) - z),
    sample: (uniform) => Math.max(Number.MIN_VALUE, Math.exp(z) * (drawGamma(uniform(), k) / k)),
    deviation: Math.sqrt(k),
    klDivergence: (other) => k * expGap(z - other)
  }
}

/**
 * y is C numbers over 0; z are the logarithms of their means. Lambda = shape I.
 *
 * *Throws*: `InvalidArgument` where the shape is not a number from 1e-300 to 1e300.
 */
export const gamma = (options: typeof GammaOptions.Type): Likelihood => {
  const { shape } = decodeOrThrow(GammaOptions, options)
  return independent({
    name: `gamma(shape ${shape})`,
    remedy: "A gamma label is a finite number over 0.",
    holds: (y) => Number.isFinite(y) && y > 0,
    support: Number.POSITIVE_INFINITY,
    at: (z) => at(z, shape)
  })
}
