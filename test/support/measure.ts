/** Errors in units of n eps, and the problems of the oracle at parameters that float32 holds exactly. */
import type { Case } from "../oracle/cases.ts"
import { axpy, flatten, type Matrix, norm, type Vector } from "../oracle/linear.ts"
import { ratio } from "./ratio.ts"

export { eps32, eps64, ratio } from "./ratio.ts"

/** The largest; NaN counts as infinity. None is 0. */
export const worst = (values: Iterable<number>): number => {
  let largest = 0
  for (const value of values)
    largest = Number.isNaN(value) ? Number.POSITIVE_INFINITY : Math.max(largest, value)
  return largest
}

/** |a - b| / (unit scale), Euclidean; whatever is not finite is infinity. */
export const vectorError = (a: Vector, b: Vector, unit: number, scale = norm(b)): number =>
  a.length === b.length ? ratio(norm(axpy(a, -1, b)), unit * scale) : Number.POSITIVE_INFINITY

/** The same for matrices, with the Frobenius norm. */
export const matrixError = (a: Matrix, b: Matrix, unit: number, scale = norm(flatten(b))): number =>
  vectorError(flatten(a), flatten(b), unit, scale)

/** Rounded to multiples of 2^-bits, so that sums with other such numbers are exact in float32. */
export const dyadic = (v: Vector, bits: number): Float64Array =>
  Float64Array.from(v, (entry) => Math.round(entry * 2 ** bits) / 2 ** bits)

/** A problem whose parameters, inputs and labels float32 holds: what is left are errors of the arithmetic. */
export const dyadicCase = (own: Case): Case => ({
  ...own,
  theta: dyadic(own.theta, 12),
  X: own.X.map((x) => dyadic(x, 12)),
  Y: own.Y.map((y) => dyadic(y, 12))
})
