import type { Kernels } from "../../kernels/Kernels.ts"

/** Summed in float64. */
export const sumOfSquares = (values: Float32Array): number => {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!
  return sum
}

/** The product of an m x k and a k x n matrix. */
export const product = (
  kernels: Kernels,
  a: Float32Array,
  b: Float32Array,
  m: number,
  k: number,
  n: number
): Float32Array => {
  const out = new Float32Array(m * n)
  kernels.gemm({ m, n, k, a, b, out })
  return out
}

/** The transpose of a rows x columns matrix. */
export const transpose = <A extends Float32Array | Float64Array>(
  matrix: A,
  rows: number,
  columns: number
): A => {
  const out = new (matrix.constructor as new (length: number) => A)(matrix.length)
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) out[j * rows + i] = matrix[i * columns + j]!
  return out
}

/** All numbers of some lists in one ascending list, those under 0 as 0: eigenvalues of positive semidefinite matrices. */
export const merged = (lists: ReadonlyArray<Float64Array>): Float64Array => {
  const out = new Float64Array(lists.reduce((sum, list) => sum + list.length, 0))
  let at = 0
  for (const list of lists) for (const value of list) out[at++] = Math.max(0, value)
  return out.sort()
}

/** What `entry` makes of each number: a loop, since `map` of a typed array costs ten times as much. */
export const mapped = (
  values: Float32Array,
  entry: (value: number, index: number) => number
): Float32Array => {
  const out = new Float32Array(values.length)
  for (let i = 0; i < out.length; i++) out[i] = entry(values[i]!, i)
  return out
}

/** Every number of an array times the factor. */
export const times = (values: Float32Array, factor: number): Float32Array =>
  mapped(values, (value) => factor * value)

/** The sums of two lists of arrays, entry by entry. */
export const added = (
  self: ReadonlyArray<Float32Array>,
  that: ReadonlyArray<Float32Array>
): ReadonlyArray<Float32Array> => self.map((mean, i) => mapped(mean, (value, j) => value + that[i]![j]!))

/** Whether two arrays hold the same numbers. */
export const sameNumbers = (a: ArrayLike<number>, b: ArrayLike<number>): boolean => {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Whether two lists hold the same arrays. */
export const sameArrays = (a: ReadonlyArray<Float32Array>, b: ReadonlyArray<Float32Array>): boolean =>
  a.length === b.length && a.every((array, i) => sameNumbers(array, b[i]!))
