/** Symmetric matrices as their lower triangle, row by row, and whole. */
import type { Real } from "../../kernels/Kernels.ts"

/** The whole matrix `[side, side]` of a lower triangle whose numbers are divided on the way, in float32, and whether all are finite. */
export const unpackedMean = (
  triangle: Real,
  side: number,
  divisor: number
): { readonly mean: Float32Array; readonly finite: boolean } => {
  const mean = new Float32Array(side * side)
  let nothing = 0
  let at = 0
  for (let i = 0; i < side; i++) {
    for (let j = 0; j <= i; j++) {
      const value = Math.fround(triangle[at++]! / divisor)
      mean[i * side + j] = value
      mean[j * side + i] = value
      // 0 for a number, else NaN.
      nothing += value - value
    }
  }
  return { mean, finite: nothing === 0 }
}

/** The whole matrix `[side, side]` of a lower triangle. */
export const unpacked = (triangle: Real, side: number): Float64Array => {
  const out = new Float64Array(side * side)
  let at = 0
  for (let i = 0; i < side; i++) {
    for (let j = 0; j <= i; j++) {
      const value = triangle[at++]!
      out[i * side + j] = value
      out[j * side + i] = value
    }
  }
  return out
}
