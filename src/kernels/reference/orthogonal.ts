/**
 * The orthogonal matrix of a tridiagonal reduction, from its Householder vectors.
 */
import type { Tridiagonal } from "./tridiagonal.ts"

/**
 * Q^T, row-major.
 *
 * *Math* Q^T = H_1 ... H_{n-1}, so row r is e_r^T H_{r+1} ... H_{n-1}: the rows are independent and each is a
 * sequence of dot products and additions of the u_i. Four rows share every read of u_i.
 * *Cost* 4 n^3 / 3 flops.
 */
export const orthogonalRows = (t: Tridiagonal): Float64Array => {
  const { n, norms, reflectors } = t
  const rows = new Float64Array(n * n)
  for (let r = 0; r < n; r++) rows[r * n + r] = 1
  for (let r = 0; r < n; r += 4) {
    for (let i = r + 1; i < n; i++) {
      if (norms[i] === 0) continue
      if (r + 4 <= n) reflectFourRows(rows, r * n, n, reflectors, i, norms[i]!)
      else for (let s = r; s < n; s++) reflectRow(rows, s * n, reflectors, i * n, i, norms[i]!)
    }
  }
  return rows
}

// A row of the block may lie at or past i, where H_i is the identity: its first i entries are 0 then, and
// stay so.
const reflectFourRows = (
  z: Float64Array,
  o: number,
  n: number,
  u: Float64Array,
  i: number,
  h: number
): void => {
  const o0 = o,
    o1 = o0 + n,
    o2 = o1 + n,
    o3 = o2 + n,
    from = i * n
  let s0 = 0,
    s1 = 0,
    s2 = 0,
    s3 = 0
  for (let j = 0; j < i; j++) {
    const v = u[from + j]!
    s0 += z[o0 + j]! * v
    s1 += z[o1 + j]! * v
    s2 += z[o2 + j]! * v
    s3 += z[o3 + j]! * v
  }
  s0 /= h
  s1 /= h
  s2 /= h
  s3 /= h
  for (let j = 0; j < i; j++) {
    const v = u[from + j]!
    z[o0 + j] = z[o0 + j]! - s0 * v
    z[o1 + j] = z[o1 + j]! - s1 * v
    z[o2 + j] = z[o2 + j]! - s2 * v
    z[o3 + j] = z[o3 + j]! - s3 * v
  }
}

const reflectRow = (
  z: Float64Array,
  o: number,
  u: Float64Array,
  from: number,
  i: number,
  h: number
): void => {
  let s = 0
  for (let j = 0; j < i; j++) s += z[o + j]! * u[from + j]!
  s /= h
  for (let j = 0; j < i; j++) z[o + j] = z[o + j]! - s * u[from + j]!
}
