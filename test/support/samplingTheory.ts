/**
 * What the sampling distribution of a Monte-Carlo Fisher is, from enumeration: X_e = (1/NM) sum of N M independent terms
 * u_i u_j, and S = |F_hat - F|^2 over all entries. For draws that are not independent, the mean of S at the outputs, from
 * the joint distribution of two draws.
 */
import type { Case } from "../oracle/cases.ts"
import { scoreGradientAt } from "../oracle/fisher.ts"
import type { OracleLikelihood } from "../oracle/likelihoods.ts"
import { congruence, dot, flatten, type Matrix, matvec, norm, type Vector } from "../oracle/linear.ts"
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

/** Where in (0, 1) each value of a slot comes from: a y is made of one value for each uniform number that it takes. */
type Slot = ReadonlyArray<readonly [from: number, to: number]>

/** Of a categorical one slot, its classes in order; of a Bernoulli C slots, where 1 comes before 0. */
const slotsOf = (likelihood: OracleLikelihood, z: Vector): ReadonlyArray<Slot> => {
  if (likelihood.name === "categorical") {
    let from = 0
    return [likelihood.support(z).map(({ probability }) => [from, (from += probability)] as const)]
  }
  return Array.from(z, (logit) => {
    const p = 1 / (1 + Math.exp(-logit))
    return [
      [p, 1],
      [0, p]
    ] as const
  })
}

/** The probability that two draws of one example have the values a and b at a slot. */
type Joint = (slot: Slot, a: number, b: number) => number

const overlap = ([a, b]: Slot[number], [c, d]: Slot[number]): number =>
  Math.max(0, Math.min(b, d) - Math.max(a, c))

/** Of u and 1 - u. */
export const mirrored: Joint = (slot, a, b) => overlap(slot[a]!, [1 - slot[b]![1], 1 - slot[b]![0]])

/** Of two different strata of K, each pair as likely: sum_{i != j} q_i(a) q_j(b) / (K (K - 1)). */
export const twoStrata =
  (K: number): Joint =>
  (slot, a, b) => {
    const shares = (value: number) =>
      Array.from({ length: K }, (_, k) => K * overlap(slot[value]!, [k / K, (k + 1) / K]))
    const [q, r] = [shares(a), shares(b)]
    const total = (of: ReadonlyArray<number>) => of.reduce((sum, v) => sum + v, 0)
    return (total(q) * total(r) - dot(q, r)) / (K * (K - 1))
  }

/** E|s s^T - Lambda|^2 = E|s|^4 - |Lambda|^2: the square error of one draw. */
export const oneDraw = (likelihood: OracleLikelihood, z: Vector): number =>
  likelihood.expectation(z, (y) => dot(likelihood.score(z, y), likelihood.score(z, y)) ** 2) -
  norm(flatten(likelihood.fisher(z))) ** 2

/** E<s s^T - Lambda, s' s'^T - Lambda> of two draws with this joint distribution. */
export const pairCovariance = (likelihood: OracleLikelihood, z: Vector, joint: Joint): number => {
  const slots = slotsOf(likelihood, z)
  const support = likelihood.support(z).map(({ y }) => ({ y, score: likelihood.score(z, y) }))
  let mean = 0
  for (const a of support) {
    for (const b of support) {
      const probability = slots.reduce((product, slot, i) => product * joint(slot, a.y[i]!, b.y[i]!), 1)
      mean += probability * dot(a.score, b.score) ** 2
    }
  }
  return mean - norm(flatten(likelihood.fisher(z))) ** 2
}

/** The square error of one column S r, S [columns, C] and r random signs: (tr G)^2 + |G|^2 - 2 sum G_jj^2, G = S^T S. */
export const oneSignColumn = (S: Matrix): number => {
  const G = S.map((a) => S.map((b) => dot(a, b)))
  const own = G.map((row, j) => row[j]!)
  return own.reduce((a, b) => a + b, 0) ** 2 + norm(flatten(G)) ** 2 - 2 * dot(own, own)
}
