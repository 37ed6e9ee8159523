/**
 * Student's t: y is C independent numbers about the locations z, of one scale s and nu degrees of freedom.
 *
 * *Math*: with t = (y - z) / s: score = (nu + 1) t / (s (nu + t^2)); Lambda = (nu + 1) / ((nu + 3) s^2) I. The Hessian of -log p is
 * negative where t^2 > nu; Lambda never is. The KL divergence has no closed form for all nu: it is an integral by
 * double-exponential quadrature, to some 1e-13 of itself.
 *
 * *Source*: Lange, Little and Taylor 1989, Robust statistical modeling using the t distribution, appendix B (the information);
 * Takahasi and Mori 1974 (the quadrature).
 */
import { Schema } from "effect"
import { decodeOrThrow, Moderate } from "../../Options.ts"
import { studentT as drawStudentT } from "../../random/Distributions.ts"
import { logHalfStep } from "../../random/SpecialFunctions.ts"
import { independent, type One } from "../internal/independent.ts"
import type { Likelihood } from "../Likelihood.ts"

/** `scale`: s, and `degrees`: nu, both from 1e-300 to 1e300; 1 degree is the Cauchy distribution. */
export const StudentTOptions = Schema.Struct({ degrees: Moderate, scale: Moderate })

/** log(Gamma((nu + 1) / 2) / (sqrt(pi nu) Gamma(nu / 2))). */
const logConstant = (nu: number): number => logHalfStep(nu / 2) - 0.5 * Math.log(2 * Math.PI)

/** Scales from 1 to the distance d are resolved, which takes steps that shrink as log(d) grows. */
const stepFor = (d: number, nu: number): number => 1 / (32 * Math.ceil(1 + Math.log1p(d / Math.sqrt(nu)) / 4))

/** The integral over (0, end) of f by t = end / (1 + exp(-pi sinh v)): ends near a singularity are resolved. */
const overInterval = (end: number, step: number, f: (t: number) => number): number => {
  let sum = 0
  for (let i = -Math.round(4 / step); i * step <= 4; i++) {
    const v = i * step
    const e = Math.exp(-Math.PI * Math.sinh(v))
    const t = end / (1 + e)
    const weight = t * (e / (1 + e)) * Math.PI * Math.cosh(v)
    if (weight > 0) sum += weight * f(t)
  }
  return step * sum
}

/** The integral over (start, infinity) of f by t = start + size exp((pi / 2) sinh v). */
const beyond = (start: number, size: number, step: number, f: (t: number) => number): number => {
  let sum = 0
  for (let i = -Math.round(5 / step); i * step <= 5; i++) {
    const v = i * step
    const x = size * Math.exp((Math.PI / 2) * Math.sinh(v))
    if (x > 0 && x < 1e150) sum += x * (Math.PI / 2) * Math.cosh(v) * f(start + x)
  }
  return step * sum
}

/** From these degrees on t^2 / nu is rounding: the divergence is (nu / 2) log(1 + delta^2 / nu), and delta^2 / 2 near 0. */
const manyDegrees = 1e14

const ofManyDegrees = (delta: number, nu: number): number => {
  const r = Math.abs(delta) / Math.sqrt(nu)
  if (r < 1e-9) return (delta * delta) / 2
  // Of a square that may overflow.
  return r < 1e9 ? (nu / 2) * Math.log1p(r * r) : nu * Math.log(r)
}

/** From here on the divergence grows as (nu + 1) log(delta): squares of more would overflow. */
const farAway = 1e100

/**
 * KL at a distance of delta scales: (nu + 1) / 2 E[log((nu + (t - delta)^2) / (nu + t^2))]. The terms of t and -t are taken as one
 * logarithm, which leaves no term of the first order in delta to cancel.
 */
const divergence = (delta: number, nu: number): number => {
  if (delta === 0) return 0
  if (nu >= manyDegrees) return ofManyDegrees(delta, nu)
  const d = Math.min(Math.abs(delta), farAway)
  const logC = logConstant(nu)
  const step = stepFor(d, nu)
  const f = (t: number): number => {
    const under = nu + t * t
    const density = Math.exp(logC - ((nu + 1) / 2) * Math.log1p((t * t) / nu))
    if (density === 0) return 0
    const excess = (d / under) * ((d * (2 * nu - 2 * t * t + d * d)) / under)
    // Near t = d the product of the two is small beside its terms, and its factors are not.
    return excess > -0.5
      ? density * Math.log1p(excess)
      : density * (Math.log((nu + (t - d) ** 2) / under) + Math.log((nu + (t + d) ** 2) / under))
  }
  const near = ((nu + 1) / 2) * (overInterval(d, step, f) + beyond(d, Math.sqrt(nu), step, f))
  return Math.abs(delta) > d ? near + (nu + 1) * (Math.log(Math.abs(delta)) - Math.log(d)) : near
}

const at = (z: number, nu: number, scale: number): One => {
  const constant = logConstant(nu) - Math.log(scale)
  return {
    logProbability: (y) => constant - ((nu + 1) / 2) * Math.log1p(((y - z) / scale) ** 2 / nu),
    score: (y) => {
      const t = (y - z) / scale
      // Of a square that may overflow, or of a nu / t that may.
      return (Math.abs(t) < 1 ? t * ((nu + 1) / (nu + t * t)) : (nu + 1) / (nu / t + t)) / scale
    },
    sample: (uniform) => z + scale * drawStudentT(uniform(), nu),
    deviation: Math.sqrt((nu + 1) / (nu + 3)) / scale,
    klDivergence: (other) => divergence((other - z) / scale, nu)
  }
}

/**
 * y is C real numbers; z are their locations. Lambda = (degrees + 1) / ((degrees + 3) scale^2) I.
 *
 * *Throws*: `InvalidArgument` where the scale or the degrees are not numbers from 1e-300 to 1e300.
 */
export const studentT = (options: typeof StudentTOptions.Type): Likelihood => {
  const { degrees, scale } = decodeOrThrow(StudentTOptions, options)
  return independent({
    name: `studentT(degrees ${degrees}, scale ${scale})`,
    remedy: "A Student-t label is a finite number.",
    holds: Number.isFinite,
    support: Number.POSITIVE_INFINITY,
    at: (z) => at(z, degrees, scale)
  })
}
