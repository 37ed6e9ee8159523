/**
 * LAPACK's scaled residuals, and the matrices they are taken on. Plain loops: nothing here is shared with
 * src/.
 *
 * A ratio is an error in units of n eps times the natural scale, with eps the unit roundoff. NaN and infinity
 * anywhere give a ratio of infinity: what is not finite never passes.
 */

export const eps64 = 2 ** -53
export const eps32 = 2 ** -24

/** The sizes every law of linear algebra runs over: empty, ragged, and past the blocks of the kernels. */
export const sizes = [0, 1, 2, 3, 5, 10, 50, 131] as const

/** Entries of these orders square to 0 or to infinity. */
export const scales = [1e-290, 1, 1e290] as const

/** error / unit, where 0 / 0 is 0 and whatever is not finite is infinity. */
export const ratio = (error: number, unit: number): number => {
  if (!(Number.isFinite(error) && Number.isFinite(unit))) return Number.POSITIVE_INFINITY
  return error === 0 ? 0 : error / unit
}

/** Largest sum of magnitudes of a row; NaN if an entry is. */
export const rowNorm = (rows: number, columns: number, a: ArrayLike<number>): number => {
  let norm = 0
  for (let i = 0; i < rows; i++) {
    let sum = 0
    for (let j = 0; j < columns; j++) sum += Math.abs(a[i * columns + j]!)
    if (!(sum <= norm)) norm = sum
  }
  return norm
}

/** a (m x k) times b (k x n). */
export const product = (
  m: number,
  n: number,
  k: number,
  a: ArrayLike<number>,
  b: ArrayLike<number>
): Float64Array => {
  const out = new Float64Array(m * n)
  for (let i = 0; i < m; i++) {
    for (let p = 0; p < k; p++) {
      for (let j = 0; j < n; j++) out[i * n + j] = out[i * n + j]! + a[i * k + p]! * b[p * n + j]!
    }
  }
  return out
}

export const transpose = (rows: number, columns: number, a: ArrayLike<number>): Float64Array =>
  Float64Array.from({ length: rows * columns }, (_, o) => a[(o % rows) * columns + Math.floor(o / rows)]!)

export const identity = (n: number): Float64Array =>
  Float64Array.from({ length: n * n }, (_, o) => (o % (n + 1) === 0 ? 1 : 0))

const difference = (a: ArrayLike<number>, b: ArrayLike<number>): Float64Array =>
  Float64Array.from(a, (value, i) => value - b[i]!)

/** |A - B| / (n |A| eps). */
export const distanceRatio = (n: number, a: Float64Array, b: Float64Array): number =>
  ratio(rowNorm(n, n, difference(a, b)), n * rowNorm(n, n, a) * eps64)

/** |A - L L^T| / (n |A| eps). */
export const factorRatio = (n: number, a: Float64Array, l: Float64Array): number =>
  distanceRatio(n, a, product(n, n, n, l, transpose(n, n, l)))

/** |B - A X| / (n |A| |X| eps). */
export const solveRatio = (
  n: number,
  columns: number,
  a: Float64Array,
  x: Float64Array,
  b: Float64Array
): number => {
  const residual = difference(b, product(n, columns, n, a, x))
  return ratio(rowNorm(n, columns, residual), n * rowNorm(n, n, a) * rowNorm(n, columns, x) * eps64)
}

/** |V^T V - I| / (n eps). */
export const orthogonalityRatio = (n: number, v: Float64Array): number =>
  ratio(rowNorm(n, n, difference(product(n, n, n, transpose(n, n, v), v), identity(n))), n * eps64)

/** |A V - V D| / (n |A| eps). */
export const eigenRatio = (n: number, a: Float64Array, values: Float64Array, v: Float64Array): number => {
  const scaled = v.map((entry, o) => entry * values[o % n]!)
  return ratio(rowNorm(n, n, difference(product(n, n, n, a, v), scaled)), n * rowNorm(n, n, a) * eps64)
}

/** max |x - y| / (n max |x| eps). */
export const vectorRatio = (x: ArrayLike<number>, y: ArrayLike<number>): number => {
  const largest = rowNorm(x.length, 1, x)
  return ratio(rowNorm(x.length, 1, difference(x, y)), x.length * largest * eps64)
}

/** Uniform numbers in (-1, 1), mulberry32. */
export const noise = (seed: number): (() => number) => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1
  }
}

export const randomArray = (length: number, seed: number): Float64Array => {
  const next = noise(seed)
  return Float64Array.from({ length }, next)
}

/** n numbers from 1 down to 1 / condition, at equal ratios. */
export const geometric = (n: number, condition: number): Float64Array =>
  Float64Array.from({ length: n }, (_, i) => (n < 2 ? 1 : condition ** (-i / (n - 1))))

/**
 * A symmetric matrix with the given eigenvalues: three random reflections of their diagonal, times the scale.
 */
export const withSpectrum = (spectrum: ArrayLike<number>, seed: number, scale = 1): Float64Array => {
  const n = spectrum.length
  let a: Float64Array = Float64Array.from({ length: n * n }, (_, o) =>
    o % (n + 1) === 0 ? spectrum[o % n]! : 0
  )
  for (let round = 0; round < 3; round++) {
    const u = randomArray(n, seed + round)
    const squares = u.reduce((sum, value) => sum + value * value, 0)
    const reflector = identity(n).map((value, o) => value - (2 * u[Math.floor(o / n)]! * u[o % n]!) / squares)
    a = product(n, n, n, product(n, n, n, reflector, a), reflector)
  }
  // Rounding left the two triangles different in the last bit.
  return a.map(
    (_, o) => scale * a[Math.max(o % n, Math.floor(o / n)) * n + Math.min(o % n, Math.floor(o / n))]!
  )
}
