/**
 * Special functions in float64, written so that nothing cancels: the gamma function through Stirling's error, the incomplete
 * gamma and beta functions through deviances, and the Bessel functions of the von Mises distribution.
 *
 * *Source*: Loader 2000, Fast and accurate computation of binomial probabilities (Stirling's error, deviances); NIST Digital
 * Library of Mathematical Functions, 5.11.1 (Stirling), 8.7.1 and 8.9.2 (incomplete gamma), 8.17.22 (incomplete beta),
 * 10.25.2 and 10.40.1 (modified Bessel functions).
 */

const stirlingTerms = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156]
const halfLogTwoPi = 0.5 * Math.log(2 * Math.PI)
const mostTerms = 2 ** 20
const tiny = 1e-300

/** From here on Stirling's series of seven terms has a relative error below 2^-53. */
const stirlingFrom = 10

/** sigmoid(z), to full relative precision at both ends. */
export const sigmoid = (z: number): number => {
  if (z >= 0) return 1 / (1 + Math.exp(-z))
  const e = Math.exp(z)
  return e / (1 + e)
}

/** log(1 + exp(z)) without overflow. */
export const softplus = (z: number): number => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)))

/** d - log(1 + d) >= 0, for d > -1: near 0 by the series of log(1 + d) = 2 artanh(d / (2 + d)). */
export const logGap = (d: number): number => {
  if (Math.abs(d) > 0.4) return d - Math.log1p(d)
  const r = d / (2 + d)
  const square = r * r
  let sum = 0
  let power = 1
  for (let k = 3; power > 2 ** -60; k += 2) {
    sum += power / k
    power *= square
  }
  return r * (d - 2 * square * sum)
}

/** exp(d) - 1 - d >= 0. */
export const expGap = (d: number): number => {
  if (Math.abs(d) > 0.5) return Math.expm1(d) - d
  let term = (d * d) / 2
  let sum = 0
  for (let k = 3; Math.abs(term) > sum * 2 ** -60; k++) {
    sum += term
    term *= d / k
  }
  return sum
}

/**
 * q - p - p t >= 0, for t = log(q / p): by exp(t) - 1 - t where the terms cancel. Over the outcomes of two distributions, whose
 * q - p sum to 0, these sum to KL(p || q), and no term is below 0.
 */
export const divergenceTerm = (p: number, q: number, t: number): number =>
  Math.abs(t) <= 0.5 ? p * expGap(t) : q - p - (p === 0 ? 0 : p * t)

/** KL between the bits of logits z and w, to the relative precision that w - z has. */
export const bitDivergence = (z: number, w: number): number =>
  divergenceTerm(sigmoid(z), sigmoid(w), softplus(-z) - softplus(-w)) +
  divergenceTerm(sigmoid(-z), sigmoid(-w), softplus(z) - softplus(w))

/** log Gamma(x) - ((x - 1/2) log x - x + log(2 pi) / 2), for x > 0. */
export const stirlingError = (x: number): number => {
  // Each step up by the recurrence is exact to an ulp of 1.
  let [from, steps] = [x, 0]
  for (; from < stirlingFrom; from++) steps += (from + 0.5) * Math.log1p(1 / from) - 1
  return steps + stirlingSeries(from)
}

const stirlingSeries = (x: number): number => {
  const square = 1 / (x * x)
  return stirlingTerms.reduceRight((sum, term) => sum * square + term, 0) / x
}

/** log(Gamma(a + 1/2) / (sqrt(a) Gamma(a))), for a > 0: of no difference that cancels, and 0 in the limit of a large a. */
export const logHalfStep = (a: number): number =>
  a * Math.log1p(0.5 / a) - 0.5 + stirlingError(a + 0.5) - stirlingError(a)

/** log Gamma(x), for x > 0. */
export const logGamma = (x: number): number => {
  let [shifted, product] = [x, 1]
  while (shifted < stirlingFrom) product *= shifted++
  return (
    (shifted - 0.5) * Math.log(shifted) - shifted + halfLogTwoPi + stirlingSeries(shifted) - Math.log(product)
  )
}

/** log(n!), for a whole n >= 0. Up to 18 the factorial is exact in float64. */
export const logFactorial = (n: number): number => {
  if (n > 18) return (n + 0.5) * Math.log(n) - n + halfLogTwoPi + stirlingSeries(n)
  let factorial = 1
  for (let j = 2; j <= n; j++) factorial *= j
  return Math.log(factorial)
}

/** x log(x / mean) + mean - x >= 0: half the deviance of a Poisson x. `logMean` serves where the mean underflows. */
export const deviance = (x: number, mean: number, logMean: number): number =>
  mean > x / 4 && mean < 4 * x ? x * logGap((mean - x) / x) : x * (Math.log(x) - logMean) + (mean - x)

