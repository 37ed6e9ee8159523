/**
 * The diagonal of the Fisher: P numbers.
 *
 * *Math*: F_ii = (1/N) sum_n sum_k (g_nk)_i^2. *Cost*: one product of the size of a gradient, for any number of columns; P floats.
 */
import { Result } from "effect"
import { NotPositiveDefinite } from "../Errors.ts"
import { summedSquares } from "../model/Score.ts"
import { added, mapped, merged, sumOfSquares, times } from "./internal/arrays.ts"
import { Sum } from "./Moment.ts"
import type { Moments, Operation, SolveError, Structure } from "./Structure.ts"

const operations = ({ means, space }: Moments) => {
  const diagonal = new Float32Array(space.size)
  for (const [i, { offset }] of space.blocks.entries()) diagonal.set(means[i]!, offset)
  /** Every number must be over 0 with the damping, as for an inverse or a logarithm. */
  const regular = (damping: number): Result.Result<void, SolveError> => {
    const pivot = diagonal.findIndex((value) => !(value + damping > 0))
    return pivot < 0
      ? Result.succeed(undefined)
      : Result.fail(
          new NotPositiveDefinite({
            what: "diagonal Fisher",
            pivot,
            damping,
            message: `The diagonal Fisher is ${diagonal[pivot]} at parameter ${pivot}, with damping ${damping}. Give a damping over 0.`
          })
        )
  }
  const power = (v: Float32Array, exponent: number, damping: number) =>
    Result.map(exponent < 0 ? regular(damping) : Result.succeed(undefined), () =>
      mapped(v, (value, i) => value * (diagonal[i]! + damping) ** exponent)
    )
  const eigenvalues = () => merged([new Float64Array(diagonal)])
  return {
    apply: (v: Float32Array) => mapped(diagonal, (value, i) => value * v[i]!),
    solve: (g: Float32Array, damping: number) =>
      Result.map(regular(damping), () => mapped(g, (value, i) => value / (diagonal[i]! + damping))),
    power,
    sample: (noise: Float32Array, damping: number) => power(noise, -0.5, damping),
    trace: () => diagonal.reduce((sum, value) => sum + value, 0),
    frobeniusNorm: () => Math.sqrt(sumOfSquares(diagonal)),
    spectralNorm: () => Result.succeed(diagonal.reduce((most, value) => Math.max(most, value), 0)),
    logDeterminant: (damping: number) =>
      Result.map(regular(damping), () => diagonal.reduce((sum, value) => sum + Math.log(value + damping), 0)),
    eigenvalues: () => Result.succeed(eigenvalues()),
    diagonal: () => diagonal.slice(),
    toDense: () => {
      const matrix = new Float32Array(space.size ** 2)
      for (let i = 0; i < space.size; i++) matrix[i * (space.size + 1)] = diagonal[i]!
      return matrix
    },
    scale: (factor: number) => means.map((mean) => times(mean, factor)),
    sum: (other: ReadonlyArray<Float32Array>) => added(means, other)
  }
}

/** The diagonal alone: the cheapest structure, blind to every correlation. */
export const diagonal: Structure<Exclude<Operation, "factoredSolve">> = {
  name: "diagonal",
  constants: [],
  moments: ({ blocks }) => blocks.map(({ columns, rows }) => Sum({ size: rows * columns })),
  reduce: ({ layers }) => layers.map(summedSquares),
  operations: (moments) => ({
    ...operations(moments),
    restrict: (index) => ({ structure: diagonal, means: [moments.means[index]!] })
  })
}
