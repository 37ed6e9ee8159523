/**
 * Triangular systems with many right-hand sides, by halves: all but the last few rows of a half is a product.
 *
 * *Source* Elmroth, Gustavson, Jonsson and Kagstrom, Recursive blocked algorithms and hybrid data structures for dense matrix
 * library software, 2004, section 3.
 */
import { gemm, whole } from "./gemm"
import { subtract } from "./tile"
import { at, loadFirst, subtractProduct, transposeSquare } from "./vector"

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
export function solve<T>(
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
    substitute<T>(n, t, rs, cs, x, ldx, columns)
    return
  }
  const h = half(n)
  const rest = at<T>(x, h * ldx)
  solve<T>(h, t, rs, cs, x, ldx, columns, work)
  gemm<T>(n - h, columns, h, at<T>(t, h * rs), rs, cs, x, ldx, 1, rest, ldx, subtract, whole, work)
  solve<T>(n - h, at<T>(t, h * (rs + cs)), rs, cs, rest, ldx, columns, work)
}

/** `solve` for a few rows: columns of four vectors at a time, of one, then one at a time, in the same order, so with the same bits. */
function substitute<T>(n: i32, t: usize, rs: i32, cs: i32, x: usize, ldx: i32, columns: i32): void {
  const lanes = 16 / sizeof<T>()
  let j = 0
  for (; j + 4 * lanes <= columns; j += 4 * lanes) substituteFour<T>(n, t, rs, cs, at<T>(x, j), ldx)
  for (; j + lanes <= columns; j += lanes) substituteVector<T>(n, t, rs, cs, at<T>(x, j), ldx)
  for (; j < columns; j++) substituteOne<T>(n, t, rs, cs, at<T>(x, j), ldx)
}

function substituteFour<T>(n: i32, t: usize, rs: i32, cs: i32, x: usize, ldx: i32): void {
  for (let i = 0; i < n; i++) {
    const xi = at<T>(x, i * ldx)
    let s0 = v128.load(xi)
    let s1 = v128.load(xi, 16)
    let s2 = v128.load(xi, 32)
    let s3 = v128.load(xi, 48)
    let xp = x
    let tip = at<T>(t, i * rs)
    for (let p = 0; p < i; p++) {
      const l = v128.load_splat<T>(tip)
      s0 = subtractProduct<T>(s0, l, v128.load(xp))
      s1 = subtractProduct<T>(s1, l, v128.load(xp, 16))
      s2 = subtractProduct<T>(s2, l, v128.load(xp, 32))
      s3 = subtractProduct<T>(s3, l, v128.load(xp, 48))
      xp = at<T>(xp, ldx)
      tip = at<T>(tip, cs)
    }
    const d = v128.load_splat<T>(tip)
    v128.store(xi, v128.div<T>(s0, d))
    v128.store(xi, v128.div<T>(s1, d), 16)
    v128.store(xi, v128.div<T>(s2, d), 32)
    v128.store(xi, v128.div<T>(s3, d), 48)
  }
}

function substituteVector<T>(n: i32, t: usize, rs: i32, cs: i32, x: usize, ldx: i32): void {
  for (let i = 0; i < n; i++) {
    const xi = at<T>(x, i * ldx)
    let s = v128.load(xi)
    let xp = x
    let tip = at<T>(t, i * rs)
    for (let p = 0; p < i; p++) {
      s = subtractProduct<T>(s, v128.load_splat<T>(tip), v128.load(xp))
      xp = at<T>(xp, ldx)
      tip = at<T>(tip, cs)
    }
    v128.store(xi, v128.div<T>(s, v128.load_splat<T>(tip)))
  }
}

function substituteOne<T>(n: i32, t: usize, rs: i32, cs: i32, x: usize, ldx: i32): void {
  for (let i = 0; i < n; i++) {
    const xi = at<T>(x, i * ldx)
    let s = loadFirst<T>(xi)
    let xp = x
    let tip = at<T>(t, i * rs)
    for (let p = 0; p < i; p++) {
      s = subtractProduct<T>(s, loadFirst<T>(tip), loadFirst<T>(xp))
      xp = at<T>(xp, ldx)
      tip = at<T>(tip, cs)
    }
    store<T>(xi, v128.extract_lane<T>(s, 0) / load<T>(tip))
  }
}

/** Sets the strict upper triangle to 0. */
export function clearUpper<T>(n: i32, a: usize): void {
  for (let i = 0; i < n; i++) {
    memory.fill(at<T>(a, i * n + i + 1), 0, <usize>(n - i - 1) * sizeof<T>())
  }
}

/**
 * Copies rows `first` to `end` - 1 of the lower triangle onto columns of the upper one; rows are `lda` apart. In squares, whose rows and
 * columns both stay in the cache.
 */
export function mirror<T>(first: i32, end: i32, a: usize, lda: i32): void {
  for (let i0 = first; i0 < end; i0 += 16) {
    const i1 = min(i0 + 16, end)
    for (let j0 = 0; j0 < i1; j0 += 16) {
      if (sizeof<T>() === 4 && i0 + 16 <= end && j0 + 16 <= i0) {
        mirrorSquare(i0, j0, a, lda)
        continue
      }
      for (let i = i0; i < i1; i++) {
        for (let j = j0, last = min(j0 + 16, i); j < last; j++) {
          store<T>(at<T>(a, j * lda + i), load<T>(at<T>(a, i * lda + j)))
        }
      }
    }
  }
}

function mirrorSquare(i0: i32, j0: i32, a: usize, lda: i32): void {
  const step = <usize>lda * 4
  for (let i = i0; i < i0 + 16; i += 4) {
    for (let j = j0; j < j0 + 16; j += 4) {
      transposeSquare(at<f32>(a, i * lda + j), step, at<f32>(a, j * lda + i), step)
    }
  }
}

/** Moves columns `first` to `end` - 1 of the upper triangle of an n x n matrix to rows of the lower one, and leaves 0 there. */
export function fold<T>(n: i32, first: i32, end: i32, a: usize): void {
  for (let i0 = first; i0 < end; i0 += 16) {
    const i1 = min(i0 + 16, end)
    for (let j0 = 0; j0 < i1; j0 += 16) {
      for (let i = i0; i < i1; i++) {
        for (let j = j0, last = min(j0 + 16, i); j < last; j++) {
          const from = at<T>(a, j * n + i)
          store<T>(at<T>(a, i * n + j), load<T>(from))
          store<T>(from, <T>0)
        }
      }
    }
  }
}
