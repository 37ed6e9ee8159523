/**
 * C = A B, C += A B or C -= A B, with any strides on A and B.
 *
 * *Math* k is cut into blocks of `depth`; within one, c_ij is summed in order from 0, and the blocks are added in order. So an
 * entry depends on its row, its column and k alone, bit for bit, not on where in the matrix it lies.
 * *Source* Goto and van de Geijn, Anatomy of high-performance matrix multiplication, 2008.
 */
import { packColumns, packRows } from "./pack"
import { add, assign, subtract, tile, tileBytes, tileRows } from "./tile"
import { at } from "./vector"

/** Which tiles of C are computed: all, or those that meet the lower or the upper triangle. */
export const whole: i32 = 0
export const lower: i32 = 1
export const upper: i32 = 2

// A panel of B (8 KiB) stays in the first cache, a block of A (240 KiB) in the second, B (1 MiB) in the third.
const depth: i32 = 256
const blockRows: i32 = 120
const blockBytes: i32 = 4096

const packedA: i32 = blockRows * depth * 8
const packedB: i32 = blockBytes * depth

/** Bytes that `gemm` needs at `work`. */
export const gemmWork: i32 = packedA + packedB + tileRows * tileBytes

/**
 * C (m x n, rows `ldc` apart) from A (m x k) and B (k x n). All strides count elements, and may be negative.
 *
 * *Shapes* A_ip lies at a + i ars + p acs. `part` bounds what is computed; a tile that crosses the diagonal is computed in full.
 */
export function gemm<T>(
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
  part: i32,
  work: usize
): void {
  const blockColumns = blockBytes / sizeof<T>()
  const pa = work
  const pb = work + packedA
  if (k === 0 && mode === assign) clear<T>(m, n, c, ldc)
  for (let j = 0; j < n; j += blockColumns) {
    const columns = min(blockColumns, n - j)
    for (let p = 0; p < k; p += depth) {
      const d = min(depth, k - p)
      packColumns<T>(d, columns, at<T>(b, p * brs + j * bcs), brs, bcs, pb)
      const then = p > 0 && mode === assign ? add : mode
      for (let i = 0; i < m; i += blockRows) {
        const rows = min(blockRows, m - i)
        if (outside(i, rows, j, columns, part)) continue
        packRows<T>(rows, d, at<T>(a, i * ars + p * acs), ars, acs, pa)
        block<T>(i, rows, j, columns, d, pa, pb, c, ldc, then, part)
      }
    }
  }
}

/** The tiles of one block of A against one of B. */
function block<T>(
  i0: i32,
  rows: i32,
  j0: i32,
  columns: i32,
  d: i32,
  pa: usize,
  pb: usize,
  c: usize,
  ldc: i32,
  mode: i32,
  part: i32
): void {
  const tileColumns = tileBytes / sizeof<T>()
  const edge = pb + packedB
  const stride = <usize>ldc * sizeof<T>()
  for (let j = 0; j < columns; j += tileColumns) {
    const valid = min(tileColumns, columns - j)
    const panel = at<T>(pb, j * d)
    for (let i = 0; i < rows; i += tileRows) {
      const height = min(tileRows, rows - i)
      if (outside(i0 + i, height, j0 + j, valid, part)) continue
      const from = pa + <usize>i * d * sizeof<T>()
      const to = at<T>(c, (i0 + i) * ldc + j0 + j)
      if (height === tileRows && valid === tileColumns) {
        tile<T>(d, from, panel, to, stride, mode)
      } else {
        tile<T>(d, from, panel, edge, tileBytes, assign)
        combine<T>(height, valid, edge, to, ldc, mode)
      }
    }
  }
}

/** Whether rows i .. i + rows - 1 and columns j .. j + columns - 1 have nothing of the part. */
function outside(i: i32, rows: i32, j: i32, columns: i32, part: i32): bool {
  return (part === lower && i + rows <= j) || (part === upper && j + columns <= i)
}

/** Adds the inside of a ragged tile to C. */
function combine<T>(height: i32, valid: i32, edge: usize, c: usize, ldc: i32, mode: i32): void {
  for (let i = 0; i < height; i++) {
    for (let j = 0; j < valid; j++) {
      const to = at<T>(c, i * ldc + j)
      const value = load<T>(at<T>(edge, i * (tileBytes / sizeof<T>()) + j))
      if (mode === add) store<T>(to, load<T>(to) + value)
      else if (mode === subtract) store<T>(to, load<T>(to) - value)
      else store<T>(to, value)
    }
  }
}

function clear<T>(m: i32, n: i32, c: usize, ldc: i32): void {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) store<T>(at<T>(c, i * ldc + j), <T>0)
  }
}
