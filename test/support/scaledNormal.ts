/**
 * A likelihood whose z are no natural parameters: y is one number, normal with mean z_0 and log-variance z_1.
 *
 * *Math*: with d = y - z_0 and v = exp(z_1), score = (d / v, (d^2 / v - 1) / 2) and Lambda = diag(1 / v, 1 / 2), which the second
 * derivatives of -log p, [[1 / v, d / v], [d / v, d^2 / (2 v)]], are in the mean over y alone.
 */
import { Distributions, type Likelihood } from "../../src/index.ts"
import type { Label, OracleLikelihood } from "../oracle/likelihoods.ts"
import type { Vector } from "../oracle/linear.ts"
import { gaussHermite } from "../oracle/quadrature.ts"

/** Exact to degree 5 in y: E[score score^T] has 4. */
const rule = gaussHermite(3)

const logProbability = (z: Vector, y: Label): number =>
  -((y[0]! - z[0]!) ** 2 / Math.exp(z[1]!) + z[1]! + Math.log(2 * Math.PI)) / 2

const score = (z: Vector, y: Label): Float64Array => {
  const [d, v] = [y[0]! - z[0]!, Math.exp(z[1]!)]
  return Float64Array.of(d / v, (d * d) / v / 2 - 1 / 2)
}

const kl = (z: Vector, other: Vector): number =>
  (Math.exp(z[1]! - other[1]!) - 1 - (z[1]! - other[1]!) + (z[0]! - other[0]!) ** 2 / Math.exp(other[1]!)) / 2

const lambda = (z: Vector) => [Float64Array.of(Math.exp(-z[1]!), 0), Float64Array.of(0, 1 / 2)]

const support = (z: Vector) =>
  rule.map(({ value, weight }) => ({ y: [z[0]! + Math.exp(z[1]! / 2) * value], probability: weight }))

const expectation = (z: Vector, f: (y: Label) => number): number =>
  support(z).reduce((sum, { probability, y }) => sum + probability * f(y), 0)

export const oracle: OracleLikelihood = {
  name: "normal of mean and log-variance",
  labelSize: () => 1,
  support,
  expectation,
  logProbability,
  score,
  hessian: (z, y) => {
    const [d, v] = [y[0]! - z[0]!, Math.exp(z[1]!)]
    return [Float64Array.of(1 / v, d / v), Float64Array.of(d / v, (d * d) / v / 2)]
  },
  fisher: (z) =>
    [0, 1].map((i) =>
      Float64Array.of(...[0, 1].map((j) => expectation(z, (y) => score(z, y)[i]! * score(z, y)[j]!)))
    ),
  closedFormFisher: lambda,
  kl
}

/** The library's: a likelihood of one's own is a record. */
export const ours: Likelihood.Likelihood = {
  name: oracle.name,
  labelSize: () => 1,
  support: () => Number.POSITIVE_INFINITY,
  columns: () => 2,
  misfit: () => undefined,
  invalid: () => undefined,
  at: (z) => ({
    logProbability: (y) => logProbability(z, y),
    score: (y) => score(z, y),
    sample: (uniform) => Float64Array.of(z[0]! + Math.exp(z[1]! / 2) * Distributions.normal(uniform())),
    fisher: () => Float64Array.from(lambda(z).flatMap((row) => Array.from(row))),
    factor: () => Float64Array.of(Math.exp(-z[1]! / 2), 0, 0, Math.SQRT1_2),
    klDivergence: (other) => kl(z, other)
  })
}
