/**
 * What the modules for several threads export: the operations that one thread does, and parts of all. src/kernels/pool/ calls them.
 *
 * A part computes what it writes as the whole operation does, bit for bit. Parts that run beside each other write to different places, and
 * read none where another writes. `work` is scratch of the thread's own, of `workBytes` bytes.
 */
import { factor, invert, setAside, solveBoth, square } from "./cholesky"
import {
  couplingsAt,
  diagonalAt,
  finish,
  normsAt,
  orderAt,
  reduce,
  rotationsAt,
  rowDistance,
  scatterColumns,
  vectorsAt
} from "./eigen"
import { gemm, lower, whole } from "./gemm"
import { apply, block, blockWork, identity, prepare, rowWork } from "./orthogonal"
import { applyBatch, begin, record } from "./ql"
import { strip } from "./rotations"
import { assign } from "./tile"
import { clearUpper, fold, mirror, solve } from "./triangle"
import { at } from "./vector"

export { eigenBytes, symmetricEigen } from "./eigen"
export { syrk32, syrk64, workBytes } from "./index"

export function gemmPart32(
  work: usize,
  m: i32,
  n: i32,
  k: i32,
  a: usize,
  ars: i32,
  acs: i32,
  b: usize,
  brs: i32,
  bcs: i32,
  c: usize,
  ldc: i32,
  mode: i32,
  part: i32
): void {
  gemm<f32>(m, n, k, a, ars, acs, b, brs, bcs, c, ldc, mode, part, work)
}

export function gemmPart64(
  work: usize,
  m: i32,
  n: i32,
  k: i32,
  a: usize,
  ars: i32,
  acs: i32,
  b: usize,
  brs: i32,
  bcs: i32,
  c: usize,
  ldc: i32,
  mode: i32,
  part: i32
): void {
  gemm<f64>(m, n, k, a, ars, acs, b, brs, bcs, c, ldc, mode, part, work)
}

/**
 * Rows i0 to i1 - 1 and columns j0 to j1 - 1 of C = A^T A (n x n), and their mirror image. Either j1 <= i0, or the two ranges are one.
 *
 * *Shapes* A_pi lies at a + i rs + p cs.
 */
export function syrkPart32(
  work: usize,
  n: i32,
  k: i32,
  a: usize,
  rs: i32,
  cs: i32,
  c: usize,
  i0: i32,
  i1: i32,
  j0: i32,
  j1: i32
): void {
  syrkPart<f32>(work, n, k, a, rs, cs, c, i0, i1, j0, j1)
}

export function syrkPart64(
  work: usize,
  n: i32,
  k: i32,
  a: usize,
  rs: i32,
  cs: i32,
  c: usize,
  i0: i32,
  i1: i32,
  j0: i32,
  j1: i32
): void {
  syrkPart<f64>(work, n, k, a, rs, cs, c, i0, i1, j0, j1)
}

function syrkPart<T>(
  work: usize,
  n: i32,
  k: i32,
  a: usize,
  rs: i32,
  cs: i32,
  c: usize,
  i0: i32,
  i1: i32,
  j0: i32,
  j1: i32
): void {
  const left = at<T>(a, i0 * rs)
  const right = at<T>(a, j0 * rs)
  const to = at<T>(c, i0 * n + j0)
  const part = i0 === j0 ? lower : whole
  gemm<T>(i1 - i0, j1 - j0, k, left, rs, cs, right, cs, rs, to, n, assign, part, work)
  if (i0 === j0) mirror<T>(0, i1 - i0, to, n)
  else transpose<T>(i1 - i0, j1 - j0, to, at<T>(c, j0 * n + i0), n)
}

/** Copies a block onto its place on the other side of the diagonal; both have rows `ld` apart. */
function transpose<T>(rows: i32, columns: i32, from: usize, to: usize, ld: i32): void {
  for (let i0 = 0; i0 < rows; i0 += 16) {
    const i1 = min(i0 + 16, rows)
    for (let j0 = 0; j0 < columns; j0 += 16) {
      const j1 = min(j0 + 16, columns)
      for (let i = i0; i < i1; i++) {
        for (let j = j0; j < j1; j++) store<T>(at<T>(to, j * ld + i), load<T>(at<T>(from, i * ld + j)))
      }
    }
  }
}

/** Some columns of the solution of T X = B: see `solve`. Numbers of this part and of those below have `size` bytes, 4 or 8. */
export function solvePart(
  work: usize,
  size: i32,
  n: i32,
  t: usize,
  rs: i32,
  cs: i32,
  x: usize,
  ldx: i32,
  columns: i32
): void {
  if (size === 4) solve<f32>(n, t, rs, cs, x, ldx, columns, work)
  else solve<f64>(n, t, rs, cs, x, ldx, columns, work)
}

