/**
 * The checks every kernel makes before it trusts its operands: wrong sizes would be silent zeros or NaN.
 */
import type { Real, Syrk } from "../Kernels.ts"
import { packedLength } from "../packed.ts"

/** Throws unless every size is a non-negative integer: the caller broke an invariant. */
export const requireSizes = (operation: string, sizes: Readonly<Record<string, number>>): void => {
  for (const [name, size] of Object.entries(sizes)) {
    if (!(Number.isInteger(size) && size >= 0)) {
      throw new RangeError(`${operation}: ${name} is ${size}, not a size. Pass a non-negative integer.`)
    }
  }
}

/** Throws unless all arrays are float32, or all float64: the caller broke an invariant. */
export const requireOnePrecision = (operation: string, arrays: Readonly<Record<string, Real>>): void => {
  const all = Object.values(arrays)
  if (all.every(({ BYTES_PER_ELEMENT }) => BYTES_PER_ELEMENT === all[0]!.BYTES_PER_ELEMENT)) return
  throw new RangeError(
    `${operation}: ${Object.keys(arrays).join(" and ")} are of two precisions. Pass Float32Arrays alone, or Float64Arrays.`
  )
}

/** Throws unless the array holds the matrix: the caller broke an invariant. */
export const requireLength = (operation: string, name: string, array: Real, length: number): void => {
  if (array.length < length) {
    throw new RangeError(
      `${operation}: ${name} has ${array.length} numbers, ${length} are due. Check its shape.`
    )
  }
}

/** Throws unless the arrays of `syrk` hold what they must: the caller broke an invariant. How many numbers `out` takes. */
export const requireSyrk = ({ a, n, out, rows, storage }: Syrk): number => {
  requireSizes("syrk", { rows, n })
  requireLength("syrk", "a", a, rows * n)
  const length = storage === "packed" ? packedLength(n) : n * n
  requireLength("syrk", "out", out, length)
  return length
}
