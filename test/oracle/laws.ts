/** The two sides of each law, as numbers: tests say how close they must be. */
import type { Case } from "./cases.ts"
import { kl, scoreGradientAt } from "./fisher.ts"
import type { Outcome } from "./likelihoods.ts"
import {
  axpy,
  dot,
  frobenius,
  type Matrix,
  meanMatrix,
  norm,
  type Rows,
  relativeError,
  type Vector
} from "./linear.ts"
import { jacobian, jvp, outputs, size, vjp } from "./network.ts"

/** The unit roundoff of float64. */
export const eps = 2 ** -53

/** |a - b| / |b| in units of n eps. */
export const ratio = (a: Matrix | Vector, b: Matrix | Vector, n: number): number =>
  relativeError(a, b) / (n * eps)

/** e_k in R^n. */
export const unitVector = (n: number, k: number): Float64Array =>
  Float64Array.from({ length: n }, (_, i) => (i === k ? 1 : 0))

/**
 * L2. The largest |E_y[u_i]| over examples and parameters, u = d log p / dtheta, in units of eps times the
 * sum of the absolute values of its terms. `support` is where the y come from: the model's own, or for a
 * control another one.
 */
export const scoreMeanRatio = (
  { X, likelihood, net, theta }: Case,
  support: (z: Vector) => ReadonlyArray<Outcome> = likelihood.support
): number => {
  let worst = 0
  for (const x of X) {
    const z = outputs(net, theta, x)
    const j = jacobian(net, theta, x)
    const scores = support(z).map(({ probability, y }) => ({ probability, s: likelihood.score(z, y) }))
    for (let p = 0; p < size(net); p++) {
      let sum = 0
      let absolute = 0
      for (const { probability, s } of scores) {
        s.forEach((entry, c) => {
          sum += probability * entry * j[c]![p]!
          absolute += Math.abs(probability * entry * j[c]![p]!)
        })
      }
      if (absolute > 0) worst = Math.max(worst, Math.abs(sum) / (eps * absolute))
    }
  }
  return worst
}

/** theta - d u / 2 and theta + d u / 2. */
export const segment = (theta: Vector, u: Vector, d: number): readonly [Float64Array, Float64Array] => [
  axpy(theta, -d / 2, u),
  axpy(theta, d / 2, u)
]

/**
 * L3. KL(a || b) + KL(b || a) - d^2 u^T F u with a, b = theta -+ d u / 2, for each length d: of order d^4
 * when `quadratic` is u^T F u. The symmetric sum at the midpoint has no term of order 3.
 */
export const symmetricKlRemainders = (
  { X, likelihood, net, theta }: Case,
  u: Vector,
  quadratic: number,
  lengths: ReadonlyArray<number>
): ReadonlyArray<number> =>
  lengths.map((d) => {
    const [a, b] = segment(theta, u, d)
    return kl(net, likelihood, a, b, X) + kl(net, likelihood, b, a, X) - d * d * quadratic
  })

/**
 * L4. (1/N) sum_n E_y[-d^2 log p / dtheta^2] over the given support of example n, by central differences of
 * the backprop gradients. It knows nothing of J^T Lambda J.
 */
export const differencedHessian = (
  { X, likelihood, net, theta }: Case,
  support: (n: number) => ReadonlyArray<Outcome>,
  h = 1e-5
): Rows =>
  meanMatrix(X.length, (n) =>
    Array.from(theta, (_, k) => {
      const step = unitVector(theta.length, k)
      const before = scoreGradientAt(net, likelihood, axpy(theta, -h, step), X[n]!)
      const after = scoreGradientAt(net, likelihood, axpy(theta, h, step), X[n]!)
      return support(n).reduce<Float64Array>(
        (row, { probability, y }) => axpy(row, -probability / (2 * h), axpy(after(y), -1, before(y))),
        new Float64Array(theta.length)
      )
    })
  )

/**
 * L7. |<J v, w> - <v, J^T w>| at one x in units of P eps |J| |v| |w|; `scaled` multiplies J v, 1 but for a
 * control.
 */
export const adjointRatio = ({ X, net, theta }: Case, v: Vector, w: Vector, scaled = 1): number =>
  Math.max(
    ...X.map((x) => {
      const length = frobenius(jacobian(net, theta, x))
      const gap = Math.abs(scaled * dot(jvp(net, theta, x, v), w) - dot(v, vjp(net, theta, x, w)))
      return gap / (theta.length * eps * length * norm(v) * norm(w))
    })
  )

/** L7. |(z(theta + h v) - z(theta - h v)) / 2h - scaled J v| over all the examples, for each h. */
export const differenceErrors = (
  { X, net, theta }: Case,
  v: Vector,
  steps: ReadonlyArray<number>,
  scaled = 1
): ReadonlyArray<number> =>
  steps.map((h) =>
    norm(
      X.flatMap((x) => {
        const change = axpy(outputs(net, axpy(theta, h, v), x), -1, outputs(net, axpy(theta, -h, v), x))
        return Array.from(jvp(net, theta, x, v), (t, c) => change[c]! / (2 * h) - scaled * t)
      })
    )
  )
