/** A covariance matrix as the two triangles that a Gaussian needs: its Cholesky factor and the inverse of that. */
import { Result } from "effect"
import { InvalidArgument, NotPositiveDefinite } from "../../Errors.ts"

/** Row-major, `[n, n]`, zeros above the diagonal: Sigma = L L^T. */
export interface Covariance {
  readonly n: number
  readonly l: Float64Array
  /** L^-1: then Sigma^-1 = L^-T L^-1. */
  readonly inverse: Float64Array
  readonly logDeterminant: number
}

/** Entries that differ by more than this, relative to the diagonal, are not the rounding of one number. */
const asymmetry = 1e-12

/** *Cost*: 2 n^3 / 3 flops. *Fails*: `InvalidArgument` unless square and symmetric, `NotPositiveDefinite`. */
export const factor = (
  rows: ReadonlyArray<ReadonlyArray<number>>
): Result.Result<Covariance, InvalidArgument | NotPositiveDefinite> => {
  const n = rows.length
  if (n === 0 || rows.some((row) => row.length !== n)) return Result.fail(notSquare(rows))
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const size = Math.sqrt(Math.abs(rows[i]![i]!)) * Math.sqrt(Math.abs(rows[j]![j]!))
      if (Math.abs(rows[i]![j]! - rows[j]![i]!) > asymmetry * size)
        return Result.fail(notSymmetric(rows, i, j))
    }
  }
  const l = new Float64Array(n * n)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let value = rows[i]![j]!
      for (let k = 0; k < j; k++) value -= l[i * n + k]! * l[j * n + k]!
      // Negated, so that NaN fails too; and a pivot that is the rounding of its diagonal alone.
      if (i === j && !(value > n * Number.EPSILON * rows[i]![i]!)) return Result.fail(notPositive(n, i))
      l[i * n + j] = i === j ? Math.sqrt(value) : value / l[j * n + j]!
    }
  }
  let logDeterminant = 0
  for (let i = 0; i < n; i++) logDeterminant += 2 * Math.log(l[i * n + i]!)
  return Result.succeed({ n, l, inverse: inverseOf(l, n), logDeterminant })
}

/** L^-1, column by column by forward substitution. */
const inverseOf = (l: Float64Array, n: number): Float64Array => {
  const inverse = new Float64Array(n * n)
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let value = i === j ? 1 : 0
      for (let k = j; k < i; k++) value -= l[i * n + k]! * inverse[k * n + j]!
      inverse[i * n + j] = value / l[i * n + i]!
    }
  }
  return inverse
}

/** A v for a lower triangle A. */
export const times = (a: Float64Array, n: number, v: ArrayLike<number>): Float64Array =>
  Float64Array.from({ length: n }, (_, i) => {
    let sum = 0
    for (let j = 0; j <= i; j++) sum += a[i * n + j]! * v[j]!
    return sum
  })

/** A^T v for a lower triangle A. */
export const transposeTimes = (a: Float64Array, n: number, v: ArrayLike<number>): Float64Array =>
  Float64Array.from({ length: n }, (_, j) => {
    let sum = 0
    for (let i = j; i < n; i++) sum += a[i * n + j]! * v[i]!
    return sum
  })

const notSquare = (rows: ReadonlyArray<ReadonlyArray<number>>): InvalidArgument => {
  const value = `${rows.length} rows of ${rows.map((row) => row.length).join(", ")} numbers`
  return new InvalidArgument({
    argument: "covariance",
    value,
    message: `covariance is ${value}, which is not a square matrix. Give one row and one column for each output.`
  })
}

const notSymmetric = (rows: ReadonlyArray<ReadonlyArray<number>>, i: number, j: number): InvalidArgument => {
  const value = `${rows[i]![j]} at ${i}, ${j} and ${rows[j]![i]} at ${j}, ${i}`
  return new InvalidArgument({
    argument: "covariance",
    value,
    message: `covariance is ${value}, which is not symmetric. Give the covariance of two outputs the same value at both places.`
  })
}

const notPositive = (n: number, pivot: number): NotPositiveDefinite =>
  new NotPositiveDefinite({
    what: "covariance",
    pivot,
    damping: 0,
    message: `covariance (${n} x ${n}) is not positive definite: pivot ${pivot} failed. Give the covariance, not its inverse or its root, of outputs that do not determine each other.`
  })
