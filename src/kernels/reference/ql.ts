/**
 * Implicit QL on a symmetric tridiagonal matrix, with the rotations applied to the rows of a matrix.
 *
 * *Source* Dubrulle, Martin and Wilkinson, The implicit QL algorithm, 1968.
 */
import { eigenIterationsPerRow } from "../Kernels.ts"

/** sqrt(x^2 + y^2) without overflow or underflow of the squares. `Math.hypot` takes ten times as long. */
const hypotenuse = (x: number, y: number): number => {
  const p = Math.abs(x)
  const q = Math.abs(y)
  if (p > q) {
    const t = q / p
    return p * Math.sqrt(1 + t * t)
  }
  if (q === 0) return 0
  const t = p / q
  return q * Math.sqrt(1 + t * t)
}

/**
 * Diagonalises T = (d, e) in place: d becomes the eigenvalues in no order, and the rows of `z` become their
 * vectors, W^T z with T = W diag(d) W^T.
 *
 * *Shapes* `d`, `e` of length n, e_i coupling i and i + 1; `z` n x n, or nothing for the values only.
 * *Cost* about 20 n^2 flops, and about 5 n^3 for the rows of z.
 * *Fails* returns false after `eigenIterationsPerRow` n iterations.
 */
export const diagonalise = (n: number, d: Float64Array, e: Float64Array, z?: Float64Array): boolean => {
  const cosines = new Float64Array(n)
  const sines = new Float64Array(n)
  let left = eigenIterationsPerRow * n
  for (let l = 0; l < n; l++) {
    for (;;) {
      let m = l
      // A coupling below the rounding of its two neighbours is 0.
      while (m < n - 1 && Math.abs(e[m]!) > (Number.EPSILON / 2) * (Math.abs(d[m]!) + Math.abs(d[m + 1]!)))
        m++
      if (m === l) break
      if (left-- === 0) return false
      const first = sweep(d, e, l, m, cosines, sines)
      if (z !== undefined) rotateRows(n, z, first, m, cosines, sines)
    }
  }
  return true
}

/**
 * One implicit QL step with Wilkinson's shift on rows l to m. Rotation i mixes rows i and i + 1; they run
 * from m - 1 down to the index returned, which is l unless the block fell apart on the way.
 */
const sweep = (
  d: Float64Array,
  e: Float64Array,
  l: number,
  m: number,
  cosines: Float64Array,
  sines: Float64Array
): number => {
  const a = (d[l + 1]! - d[l]!) / (2 * e[l]!)
  const root = hypotenuse(a, 1)
  let g = d[m]! - d[l]! + e[l]! / (a + (a >= 0 ? root : -root))
  let s = 1
  let c = 1
  let p = 0
  for (let i = m - 1; i >= l; i--) {
    const f = s * e[i]!
    const b = c * e[i]!
    const r = hypotenuse(f, g)
    e[i + 1] = r
    if (r === 0) {
      d[i + 1] = d[i + 1]! - p
      e[m] = 0
      return i + 1
    }
    s = f / r
    c = g / r
    g = d[i + 1]! - p
    const t = (d[i]! - g) * s + 2 * c * b
    p = s * t
    d[i + 1] = g + p
    g = c * t - b
    cosines[i] = c
    sines[i] = s
  }
  d[l] = d[l]! - p
  e[l] = g
  e[m] = 0
  return l
}

/**
 * Applies the rotations m - 1 .. first to the rows of z: z_{i+1} <- s z_i + c z_{i+1}, z_i <- c z_i - s
 * z_{i+1}.
 *
 * Four rotations share one pass over five rows: the row between two of them never leaves its register.
 */
const rotateRows = (
  n: number,
  z: Float64Array,
  first: number,
  m: number,
  cosines: Float64Array,
  sines: Float64Array
): void => {
  let i = m - 1
  for (; i >= first + 3; i -= 4) rotateFour(n, z, i, cosines, sines)
  for (; i >= first; i--) {
    const c = cosines[i]!,
      s = sines[i]!
    const o = i * n
    for (let k = o, end = o + n; k < end; k++) {
      const x = z[k]!,
        y = z[k + n]!
      z[k + n] = s * x + c * y
      z[k] = c * x - s * y
    }
  }
}

/** Rotations i, i - 1, i - 2 and i - 3 on rows i + 1 down to i - 3. */
const rotateFour = (
  n: number,
  z: Float64Array,
  i: number,
  cosines: Float64Array,
  sines: Float64Array
): void => {
  const c0 = cosines[i]!,
    c1 = cosines[i - 1]!,
    c2 = cosines[i - 2]!,
    c3 = cosines[i - 3]!
  const s0 = sines[i]!,
    s1 = sines[i - 1]!,
    s2 = sines[i - 2]!,
    s3 = sines[i - 3]!
  const o4 = (i + 1) * n,
    o3 = o4 - n,
    o2 = o3 - n,
    o1 = o2 - n,
    o0 = o1 - n
  for (let k = 0; k < n; k++) {
    const z3 = z[o3 + k]!,
      z4 = z[o4 + k]!
    z[o4 + k] = s0 * z3 + c0 * z4
    const y3 = c0 * z3 - s0 * z4
    const z2 = z[o2 + k]!
    z[o3 + k] = s1 * z2 + c1 * y3
    const y2 = c1 * z2 - s1 * y3
    const z1 = z[o1 + k]!
    z[o2 + k] = s2 * z1 + c2 * y2
    const y1 = c2 * z1 - s2 * y2
    const z0 = z[o0 + k]!
    z[o1 + k] = s3 * z0 + c3 * y1
    z[o0 + k] = c3 * z0 - s3 * y1
  }
}
