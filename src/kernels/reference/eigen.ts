/**
 * Eigenvalues and eigenvectors of a symmetric matrix: scale, reduce to tridiagonal form, QL, sort.
 */
import type { SymmetricEigen } from "../Kernels.ts"
import { orthogonalRows } from "./orthogonal.ts"
import { diagonalise } from "./ql.ts"
import { requireLength, requireSizes } from "./require.ts"
import { tridiagonalise } from "./tridiagonal.ts"

/** Operands in float64, checked. */
export interface DoubleEigen extends SymmetricEigen {
  readonly a: Float64Array
}

/** Checks the operands, and has those in float32 decomposed in float64. */
export const inFloat64 = (p: SymmetricEigen, decompose: (p: DoubleEigen) => boolean): boolean => {
  const { n, a, values, vectors } = p
  requireSizes("symmetricEigen", { n })
  requireLength("symmetricEigen", "a", a, n * n)
  requireLength("symmetricEigen", "values", values, n)
  if (a instanceof Float64Array) return decompose({ n, a, values, vectors })
  const wide = new Float64Array(a.subarray(0, n * n))
  const done = decompose({ n, a: wide, values, vectors })
  if (done && vectors) a.set(wide)
  return done
}

/** See `Kernels.symmetricEigen`. */
export const symmetricEigen = (p: SymmetricEigen): boolean => inFloat64(p, decomposed)

const decomposed = ({ n, a, values, vectors }: DoubleEigen): boolean => {
  const scale = scaleToOne(n, a)
  if (scale === 0) return false
  const reduced = tridiagonalise(n, a)
  const { diagonal, offDiagonal } = reduced
  const rows = vectors ? orthogonalRows(reduced) : undefined
  if (!diagonalise(n, diagonal, offDiagonal, rows)) return false
  const order = Array.from(diagonal.keys()).sort((i, j) => diagonal[i]! - diagonal[j]!)
  for (let i = 0; i < n; i++) values[i] = diagonal[order[i]!]! / scale
  if (rows !== undefined) scatterColumns(n, rows, order, a)
  return true
}

/**
 * Multiplies the lower triangle by the power of two that brings its largest entry into [1/2, 1), so that
 * squares neither overflow nor vanish, and returns that power. It is exact except where an entry is already
 * 1e-290 of the largest. Returns 0 when an entry is NaN or infinite.
 */
const scaleToOne = (n: number, a: Float64Array): number => {
  let largest = 0
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const v = Math.abs(a[i * n + j]!)
      // Written so that NaN replaces the largest and is then kept.
      if (!(v <= largest)) largest = v
      if (v !== v) return 0
    }
  }
  if (largest === 0) return 1
  if (largest === Number.POSITIVE_INFINITY) return 0
  // Beyond 2^1000 the power itself, or its inverse, would leave the range; denormals grow enough.
  const exponent = Math.max(-1000, Math.min(1000, -1 - Math.floor(Math.log2(largest))))
  const scale = 2 ** exponent
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) a[i * n + j] = a[i * n + j]! * scale
  }
  return scale
}

/**
 * Column i of `a` <- row order_i of `rows`. Blocked over the rows of `a`, which are otherwise evicted between
 * two columns.
 */
const scatterColumns = (
  n: number,
  rows: Float64Array,
  order: ReadonlyArray<number>,
  a: Float64Array
): void => {
  const block = 32
  for (let kb = 0; kb < n; kb += block) {
    const end = Math.min(kb + block, n)
    for (let i = 0; i < n; i++) {
      const o = order[i]! * n
      for (let k = kb; k < end; k++) a[k * n + i] = rows[o + k]!
    }
  }
}
