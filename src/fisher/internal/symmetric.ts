/**
 * Symmetric matrices as their lower triangle, row by row: half the numbers, and each is there once.
 */
import { InvalidArgument } from "../../Errors.ts"
import type { Real } from "../../kernels/Kernels.ts"
import { packedLength } from "../../kernels/packed.ts"
import { type Moment, Symmetric } from "../Moment.ts"
import { sumOfSquares } from "./arrays.ts"

/** Where (i, i) is. */
const diagonalOf = (i: number): number => packedLength(i) + i

/** How many rows it has. */
const sideOf = (triangle: Float32Array): number => Math.round((Math.sqrt(8 * triangle.length + 1) - 1) / 2)

/**
 * The whole matrix `[n, n]` of a lower triangle of n (n + 1) / 2 numbers, row by row: of what a Fisher keeps of a symmetric matrix.
 * The units of a layer are one matrix each: give `subarray` of one.
 *
 * *Throws*: `InvalidArgument` for a number of numbers that no triangle has.
 */
export const unpacked = (triangle: Float32Array): Float32Array => {
  const n = sideOf(triangle)
  if (packedLength(n) !== triangle.length) throw noTriangle(triangle.length)
  const out = new Float32Array(n * n)
  let at = 0
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const value = triangle[at++]!
      out[i * n + j] = value
      out[j * n + i] = value
    }
  }
  return out
}

const noTriangle = (numbers: number): InvalidArgument =>
  new InvalidArgument({
    argument: "triangle",
    value: `${numbers} numbers`,
    message: `triangle is ${numbers} numbers, and the lower triangle of a matrix is 1, 3, 6 or n (n + 1) / 2 of them. Give one matrix, row by row.`
  })

/** The matrix to `out`, `[n, n]` with 0 above the diagonal, for kernels that read the lower triangle. */
export const lowerTo = <A extends Real>(triangle: Float32Array, out: A): A => {
  const n = sideOf(triangle)
  for (let i = 0; i < n; i++) out.set(triangle.subarray(packedLength(i), packedLength(i + 1)), i * n)
  return out
}

/** The same in float64. */
export const lowerOf = (triangle: Float32Array): Float64Array =>
  lowerTo(triangle, new Float64Array(sideOf(triangle) ** 2))

/** The rows and columns `from` to `from + size` of the matrix, as a triangle. */
export const partOf = (triangle: Float32Array, from: number, size: number): Float32Array => {
  const out = new Float32Array(packedLength(size))
  for (let i = 0; i < size; i++) {
    const at = packedLength(from + i) + from
    out.set(triangle.subarray(at, at + i + 1), packedLength(i))
  }
  return out
}

export const diagonal = (triangle: Float32Array): Float32Array =>
  Float32Array.from({ length: sideOf(triangle) }, (_, i) => triangle[diagonalOf(i)]!)

/** The mean of the diagonal. */
export const meanDiagonal = (triangle: Float32Array): number => {
  const n = sideOf(triangle)
  let sum = 0
  for (let i = 0; i < n; i++) sum += triangle[diagonalOf(i)]!
  return sum / n
}

/** A v, summed in float64. */
export const timesVector = (triangle: Float32Array, v: Float32Array): Float32Array => {
  const n = v.length
  const sums = new Float64Array(n)
  let at = 0
  for (let i = 0; i < n; i++) {
    const x = v[i]!
    let sum = 0
    for (let j = 0; j < i; j++) {
      const value = triangle[at++]!
      sum += value * v[j]!
      sums[j]! += value * x
    }
    sums[i] = sum + triangle[at++]! * x
  }
  return new Float32Array(sums)
}

/** The largest sum of the sizes of a column. */
export const norm1 = (triangle: Float32Array): number => {
  const n = sideOf(triangle)
  const sums = new Float64Array(n)
  let at = 0
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const size = Math.abs(triangle[at++]!)
      sums[i]! += size
      sums[j]! += size
    }
    sums[i]! += Math.abs(triangle[at++]!)
  }
  return sums.reduce((most, sum) => Math.max(most, sum), 0)
}

/**
 * The sum of a term over a moment, from `sum`, that over its numbers: of a symmetric matrix, whose numbers are the lower triangle, over the
 * whole matrix. `term` is the one at a place.
 */
export const wholeSum = (moment: Moment, sum: number, term: (at: number) => number): number => {
  if (moment._tag !== "Symmetric") return sum
  let onDiagonal = 0
  for (let k = 0; k < moment.count; k++) {
    const first = k * packedLength(moment.side)
    for (let i = 0; i < moment.side; i++) onDiagonal += term(first + diagonalOf(i))
  }
  return 2 * sum - onDiagonal
}

/** The squared Frobenius norm of a symmetric matrix. */
export const squaredNorm = (triangle: Float32Array): number =>
  wholeSum(
    Symmetric({ side: sideOf(triangle), count: 1 }),
    sumOfSquares(triangle),
    (at) => triangle[at]! ** 2
  )
