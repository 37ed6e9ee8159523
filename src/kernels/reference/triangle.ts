/**
 * A lower triangle as panels, and the forward substitution on it.
 *
 * Panel I holds rows 4 I .. 4 I + 3 up to and including the diagonal tile, so it has 4 I + 4 columns and
 * begins at 8 I (I + 1). A size that is not a multiple of four is padded with rows of the identity: nothing
 * below has a ragged case.
 */
import type { Real } from "../Kernels.ts"
import { multiplyPanels, pack, panelCount, tile, width } from "./panels.ts"

/** Where panel I begins. */
export const panelStart = (I: number): number => 8 * I * (I + 1)

/** The triangle of a row-major n x n matrix as panels. */
export const packTriangle = (n: number, a: Real): Float64Array =>
  packStrided({ n, source: a, origin: 0, rowStride: n, stride: 1 })

/**
 * The transpose of a lower triangle with its rows and columns in reverse order: again a lower triangle. A
 * backward substitution is the forward substitution on it, with the right-hand side reversed.
 */
export const packReversedTranspose = (n: number, l: Real): Float64Array =>
  packStrided({ n, source: l, origin: n * n - 1, rowStride: -1, stride: -n })

const packStrided = (matrix: {
  readonly n: number
  readonly source: Real
  readonly origin: number
  readonly rowStride: number
  readonly stride: number
}): Float64Array => {
  const { n } = matrix
  const panels = new Float64Array(panelStart(panelCount(n)))
  for (let row = 0; row < n; row += width) {
    const to = panelStart(row / width)
    const count = Math.min(row + width, n)
    pack({ ...matrix, row, valid: n - row, from: 0, count, target: panels, to })
    // What lies above the diagonal of the last tile is not part of the triangle.
    for (let r = 0; r < width; r++) {
      for (let s = r + 1; s < width; s++) panels[to + width * (row + s) + r] = 0
      if (row + r >= n) panels[to + width * (row + r) + r] = 1
    }
  }
  return panels
}

/** The inverse of `packTriangle`; the strict upper triangle becomes 0. */
export const unpackTriangle = (n: number, panels: Float64Array, a: Real): void => {
  for (let i = 0; i < n; i++) {
    const from = panelStart(i >> 2) + (i & 3)
    for (let j = 0; j <= i; j++) a[i * n + j] = panels[from + width * j]!
    a.fill(0, i * n + i + 1, i * n + n)
  }
}

/**
 * Solves L x = b for four right-hand sides at once, in place.
 *
 * *Shapes* `x` at `xo` is a panel of columns 4 `start` .. 4 `end` - 1 of the transposed right-hand sides; the
 * unknowns before 4 `start` are 0, which is how the inverse skips the zeros of the identity.
 */
export const forwardPanel = (
  l: Float64Array,
  x: Float64Array,
  xo: number,
  start: number,
  end: number
): void => {
  for (let I = start; I < end; I++) {
    const lo = panelStart(I) + 16 * start
    multiplyPanels(l, lo, x, xo, width * (I - start))
    const d = panelStart(I) + 16 * I
    const o = xo + 16 * (I - start)
    const l00 = l[d]!,
      l10 = l[d + 1]!,
      l20 = l[d + 2]!,
      l30 = l[d + 3]!
    const l11 = l[d + 5]!,
      l21 = l[d + 6]!,
      l31 = l[d + 7]!
    const l22 = l[d + 10]!,
      l32 = l[d + 11]!,
      l33 = l[d + 15]!
    for (let s = 0; s < width; s++) {
      const x0 = (x[o + s]! - tile[s]!) / l00
      const x1 = (x[o + 4 + s]! - tile[4 + s]! - l10 * x0) / l11
      const x2 = (x[o + 8 + s]! - tile[8 + s]! - l20 * x0 - l21 * x1) / l22
      x[o + s] = x0
      x[o + 4 + s] = x1
      x[o + 8 + s] = x2
      x[o + 12 + s] = (x[o + 12 + s]! - tile[12 + s]! - l30 * x0 - l31 * x1 - l32 * x2) / l33
    }
  }
}
