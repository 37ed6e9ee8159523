/**
 * Poisson: y is C independent counts, z are the logarithms of their rates.
 *
 * *Math*: score = y - e^z; Lambda = diag(e^z); KL(z || w) = e^z (e^d - 1 - d) with d = w - z. A z over 709.78 has a rate that
 * float64 does not hold: its draws are infinite, which is an invalid label, and its scores end as `NonFinite`.
 *
 * *Source*: Loader 2000 (log p through Stirling's error and the deviance, which does not cancel at large counts).
 */
import { poisson as drawPoisson } from "../../random/Distributions.ts"
import { deviance, expGap, logFactorial, stirlingError } from "../../random/SpecialFunctions.ts"
import { independent, type One } from "../internal/independent.ts"
import type { Likelihood } from "../Likelihood.ts"

const logMass = (y: number, rate: number, z: number): number => {
  if (y === 0) return -rate
  // Far from the mean the terms differ in size; near it those of a large count cancel, and the deviance does not.
  return y > 18 && rate > y / 4 && rate < 4 * y
    ? -deviance(y, rate, z) - stirlingError(y) - 0.5 * Math.log(2 * Math.PI * y)
    : y * z - rate - logFactorial(y)
}

const at = (z: number): One => {
  const rate = Math.exp(z)
  return {
    logProbability: (y) => logMass(y, rate, z),
    score: (y) => y - rate,
    sample: (uniform) => drawPoisson(uniform(), rate),
    deviation: Math.exp(z / 2),
    klDivergence: (other) => {
      const d = other - z
      if (d === 0) return 0
      // At a distance the other rate is taken by itself: e^z may underflow where e^w does not, and e^d overflow.
      const otherRate = Math.exp(other)
      if (d <= 1) return rate * expGap(d)
      return otherRate === Number.POSITIVE_INFINITY ? otherRate : otherRate - rate * (1 + d)
    }
  }
}

/** y is C whole numbers of at least 0; z are the logarithms of their rates. Lambda = diag(e^z). */
export const poisson: Likelihood = independent({
  name: "poisson",
  remedy: "A Poisson label is a finite whole number of at least 0.",
  holds: (y) => Number.isInteger(y) && y >= 0,
  support: Number.POSITIVE_INFINITY,
  at
})
