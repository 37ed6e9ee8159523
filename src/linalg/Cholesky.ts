/**
 * The Cholesky factor of a symmetric positive definite matrix, and what follows from it.
 *
 * *Math* A + damping I = L L^T with L lower triangular.
 * *Source* Higham, Accuracy and Stability of Numerical Algorithms, 2002, chapter 10.
 */
import { Result } from "effect"
import { NotPositiveDefinite, ShapeMismatch } from "../Errors.ts"
import type { Kernels } from "../kernels/Kernels.ts"

/** A factorised matrix, with the kernels it will be used with. Build it with `factor`. */
export interface Cholesky {
  readonly n: number
  /** L, n x n row-major, zeros above the diagonal. */
  readonly l: Float64Array
  readonly kernels: Kernels
}

/** What `factor` needs. */
export interface FactorOptions {
  readonly n: number
  /** Symmetric, n x n row-major; only the lower triangle is read, and it is left as it is. */
  readonly matrix: Float64Array
  /** Added to the diagonal; 0 for the matrix itself. */
  readonly damping: number
  /** What the matrix is, for the error: "the Fisher of block 3". */
  readonly what: string
}

/**
 * Factorises A + damping I = L L^T.
 *
 * *Cost* n^3 / 3 flops, n^2 floats.
 * *Fails* with `NotPositiveDefinite` at the first pivot that is not positive, and at the first row with NaN
 * or infinity.
 */
export const factor = (
  kernels: Kernels,
  options: FactorOptions
): Result.Result<Cholesky, NotPositiveDefinite> => {
  const { n, matrix, damping, what } = options
  requireSize(what, matrix, n, n)
  const l = matrix.slice()
  for (let i = 0; i < n; i++) l[i * n + i] = l[i * n + i]! + damping
  const bad = firstNonFiniteRow(n, l)
  if (bad >= 0) {
    return Result.fail(
      new NotPositiveDefinite({
        what,
        pivot: bad,
        damping,
        message:
          `Row ${bad} of ${what}, with damping ${damping}, has NaN or infinity. ` +
          "Look for the overflow where the matrix was computed, and pass a finite damping."
      })
    )
  }
  const pivot = kernels.cholesky({ n, a: l })
  if (pivot < 0) return Result.succeed({ n, l, kernels })
  return Result.fail(
    new NotPositiveDefinite({
      what,
      pivot,
      damping,
      message:
        `${what} (${n} x ${n}) with damping ${damping} is not positive definite: pivot ${pivot} failed. ` +
        "Raise the damping, or estimate the matrix from more samples than it has rows."
    })
  )
}

/**
 * Solves A x = b for every column of b.
 *
 * *Shapes* `b` is n x columns row-major and is left as it is; so is the result.
 * *Cost* 2 n^2 columns flops.
 */
export const solve = (self: Cholesky, b: Float64Array, columns: number): Float64Array => {
  requireSize("the right-hand side", b, self.n, columns)
  const x = b.slice()
  self.kernels.choleskySolve({ n: self.n, l: self.l, columns, b: x })
  return x
}

/**
 * L^-T b: for a standard normal b, a draw from N(0, A^-1).
 *
 * *Cost* n^2 flops.
 */
export const backSolve = ({ l, n }: Cholesky, b: ArrayLike<number>): Float64Array => {
  const x = new Float64Array(b)
  for (let i = n - 1; i >= 0; i--) {
    x[i] = x[i]! / l[i * (n + 1)]!
    for (let j = 0; j < i; j++) x[j] = x[j]! - l[i * n + j]! * x[i]!
  }
  return x
}

/**
 * A^-1, n x n row-major, equal to its transpose bit for bit.
 *
 * *Cost* 2 n^3 / 3 flops, n^2 floats. A solve is cheaper and more accurate where the inverse itself is not
 * needed.
 */
export const inverse = (self: Cholesky): Float64Array => {
  const out = new Float64Array(self.n * self.n)
  self.kernels.choleskyInverse({ n: self.n, l: self.l, out })
  return out
}

/** log det A = 2 sum of log L_ii, which neither overflows nor underflows where the determinant would. */
export const logDeterminant = (self: Cholesky): number => {
  let sum = 0
  for (let i = 0; i < self.n; i++) sum += Math.log(self.l[i * self.n + i]!)
  return 2 * sum
}

const firstNonFiniteRow = (n: number, a: Float64Array): number => {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      if (!Number.isFinite(a[i * n + j]!)) return i
    }
  }
  return -1
}

const requireSize = (what: string, array: Float64Array, rows: number, columns: number): void => {
  if (array.length === rows * columns) return
  throw new ShapeMismatch({
    what,
    expected: `${rows} x ${columns}`,
    actual: `${array.length} numbers`,
    message: `${what} has ${array.length} numbers, and ${rows} x ${columns} is due. Check its shape.`
  })
}
