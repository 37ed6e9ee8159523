/**
 * Ordinal, by cumulative logits: y is C independent levels 0 ... K - 1, z are their locations, and K - 1 fixed thresholds
 * b_0 < b_1 < ... cut the line: P(y <= k) = sigmoid(b_k - z).
 *
 * *Math*: with a = b_k - z above level k and b = b_(k-1) - z below it (infinite at the ends), P(y = k) = sigmoid(a) - sigmoid(b),
 * log P = log(1 - e^(b - a)) - softplus(-a) - softplus(b), score = sigmoid(b) - sigmoid(-a), Lambda = sum_k P(y = k) score_k^2.
 *
 * *Source*: McCullagh 1980, Regression models for ordinal data, section 2.
 */
import { Schema } from "effect"
import { InvalidArgument } from "../../Errors.ts"
import { decodeOrThrow, Finite } from "../../Options.ts"
import { categorical as drawCategorical } from "../../random/Distributions.ts"
import { divergenceTerm, sigmoid, softplus } from "../../random/SpecialFunctions.ts"
import { independent, type One } from "../internal/independent.ts"
import type { Likelihood } from "../Likelihood.ts"

/** `thresholds`: K - 1 >= 1 finite numbers, each over the one before it. */
export const OrdinalOptions = Schema.Struct({ thresholds: Schema.Array(Finite) })

/** log P(y = k) for every level. */
const logLevels = (z: number, thresholds: ReadonlyArray<number>): Float64Array =>
  Float64Array.from({ length: thresholds.length + 1 }, (_, k) => {
    const a = k === thresholds.length ? Number.POSITIVE_INFINITY : thresholds[k]! - z
    const b = k === 0 ? Number.NEGATIVE_INFINITY : thresholds[k - 1]! - z
    const width = k === 0 || k === thresholds.length ? 0 : thresholds[k]! - thresholds[k - 1]!
    return (
      (width === 0 ? 0 : Math.log(-Math.expm1(-width))) -
      (a === Number.POSITIVE_INFINITY ? 0 : softplus(-a)) -
      (b === Number.NEGATIVE_INFINITY ? 0 : softplus(b))
    )
  })

const at = (z: number, thresholds: ReadonlyArray<number>): One => {
  const logP = logLevels(z, thresholds)
  const p = logP.map(Math.exp)
  const last = thresholds.length
  const scores = p.map(
    (_, k) => (k === 0 ? 0 : sigmoid(thresholds[k - 1]! - z)) - (k === last ? 0 : sigmoid(z - thresholds[k]!))
  )
  return {
    logProbability: (y) => logP[y]!,
    score: (y) => scores[y]!,
    sample: (uniform) => drawCategorical(uniform(), p),
    deviation: Math.sqrt(p.reduce((sum, pk, k) => sum + pk * scores[k]! ** 2, 0)),
    klDivergence: (other) => {
      const logQ = logLevels(other, thresholds)
      return p.reduce((sum, pk, k) => sum + divergenceTerm(pk, Math.exp(logQ[k]!), logQ[k]! - logP[k]!), 0)
    }
  }
}

/**
 * y is C levels 0 ... K - 1 of K = thresholds + 1; z are their locations, all cut by the same thresholds.
 *
 * *Throws*: `InvalidArgument` where the thresholds are none, not finite or not increasing.
 */
export const ordinal = (options: typeof OrdinalOptions.Type): Likelihood => {
  const { thresholds } = decodeOrThrow(OrdinalOptions, options)
  const increasing = thresholds.every((b, k) => k === 0 || b > thresholds[k - 1]!)
  if (thresholds.length === 0 || !increasing) {
    const value = thresholds.join(", ")
    throw new InvalidArgument({
      argument: "thresholds",
      value,
      message: `thresholds is [${value}], which cuts the line into no levels in order. Give at least one number, each over the one before it.`
    })
  }
  const cuts = [...thresholds]
  return independent({
    name: `ordinal(thresholds ${cuts.join(", ")})`,
    remedy: `An ordinal label is a level from 0 to ${cuts.length}.`,
    holds: (y) => Number.isInteger(y) && y >= 0 && y <= cuts.length,
    support: cuts.length + 1,
    at: (z) => at(z, cuts)
  })
}
