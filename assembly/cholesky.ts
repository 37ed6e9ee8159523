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
import { at, loadFirst, subtractProduct } from "./vector"

/** A = L L^T in place; returns the first pivot that is not a positive finite number, or -1. */
export function cholesky32(n: i32, a: usize, work: usize): i32 {
  return cholesky<f32>(n, a, work)
}

export function cholesky64(n: i32, a: usize, work: usize): i32 {
  return cholesky<f64>(n, a, work)
}

/** L L^T X = B in place. */
export function choleskySolve32(n: i32, l: usize, columns: i32, b: usize, work: usize): void {
  solveBoth<f32>(n, l, columns, b, columns, work)
}

export function choleskySolve64(n: i32, l: usize, columns: i32, b: usize, work: usize): void {
  solveBoth<f64>(n, l, columns, b, columns, work)
}

/** out = (L L^T)^-1 = W^T W with W = L^-1, which replaces L. */
export function choleskyInverse32(n: i32, l: usize, out: usize, work: usize): void {
  inverse<f32>(n, l, out, work)
}

export function choleskyInverse64(n: i32, l: usize, out: usize, work: usize): void {
  inverse<f64>(n, l, out, work)
}

function cholesky<T>(n: i32, a: usize, work: usize): i32 {
  // Rows of the upper triangle are right-hand sides of the solves as they lie; the rows of the lower one are not.
  mirror<T>(0, n, a, n)
  const failed = factor<T>(n, a, n, work)
  if (failed >= 0) return failed
  fold<T>(n, 0, n, a)
  return -1
}

/** A = U^T U in place on the upper triangle. */
export function factor<T>(n: i32, a: usize, lda: i32, work: usize): i32 {
  if (n <= smallest) return factorSmall<T>(n, a, lda)
  const h = half(n)
  const first = factor<T>(h, a, lda, work)
  if (first >= 0) return first
  const u = at<T>(a, h)
  const rest = at<T>(u, h * lda)
  solve<T>(h, a, 1, lda, u, lda, n - h, work)
  gemm<T>(n - h, n - h, h, u, 1, lda, u, lda, 1, rest, lda, subtract, upper, work)
  const second = factor<T>(n - h, rest, lda, work)
  return second < 0 ? -1 : h + second
}

/** Row by row: a row is scaled, then taken from all rows below it. */
function factorSmall<T>(n: i32, a: usize, lda: i32): i32 {
  for (let k = 0; k < n; k++) {
    const row = at<T>(a, k * lda)
    const d = load<T>(at<T>(row, k))
    // Written so that NaN fails as well.
    if (!(d > 0 && d < <T>Infinity)) return k
    const root = sqrt<T>(d)
    store<T>(at<T>(row, k), root)
    for (let j = k + 1; j < n; j++) store<T>(at<T>(row, j), load<T>(at<T>(row, j)) / root)
    for (let i = k + 1; i < n; i++) subtractRow<T>(at<T>(a, i * lda), row, load<T>(at<T>(row, i)), i, n)
  }
  return -1
}

/** y_j -= f x_j for j from `start` to n - 1. */
function subtractRow<T>(y: usize, x: usize, f: T, start: i32, n: i32): void {
  const lanes = 16 / sizeof<T>()
  const v = v128.splat<T>(f)
  let j = start
  for (; j + lanes <= n; j += lanes) {
    const to = at<T>(y, j)
    v128.store(to, subtractProduct<T>(v128.load(to), v, v128.load(at<T>(x, j))))
  }
  for (; j < n; j++) {
    const to = at<T>(y, j)
    const value = subtractProduct<T>(loadFirst<T>(to), v, loadFirst<T>(at<T>(x, j)))
    store<T>(to, v128.extract_lane<T>(value, 0))
  }
}

/** L L^T X = B in place, rows of B `ldb` apart. */
export function solveBoth<T>(n: i32, l: usize, columns: i32, b: usize, ldb: i32, work: usize): void {
  if (n === 0) return
  solve<T>(n, l, n, 1, b, ldb, columns, work)
  solve<T>(n, at<T>(l, n * n - 1), -1, -n, at<T>(b, (n - 1) * ldb), -ldb, columns, work)
}

function inverse<T>(n: i32, l: usize, out: usize, work: usize): void {
  clearUpper<T>(n, l)
  invert<T>(n, l, n, out, work)
  square<T>(n, l, out, n, work)
  mirror<T>(0, n, out, n)
}

/** Moves r rows of h numbers, `ldl` apart, to `spare` without gaps, and leaves 0 there. */
export function setAside<T>(r: i32, h: i32, l: usize, ldl: i32, spare: usize): void {
  const bytes = <usize>h * sizeof<T>()
  for (let i = 0; i < r; i++) {
    memory.copy(at<T>(spare, i * h), at<T>(l, i * ldl), bytes)
    memory.fill(at<T>(l, i * ldl), 0, bytes)
  }
}

/**
 * W = L^-1 in place: W21 = -L22^-1 L21 W11.
 *
 * *Shapes* n^2 / 4 numbers at `spare` are overwritten.
 */
export function invert<T>(n: i32, l: usize, ldl: i32, spare: usize, work: usize): void {
  if (n <= smallest) {
    invertSmall<T>(n, l, ldl)
    return
  }
  const h = half(n)
  const r = n - h
  const l21 = at<T>(l, h * ldl)
  const l22 = at<T>(l21, h)
  invert<T>(h, l, ldl, spare, work)
  setAside<T>(r, h, l21, ldl, spare)
  gemm<T>(r, h, h, spare, h, 1, l, ldl, 1, l21, ldl, subtract, whole, work)
  solve<T>(r, l22, ldl, 1, l21, ldl, h, work)
  invert<T>(r, l22, ldl, spare, work)
}

function invertSmall<T>(n: i32, l: usize, ldl: i32): void {
  for (let i = 0; i < n; i++) {
    const row = at<T>(l, i * ldl)
    const d = load<T>(at<T>(row, i))
    for (let j = 0; j < i; j++) {
      // Entry j takes the entries of L from j on, which are still there.
      let s: T = <T>0
      for (let p = j; p < i; p++) s += load<T>(at<T>(row, p)) * load<T>(at<T>(l, p * ldl + j))
      store<T>(at<T>(row, j), -s / d)
    }
    store<T>(at<T>(row, i), <T>1 / d)
  }
}

/** The lower triangle of out = W^T W for a lower triangular W; both have rows `ld` apart. */
export function square<T>(n: i32, w: usize, out: usize, ld: i32, work: usize): void {
  if (n <= 2 * smallest) {
    gemm<T>(n, n, n, w, 1, ld, w, ld, 1, out, ld, assign, lower, work)
    return
  }
  const h = half(n)
  const r = n - h
  const w21 = at<T>(w, h * ld)
  const w22 = at<T>(w21, h)
  square<T>(h, w, out, ld, work)
  gemm<T>(h, h, r, w21, 1, ld, w21, ld, 1, out, ld, add, lower, work)
  gemm<T>(r, h, r, w22, 1, ld, w21, ld, 1, at<T>(out, h * ld), ld, assign, whole, work)
  square<T>(r, w22, at<T>(out, h * (ld + 1)), ld, work)
}
