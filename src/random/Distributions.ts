/**
 * Distributions as pure functions of uniforms: one uniform in, one draw out, by the inverse of the
 * distribution function; `vonMises` alone takes as many uniforms as it needs, by rejection.
 *
 * A draw is therefore monotone in its uniform, and the same wherever the uniform and the parameters are the
 * same.
 */
import { InvalidArgument } from "../Errors.ts"
import { below, type Key, uniform } from "./Key.ts"
import { incompleteBeta, incompleteGamma, logGamma, logHalfStep, softplus } from "./SpecialFunctions.ts"

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
 * Standard normal numbers by two places, such as the probe and the index of a stochastic estimate: a function of the key and of both.
 *
 * *Shapes* as of `uniform`: integers from 0, the first under 2^31, the second under 2^32.
 */
export const normals =
  (key: Key) =>
  (draw: number, slot: number): number =>
    normal(uniform(key, draw, slot))

/**
 * A class drawn with the given probabilities: the first whose cumulative probability exceeds u.
 *
 * A class of probability 0 is never drawn. Where rounding leaves the sum of all below u, the last class of
 * positive probability is.
 *
 * *Shapes* 0 < u < 1; probabilities non-negative with sum 1, in either precision; of a table of them, those of `classes` classes from
 * `from` on.
 * *Fails* throws `InvalidArgument` where u lies beyond a sum that no rounding explains: NaN, or below 0.999.
 */
export const categorical = (
  u: number,
  probabilities: ArrayLike<number>,
  from = 0,
  classes = probabilities.length
): number => {
  let cumulative = 0
  for (let i = 0; i < classes; i++) {
    // A class of probability 0 leaves the sum as it is, and the sum did not exceed u before: it cannot be
    // returned.
    cumulative += probabilities[from + i]!
    if (u < cumulative) return i
  }
  if (cumulative >= 0.999) {
    for (let i = classes - 1; i >= 0; i--) {
      if (probabilities[from + i]! > 0) return i
    }
  }
  throw new InvalidArgument({
    argument: "probabilities",
    value: String(cumulative),
    message:
      `The probabilities of ${classes} classes sum to ${cumulative}, not to 1. ` +
      "Pass finite, non-negative numbers with sum 1, such as a softmax."
  })
}

/**
 * 1 with probability p, else 0. Always 1 for p = 1, never for p = 0. *Shapes* 0 < u < 1 and 0 <= p <= 1,
 * unchecked.
 */
export const bernoulli = (u: number, p: number): 0 | 1 => (u < p ? 1 : 0)

/** Whether a distribution function reaches u: by the tail that holds its digits, 1 - u being exact. */
const reaches = (u: number, atMost: number, over: number): boolean => (u <= 0.5 ? atMost >= u : over <= 1 - u)

/** From this rate on the expansion serves alone: its next term, of x^4 / (270 rate) counts, is below 1e-10 in probability. */
const expansionFrom = 2 ** 22

/**
 * The least count k with P(Y <= k) >= u, for a Poisson Y. Infinite for an infinite rate.
 *
 * *Math* the search starts at the expansion rate + x sqrt(rate) + (x^2 - 1) / 6 - (2 x + x^3) / (72 sqrt(rate)),
 * x the normal quantile, and steps to where the distribution function, an incomplete gamma function, passes u.
 * *Shapes* 0 < u < 1 and rate >= 0, unchecked. *Cost* 3 or so incomplete gamma functions, of some sqrt(rate) + 50 terms each.
 * *Source* Giles, Algorithm 955: approximation of the inverse Poisson cumulative distribution function, 2016.
 */
export const poisson = (u: number, rate: number): number => {
  if (rate === 0 || rate === Number.POSITIVE_INFINITY) return rate
  const x = normal(u)
  const root = Math.sqrt(rate)
  const start = rate + x * root + (x * x - 1) / 6 - (2 * x + x ** 3) / (72 * root)
  let k = Math.max(0, Math.ceil(Math.min(start, rate + 50 * (1 + root)) - 0.5))
  if (rate >= expansionFrom) return k
  const reached = (count: number): boolean => {
    const { lower, upper } = incompleteGamma(count + 1, rate)
    return reaches(u, upper, lower)
  }
  while (!reached(k)) k++
  while (k > 0 && reached(k - 1)) k--
  return k
}

