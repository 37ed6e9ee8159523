/**
 * What the sampling distribution of a Monte-Carlo Fisher is, from enumeration: X_e = (1/NM) sum of N M independent terms
 * u_i u_j, and S = |F_hat - F|^2 over all entries.
 */
import type { Case } from "../oracle/cases.ts"
import { scoreGradientAt } from "../oracle/fisher.ts"
import { congruence, dot, type Matrix, matvec, type Vector } from "../oracle/linear.ts"
import { jacobian, outputs } from "../oracle/network.ts"

interface Term {
  /** E[u u^T] at one example. */
  readonly mean: Matrix
  readonly support: ReadonlyArray<{ readonly probability: number; readonly u: Vector }>
}

const termsOf = ({ X, likelihood, net, theta }: Case): ReadonlyArray<Term> =>
  X.map((x) => {
    const z = outputs(net, theta, x)
    const gradient = scoreGradientAt(net, likelihood, theta, x)
    return {
      mean: congruence(jacobian(net, theta, x), likelihood.fisher(z)),
      support: likelihood.support(z).map(({ probability, y }) => ({ probability, u: gradient(y) }))
    }
  })

/**
 * The largest kurtosis mu_4 / sigma^4 of an entry of the estimate with M draws: with it the mean of R squares of
 * (F_hat - F)_ij, over its expectation, has the standard deviation sqrt((kurtosis - 1) / R).
 */
export const largestKurtosis = (c: Case, M: number): number => {
  const terms = termsOf(c)
  const p = c.theta.length
  let largest = 0
  for (let i = 0; i < p; i++) {
    for (let j = 0; j <= i; j++) {
      const moments = terms.map(({ mean, support }) => {
        const moment = (k: number) =>
          support.reduce(
            (sum, { probability, u }) => sum + probability * (u[i]! * u[j]! - mean[i]![j]!) ** k,
            0
          )
        return [moment(2), moment(4)] as const
      })
      const variance = M * moments.reduce((sum, [second]) => sum + second, 0)
      const excess = M * moments.reduce((sum, [second, fourth]) => sum + fourth - 3 * second ** 2, 0)
      largest = Math.max(largest, 3 + excess / variance ** 2)
    }
  }
  return largest
}

/** The standard deviation of S over its mean. */
export const relativeSpread = (c: Case, M: number): number => {
  const terms = termsOf(c)
  /** <u u^T - A, v v^T - B>. */
  const inner = (u: Vector, A: Matrix, v: Vector, B: Matrix): number =>
    dot(u, v) ** 2 -
    dot(u, matvec(B, u)) -
    dot(v, matvec(A, v)) +
    A.reduce((sum, row, i) => sum + dot(row, B[i]!), 0)
  const squares = terms.map(({ mean, support }) =>
    support.map(({ probability, u }) => ({ probability, square: inner(u, mean, u, mean) }))
  )
  const average = (n: number, k: number) =>
    squares[n]!.reduce((sum, { probability, square }) => sum + probability * square ** k, 0)
  const cross = (a: Term, b: Term) =>
    a.support.reduce(
      (sum, s) =>
        sum +
        b.support.reduce(
          (part, t) => part + s.probability * t.probability * inner(s.u, a.mean, t.u, b.mean) ** 2,
          0
        ),
      0
    )
  const total = M * terms.reduce((sum, _, n) => sum + average(n, 1), 0)
  let variance = 0
  for (const [n, a] of terms.entries()) {
    variance += M * (average(n, 2) - average(n, 1) ** 2)
    for (const [m, b] of terms.entries()) variance += 2 * (n === m ? M * (M - 1) : M * M) * cross(a, b)
  }
  return Math.sqrt(variance) / total
}
