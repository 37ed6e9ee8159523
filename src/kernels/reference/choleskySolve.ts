/**
 * Solves with a Cholesky factor: a forward and a backward substitution, four right-hand sides at a time.
 */
import type { CholeskySolve, Real } from "../Kernels.ts"
import { panelCount, width } from "./panels.ts"
import { requireLength, requireOnePrecision, requireSizes } from "./require.ts"
import { forwardPanel, packReversedTranspose, packTriangle } from "./triangle.ts"

/** L L^T x = b in place, see `Kernels.choleskySolve`. */
export const choleskySolve = (p: CholeskySolve): void => {
  const { n, l, columns, b } = p
  requireSizes("choleskySolve", { n, columns })
  requireLength("choleskySolve", "l", l, n * n)
  requireLength("choleskySolve", "b", b, n * columns)
  requireOnePrecision("choleskySolve", { l, b })
  if (n === 0 || columns === 0) return
  if (columns < width) {
    const x = new Float64Array(n)
    for (let c = 0; c < columns; c++) solveColumn(n, l, columns, b, c, x)
    return
  }
  const lower = packTriangle(n, l)
  const upper = packReversedTranspose(n, l)
  const tiles = panelCount(n)
  const x = new Float64Array(width * width * tiles)
  for (let c = 0; c < columns; c += width) {
    const valid = Math.min(width, columns - c)
    for (let i = 0; i < n; i++) {
      for (let s = 0; s < width; s++) x[width * i + s] = s < valid ? b[i * columns + c + s]! : 0
    }
    x.fill(0, width * n)
    forwardPanel(lower, x, 0, 0, tiles)
    // Reversing the n unknowns leaves the padding, which is 0, at the end.
    reverseRows(n, x)
    forwardPanel(upper, x, 0, 0, tiles)
    for (let i = 0; i < n; i++) {
      const o = width * (n - 1 - i)
      for (let s = 0; s < valid; s++) b[i * columns + c + s] = x[o + s]!
    }
  }
}

const reverseRows = (n: number, x: Float64Array): void => {
  for (let i = 0, j = n - 1; i < j; i++, j--) {
    for (let s = 0; s < width; s++) {
      const held = x[width * i + s]!
      x[width * i + s] = x[width * j + s]!
      x[width * j + s] = held
    }
  }
}

/**
 * One column without packing, which would cost more than the solve. Both substitutions read L along its rows.
 */
const solveColumn = (n: number, l: Real, columns: number, b: Real, c: number, x: Float64Array): void => {
  for (let i = 0; i < n; i++) {
    const o = i * n
    let s0 = 0,
      s1 = 0,
      s2 = 0,
      s3 = 0
    let q = 0
    // Four sums in flight hide the latency of an addition.
    for (; q + 4 <= i; q += 4) {
      s0 += l[o + q]! * x[q]!
      s1 += l[o + q + 1]! * x[q + 1]!
      s2 += l[o + q + 2]! * x[q + 2]!
      s3 += l[o + q + 3]! * x[q + 3]!
    }
    for (; q < i; q++) s0 += l[o + q]! * x[q]!
    x[i] = (b[i * columns + c]! - (s0 + s1 + (s2 + s3))) / l[o + i]!
  }
  for (let i = n - 1; i >= 0; i--) {
    const o = i * n
    const v = x[i]! / l[o + i]!
    for (let q = 0; q < i; q++) x[q] = x[q]! - l[o + q]! * v
    b[i * columns + c] = v
  }
}