/** Below this mean / dispersion a negative binomial is the Poisson of its mean: the variances agree to 2^-44. */
const poissonBelow = 2 ** -44

/** With mean and dispersion from here on a negative binomial has an expansion whose next term is below 1e-9 of its deviation. */
const cumulantsFrom = 2 ** 18

/** From this rate and this mean / dispersion on the rate's quantile gives the count's: what it leaves out is below 1e-9 deviations. */
const [ratedFrom, spreadFrom] = [2 ** 22, 2 ** 16]

/**
 * The least count k with P(Y <= k) >= u, for a negative binomial Y of this mean and variance mean + mean^2 / dispersion. Infinite
 * where the mean is, or where no float64 is large enough.
 *
 * *Math* the first power of 2 that is enough, and bisection between it and the one before, always at the same places: so it is
 * monotone in u, whatever the rounding of the distribution function, an incomplete beta function. A limit takes its place where it
 * would be slow: the Poisson distribution for a large dispersion, the normal one with its cumulants to the fifth where the mean is
 * large too, and where that is large beside the dispersion the gamma distribution of the rate l, of which Y is a Poisson count:
 * k = l + (dispersion / 2) (l / mean - 1) to the second order.
 * *Shapes* 0 < u < 1, mean >= 0 and dispersion > 0, unchecked. *Cost* log2(k) and a few incomplete beta functions, at most 40, of some
 * sqrt(min(mean, dispersion)) + 50 terms each.
 * *Source* Cornish and Fisher 1938.
 */
export const negativeBinomial = (u: number, mean: number, dispersion: number): number => {
  if (mean === 0 || mean === Number.POSITIVE_INFINITY) return mean
  if (mean / dispersion < poissonBelow) return poisson(u, mean)
  if (mean >= cumulantsFrom && dispersion >= cumulantsFrom) return fromCumulants(u, mean, dispersion)
  // log P(Y = 0), by logarithms: mean / dispersion may overflow.
  const none = -dispersion * softplus(Math.log(mean) - Math.log(dispersion))
  if (reaches(u, Math.exp(none), -Math.expm1(none))) return 0
  const rate = mean * (gamma(u, dispersion) / dispersion)
  if (rate >= ratedFrom && mean / dispersion >= spreadFrom)
    return Math.ceil(rate + (dispersion / 2) * (rate / mean - 1) - 0.5)
  return bisected(u, mean, dispersion, rate)
}

/**
 * The normal quantile, corrected by the cumulants 3 to 5 and, as counts are whole, by Sheppard's 1/12 in the variance. With
 * q = mean / dispersion the cumulants are v = mean (1 + q), v (1 + 2 q), v (1 + 6 q + 6 q^2) and v (1 + 2 q) (1 + 12 q + 12 q^2).
 */
const fromCumulants = (u: number, mean: number, dispersion: number): number => {
  const z = normal(u)
  // The order k of the expansion has unit^k, so the cumulants are over (1 + q), (1 + q)^2 and (1 + q)^3, with P = q / (1 + q).
  const unit = Math.sqrt(1 / mean + 1 / dispersion)
  const deviation = mean * unit
  const success = mean / (mean + dispersion)
  const failure = dispersion / (mean + dispersion)
  const skewness = 1 + success
  const fourth = failure ** 2 + 6 * success
  const fifth = skewness * (failure ** 2 + 12 * success)
  const [h2, h3, h4] = [z * z - 1, z ** 3 - 3 * z, z ** 4 - 6 * z * z + 3]
  const first = (skewness * h2) / 6
  const second = (fourth * h3) / 24 - (skewness ** 2 * (2 * h3 + z)) / 36
  const third =
    (fifth * h4) / 120 - (skewness * fourth * (h4 + h2)) / 24 + (skewness ** 3 * (12 * h4 + 19 * h2)) / 324
  const x = z + unit * (first + unit * (second + unit * third))
  return Math.max(0, Math.ceil(mean + deviation * x - z / (24 * deviation) - 0.5))
}

