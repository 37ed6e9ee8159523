/**
 * Eigenvalues and eigenvectors of a symmetric matrix.
 *
 * *Math* A V = V diag(values) with V^T V = I.
 */
import { Result } from "effect"
import { NonFinite, NotConverged, ShapeMismatch } from "../Errors.ts"
import { eigenIterationsPerRow, type Kernels, type Real } from "../kernels/Kernels.ts"
import { firstNonFinite } from "../Options.ts"

/** The eigendecomposition of an n x n matrix, its vectors in precision A. */
export interface SymmetricEigen<out A extends Real = Float64Array> {
  readonly n: number
  /** Ascending. */
  readonly values: Float64Array
  /** n x n row-major; column j is the unit vector of value j. */
  readonly vectors: A
}

/** What `decompose` and `eigenvalues` need. */
export interface EigenOptions<A extends Real = Float64Array> {
  readonly n: number
  /** Symmetric, n x n row-major; the kernels read only the lower triangle, and it is left as it is. */
  readonly matrix: A
  /** What the matrix is, for the error: "the input factor of block 3". */
  readonly what: string
}

type Failure = NotConverged | NonFinite

/**
 * Eigenvalues, ascending, and orthonormal eigenvectors.
 *
 * Each value is within a modest multiple of n eps |A| of an exact one: those far below |A| have no correct
 * digit, and may be negative for a matrix that is positive semidefinite. Eps is that of the matrix's precision.
 *
 * *Cost* about 7 n^3 flops, 2 n^2 floats besides the result.
 * *Fails* with `NonFinite` on NaN or infinity anywhere in the matrix, `NotConverged` after 30 n iterations.
 */
export const decompose = <A extends Real = Float64Array>(
  kernels: Kernels,
  options: EigenOptions<A>
): Result.Result<SymmetricEigen<A>, Failure> =>
  Result.map(run(kernels, options, true), ({ values, overwritten }) => ({
    n: options.n,
    values,
    vectors: overwritten
  }))

/**
 * Eigenvalues alone, ascending; accuracy and failures as of `decompose`.
 *
 * *Cost* 4 n^3 / 3 flops, n^2 floats.
 */
export const eigenvalues = (
  kernels: Kernels,
  options: EigenOptions<Real>
): Result.Result<Float64Array, Failure> => Result.map(run(kernels, options, false), ({ values }) => values)

const run = <A extends Real>(
  kernels: Kernels,
  options: EigenOptions<A>,
  vectors: boolean
): Result.Result<{ readonly values: Float64Array; readonly overwritten: A }, Failure> => {
  const { n, matrix, what } = options
  if (matrix.length !== n * n) {
    throw new ShapeMismatch({
      what,
      expected: `${n} x ${n}`,
      actual: `${matrix.length} numbers`,
      message: `${what} has ${matrix.length} numbers, and ${n} x ${n} is due. Check its shape.`
    })
  }
  const bad = firstNonFinite(matrix)
  if (bad >= 0) return Result.fail(nonFinite(what, n, bad, matrix[bad]!))
  const values = new Float64Array(n)
  const overwritten = matrix.slice() as A
  if (!kernels.symmetricEigen({ n, a: overwritten, values, vectors })) {
    const iterations = eigenIterationsPerRow * n
    return Result.fail(
      new NotConverged({
        what,
        iterations,
        message:
          `The eigenvalues of ${what} (${n} x ${n}) did not converge in ${iterations} iterations. ` +
          "Factorise it with damping instead, or look for entries that span hundreds of orders of magnitude."
      })
    )
  }
  const overflow = values.findIndex((value) => !Number.isFinite(value))
  if (overflow >= 0)
    return Result.fail(nonFinite(`the eigenvalues of ${what}`, 1, overflow, values[overflow]!))
  return Result.succeed({ values, overwritten })
}

const nonFinite = (what: string, columns: number, index: number, value: number): NonFinite =>
  new NonFinite({
    what,
    index,
    value: String(value),
    message:
      `Entry (${Math.floor(index / columns)}, ${index % columns}) of ${what} is ${value}. ` +
      "Look for the overflow where the matrix was computed."
  })
