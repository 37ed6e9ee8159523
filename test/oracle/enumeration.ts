/** The Fisher matrix, and the variance of its Monte-Carlo estimates, by enumerating every label. */
import { scoreGradientAt } from "./fisher.ts"
import type { OracleLikelihood } from "./likelihoods.ts"
import { addOuter, congruence, type Matrix, type Rows, tabulate, type Vector, zeros } from "./linear.ts"
import { jacobian, type OracleNetwork, outputs, size } from "./network.ts"

/**
 * F again, straight from the definition: (1/N) sum_n sum_y p(y | x_n) u u^T with u = d log p(y | x_n) /
 * dtheta.
 */
export const enumeratedFisher = (
  net: OracleNetwork,
  likelihood: OracleLikelihood,
  theta: Vector,
  X: Matrix
): Rows => {
  const total = zeros(size(net), size(net))
  for (const x of X) {
    const scoreGradient = scoreGradientAt(net, likelihood, theta, x)
    for (const { probability, y } of likelihood.support(outputs(net, theta, x))) {
      addOuter(total, probability / X.length, scoreGradient(y))
    }
  }
  return total
}

/**
 * Var_y[score_i score_j] over the support, C x C: the variance of a one-draw estimate of E[score score^T].
 */
export const scoreProductVariance = (likelihood: OracleLikelihood, z: Vector): Rows => {
  const mean = likelihood.fisher(z)
  return tabulate(z.length, z.length, (i, j) =>
    likelihood.expectation(z, (y) => {
      const s = likelihood.score(z, y)
      return (s[i]! * s[j]! - mean[i]![j]!) ** 2
    })
  )
}

/**
 * The variance, given X, of each entry of `sampledFisher` with one draw per example, the draws independent:
 * (1/N^2) sum_n Var_y[u_i u_j], P x P. With M independent draws per example it is M times smaller.
 */
export const sampledFisherVariance = (
  net: OracleNetwork,
  likelihood: OracleLikelihood,
  theta: Vector,
  X: Matrix
): Rows => {
  const p = size(net)
  const total = zeros(p, p)
  for (const x of X) {
    const z = outputs(net, theta, x)
    const mean = congruence(jacobian(net, theta, x), likelihood.fisher(z))
    const scoreGradient = scoreGradientAt(net, likelihood, theta, x)
    for (const { probability, y } of likelihood.support(z)) {
      const u = scoreGradient(y)
      const weight = probability / X.length ** 2
      for (let i = 0; i < p; i++) {
        for (let j = 0; j < p; j++) total[i]![j]! += weight * (u[i]! * u[j]! - mean[i]![j]!) ** 2
      }
    }
  }
  return total
}
