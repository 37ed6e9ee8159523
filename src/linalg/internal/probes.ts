/** The random vectors of the estimators, from numbers that the caller's key gives. */
import { Result } from "effect"
import { InvalidArgument, type NonFinite, type ShapeMismatch } from "../../Errors.ts"
import { vectorFault } from "./checked.ts"
import { norm } from "./vectors.ts"

/**
 * Number `index` of probe `probe`: standard normal numbers, independent over both, and a pure function of the two. With
 * a key, `Distributions.normals(key)`.
 */
export type Normals = (probe: number, index: number) => number

/** `count` vectors of standard normal numbers, from that of probe `first`; each fails unless it is finite and has a direction. */
export const gaussian = (
  normals: Normals,
  size: number,
  count: number,
  first = 0
): Result.Result<Array<Float64Array>, ShapeMismatch | NonFinite | InvalidArgument> => {
  const vectors: Array<Float64Array> = []
  for (let probe = first; probe < first + count; probe++) {
    const vector = Float64Array.from({ length: size }, (_, index) => normals(probe, index))
    const fault = vectorFault(`probe ${probe}`, size, vector, "Draw standard normal numbers.")
    if (fault !== undefined) return Result.fail(fault)
    if (norm(vector) === 0) {
      return Result.fail(
        new InvalidArgument({
          argument: "normals",
          value: "zeros",
          message: `Probe ${probe} has no number but zeros. Draw standard normal numbers.`
        })
      )
    }
    vectors.push(vector)
  }
  return Result.succeed(vectors)
}

/** Vectors of +1 and -1, each with probability 1/2: the signs of the normal numbers. */
export const signs = (
  normals: Normals,
  size: number,
  count: number
): Result.Result<Array<Float64Array>, ShapeMismatch | NonFinite | InvalidArgument> =>
  Result.map(gaussian(normals, size, count), (vectors) =>
    vectors.map((vector) => vector.map((value) => (value < 0 ? -1 : 1)))
  )

/** The unit vectors of the coordinates. */
export const coordinates = (size: number): Array<Float64Array> =>
  Array.from({ length: size }, (_, i) => {
    const vector = new Float64Array(size)
    vector[i] = 1
    return vector
  })
