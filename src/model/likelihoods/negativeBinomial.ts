/**
 * Negative binomial: y is C independent counts of mean m = e^z and variance m + m^2 / r, with the dispersion r fixed.
 *
 * *Math*: with q = z - log r, P = sigmoid(q) = m / (m + r) and Q = 1 - P: p(y) = Gamma(y + r) / (y! Gamma(r)) P^y Q^r;
 * score = y Q - r P; Lambda = diag(r P), at most r; KL = m log(P / P') + r log(Q / Q'), which is m + r times that of one
 * bit of probability P. It tends to the Poisson as r grows.
 *
 * *Source*: Hilbe 2011, Negative Binomial Regression, chapter 8 (NB2); Loader 2000 (log p by deviances).
 */
import { Schema } from "effect"
import { decodeOrThrow, Moderate } from "../../Options.ts"
import { negativeBinomial as drawNegativeBinomial } from "../../random/Distributions.ts"
import {
  bitDivergence,
  deviance,
  expGap,
  sigmoid,
  softplus,
  stirlingError
} from "../../random/SpecialFunctions.ts"
import { independent, type One } from "../internal/independent.ts"
import type { Likelihood } from "../Likelihood.ts"

/** `dispersion`: r, from 1e-300 to 1e300; the variance is m + m^2 / r. */
export const NegativeBinomialOptions = Schema.Struct({ dispersion: Moderate })

const logMass = (y: number, q: number, r: number): number => {
  if (y === 0) return -r * softplus(q)
  const n = y + r
  const logN = Math.log(n)
  return (
    stirlingError(n) -
    stirlingError(r) -
    stirlingError(y) -
    deviance(y, n * sigmoid(q), logN - softplus(-q)) -
    deviance(r, n * sigmoid(-q), logN - softplus(q)) +
    // (r / n) sqrt(n / (2 pi y r))
    0.5 * (Math.log(r) - logN - Math.log(2 * Math.PI * y))
  )
}

/** From here on log(1 + e^-q) is e^-q in float64: KL is then that of the gamma distribution. */
const gammaFrom = 37

const divergence = (q: number, other: number, r: number): number => {
  if (q === other) return 0
  if (Math.min(q, other) > gammaFrom) return r * expGap(q - other)
  return r * (1 + Math.exp(q)) * bitDivergence(q, other)
}

const at = (z: number, r: number): One => {
  const q = z - Math.log(r)
  const [success, failure] = [sigmoid(q), sigmoid(-q)]
  return {
    logProbability: (y) => logMass(y, q, r),
    score: (y) => y * failure - r * success,
    sample: (uniform) => drawNegativeBinomial(uniform(), Math.exp(z), r),
    deviation: Math.sqrt(r * success),
    klDivergence: (other) => divergence(q, other - Math.log(r), r)
  }
}

/**
 * y is C whole numbers of at least 0; z are the logarithms of their means. The variance is m + m^2 / dispersion.
 *
 * *Throws*: `InvalidArgument` where the dispersion is not a number from 1e-300 to 1e300.
 */
export const negativeBinomial = (options: typeof NegativeBinomialOptions.Type): Likelihood => {
  const { dispersion } = decodeOrThrow(NegativeBinomialOptions, options)
  return independent({
    name: `negativeBinomial(dispersion ${dispersion})`,
    remedy: "A negative binomial label is a finite whole number of at least 0.",
    holds: (y) => Number.isInteger(y) && y >= 0,
    support: Number.POSITIVE_INFINITY,
    at: (z) => at(z, dispersion)
  })
}
