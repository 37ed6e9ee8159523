/**
 * Triangular systems with many right-hand sides, by halves: all but the last few rows of a half is a product.
 *
 * *Source* Elmroth, Gustavson, Jonsson and Kagstrom, Recursive blocked algorithms and hybrid data structures for dense matrix
 * library software, 2004, section 3.
 */
import { gemm, whole } from "./gemm"
import { subtract } from "./tile"
import { at, subtractProduct } from "./vector"

/** Below this many rows a triangle is not halved. */
export const smallest: i32 = 24

/** The first part of n rows: half of them, in multiples of 8. */
export function half(n: i32): i32 {
  return ((n >> 1) + 7) & ~7
}

/**
 * Solves T X = B in place, T lower triangular (n x n), B n x columns with rows `ldx` apart.
 *
 * *Shapes* T_ip lies at t + i rs + p cs. Strides may be negative: L^T x = b is the system of L with rows, columns and unknowns in
 * reverse, which is how a back substitution is done.
 */
export function solve(
  n: i32,
  t: usize,
  rs: i32,
  cs: i32,
  x: usize,
  ldx: i32,
  columns: i32,
  work: usize
): void {
  if (n <= smallest) {
    substitute(n, t, rs, cs, x, ldx, columns)
    return
  }
  const h = half(n)
  const rest = at<f64>(x, h * ldx)
  solve(h, t, rs, cs, x, ldx, columns, work)
  gemm<f64>(n - h, columns, h, at<f64>(t, h * rs), rs, cs, x, ldx, 1, rest, ldx, subtract, whole, work)
  solve(n - h, at<f64>(t, h * (rs + cs)), rs, cs, rest, ldx, columns, work)
}

/** `solve` for a few rows: eight columns at a time, then one at a time in the same order, so with the same bits. */
function substitute(n: i32, t: usize, rs: i32, cs: i32, x: usize, ldx: i32, columns: i32): void {
  let j = 0
  for (; j + 8 <= columns; j += 8) substituteEight(n, t, rs, cs, at<f64>(x, j), ldx)
  for (; j < columns; j++) substituteOne(n, t, rs, cs, at<f64>(x, j), ldx)
}

function substituteEight(n: i32, t: usize, rs: i32, cs: i32, x: usize, ldx: i32): void {
  for (let i = 0; i < n; i++) {
    const xi = at<f64>(x, i * ldx)
    let s0 = v128.load(xi)
    let s1 = v128.load(xi, 16)
    let s2 = v128.load(xi, 32)
    let s3 = v128.load(xi, 48)
    let xp = x
    let tip = at<f64>(t, i * rs)
    for (let p = 0; p < i; p++) {
      const l = v128.load_splat<f64>(tip)
      s0 = subtractProduct<f64>(s0, l, v128.load(xp))
      s1 = subtractProduct<f64>(s1, l, v128.load(xp, 16))
      s2 = subtractProduct<f64>(s2, l, v128.load(xp, 32))
      s3 = subtractProduct<f64>(s3, l, v128.load(xp, 48))
      xp = at<f64>(xp, ldx)
      tip = at<f64>(tip, cs)
    }
    const d = v128.load_splat<f64>(tip)
    v128.store(xi, f64x2.div(s0, d))
    v128.store(xi, f64x2.div(s1, d), 16)
    v128.store(xi, f64x2.div(s2, d), 32)
    v128.store(xi, f64x2.div(s3, d), 48)
  }
}

function substituteOne(n: i32, t: usize, rs: i32, cs: i32, x: usize, ldx: i32): void {
  for (let i = 0; i < n; i++) {
    const xi = at<f64>(x, i * ldx)
    let s = v128.load64_zero(xi)
    let xp = x
    let tip = at<f64>(t, i * rs)
    for (let p = 0; p < i; p++) {
      s = subtractProduct<f64>(s, v128.load64_zero(tip), v128.load64_zero(xp))
      xp = at<f64>(xp, ldx)
      tip = at<f64>(tip, cs)
    }
    store<f64>(xi, f64x2.extract_lane(s, 0) / load<f64>(tip))
  }
}

/** Sets the strict upper triangle to 0. */
export function clearUpper(n: i32, a: usize): void {
  for (let i = 0; i < n; i++) memory.fill(at<f64>(a, i * n + i + 1), 0, <usize>(n - i - 1) * 8)
}

/**
 * Copies rows `first` to `end` - 1 of the lower triangle onto columns of the upper one; rows are `lda` apart. In squares, whose rows and
 * columns both stay in the cache.
 */
export function mirror<T>(first: i32, end: i32, a: usize, lda: i32): void {
  for (let i0 = first; i0 < end; i0 += 16) {
    const i1 = min(i0 + 16, end)
    for (let j0 = 0; j0 < i1; j0 += 16) {
      for (let i = i0; i < i1; i++) {
        for (let j = j0, last = min(j0 + 16, i); j < last; j++) {
          store<T>(at<T>(a, j * lda + i), load<T>(at<T>(a, i * lda + j)))
        }
      }
    }
  }
}

/** Moves columns `first` to `end` - 1 of the upper triangle of an n x n matrix to rows of the lower one, and leaves 0 there. */
export function fold(n: i32, first: i32, end: i32, a: usize): void {
  for (let i0 = first; i0 < end; i0 += 16) {
    const i1 = min(i0 + 16, end)
    for (let j0 = 0; j0 < i1; j0 += 16) {
      for (let i = i0; i < i1; i++) {
        for (let j = j0, last = min(j0 + 16, i); j < last; j++) {
          const from = at<f64>(a, j * n + i)
          store<f64>(at<f64>(a, i * n + j), load<f64>(from))
          store<f64>(from, 0)
        }
      }
    }
  }
}
