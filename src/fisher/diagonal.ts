/**
 * The diagonal of the Fisher: P numbers.
 *
 * *Math*: F_ii = (1/N) sum_n sum_k (g_nk)_i^2. *Cost*: one product of the size of a gradient, for any number of columns; P floats.
 */
import { Result } from "effect"
import { NotPositiveDefinite } from "../Errors.ts"
import { summedSquares } from "../model/Score.ts"
import { sumOfSquares } from "./internal/arrays.ts"
import type { Moments, Structure } from "./Structure.ts"

const operations = ({ means, space }: Moments) => {
  const diagonal = new Float32Array(space.size)
  for (const [i, { offset }] of space.blocks.entries()) diagonal.set(means[i]!, offset)
  return {
    apply: (v: Float32Array) => diagonal.map((value, i) => value * v[i]!),
    solve: (g: Float32Array, damping: number) => {
      const pivot = diagonal.findIndex((value) => !(value + damping > 0))
      return pivot < 0
        ? Result.succeed(g.map((value, i) => value / (diagonal[i]! + damping)))
        : Result.fail(
            new NotPositiveDefinite({
              what: "diagonal Fisher",
              pivot,
              damping,
              message: `The diagonal Fisher is ${diagonal[pivot]} at parameter ${pivot}, with damping ${damping}. Give a damping over 0.`
            })
          )
    },
    trace: () => diagonal.reduce((sum, value) => sum + value, 0),
    frobeniusNorm: () => Math.sqrt(sumOfSquares(diagonal)),
    diagonal: () => diagonal.slice(),
    toDense: () => {
      const matrix = new Float32Array(space.size ** 2)
      for (let i = 0; i < space.size; i++) matrix[i * (space.size + 1)] = diagonal[i]!
      return matrix
    }
  }
}

/** The diagonal alone: the cheapest structure, blind to every correlation. */
export const diagonal: Structure<"apply" | "solve" | "trace" | "frobeniusNorm" | "diagonal" | "toDense"> = {
  name: "diagonal",
  sizes: ({ blocks }) => blocks.map(({ columns, rows }) => rows * columns),
  reduce: ({ layers }) => layers.map(summedSquares),
  operations
}
