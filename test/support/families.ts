/**
 * Likelihoods of the library beside the oracle's: `families` are the three that networks are tested with; lawFamilies.ts has every one.
 */
import { Likelihood } from "../../src/index.ts"
import * as Oracle from "../oracle/likelihoods.ts"
import type { Vector } from "../oracle/linear.ts"
import { generator } from "../oracle/random.ts"

export interface Family {
  readonly name: string
  readonly ours: Likelihood.Likelihood
  readonly oracle: Oracle.OracleLikelihood
  /** C. */
  readonly outputs: number
  /** Whether the oracle's support is every y there is: then log-probabilities can be summed over it. */
  readonly discrete: boolean
}

const categorical = (outputs: number): Family => ({
  name: `categorical, C = ${outputs}`,
  ours: Likelihood.categorical,
  oracle: Oracle.categorical,
  outputs,
  discrete: true
})

const bernoulli = (outputs: number): Family => ({
  name: `bernoulli, C = ${outputs}`,
  ours: Likelihood.bernoulli,
  oracle: Oracle.bernoulli,
  outputs,
  discrete: true
})

const gaussian = (variance: number, outputs: number): Family => ({
  name: `gaussian of variance ${variance}, C = ${outputs}`,
  ours: Likelihood.gaussian({ variance }),
  oracle: Oracle.gaussian(variance),
  outputs,
  discrete: false
})

export const families: ReadonlyArray<Family> = [
  categorical(2),
  categorical(3),
  categorical(10),
  bernoulli(1),
  bernoulli(4),
  gaussian(0.49, 3),
  gaussian(3, 2)
]

/** Normal points of four sizes, eight of each: from near uniform to where one probability is 1 - 10^-10. */
export const ordinaryPoints = (outputs: number): ReadonlyArray<Vector> => {
  const random = generator(outputs)
  return [0.3, 1, 3, 8].flatMap((size) =>
    Array.from({ length: 8 }, () => random.normals(outputs).map((v) => size * v))
  )
}

/** Extreme and legal: p = 1 exactly, probabilities that underflow, ties, and 1 - p below the roundoff of 1. */
export const extremePoints = (outputs: number): ReadonlyArray<Vector> => {
  const filled = (first: number, others: number) =>
    Float64Array.from({ length: outputs }, (_, c) => (c === 0 ? first : others))
  return [
    filled(1e4, -1e4),
    filled(-1e4, 1e4),
    filled(1e4, 1e4),
    filled(-1e4, -1e4),
    filled(1e4, 0),
    filled(0, 0),
    filled(745, 0),
    filled(-745, 0),
    filled(40, 0),
    filled(25, -1)
  ]
}
