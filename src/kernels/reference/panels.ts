/**
 * The one inner loop of the reference kernels, and the memory layout it wants.
 *
 * A *panel* holds four rows of a matrix, interleaved: element (r, p) of the four is at 4 p + r. The product
 * of two panels over p is a 4 x 4 tile, held in sixteen local variables: eight loads for thirty-two flops,
 * all from two addresses that advance. Products, factorisations and triangular solves are this loop plus
 * O(n^2) copying.
 *
 * *Source* the packing of Goto and van de Geijn, Anatomy of High-Performance Matrix Multiplication, 2008,
 * section 4.
 */
import type { Real } from "../Kernels.ts"

/** Rows of a panel. */
export const width = 4

/**
 * Longest run of a sum over p that products take at once: two panels of it are 16 KiB, half a first-level
 * cache.
 */
export const depth = 256

/** Panels that cover n rows. */
export const panelCount = (n: number): number => Math.ceil(n / width)

/**
 * The result of the last `multiplyPanels`: element (r, s) at 4 r + s. One array serves all calls: nothing
 * here yields, and a worker has a copy of its own.
 */
export const tile = new Float64Array(width * width)

/**
 * tile_rs = sum over p < count of x_rp y_sp, for the panels that begin at x[xo] and y[yo].
 *
 * The sum of each element runs over p in order, in one accumulator, so it does not depend on the neighbours.
 */
export const multiplyPanels = (
  x: Float64Array,
  xo: number,
  y: Float64Array,
  yo: number,
  count: number
): void => {
  let t00 = 0,
    t01 = 0,
    t02 = 0,
    t03 = 0
  let t10 = 0,
    t11 = 0,
    t12 = 0,
    t13 = 0
  let t20 = 0,
    t21 = 0,
    t22 = 0,
    t23 = 0
  let t30 = 0,
    t31 = 0,
    t32 = 0,
    t33 = 0
  // `| 0` tells V8 that the index stays a machine integer: without it every addition carries an overflow
  // check.
  let i = xo | 0
  let j = yo | 0
  const end = (i + 4 * count) | 0
  for (; i < end; i = (i + 4) | 0, j = (j + 4) | 0) {
    const y0 = y[j]!,
      y1 = y[(j + 1) | 0]!,
      y2 = y[(j + 2) | 0]!,
      y3 = y[(j + 3) | 0]!
    const x0 = x[i]!
    t00 += x0 * y0
    t01 += x0 * y1
    t02 += x0 * y2
    t03 += x0 * y3
    const x1 = x[(i + 1) | 0]!
    t10 += x1 * y0
    t11 += x1 * y1
    t12 += x1 * y2
    t13 += x1 * y3
    const x2 = x[(i + 2) | 0]!
    t20 += x2 * y0
    t21 += x2 * y1
    t22 += x2 * y2
    t23 += x2 * y3
    const x3 = x[(i + 3) | 0]!
    t30 += x3 * y0
    t31 += x3 * y1
    t32 += x3 * y2
    t33 += x3 * y3
  }
  tile[0] = t00
  tile[1] = t01
  tile[2] = t02
  tile[3] = t03
  tile[4] = t10
  tile[5] = t11
  tile[6] = t12
  tile[7] = t13
  tile[8] = t20
  tile[9] = t21
  tile[10] = t22
  tile[11] = t23
  tile[12] = t30
  tile[13] = t31
  tile[14] = t32
  tile[15] = t33
}

/**
 * Copies rows `row` to `row + valid - 1` (at most four) of a strided matrix into the panel at target[to],
 * columns `from` to `from + count - 1`. Missing rows become 0. Element (i, p) of the matrix is source[origin
 * + i * rowStride + p * stride].
 */
export const pack = (p: {
  readonly source: Real
  readonly origin: number
  readonly rowStride: number
  readonly stride: number
  readonly row: number
  readonly valid: number
  readonly from: number
  readonly count: number
  readonly target: Float64Array
  readonly to: number
}): void => {
  const { source, rowStride, stride, valid, count, target } = p
  const first = p.origin + p.row * rowStride + p.from * stride
  if (valid >= width) {
    for (let q = 0, i = first, o = p.to; q < count; q++, i += stride, o += width) {
      target[o] = source[i]!
      target[o + 1] = source[i + rowStride]!
      target[o + 2] = source[i + 2 * rowStride]!
      target[o + 3] = source[i + 3 * rowStride]!
    }
    return
  }
  for (let q = 0; q < count; q++) {
    for (let r = 0; r < width; r++) {
      target[p.to + width * q + r] = r < valid ? source[first + q * stride + r * rowStride]! : 0
    }
  }
}

/**
 * Writes the tile to rows i.. and columns j.. of `out`, rows x columns, cut at its edges; or adds it to what
 * is there. Positional arguments, like all inner loops here: a record for each tile would be garbage.
 */
export const storeTile = (
  out: Real,
  rows: number,
  columns: number,
  i: number,
  j: number,
  add: boolean
): void => {
  const bottom = Math.min(width, rows - i)
  const right = Math.min(width, columns - j)
  for (let r = 0; r < bottom; r++) {
    const o = (i + r) * columns + j
    for (let s = 0; s < right; s++) {
      const t = tile[width * r + s]!
      out[o + s] = add ? out[o + s]! + t : t
    }
  }
}

/**
 * Copies the lower triangle onto the upper one. Blocked, because the column-wise reads of a large matrix miss
 * every cache.
 */
export const mirrorLower = (n: number, a: Real): void => {
  const block = 32
  for (let ib = 0; ib < n; ib += block) {
    for (let jb = 0; jb <= ib; jb += block) {
      const iEnd = Math.min(ib + block, n)
      for (let i = ib; i < iEnd; i++) {
        const jEnd = Math.min(jb + block, i)
        for (let j = jb; j < jEnd; j++) a[j * n + i] = a[i * n + j]!
      }
    }
  }
}
