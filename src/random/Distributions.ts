/**
 * Distributions as pure functions of uniforms: one uniform in, one draw out, by the inverse of the
 * distribution function.
 *
 * A draw is therefore monotone in its uniform, and the same wherever the uniform and the parameters are the
 * same.
 */
import { InvalidArgument } from "../Errors.ts"
import { below, type Key } from "./Key.ts"

// Coefficients of AS 241's PPND16 in ascending powers: near the middle of 0.180625 - q^2 with q = u - 1/2, in
// the tails of r - 1.6 and, beyond r = 5, of r - 5 with r = sqrt(-log min(u, 1 - u)).
const middleTop = Float64Array.of(
  3.387132872796366608,
  133.14166789178437745,
  1971.5909503065514427,
  13731.693765509461125,
  45921.953931549871457,
  67265.770927008700853,
  33430.575583588128105,
  2509.0809287301226727
)
const middleBottom = Float64Array.of(
  1,
  42.313330701600911252,
  687.1870074920579083,
  5394.1960214247511077,
  21213.794301586595867,
  39307.89580009271061,
  28729.085735721942674,
  5226.495278852854561
)
const nearTop = Float64Array.of(
  1.42343711074968357734,
  4.6303378461565452959,
  5.7694972214606914055,
  3.64784832476320460504,
  1.27045825245236838258,
  0.24178072517745061177,
  0.0227238449892691845833,
  7.7454501427834140764e-4
)
const nearBottom = Float64Array.of(
  1,
  2.05319162663775882187,
  1.6763848301838038494,
  0.68976733498510000455,
  0.14810397642748007459,
  0.0151986665636164571966,
  5.475938084995344946e-4,
  1.05075007164441684324e-9
)
const farTop = Float64Array.of(
  6.6579046435011037772,
  5.4637849111641143699,
  1.7848265399172913358,
  0.29656057182850489123,
  0.026532189526576123093,
  0.0012426609473880784386,
  2.71155556874348757815e-5,
  2.01033439929228813265e-7
)
const farBottom = Float64Array.of(
  1,
  0.59983220655588793769,
  0.13692988092273580531,
  0.0148753612908506148525,
  7.868691311456132591e-4,
  1.8463183175100546818e-5,
  1.4215117583164458887e-7,
  2.04426310338993978564e-15
)

/** top(r) / bottom(r) for polynomials of degree 7, by Horner's rule. */
const ratio = (r: number, top: Float64Array, bottom: Float64Array): number => {
  let t = top[7]!
  let b = bottom[7]!
  for (let i = 6; i >= 0; i--) {
    t = t * r + top[i]!
    b = b * r + bottom[i]!
  }
  return t / b
}

/**
 * The standard normal quantile of u: a standard normal number when u is uniform.
 *
 * *Math* z with Phi(z) = u; the relative error of the rational approximations is below 1e-16.
 * *Shapes* 0 < u < 1, which is not checked; `uniform` guarantees it.
 * *Source* Wichura, Algorithm AS 241: the percentage points of the normal distribution, 1988, PPND16.
 */
export const normal = (u: number): number => {
  const q = u - 0.5
  if (Math.abs(q) <= 0.425) return q * ratio(0.180625 - q * q, middleTop, middleBottom)
  const r = Math.sqrt(-Math.log(q < 0 ? u : 1 - u))
  const z = r <= 5 ? ratio(r - 1.6, nearTop, nearBottom) : ratio(r - 5, farTop, farBottom)
  return q < 0 ? -z : z
}

/**
 * A class drawn with the given probabilities: the first whose cumulative probability exceeds u.
 *
 * A class of probability 0 is never drawn. Where rounding leaves the sum of all below u, the last class of
 * positive probability is.
 *
 * *Shapes* 0 < u < 1; probabilities non-negative with sum 1, in either precision.
 * *Fails* throws `InvalidArgument` where u lies beyond a sum that no rounding explains: NaN, or below 0.999.
 */
export const categorical = (u: number, probabilities: ArrayLike<number>): number => {
  let cumulative = 0
  for (let i = 0; i < probabilities.length; i++) {
    // A class of probability 0 leaves the sum as it is, and the sum did not exceed u before: it cannot be
    // returned.
    cumulative += probabilities[i]!
    if (u < cumulative) return i
  }
  if (cumulative >= 0.999) {
    for (let i = probabilities.length - 1; i >= 0; i--) {
      if (probabilities[i]! > 0) return i
    }
  }
  throw new InvalidArgument({
    argument: "probabilities",
    value: String(cumulative),
    message:
      `The probabilities of ${probabilities.length} classes sum to ${cumulative}, not to 1. ` +
      "Pass finite, non-negative numbers with sum 1, such as a softmax."
  })
}

/**
 * 1 with probability p, else 0. Always 1 for p = 1, never for p = 0. *Shapes* 0 < u < 1 and 0 <= p <= 1,
 * unchecked.
 */
export const bernoulli = (u: number, p: number): 0 | 1 => (u < p ? 1 : 0)

/**
 * A permutation of 0 .. n - 1, every one of the n! with the same probability as far as 64 bits of key allow.
 *
 * *Math* Fisher-Yates; each index comes from `below`, without the bias of a remainder or of a rounded
 * product.
 * *Source* Durstenfeld, Algorithm 235: random permutation, 1964.
 * *Fails* throws `InvalidArgument` unless n is an integer in [0, 2^32).
 */
export const permutation = (key: Key, n: number): Uint32Array => {
  if (!(Number.isInteger(n) && n >= 0 && n < 2 ** 32)) {
    throw new InvalidArgument({
      argument: "n",
      value: String(n),
      message: `n is ${n}, which is not a number of things to permute. Pass an integer from 0 to 2^32 - 1.`
    })
  }
  const order = new Uint32Array(n)
  for (let i = 0; i < n; i++) order[i] = i
  for (let i = n - 1; i > 0; i--) {
    const j = below(key, i + 1, i)
    const held = order[i]!
    order[i] = order[j]!
    order[j] = held
  }
  return order
}
