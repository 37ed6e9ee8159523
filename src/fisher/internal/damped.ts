/**
 * Solves with a damped matrix: factorised in float64, whatever the matrix was measured in.
 */
import { Result } from "effect"
import { NotPositiveDefinite } from "../../Errors.ts"
import type { Kernels } from "../../kernels/Kernels.ts"
import * as Cholesky from "../../linalg/Cholesky.ts"
import { product, transpose } from "./arrays.ts"
import { lowerOf, norm1 } from "./symmetric.ts"

export interface Damped {
  readonly n: number
  /** The lower triangle of `[n, n]`, row by row. */
  readonly triangle: Float32Array
  readonly damping: number
  readonly what: string
}

/**
 * The Cholesky factor of the damped matrix.
 *
 * The matrix was measured in float32. A pivot of no more than n 2^-24 of the largest (n at least 16: a small matrix is a sum too)
 * is rounding, and fails too, unless the damping itself is over that rounding: what would be solved with it is noise.
 */
export const dampedFactor = (
  kernels: Kernels,
  { damping, n, triangle, what }: Damped
): Result.Result<Cholesky.Cholesky, NotPositiveDefinite> =>
  Result.flatMap(Cholesky.factor(kernels, { n, matrix: lowerOf(triangle), damping, what }), (made) => {
    let largest = 0
    for (let i = 0; i < n; i++) largest = Math.max(largest, made.l[i * (n + 1)]! ** 2)
    const floor = roundingFloor(n, largest, damping)
    for (let i = 0; i < n; i++) {
      const pivot = made.l[i * (n + 1)]! ** 2
      if (pivot <= floor) {
        return Result.fail(
          new NotPositiveDefinite({
            what,
            pivot: i,
            damping,
            message: `The ${what} is singular to rounding at pivot ${i} (${pivot} of ${largest}) with damping ${damping}. Give more damping.`
          })
        )
      }
    }
    return Result.succeed(made)
  })

/** What rounding to float32 leaves of an eigenvalue that is 0, for a matrix of this size and largest eigenvalue or pivot. */
export const roundingFloor = (n: number, largest: number, damping: number): number =>
  outweighs(damping, largest) ? 0 : Math.max(n, 16) * 2 ** -24 * largest

/** The failure of a power below 0 of a matrix whose least eigenvalue is rounding. */
export const singular = (what: string, least: number, damping: number): NotPositiveDefinite =>
  new NotPositiveDefinite({
    what,
    pivot: 0,
    damping,
    message: `The ${what} is singular to rounding: its least eigenvalue is ${Math.max(0, least)} with damping ${damping}. Give more damping.`
  })

/** Whether the damping is over the rounding of a matrix with this largest eigenvalue: then it decides, and not the rounding. */
export const outweighs = (damping: number, largest: number): boolean => damping > 4 * 2 ** -24 * largest

/** The solution for `[n, columns]` right-hand sides. */
export const solveDamped = (factor: Cholesky.Cholesky, b: Float32Array, columns: number): Float64Array =>
  Cholesky.solve(factor, new Float64Array(b), columns)

/** The inverse of a damped matrix as two maps. */
export interface DampedInverse {
  /** M^-1 X for X `[n, columns]`. */
  readonly fromLeft: (x: Float32Array, columns: number) => Float32Array
  /** X M^-1 for X `[rows, n]`. */
  readonly fromRight: (x: Float32Array, rows: number) => Float32Array
}

/** From this size on a product with the explicit inverse beats two triangular solves by more than its cost. */
const worthInverting = 128

/** A product in float32 with the explicit inverse loses condition times 2^-24: up to here that is under 1e-4. */
const safeCondition = 1e-4 * 2 ** 24

/**
 * Prepares many solves with one matrix. Large and well-conditioned, it is inverted once and multiplied with in float32; else
 * every solve is a pair of triangular ones in float64.
 */
export const dampedInverse = (
  kernels: Kernels,
  damped: Damped
): Result.Result<DampedInverse, NotPositiveDefinite> =>
  Result.map(dampedFactor(kernels, damped), (factor) => {
    const { n } = damped
    const inverse = n < worthInverting ? undefined : Cholesky.inverse(factor)
    if (
      inverse !== undefined &&
      (norm1(damped.triangle) + damped.damping) * columnNorm(inverse, n) <= safeCondition
    ) {
      const single = new Float32Array(inverse)
      return {
        fromLeft: (x, columns) => product(kernels, single, x, n, n, columns),
        fromRight: (x, rows) => product(kernels, x, single, rows, n, n)
      }
    }
    const fromLeft = (x: Float32Array, columns: number) => new Float32Array(solveDamped(factor, x, columns))
    return {
      fromLeft,
      fromRight: (x, rows) => transpose(fromLeft(transpose(x, rows, n), rows), n, rows)
    }
  })

/** The largest sum of the sizes of a column of a symmetric matrix `[n, n]`. */
const columnNorm = (matrix: Float64Array, n: number): number => {
  let largest = 0
  for (let i = 0; i < n; i++) {
    let sum = 0
    for (let j = 0; j < n; j++) sum += Math.abs(matrix[i * n + j]!)
    largest = Math.max(largest, sum)
  }
  return largest
}
