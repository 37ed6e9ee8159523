/**
 * XTrace: the algebra of the exchangeable estimate of a trace, and of its variance, after all products are made.
 *
 * *Math* From probes w_1 .. w_k, normal and independent, Y = A W and an orthonormal basis Q of Y. With P_i the projector
 * on the span of all columns of Y but the i-th,
 *
 *     t_i = tr(P_i A) + (n - k + 1) (w_i^T (I - P_i) A (I - P_i) w_i) / |(I - P_i) w_i|^2
 *
 * is unbiased given the other probes, and so is the mean of all t_i. P_i = Q (I - s_i s_i^T) Q^T, where s_i is row i of
 * R^-1, of norm 1, and Y = Q R. *Source* Epperly, Tropp and Webber, XTrace, 2024.
 *
 * **The variance.** Each t_i uses the other probes for its P_i, so the t_i are correlated, and their sample variance s^2
 * over k is too small: 0.4 to 0.9 of the variance of the mean on most spectra, 0.13 at worst. Let t_i^j be t_i
 * with w_j left out of P_i too, and d_ij = t_i - t_i^j. Given the other k - 2 probes, t_i^j and t_j^i are independent, both
 * with mean tr A. Given all probes but w_i, t_i and t_i^j have mean tr A, so that d_ij has mean 0, and t_j^i is fixed.
 * Hence Cov(t_i, t_j) = E[d_ij d_ji], which the probes give, and
 *
 *     Var(mean of t) = E[s^2] / k + E[mean of d_ij d_ji over i != j].
 *
 * Where the spectrum decays fast the second term is small and its estimate may be negative; it counts as 0 then.
 *
 * **Mixing.** W U has the law of W for every orthogonal U, and its estimate costs no product: Hallman, Two variations on
 * the XTrace algorithm, 2025. Everything is averaged over three fixed U. That takes up to 25 % off the error where the
 * spectrum decays, and steadies the variance.
 */
import { addScaled, dot, mean, norm, scale, variance } from "./vectors.ts"

type Columns = ReadonlyArray<Float64Array>

/** Orthonormal vectors q, and for each given vector its coordinates in them. */
export interface Span {
  readonly basis: Columns
  readonly coordinates: Columns
}

/**
 * Gram-Schmidt, twice. A vector that adds nothing but rounding to those before it adds no direction.
 *
 * *Cost* 4 n k^2 flops.
 */
export const orthonormalise = (vectors: Columns): Span => {
  const basis: Array<Float64Array> = []
  const coordinates = vectors.map((vector) => {
    const rest = vector.slice()
    const own = new Float64Array(vectors.length)
    for (let pass = 0; pass < 2; pass++) {
      for (const [p, q] of basis.entries()) {
        const along = dot(q, rest)
        own[p] = own[p]! + along
        addScaled(rest, -along, q)
      }
    }
    const length = norm(rest)
    if (length > vector.length * 2 ** -52 * norm(vector)) {
      own[basis.length] = length
      basis.push(rest.map((value) => value / length))
    }
    return own
  })
  return { basis, coordinates: coordinates.map((own) => own.slice(0, basis.length)) }
}

/** Everything that the products gave. */
export interface Sketch {
  readonly size: number
  /** W, normal. */
  readonly probes: Columns
  /** A W. */
  readonly images: Columns
  /** Q, and R. */
  readonly span: Span
  /** A Q. */
  readonly basisImages: Columns
}

/** What does not depend on n: all in the coordinates of Q, one column for each probe. */
interface Small {
  /** n less the dimensions of Q. */
  readonly outside: number
  /** tr Q^T A Q. */
  readonly inside: number
  /** Rows of R^-1; none if the rank of Y is less than k, as then one probe less spans as much. */
  readonly duals: Columns
  readonly dualImages: Columns
  /** Q^T W, Q^T A Q Q^T W, and R. */
  readonly shadows: Columns
  readonly shadowImages: Columns
  readonly images: Columns
  /** The diagonals of W^T W and W^T A W. */
  readonly squares: Float64Array
  readonly curvatures: Float64Array
}

/** The estimate of tr A and of its own variance. *Cost* 12 n k^2 + 100 k^3 flops. */
export const exchangeable = (sketch: Sketch): { readonly value: number; readonly variance: number } => {
  const k = sketch.probes.length
  const { basis, coordinates } = sketch.span
  const core = basis.map((q) => Float64Array.from(sketch.basisImages, (image) => dot(q, image)))
  const shadows = sketch.probes.map((probe) => Float64Array.from(basis, (q) => dot(q, probe)))
  const duals = basis.length < k ? [] : coordinates.map((_, i) => inverseRow(coordinates, i))
  const gram = products(sketch.probes, sketch.probes)
  const curvature = products(sketch.probes, sketch.images)
  const moments = [identity, hartley, cosine].map((entry) => {
    const mixing = Array.from({ length: k }, (_, j) =>
      Float64Array.from({ length: k }, (_, i) => entry(i, j, k))
    )
    const along = (columns: Columns) => mixing.map((u) => combination(columns, u))
    const [mixedDuals, mixedShadows] = [duals.length === 0 ? [] : along(duals), along(shadows)]
    return momentsOf({
      outside: sketch.size - basis.length,
      inside: core.reduce((sum, row, i) => sum + row[i]!, 0),
      duals: mixedDuals,
      dualImages: mixedDuals.map((s) => product(core, s)),
      shadows: mixedShadows,
      shadowImages: mixedShadows.map((w) => product(core, w)),
      images: along(coordinates),
      squares: Float64Array.from(mixing, (u) => dot(u, product(gram, u))),
      curvatures: Float64Array.from(mixing, (u) => dot(u, product(curvature, u)))
    })
  })
  const average = (of: (m: Moments) => number) => mean(moments.map(of))
  return {
    value: average((m) => m.mean),
    variance:
      average((m) => m.variance) / k +
      Math.max(
        0,
        average((m) => m.covariance)
      )
  }
}

