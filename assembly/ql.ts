/**
 * Implicit QL on a symmetric tridiagonal matrix. The rotations are recorded, and applied to the rows of a matrix in batches.
 *
 * *Source* Dubrulle, Martin and Wilkinson, The implicit QL algorithm, 1968.
 */
import { least, rotate, runWork, weigh } from "./rotations"
import { at } from "./vector"

/** Rotations that are recorded before they are applied, for each row of the matrix. */
const batch: i32 = 32

/** Numbers of scratch that `record` needs for n rows: its state, two of each rotation, the runs, and a weight of each row. */
export function rotationWork(n: i32): i32 {
  return 2 + 2 * batch * n + runWork(batch * n) + n
}

/** QL iterations granted for each row of the matrix, as in LAPACK's dsteqr. */
const iterationsPerRow: i32 = 30

/** sqrt(x^2 + y^2) where the squares might vanish; overflow is no case here, since entries are of order 1. */
function hypotenuse(x: f64, y: f64): f64 {
  const squares = x * x + y * y
  if (squares > 1e-280) return sqrt<f64>(squares)
  const scale = max(abs(x), abs(y))
  if (scale === 0) return 0
  const p = x / scale
  const q = y / scale
  return scale * sqrt<f64>(p * p + q * q)
}

/**
 * Diagonalises T = (d, e) in place: d becomes the eigenvalues in no order. Returns false after `iterationsPerRow` n iterations.
 */
export function diagonalise(n: i32, d: usize, e: usize): bool {
  let left = iterationsPerRow * n
  for (let l = 0; l < n; l++) {
    for (let m = endOfBlock(n, l, d, e); m > l; m = endOfBlock(n, l, d, e)) {
      if (left-- === 0) return false
      sweep(l, m, d, e, 0)
    }
  }
  return true
}

/** What `record` did: all that there was to do, a batch, or nothing that converged. */
export const complete: i32 = 0
export const more: i32 = 1
export const failed: i32 = -1

/** Sets out to diagonalise n rows; the scratch at `state` has `rotationWork` numbers. */
export function begin(n: i32, state: usize): void {
  store<i32>(state, 0)
  store<i32>(state, iterationsPerRow * n, 4)
}

/**
 * The next batch of rotations in the diagonalisation of T = (d, e). With all of them applied to the rows of z, by `applyBatch`, these become
 * W^T z, where T = W diag(d) W^T.
 */
export function record(n: i32, d: usize, e: usize, state: usize): i32 {
  const most = batch * n
  const pairs = at<f64>(state, 2)
  const runs = at<f64>(pairs, 2 * most)
  const weights = at<f64>(runs, runWork(most))
  let recorded = 0
  let end = runs
  let left = load<i32>(state, 4)
  for (let i = 0; i < n; i++) store<f64>(at<f64>(weights, i), 1)
  for (let l = load<i32>(state); l < n; l++) {
    for (let m = endOfBlock(n, l, d, e); m > l; m = endOfBlock(n, l, d, e)) {
      if (left-- === 0) return failed
      const here = at<f64>(pairs, 2 * recorded)
      const first = sweep(l, m, d, e, here)
      end = weigh(first, m, here, weights, end)
      recorded += m - first
      if (isLight(first, m, weights) || recorded + n > most) {
        store<i32>(state, l)
        store<i32>(state, left, 4)
        store<u32>(state, <u32>end, 8)
        return more
      }
    }
  }
  store<u32>(state, <u32>end, 8)
  return complete
}

/** Applies what `record` left at `state` to columns `from` to `to` - 1 of z; both are multiples of a strip. */
export function applyBatch(n: i32, state: usize, z: usize, ldz: i32, from: i32, to: i32): void {
  const most = batch * n
  const pairs = at<f64>(state, 2)
  const runs = at<f64>(pairs, 2 * most)
  rotate(n, runs, load<u32>(state, 8), pairs, at<f64>(runs, runWork(most)), z, ldz, from, to)
}

/** Whether a weight of the rows first .. m is so small that the next sweeps might take it out of range. */
function isLight(first: i32, m: i32, weights: usize): bool {
  for (let i = first; i <= m; i++) if (abs(load<f64>(at<f64>(weights, i))) < least) return true
  return false
}

/** The first row from l on whose coupling to the next is below the rounding of the two, and so 0. */
function endOfBlock(n: i32, l: i32, d: usize, e: usize): i32 {
  let m = l
  let here = abs(load<f64>(at<f64>(d, m)))
  for (; m < n - 1; m++) {
    const next = abs(load<f64>(at<f64>(d, m + 1)))
    if (abs(load<f64>(at<f64>(e, m))) <= (f64.EPSILON / 2) * (here + next)) break
    here = next
  }
  return m
}

/**
 * One implicit QL step with Wilkinson's shift on rows l to m. Its rotations run from m - 1 down to the index returned, which is l
 * unless the block fell apart on the way; they are written to `pairs`, unless that is 0.
 */
function sweep(l: i32, m: i32, d: usize, e: usize, pairs: usize): i32 {
  const dl = load<f64>(at<f64>(d, l))
  const el = load<f64>(at<f64>(e, l))
  const a = (load<f64>(at<f64>(d, l + 1)) - dl) / (2 * el)
  const root = abs(a) > 1e150 ? abs(a) : sqrt<f64>(a * a + 1)
  let g = load<f64>(at<f64>(d, m)) - dl + el / (a + (a >= 0 ? root : -root))
  let s: f64 = 1
  let c: f64 = 1
  let p: f64 = 0
  for (let i = m - 1; i >= l; i--) {
    const di = at<f64>(d, i)
    const ei = at<f64>(e, i)
    const f = s * load<f64>(ei)
    const b = c * load<f64>(ei)
    const r = hypotenuse(f, g)
    store<f64>(ei, r, 8)
    if (r === 0) {
      store<f64>(di, load<f64>(di, 8) - p, 8)
      store<f64>(at<f64>(e, m), 0)
      return i + 1
    }
    s = f / r
    c = g / r
    g = load<f64>(di, 8) - p
    const t = (load<f64>(di) - g) * s + 2 * c * b
    p = s * t
    store<f64>(di, g + p, 8)
    g = c * t - b
    if (pairs !== 0) {
      store<f64>(pairs, c)
      store<f64>(pairs, s, 8)
      pairs += 16
    }
  }
  store<f64>(at<f64>(d, l), load<f64>(at<f64>(d, l)) - p)
  store<f64>(at<f64>(e, l), g)
  store<f64>(at<f64>(e, m), 0)
  return l
}
