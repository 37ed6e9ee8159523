/** The eigenvalues of a Fisher. */
import { Result } from "effect"
import type { Errors, Fisher } from "../../src/index.ts"
import type { Kernels } from "../../src/kernels/Kernels.ts"
import { eigenvalues } from "../../src/linalg/SymmetricEigen.ts"

export interface Spectrum {
  readonly network: string
  readonly structure: string
  readonly examples: number
  /** P: how many eigenvalues there are. */
  readonly parameters: number
  /** Some of them with their rank, counted from 1 for the largest. */
  readonly values: ReadonlyArray<readonly [rank: number, value: number]>
}

type Failure = Errors.NotConverged | Errors.NonFinite

const ofMatrix = (
  kernels: Kernels,
  matrix: Float32Array,
  what: string
): Result.Result<Float64Array, Failure> =>
  eigenvalues(kernels, { n: Math.round(Math.sqrt(matrix.length)), matrix: Float64Array.from(matrix), what })

/** All eigenvalues, descending: of the matrix itself, or for K-FAC the products of those of the two factors of each layer. */
export const eigenvaluesOf = (
  kernels: Kernels,
  { means, structure }: Pick<Fisher.Fisher<string, "apply">, "means" | "structure">
): Result.Result<Float64Array, Failure> =>
  Result.map(Result.all(means.map((mean) => ofMatrix(kernels, mean, `${structure.name} Fisher`))), (values) => {
    const all =
      structure.name === "kfac" ? products(values) : Float64Array.from(values.flatMap((each) => Array.from(each)))
    return all.sort().reverse()
  })

const products = (factors: ReadonlyArray<Float64Array>): Float64Array => {
  const all: Array<number> = []
  for (let i = 0; i < factors.length; i += 2) {
    for (const a of factors[i]!) for (const g of factors[i + 1]!) all.push(a * g)
  }
  return Float64Array.from(all)
}

/** Those over the rounding of float32, evenly spaced on a log scale of the rank. */
export const thinned = (values: Float64Array): ReadonlyArray<readonly [rank: number, value: number]> => {
  const floor = 1e-8 * (values[0] ?? 0)
  const kept: Array<readonly [number, number]> = []
  let next = 1
  for (let rank = 1; rank <= values.length && values[rank - 1]! > floor; rank++) {
    if (rank < next) continue
    kept.push([rank, values[rank - 1]!])
    next = Math.max(rank + 1, rank * 1.03)
  }
  return kept
}