interface Moments {
  readonly mean: number
  readonly variance: number
  readonly covariance: number
}

/** The mean of the t_i, their sample variance, and the mean of d_ij d_ji. */
const momentsOf = (small: Small): Moments => {
  const k = small.shadows.length
  const removed = small.duals.map((s, i) => unit({ vector: s.slice(), image: small.dualImages[i]!.slice() }))
  const one = small.shadows.map((_, i) => without(small, i, removed.slice(i, i + 1)))
  // One array for all pairs: they are k^2, and an array costs more than the arithmetic on it.
  const rest: Direction = { vector: new Float64Array(k), image: new Float64Array(k) }
  let covariance = 0
  for (let i = 0; i < removed.length; i++) {
    for (let j = 0; j < i; j++) {
      const [first, second] = [removed[i]!, removed[j]!]
      const from = one[i]! - without(small, i, [first, apart(second, first, rest)])
      const to = one[j]! - without(small, j, [second, apart(first, second, rest)])
      covariance += (2 * from * to) / (k * (k - 1))
    }
  }
  return { mean: mean(one), variance: variance(one), covariance }
}

/** A unit vector in the coordinates of Q, and its product with Q^T A Q. */
interface Direction {
  readonly vector: Float64Array
  readonly image: Float64Array
}

/** A direction over its norm, in place. */
const unit = (self: Direction): Direction => {
  const length = norm(self.vector)
  scale(self.vector, 1 / length)
  scale(self.image, 1 / length)
  return self
}

/** What is left of a direction outside another, in `out`. */
const apart = (self: Direction, other: Direction, out: Direction): Direction => {
  const along = dot(self.vector, other.vector)
  out.vector.set(self.vector)
  out.image.set(self.image)
  addScaled(out.vector, -along, other.vector)
  addScaled(out.image, -along, other.image)
  return unit(out)
}

/**
 * The estimate of tr A from probe i, with the span of Q less at most two removed directions v, orthonormal.
 *
 * With the projector P on what is left, c = Q^T w_i and p = c - sum of (v^T c) v: x = w_i - Q p is what is outside, its
 * square |w_i|^2 - |p|^2 and its curvature w_i^T A w_i - 2 p^T Q^T A w_i + p^T Q^T A Q p.
 */
const without = (small: Small, i: number, removed: ReadonlyArray<Direction>): number => {
  const [shadow, shadowImage, image] = [small.shadows[i]!, small.shadowImages[i]!, small.images[i]!]
  let inside = small.inside
  let square = small.squares[i]! - dot(shadow, shadow)
  let curvature = small.curvatures[i]! - 2 * dot(shadow, image) + dot(shadow, shadowImage)
  let before = 0
  for (const [order, v] of removed.entries()) {
    const own = dot(v.vector, v.image)
    const along = dot(v.vector, shadow)
    inside -= own
    square += along ** 2
    curvature += 2 * along * (dot(v.vector, image) - dot(v.vector, shadowImage)) + along ** 2 * own
    if (order === 1) curvature += 2 * before * along * dot(removed[0]!.vector, v.image)
    before = along
  }
  return inside + (small.outside + removed.length) * (curvature / square)
}

/** Row i of R^-1, from the columns of R. */
const inverseRow = (columns: Columns, i: number): Float64Array => {
  const row = new Float64Array(columns.length)
  for (let c = i; c < columns.length; c++) {
    let rest = c === i ? 1 : 0
    for (let p = i; p < c; p++) rest -= columns[c]![p]! * row[p]!
    row[c] = rest / columns[c]![c]!
  }
  return row
}

/** a_i^T b_j, as rows. */
const products = (a: Columns, b: Columns): Columns => a.map((x) => Float64Array.from(b, (y) => dot(x, y)))

const product = (rows: Columns, v: Float64Array): Float64Array =>
  Float64Array.from(rows, (row) => dot(row, v))

const combination = (columns: Columns, weights: Float64Array): Float64Array => {
  const sum = new Float64Array(columns[0]!.length)
  for (const [p, column] of columns.entries()) addScaled(sum, weights[p]!, column)
  return sum
}

// Three orthogonal matrices for every k.
type Entry = (i: number, j: number, k: number) => number
const identity: Entry = (i, j) => (i === j ? 1 : 0)
const hartley: Entry = (i, j, k) => {
  const angle = (2 * Math.PI * ((i * j) % k)) / k
  return (Math.cos(angle) + Math.sin(angle)) / Math.sqrt(k)
}
const cosine: Entry = (i, j, k) =>
  Math.sqrt(2 / k) * Math.cos((Math.PI * (2 * i + 1) * (2 * j + 1)) / (4 * k))
