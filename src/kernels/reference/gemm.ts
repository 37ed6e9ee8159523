/**
 * Matrix products, out = op(a) op(b), summed in float64.
 *
 * The sum over k is cut into blocks of `depth`, so that two panels stay in the first-level cache; the blocks
 * are added in order. An element of the product therefore depends on its row, its column and k only: never on
 * m, on n, or on its place in the matrix. The matrix-vector path keeps the same order of summation, bit for
 * bit.
 */
import type { Gemm } from "../Kernels.ts"
import { multiplyVector } from "./gemv.ts"
import { depth, multiplyPanels, pack, panelCount, storeTile, width } from "./panels.ts"
import { requireLength, requireSizes } from "./require.ts"

/** Columns of op(b) packed at a time: 1 MiB of panels. */
const breadth = 512

/** out = op(a) op(b), see `Kernels.gemm`. */
export const gemm = (p: Gemm): void => {
  const { m, n, k, a, b, out } = p
  requireSizes("gemm", { m, n, k })
  requireLength("gemm", "a", a, m * k)
  requireLength("gemm", "b", b, k * n)
  requireLength("gemm", "out", out, m * n)
  const sums = out instanceof Float64Array ? out : new Float64Array(m * n)
  if (k === 0) sums.fill(0, 0, m * n)
  else if (m === 1 || n === 1) multiplyVector(p, sums)
  else multiplyBlocks(p, sums)
  if (sums !== out) out.set(sums)
}

const multiplyBlocks = (p: Gemm, sums: Float64Array): void => {
  const { m, n, k } = p
  const left =
    p.transposeA === true
      ? { source: p.a, origin: 0, rowStride: 1, stride: m }
      : { source: p.a, origin: 0, rowStride: k, stride: 1 }
  const right =
    p.transposeB === true
      ? { source: p.b, origin: 0, rowStride: k, stride: 1 }
      : { source: p.b, origin: 0, rowStride: 1, stride: n }
  const longest = Math.min(depth, k)
  const x = new Float64Array(width * longest)
  const y = new Float64Array(width * longest * panelCount(Math.min(breadth, n)))
  for (let jb = 0; jb < n; jb += breadth) {
    const jEnd = Math.min(jb + breadth, n)
    for (let from = 0; from < k; from += depth) {
      const count = Math.min(depth, k - from)
      for (let j = jb; j < jEnd; j += width) {
        pack({ ...right, row: j, valid: jEnd - j, from, count, target: y, to: (j - jb) * count })
      }
      for (let i = 0; i < m; i += width) {
        pack({ ...left, row: i, valid: m - i, from, count, target: x, to: 0 })
        for (let j = jb; j < jEnd; j += width) {
          multiplyPanels(x, 0, y, (j - jb) * count, count)
          storeTile(sums, m, n, i, j, from > 0)
        }
      }
    }
  }
}
