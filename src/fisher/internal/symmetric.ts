/** Symmetric matrices as their lower triangle, row by row, and whole. */

/** A tile of this side and its mirror image stay in the cache while they are written. */
const tile = 32

/** The whole matrix `[side, side]` of a lower triangle whose numbers are divided on the way, in float32, and whether all are finite. */
export const unpackedMean = (
  triangle: Float64Array,
  side: number,
  divisor: number
): { readonly mean: Float32Array; readonly finite: boolean } => {
  const mean = new Float32Array(side * side)
  let nothing = 0
  for (let top = 0; top < side; top += tile) {
    const bottom = Math.min(side, top + tile)
    for (let left = 0; left <= top; left += tile) {
      for (let i = top; i < bottom; i++) {
        const row = (i * (i + 1)) / 2
        const right = Math.min(i + 1, left + tile)
        for (let j = left; j < right; j++) {
          const value = Math.fround(triangle[row + j]! / divisor)
          mean[i * side + j] = value
          mean[j * side + i] = value
          // 0 for a number, else NaN.
          nothing += value - value
        }
      }
    }
  }
  return { mean, finite: nothing === 0 }
}

/** The whole matrix `[side, side]` of a lower triangle. */
export const unpacked = (triangle: Float64Array, side: number): Float64Array => {
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
