/**
 * Cholesky factorisation by halves, the solves and the inverse with its factor.
 *
 * *Math* Of A = U^T U: U11 = chol(A11), U12 = U11^-T A12, U22 = chol(A22 - U12^T U12). A pivot is met only after all before it
 * succeeded.
 * *Source* Gustavson, Recursion leads to automatic variable blocking for dense linear-algebra algorithms, 1997.
 */
import { gemm, lower, upper, whole } from "./gemm"
import { add, assign, subtract } from "./tile"
import { clearUpper, fold, half, mirror, smallest, solve } from "./triangle"
import { at, subtractProduct } from "./vector"

/** A = L L^T in place; returns the first pivot that is not a positive finite number, or -1. */
export function cholesky(n: i32, a: usize, work: usize): i32 {
  // Rows of the upper triangle are right-hand sides of the solves as they lie; the rows of the lower one are not.
  mirror<f64>(0, n, a, n)
  const failed = factor(n, a, n, work)
  if (failed >= 0) return failed
  fold(n, 0, n, a)
  return -1
}

/** A = U^T U in place on the upper triangle. */
export function factor(n: i32, a: usize, lda: i32, work: usize): i32 {
  if (n <= smallest) return factorSmall(n, a, lda)
  const h = half(n)
  const first = factor(h, a, lda, work)
  if (first >= 0) return first
  const u = at<f64>(a, h)
  const rest = at<f64>(u, h * lda)
  solve(h, a, 1, lda, u, lda, n - h, work)
  gemm<f64>(n - h, n - h, h, u, 1, lda, u, lda, 1, rest, lda, subtract, upper, work)
  const second = factor(n - h, rest, lda, work)
  return second < 0 ? -1 : h + second
}

/** Row by row: a row is scaled, then taken from all rows below it. */
function factorSmall(n: i32, a: usize, lda: i32): i32 {
  for (let k = 0; k < n; k++) {
    const row = at<f64>(a, k * lda)
    const d = load<f64>(at<f64>(row, k))
    // Written so that NaN fails as well.
    if (!(d > 0 && d < f64.POSITIVE_INFINITY)) return k
    const root = sqrt<f64>(d)
    store<f64>(at<f64>(row, k), root)
    for (let j = k + 1; j < n; j++) store<f64>(at<f64>(row, j), load<f64>(at<f64>(row, j)) / root)
    for (let i = k + 1; i < n; i++) subtractRow(at<f64>(a, i * lda), row, load<f64>(at<f64>(row, i)), i, n)
  }
  return -1
}

/** y_j -= f x_j for j from `start` to n - 1. */
function subtractRow(y: usize, x: usize, f: f64, start: i32, n: i32): void {
  const v = f64x2.splat(f)
  let j = start
  for (; j + 2 <= n; j += 2) {
    const to = at<f64>(y, j)
    v128.store(to, subtractProduct<f64>(v128.load(to), v, v128.load(at<f64>(x, j))))
  }
  if (j < n) {
    const to = at<f64>(y, j)
    const value = subtractProduct<f64>(v128.load64_zero(to), v, v128.load64_zero(at<f64>(x, j)))
    store<f64>(to, f64x2.extract_lane(value, 0))
  }
}

/** L L^T X = B in place. */
export function choleskySolve(n: i32, l: usize, columns: i32, b: usize, work: usize): void {
  if (n === 0) return
  solve(n, l, n, 1, b, columns, columns, work)
  solve(n, at<f64>(l, n * n - 1), -1, -n, at<f64>(b, (n - 1) * columns), -columns, columns, work)
}

/** out = (L L^T)^-1 = W^T W with W = L^-1, which replaces L. */
export function choleskyInverse(n: i32, l: usize, out: usize, work: usize): void {
  clearUpper(n, l)
  invert(n, l, n, out, work)
  square(n, l, out, n, work)
  mirror<f64>(0, n, out, n)
}

/**
 * W = L^-1 in place: W21 = -L22^-1 L21 W11.
 *
 * *Shapes* n^2 / 4 numbers at `spare` are overwritten.
 */
export function invert(n: i32, l: usize, ldl: i32, spare: usize, work: usize): void {
  if (n <= smallest) {
    invertSmall(n, l, ldl)
    return
  }
  const h = half(n)
  const r = n - h
  const l21 = at<f64>(l, h * ldl)
  const l22 = at<f64>(l21, h)
  invert(h, l, ldl, spare, work)
  for (let i = 0; i < r; i++) memory.copy(at<f64>(spare, i * h), at<f64>(l21, i * ldl), <usize>h * 8)
  for (let i = 0; i < r; i++) memory.fill(at<f64>(l21, i * ldl), 0, <usize>h * 8)
  gemm<f64>(r, h, h, spare, h, 1, l, ldl, 1, l21, ldl, subtract, whole, work)
  solve(r, l22, ldl, 1, l21, ldl, h, work)
  invert(r, l22, ldl, spare, work)
}

function invertSmall(n: i32, l: usize, ldl: i32): void {
  for (let i = 0; i < n; i++) {
    const row = at<f64>(l, i * ldl)
    const d = load<f64>(at<f64>(row, i))
    for (let j = 0; j < i; j++) {
      // Entry j takes the entries of L from j on, which are still there.
      let s: f64 = 0
      for (let p = j; p < i; p++) s += load<f64>(at<f64>(row, p)) * load<f64>(at<f64>(l, p * ldl + j))
      store<f64>(at<f64>(row, j), -s / d)
    }
    store<f64>(at<f64>(row, i), 1 / d)
  }
}

/** The lower triangle of out = W^T W for a lower triangular W; both have rows `ld` apart. */
export function square(n: i32, w: usize, out: usize, ld: i32, work: usize): void {
  if (n <= 2 * smallest) {
    gemm<f64>(n, n, n, w, 1, ld, w, ld, 1, out, ld, assign, lower, work)
    return
  }
  const h = half(n)
  const r = n - h
  const w21 = at<f64>(w, h * ld)
  const w22 = at<f64>(w21, h)
  square(h, w, out, ld, work)
  gemm<f64>(h, h, r, w21, 1, ld, w21, ld, 1, out, ld, add, lower, work)
  gemm<f64>(r, h, r, w22, 1, ld, w21, ld, 1, at<f64>(out, h * ld), ld, assign, whole, work)
  square(r, w22, at<f64>(out, h * (ld + 1)), ld, work)
}
