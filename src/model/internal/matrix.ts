/** The square matrix with this diagonal, row-major. */
export const diagonalMatrix = (diagonal: Float64Array): Float64Array => {
  const n = diagonal.length
  const matrix = new Float64Array(n * n)
  for (let i = 0; i < n; i++) matrix[i * n + i] = diagonal[i]!
  return matrix
}