/** From the powers of 2 about `start`, which alone decides how long it takes. */
const bisected = (u: number, mean: number, dispersion: number, start: number): number => {
  const failure = dispersion / (mean + dispersion)
  const success = mean / (mean + dispersion)
  const reached = (count: number): boolean => {
    const { lower, upper } = incompleteBeta(failure, success, dispersion, count + 1)
    return reaches(u, lower, upper)
  }
  let high = 2 ** Math.max(0, Math.floor(Math.log2(Math.max(1, start))))
  while (high < Number.POSITIVE_INFINITY && !reached(high)) high *= 2
  while (high > 1 && reached(high / 2)) high /= 2
  let low = high === 1 ? 0 : high / 2
  if (high === Number.POSITIVE_INFINITY) return high
  for (;;) {
    const middle = low + Math.floor((high - low) / 2)
    if (middle === low || middle === high) return high
    if (reached(middle)) high = middle
    else low = middle
  }
}

/** Newton's method from `start`, on a concave function of one sign of slope: steps of at most 1, to the rounding of w. */
const newton = (start: number, step: (w: number) => number): number => {
  let w = start
  for (let i = 0; i < 200; i++) {
    const change = Math.max(-1, Math.min(1, step(w)))
    // Where float64 has no digits of a tail left, what there is serves.
    if (Number.isNaN(change)) break
    w -= change
    if (!(Math.abs(change) > 2 ** -51 * Math.max(1, Math.abs(w)))) break
  }
  return w
}

/** Below this logarithm of x the incomplete gamma function is x^shape / Gamma(shape + 1) in float64. */
const powerBelow = -40

/**
 * The quantile of u of the gamma distribution of this shape and scale 1.
 *
 * *Math* Newton's method for w = log x on the logarithm of the smaller tail, which is concave in w. A quantile below the least
 * float64 over 0 is that number. From a shape of 2^22 on Cornish and Fisher's expansion to the fifth cumulant, whose next term is
 * below 1e-15 of the quantile. *Shapes* 0 < u < 1 and shape > 0, unchecked. *Cost* 5 or so incomplete gamma functions.
 * *Source* Wilson and Hilferty 1931 (the start); Cornish and Fisher 1938.
 */
export const gamma = (u: number, shape: number): number => {
  if (shape >= expansionFrom) {
    const z = normal(u)
    const root = Math.sqrt(shape)
    const least = (3 * z ** 4 + 7 * z * z - 16) / (810 * shape)
    return shape + z * root + (z * z - 1) / 3 + (z ** 3 - 7 * z) / (36 * root) - least
  }
  // For a small shape, log Gamma(1 + shape) by its slope: minus Euler's constant.
  const power = Math.log(u) / shape + (shape < 1e-8 ? -0.5772156649015329 : logGamma(shape + 1) / shape)
  if (power < powerBelow) return Math.max(Number.MIN_VALUE, Math.exp(power))
  const cube = 1 - 1 / (9 * shape) + normal(u) / (3 * Math.sqrt(shape))
  const start = cube > 0.1 ? Math.log(shape) + 3 * Math.log(cube) : power
  const target = u <= 0.5 ? Math.log(u) : Math.log(1 - u)
  return Math.exp(
    newton(start, (w) => {
      const x = Math.exp(w)
      const { density, lower, upper } = incompleteGamma(shape, x)
      // x p(x), the slope of the lower tail in w.
      return u <= 0.5
        ? ((Math.log(lower) - target) * lower) / density
        : ((target - Math.log(upper)) * upper) / density
    })
  )
}

/**
 * The quantile of u of Student's t with nu degrees of freedom. Infinite where it overflows, for nu below 0.06.
 *
 * *Math* with t = sqrt(nu) sinh(w) the density in w is c / cosh(w)^nu. Newton's method on P(0 < T <= t) near the middle and on the
 * logarithm of the tail beyond, both concave in w. From 2^22 degrees on the expansion about the normal quantile, whose next term
 * is below 2^-51. *Shapes* 0 < u < 1 and nu > 0, unchecked. *Cost* 5 or so incomplete beta functions.
 * *Source* Abramowitz and Stegun 1964, 26.7.5 (the expansion).
 */
