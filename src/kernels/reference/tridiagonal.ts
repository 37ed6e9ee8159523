/**
 * Householder reduction of a symmetric matrix to tridiagonal form, along rows only.
 *
 * *Math* for i = n-1 .. 1 the vector u_i in the first i coordinates maps row i of the active matrix onto its
 * last entry; H_i = I - u_i u_i^T / h_i, and A <- H_i A H_i is the rank-two update A - u q^T - q u^T with q =
 * A u / h - (u^T A u / 2 h^2) u. Only the lower triangle is kept, and every loop runs along its rows.
 * *Source* Martin, Reinsch and Wilkinson, Householder's tridiagonalization of a symmetric matrix, 1968.
 */

/** The reduction of an n x n matrix A = Q T Q^T, Q = H_{n-1} ... H_1. */
export interface Tridiagonal {
  readonly n: number
  /** n x n; row i holds the vector u_i in its first i places. */
  readonly reflectors: Float64Array
  /** h_i, or 0 where H_i is the identity. */
  readonly norms: Float64Array
  readonly diagonal: Float64Array
  /** Entry i couples rows i and i + 1; the last is 0. */
  readonly offDiagonal: Float64Array
}

/**
 * Reduces the lower triangle of `a`, which becomes the reflectors. Entries of order 1 are due: the squares
 * must not overflow.
 */
export const tridiagonalise = (n: number, a: Float64Array): Tridiagonal => {
  const norms = new Float64Array(n)
  const diagonal = new Float64Array(n)
  const offDiagonal = new Float64Array(n)
  const u = new Float64Array(n)
  const q = new Float64Array(n)
  for (let i = n - 1; i > 0; i--) {
    diagonal[i] = a[i * n + i]!
    const h = reflect(a, i * n, i, u, offDiagonal)
    norms[i] = h
    if (h === 0) continue
    symmetricProduct(n, i, a, u, q)
    let uq = 0
    for (let j = 0; j < i; j++) {
      const v = q[j]! / h
      q[j] = v
      uq += u[j]! * v
    }
    const shift = uq / (2 * h)
    for (let j = 0; j < i; j++) q[j] = q[j]! - shift * u[j]!
    subtractRankTwo(n, i, a, u, q)
  }
  if (n > 0) diagonal[0] = a[0]!
  return { n, reflectors: a, norms, diagonal, offDiagonal }
}

/**
 * Turns the first `length` numbers at `o` into u, copied to `u`, and sets the coupling they reduce to.
 * Returns h = u^T u / 2, or 0 when all but the last are 0 already.
 */
const reflect = (
  a: Float64Array,
  o: number,
  length: number,
  u: Float64Array,
  offDiagonal: Float64Array
): number => {
  const last = length - 1
  let scale = 0
  for (let j = 0; j < last; j++) scale = Math.max(scale, Math.abs(a[o + j]!))
  const f = a[o + last]!
  offDiagonal[last] = f
  if (scale === 0) return 0
  // u is only defined up to a factor, so it is scaled to order 1: a row of 1e-200 would otherwise square to
  // 0.
  scale = Math.max(scale, Math.abs(f))
  let squares = 0
  for (let j = 0; j < length; j++) {
    const v = a[o + j]! / scale
    u[j] = v
    squares += v * v
  }
  // The sign that adds to the last entry: no cancellation.
  const g = u[last]! > 0 ? -Math.sqrt(squares) : Math.sqrt(squares)
  const h = squares - u[last]! * g
  u[last] = u[last]! - g
  for (let j = 0; j < length; j++) a[o + j] = u[j]!
  offDiagonal[last] = scale * g
  return h
}

/** q = A u for the leading `size` rows and columns of A, of which only the lower triangle is read. */
const symmetricProduct = (
  n: number,
  size: number,
  a: Float64Array,
  u: Float64Array,
  q: Float64Array
): void => {
  q.fill(0, 0, size)
  let i = 0
  // Four rows at a time: u and q are read once for sixteen multiplications.
  for (; i + 4 <= size; i += 4) {
    const o0 = i * n,
      o1 = o0 + n,
      o2 = o1 + n,
      o3 = o2 + n
    const u0 = u[i]!,
      u1 = u[i + 1]!,
      u2 = u[i + 2]!,
      u3 = u[i + 3]!
    let s0 = 0,
      s1 = 0,
      s2 = 0,
      s3 = 0
    for (let j = 0; j < i; j++) {
      const v = u[j]!
      const a0 = a[o0 + j]!,
        a1 = a[o1 + j]!,
        a2 = a[o2 + j]!,
        a3 = a[o3 + j]!
      s0 += a0 * v
      s1 += a1 * v
      s2 += a2 * v
      s3 += a3 * v
      q[j] = q[j]! + (a0 * u0 + a1 * u1 + (a2 * u2 + a3 * u3))
    }
    const d10 = a[o1 + i]!,
      d20 = a[o2 + i]!,
      d30 = a[o3 + i]!
    const d21 = a[o2 + i + 1]!,
      d31 = a[o3 + i + 1]!,
      d32 = a[o3 + i + 2]!
    q[i] = s0 + a[o0 + i]! * u0 + d10 * u1 + d20 * u2 + d30 * u3
    q[i + 1] = s1 + d10 * u0 + a[o1 + i + 1]! * u1 + d21 * u2 + d31 * u3
    q[i + 2] = s2 + d20 * u0 + d21 * u1 + a[o2 + i + 2]! * u2 + d32 * u3
    q[i + 3] = s3 + d30 * u0 + d31 * u1 + d32 * u2 + a[o3 + i + 3]! * u3
  }
  for (; i < size; i++) {
    const o = i * n
    const v = u[i]!
    let s = 0
    for (let j = 0; j < i; j++) {
      s += a[o + j]! * u[j]!
      q[j] = q[j]! + a[o + j]! * v
    }
    q[i] = s + a[o + i]! * v
  }
}

/** A <- A - u q^T - q u^T on the lower triangle of the leading `size` rows. */
const subtractRankTwo = (
  n: number,
  size: number,
  a: Float64Array,
  u: Float64Array,
  q: Float64Array
): void => {
  let i = 0
  for (; i + 2 <= size; i += 2) {
    const o0 = i * n,
      o1 = o0 + n
    const u0 = u[i]!,
      u1 = u[i + 1]!,
      q0 = q[i]!,
      q1 = q[i + 1]!
    for (let j = 0; j <= i; j++) {
      const v = u[j]!,
        w = q[j]!
      a[o0 + j] = a[o0 + j]! - (u0 * w + q0 * v)
      a[o1 + j] = a[o1 + j]! - (u1 * w + q1 * v)
    }
    a[o1 + i + 1] = a[o1 + i + 1]! - 2 * u1 * q1
  }
  if (i < size) {
    const o = i * n
    for (let j = 0; j <= i; j++) a[o + j] = a[o + j]! - (u[i]! * q[j]! + q[i]! * u[j]!)
  }
}
