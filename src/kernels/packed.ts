/**
 * A symmetric matrix as its lower triangle, row by row: entry (i, j), j <= i, is at i (i + 1) / 2 + j.
 */
import type { Real } from "./Kernels.ts"

/** How many numbers the lower triangle of an n x n matrix has. */
export const packedLength = (n: number): number => (n * (n + 1)) / 2

/**
 * Moves the lower triangle of the n x n matrix at `from` to `to`, row by row; both within one array, and they may be one place. By
 * `copyWithin`: a view of each row would be garbage.
 */
export const packLower = (n: number, array: Real, from: number, to: number): void => {
  for (let i = 0; i < n; i++) {
    const row = from + i * n
    array.copyWithin(to + packedLength(i), row, row + i + 1)
  }
}