export const studentT = (u: number, nu: number): number => {
  if (nu >= expansionFrom) {
    const x = normal(u)
    return x + (x ** 3 + x) / (4 * nu) + (5 * x ** 5 + 16 * x ** 3 + 3 * x) / nu / (96 * nu)
  }
  const sign = u < 0.5 ? -1 : 1
  const logC = logHalfStep(nu / 2) + 0.5 * Math.log(nu / (2 * Math.PI))
  const density = (w: number): number => Math.exp(logC - nu * Math.log(Math.cosh(w)))
  const middle = Math.abs(u - 0.5)
  const t = (w: number): number => sign * Math.sqrt(nu) * Math.sinh(w)
  if (middle === 0) return 0
  if (middle < 0.25) {
    const between = (w: number): number =>
      0.5 * incompleteBeta(Math.tanh(w) ** 2, Math.cosh(w) ** -2, 0.5, nu / 2).lower
    return t(newton(middle / Math.exp(logC), (w) => (between(w) - middle) / density(w)))
  }
  const target = Math.log(Math.min(u, 1 - u))
  // Beyond w = 20 the tail is c 2^nu e^(-nu w) / nu in float64.
  const far = (logC - Math.log(nu) - target) / nu + Math.LN2
  if (far > 20) return t(far)
  const beyond = (w: number): number =>
    0.5 * incompleteBeta(Math.cosh(w) ** -2, Math.tanh(w) ** 2, nu / 2, 0.5).lower
  return t(
    newton(Math.asinh(Math.abs(normal(u)) / Math.sqrt(nu)), (w) => {
      const tail = beyond(w)
      return ((target - Math.log(tail)) * tail) / density(w)
    })
  )
}

/** Both rejections accept a candidate with probability over 0.65: not one of these many has a probability under 1e-58. */
const mostCandidates = 128

/**
 * An angle in [-pi, pi] about 0 of the von Mises distribution, from as many uniforms as its rejections take.
 *
 * *Math* an exact rejection from the wrapped Cauchy distribution; from a concentration of 1e6 on, where that cancels, from the normal
 * distribution of s = 2 sin(angle / 2), whose density lacks the factor (1 - s^2 / 4)^(-1/2) alone.
 * *Shapes* concentration > 0, unchecked. *Cost* 3 uniforms for each of at most 1.52 candidates in the mean.
 * *Source* Best and Fisher, Efficient simulation of the von Mises distribution, 1979.
 */
export const vonMises = (uniform: () => number, concentration: number): number =>
  concentration < 1e6 ? fromCauchy(uniform, concentration) : fromNormal(uniform, concentration)

const fromCauchy = (uniform: () => number, kappa: number): number => {
  const tau = 1 + Math.sqrt(1 + 4 * kappa * kappa)
  const rho = (tau - Math.sqrt(2 * tau)) / (2 * kappa)
  // For a small concentration rho cancels, and r is 1 / kappa + kappa to the second order.
  const r = kappa < 1e-5 ? 1 / kappa + kappa : (1 + rho * rho) / (2 * rho)
  let angle = 0
  for (let candidate = 0; candidate < mostCandidates; candidate++) {
    const z = Math.cos(Math.PI * uniform())
    const cosine = Math.max(-1, Math.min(1, (1 + r * z) / (r + z)))
    const c = kappa * (r - cosine)
    const accept = uniform()
    angle = (uniform() < 0.5 ? -1 : 1) * Math.acos(cosine)
    if (c * (2 - c) > accept || Math.log(c / accept) + 1 >= c) break
  }
  return angle
}

const fromNormal = (uniform: () => number, kappa: number): number => {
  let s = 0
  for (let candidate = 0; candidate < mostCandidates; candidate++) {
    s = normal(uniform()) / Math.sqrt(kappa)
    // |s| is below 0.01, where the factor is below 1.0001.
    if (uniform() * 1.0001 < (1 - (s * s) / 4) ** -0.5) break
  }
  return 2 * Math.asin(s / 2)
}

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