/** Some columns of the solution of L L^T X = B, in place; rows of B are `ldb` apart. */
export function choleskySolvePart(
  work: usize,
  size: i32,
  n: i32,
  l: usize,
  columns: i32,
  b: usize,
  ldb: i32
): void {
  if (size === 4) solveBoth<f32>(n, l, columns, b, ldb, work)
  else solveBoth<f64>(n, l, columns, b, ldb, work)
}

/** See `factor`. */
export function factorPart(work: usize, size: i32, n: i32, a: usize, lda: i32): i32 {
  return size === 4 ? factor<f32>(n, a, lda, work) : factor<f64>(n, a, lda, work)
}

/** See `invert`. */
export function invertPart(work: usize, size: i32, n: i32, l: usize, ldl: i32, spare: usize): void {
  if (size === 4) invert<f32>(n, l, ldl, spare, work)
  else invert<f64>(n, l, ldl, spare, work)
}

/** See `square`. */
export function squarePart(work: usize, size: i32, n: i32, w: usize, out: usize, ld: i32): void {
  if (size === 4) square<f32>(n, w, out, ld, work)
  else square<f64>(n, w, out, ld, work)
}

/** See `mirror`. */
export function mirrorPart(_work: usize, size: i32, n: i32, first: i32, end: i32, a: usize): void {
  if (size === 4) mirror<f32>(first, end, a, n)
  else mirror<f64>(first, end, a, n)
}

/** See `fold`. */
export function foldPart(_work: usize, size: i32, n: i32, first: i32, end: i32, a: usize): void {
  if (size === 4) fold<f32>(n, first, end, a)
  else fold<f64>(n, first, end, a)
}

/** See `clearUpper`. */
export function clearPart(_work: usize, size: i32, n: i32, a: usize): void {
  if (size === 4) clearUpper<f32>(n, a)
  else clearUpper<f64>(n, a)
}

/** See `setAside`. */
export function setAsidePart(
  _work: usize,
  size: i32,
  r: i32,
  h: i32,
  l: usize,
  ldl: i32,
  spare: usize
): void {
  if (size === 4) setAside<f32>(r, h, l, ldl, spare)
  else setAside<f64>(r, h, l, ldl, spare)
}

/** Bytes of scratch behind those of `eigenBytes` that eigenvectors by parts need. A float, since they may pass 2^31. */
export function eigenPartBytes(n: i32): f64 {
  const blocks = (n + block - 2) / block
  return 8 * (<f64>blocks * blockWork(n) + <f64>rowWork * n)
}

/** See `reduce`; `scratch` is that of the whole operation. */
export function reducePart(_work: usize, n: i32, a: usize, scratch: usize): f64 {
  return reduce(n, a, scratch)
}

/** The block of vectors from `first` on, at its place behind `prepared`. */
export function preparePart(
  work: usize,
  n: i32,
  a: usize,
  scratch: usize,
  first: i32,
  prepared: usize
): void {
  prepare(n, first, a, normsAt(n, scratch), placeOf(n, first, prepared), work)
}

function placeOf(n: i32, first: i32, prepared: usize): usize {
  return prepared + <usize>((first - 1) / block) * blockWork(n) * 8
}

/** Rows `from` to `end` - 1 of the orthogonal matrix of the reduction, from all prepared blocks; `spare` has room for all rows. */
export function rowsPart(
  work: usize,
  n: i32,
  scratch: usize,
  from: i32,
  end: i32,
  prepared: usize,
  spare: usize
): void {
  const z = vectorsAt(n, scratch)
  const ldz = rowDistance(n)
  identity(from, end, z, ldz)
  const own = at<f64>(spare, from * rowWork)
  for (let first = 1; first < n; first += block) {
    apply(n, first, from, end, placeOf(n, first, prepared), z, ldz, own, work)
  }
}

/** See `begin`. */
export function beginPart(_work: usize, n: i32, scratch: usize): void {
  begin(n, rotationsAt(n, scratch))
}

/** See `record`. */
export function recordPart(_work: usize, n: i32, scratch: usize): i32 {
  return record(n, diagonalAt(scratch), couplingsAt(n, scratch), rotationsAt(n, scratch))
}

/** The recorded batch on strips `from` to `end` - 1 of the vectors. */
export function rotatePart(_work: usize, n: i32, scratch: usize, from: i32, end: i32): void {
  applyBatch(n, rotationsAt(n, scratch), vectorsAt(n, scratch), rowDistance(n), from * strip, end * strip)
}

/** Strips of the vectors. */
export function stripsOf(n: i32): i32 {
  return rowDistance(n) / strip
}

/** See `finish`. */
export function finishPart(_work: usize, n: i32, scale: f64, values: usize, scratch: usize): void {
  finish(n, scale, values, scratch)
}

/** Rows `from` to `end` - 1 of the matrix of eigenvectors. */
export function scatterPart(_work: usize, n: i32, scratch: usize, a: usize, from: i32, end: i32): void {
  scatterColumns(n, from, end, vectorsAt(n, scratch), rowDistance(n), orderAt(n, scratch), a)
}
