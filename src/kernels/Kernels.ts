/**
 * What an implementation of the dense arithmetic must offer: plain TypeScript (the reference), WebAssembly, a
 * native BLAS.
 *
 * All matrices are row-major and dense, without gaps between rows: element (i, j) of an m x n matrix is at i
 * * n + j. An array may be longer than its matrix; the rest is neither read nor written. An output overlaps
 * no input unless the operation says "in place". A size that is not a non-negative integer, or an array too
 * short for its matrix, is a broken invariant of the caller and throws a `RangeError`; sizes of 0 are legal
 * everywhere. Nothing here validates values: NaN and infinity propagate as IEEE 754 has it, except where an
 * operation names them.
 */

/** An array of real numbers in either precision. */
export type Real = Float32Array | Float64Array

/** Operands of `gemm`: out (m x n) = op(a) op(b), where op(a) is m x k and op(b) is k x n. */
export interface Gemm {
  readonly m: number
  readonly n: number
  readonly k: number
  /** m x k, or k x m with `transposeA`. */
  readonly a: Real
  readonly transposeA?: boolean
  /** k x n, or n x k with `transposeB`. */
  readonly b: Real
  readonly transposeB?: boolean
  /** m x n; overwritten. */
  readonly out: Real
}

/** Operands of `syrk`: out = a^T a, which is n x n. */
export interface Syrk {
  readonly rows: number
  readonly n: number
  /** rows x n. */
  readonly a: Real
  /** `packed`: the lower triangle alone, row by row, so that entry (i, j) is at i (i + 1) / 2 + j. `full`, unless given. */
  readonly storage?: "full" | "packed"
  /** n x n, or n (n + 1) / 2 numbers with `packed`; overwritten. */
  readonly out: Real
}

/** Operands of `cholesky`. */
export interface CholeskyFactor {
  readonly n: number
  /** n x n; only the lower triangle is read. Its precision is the factor's. */
  readonly a: Real
}

/** Operands of `choleskySolve`, all in one precision: else a `RangeError`. */
export interface CholeskySolve {
  readonly n: number
  /** n x n, the factor; only its lower triangle is read. */
  readonly l: Real
  readonly columns: number
  /** n x columns; the right-hand sides, overwritten by the solutions. */
  readonly b: Real
}

/** Operands of `choleskyInverse`, all in one precision: else a `RangeError`. */
export interface CholeskyInverse {
  readonly n: number
  /** n x n, the factor; only its lower triangle is read. */
  readonly l: Real
  /** n x n; overwritten. */
  readonly out: Real
}

/** Operands of `symmetricEigen`. */
export interface SymmetricEigen {
  readonly n: number
  /** n x n; only the lower triangle is read. Always destroyed; with `vectors` it holds them afterwards. */
  readonly a: Real
  /** n eigenvalues, ascending; overwritten. */
  readonly values: Float64Array
  readonly vectors: boolean
}

/**
 * QL iterations granted for each row of the matrix, as in LAPACK's `dsteqr`: `symmetricEigen` gives up after
 * 30 n.
 */
export const eigenIterationsPerRow = 30

/** One implementation of the dense arithmetic. */
export interface Kernels {
  /** For logs and reports, such as `reference`. */
  readonly name: string
  /**
   * out = op(a) op(b).
   *
   * *Math* out_ij = sum_p op(a)_ip op(b)_pj. The reference sums in float64 whatever the precision of the
   * arrays.
   * *Cost* 2 m n k flops.
   */
  readonly gemm: (p: Gemm) => void
  /**
   * out = a^T a, equal to its transpose bit for bit; with `packed` storage the same numbers, each once.
   *
   * *Cost* rows n^2 flops.
   */
  readonly syrk: (p: Syrk) => void
  /**
   * Factorises a = L L^T in place; the strict upper triangle becomes 0.
   *
   * *Math* L L^T is within some n eps |a| of `a`, with the eps of its precision: in float32 a solution is useless from a condition number of
   * 10^7 on, in float64 of 10^16. The reference computes in float64 and rounds.
   * *Cost* n^3 / 3 flops.
   * *Fails* by returning the zero-based index of the first pivot that is not a positive finite number (NaN
   * included); the contents of `a` are then unspecified. Returns -1 on success.
   */
  readonly cholesky: (p: CholeskyFactor) => number
  /**
   * Solves L L^T x = b for every column of b, in place. The L is one that `cholesky` returned.
   *
   * *Cost* 2 n^2 flops a column.
   */
  readonly choleskySolve: (p: CholeskySolve) => void
  /**
   * out = (L L^T)^-1, equal to its transpose bit for bit.
   *
   * *Cost* 2 n^3 / 3 flops.
   */
  readonly choleskyInverse: (p: CholeskyInverse) => void
  /**
   * Eigenvalues of a symmetric matrix and, with `vectors`, orthonormal eigenvectors as the columns of `a`, in
   * the order of the values. Of a matrix in float32 they are as near as float32 goes; whether they are computed in it is the implementation's
   * to choose.
   *
   * *Math* a V = V diag(values), V^T V = I.
   * *Cost* 4 n^3 / 3 flops for the values, about 7 n^3 with the vectors.
   * *Fails* by returning false: `eigenIterationsPerRow` was not enough, or the matrix has NaN or infinity.
   */
  readonly symmetricEigen: (p: SymmetricEigen) => boolean
}