/** A probability and its complement, each to its own relative precision. */
export interface Tails {
  readonly lower: number
  readonly upper: number
}

/** Steed's and Lentz's evaluation of b0 + a1 / (b1 + a2 / (b2 + ...)), from the terms `[a, b]` for k = 1, 2, .... */
const continuedFraction = (first: number, a: (k: number) => number, b: (k: number) => number): number => {
  let value = first === 0 ? tiny : first
  let [c, d] = [value, 0]
  for (let k = 1; k <= mostTerms; k++) {
    const [ak, bk] = [a(k), b(k)]
    d = bk + ak * d
    c = bk + ak / c
    d = 1 / (d === 0 ? tiny : d)
    if (c === 0) c = tiny
    value *= c * d
    if (Math.abs(c * d - 1) < 2 ** -53) break
  }
  return value
}

/** The gamma distribution function at x > 0 for shape a and scale 1; `density` is x p(x). *Cost*: some sqrt(a) + 50 terms. */
export const incompleteGamma = (a: number, x: number): Tails & { readonly density: number } => {
  const scale = Math.exp(-deviance(a, x, Math.log(x)) - stirlingError(a)) * Math.sqrt(a / (2 * Math.PI))
  if (x < a + 1) {
    let [sum, term] = [1, 1]
    for (let n = 1; n <= mostTerms && term > sum * 2 ** -54; n++) {
      term *= x / (a + n)
      sum += term
    }
    const lower = Math.min(1, (scale / a) * sum)
    return { density: scale, lower, upper: 1 - lower }
  }
  const fraction = continuedFraction(
    x + 1 - a,
    (k) => k * (a - k),
    (k) => x + 2 * k + 1 - a
  )
  const upper = Math.min(1, scale / fraction)
  return { density: scale, lower: 1 - upper, upper }
}

/** The beta distribution function at x in (0, 1) for a, b > 0; `y` is 1 - x. *Cost*: some sqrt(max(a, b)) + 50 terms. */
export const incompleteBeta = (x: number, y: number, a: number, b: number): Tails => {
  // x over (a + 1) / (a + b + 2), of differences that do not cancel.
  const swapped = b * x - a * y > y - x
  const tail = swapped ? betaTail(y, x, b, a) : betaTail(x, y, a, b)
  return swapped ? { lower: 1 - tail, upper: tail } : { lower: tail, upper: 1 - tail }
}

/** The lower tail for x up to about the mean, by the even part of its continued fraction: that of a - (a + b) x, where nothing cancels. */
const betaTail = (x: number, y: number, a: number, b: number): number => {
  const n = a + b
  const exponent =
    stirlingError(n) -
    stirlingError(a) -
    stirlingError(b) -
    deviance(a, n * x, Math.log(n) + Math.log(x)) -
    deviance(b, n * y, Math.log(n) + Math.log(y))
  // sqrt(a b / n), in an order that does not overflow.
  const scale = Math.exp(exponent) * Math.sqrt((a * (b / n)) / (2 * Math.PI))
  const distance = 1 + a * y - b * x
  const fraction = continuedFraction(
    (a / (a + 1)) * distance,
    (k) => {
      const odd = a + 2 * k - 1
      return ((a + k - 1) / odd) * (((n + k - 1) * x) / odd) * k * (b - k) * x
    },
    (k) => k + (k * (b - k) * x) / (a + 2 * k - 1) + ((a + k) / (a + 2 * k + 1)) * (distance + k * (1 + y))
  )
  return Math.min(1, scale / fraction)
}

/** exp(-k) I_order(k), for k > 0 and order 0 or 1: the power series to 20, then the asymptotic one, whose least term is e^(-2k). */
const scaledBessel = (k: number, order: 0 | 1): number => {
  if (k <= 20) {
    let term = order === 0 ? 1 : k / 2
    let sum = 0
    for (let m = 1; term > sum * 2 ** -60; m++) {
      sum += term
      term *= (k * k) / 4 / (m * (m + order))
    }
    return Math.exp(-k) * sum
  }
  let term = 1
  let sum = 0
  for (let m = 1; Math.abs(term) > Math.abs(sum) * 2 ** -60; m++) {
    sum += term
    term *= -(4 * order - (2 * m - 1) ** 2) / (8 * k * m)
  }
  return sum / Math.sqrt(2 * Math.PI * k)
}

/** log I_0(k) - k. */
export const logScaledBessel0 = (k: number): number => Math.log(scaledBessel(k, 0))

/** I_1(k) / I_0(k), the mean resultant length of the von Mises distribution. */
export const besselRatio = (k: number): number => scaledBessel(k, 1) / scaledBessel(k, 0)
