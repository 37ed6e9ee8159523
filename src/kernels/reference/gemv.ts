/**
 * A matrix times a vector, with the order of summation of `gemm`: blocks of `depth`, each from 0, added in
 * order.
 */
import type { Gemm, Real } from "../Kernels.ts"
import { depth } from "./panels.ts"

/**
 * out = op(a) op(b) with m = 1 or n = 1 and k > 0, see `Kernels.gemm`. Packing would cost more than the
 * product.
 */
export const multiplyVector = (p: Gemm, sums: Float64Array): void => {
  const { k } = p
  // With m = 1, out^T = op(b)^T op(a)^T is again a matrix times a vector.
  const matrix =
    p.n === 1
      ? { rows: p.m, a: p.a, byColumns: p.transposeA === true, v: p.b }
      : { rows: p.n, a: p.b, byColumns: p.transposeB !== true, v: p.a }
  const { rows } = matrix
  const partial = new Float64Array(rows)
  sums.fill(0, 0, rows)
  for (let from = 0; from < k; from += depth) {
    const to = Math.min(from + depth, k)
    if (matrix.byColumns) addColumns(partial.fill(0), matrix.a, matrix.v, from, to)
    else dotRows(partial, matrix.a, k, matrix.v, from, to)
    for (let i = 0; i < rows; i++) sums[i] = sums[i]! + partial[i]!
  }
}

/** partial_i = sum of a_ip v_p over from <= p < to, for rows of length k. */
const dotRows = (partial: Float64Array, a: Real, k: number, v: Real, from: number, to: number): void => {
  const rows = partial.length
  let i = 0
  // Four rows at a time: four sums in flight hide the latency of an addition.
  for (; i + 4 <= rows; i += 4) {
    const o0 = i * k,
      o1 = o0 + k,
      o2 = o1 + k,
      o3 = o2 + k
    let s0 = 0,
      s1 = 0,
      s2 = 0,
      s3 = 0
    for (let q = from; q < to; q++) {
      const w = v[q]!
      s0 += a[o0 + q]! * w
      s1 += a[o1 + q]! * w
      s2 += a[o2 + q]! * w
      s3 += a[o3 + q]! * w
    }
    partial[i] = s0
    partial[i + 1] = s1
    partial[i + 2] = s2
    partial[i + 3] = s3
  }
  for (; i < rows; i++) {
    let s = 0
    for (let q = from; q < to; q++) s += a[i * k + q]! * v[q]!
    partial[i] = s
  }
}

/** partial_i += a_pi v_p over from <= p < to, for columns stored as the rows of a. */
const addColumns = (partial: Float64Array, a: Real, v: Real, from: number, to: number): void => {
  const rows = partial.length
  for (let q = from; q < to; q++) {
    const w = v[q]!
    const o = q * rows
    for (let i = 0; i < rows; i++) partial[i] = partial[i]! + a[o + i]! * w
  }
}
