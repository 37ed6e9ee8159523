/** What the dense Fisher and the one of dense layer blocks have in common: a list of square blocks along the diagonal. */
import * as tf from "@tensorflow/tfjs"
import { Result } from "effect"
import type { Kernels } from "../../kernels/Kernels.ts"
import { gradients, type Score } from "../../model/Score.ts"
import { sumOf } from "../../tensor/Device.ts"
import type { SolveError } from "../Structure.ts"
import { matrixVector, meanDiagonal, sumOfSquares } from "./arrays.ts"
import { dampedFactor, solveDamped } from "./damped.ts"
import { lastOf } from "./lastOf.ts"

/** A dense block of the parameters `offset` to `offset + size`. */
export interface DenseBlock {
  /** For errors. */
  readonly what: string
  readonly offset: number
  readonly size: number
  /** `[size, size]`, symmetric. */
  readonly matrix: Float32Array
}

/** How many numbers of written-out gradients are on the device at once. */
const gradientBudget = 2 ** 23

/** `sum_{k,n} g g^T` over the parameters of some layers, by groups of columns that stay within the budget. */
export const gramOfGradients = (
  layers: ReadonlyArray<Score>,
  columns: number,
  examples: number
): tf.Tensor2D => {
  const size = layers.reduce((sum, { block }) => sum + block.rows * block.columns, 0)
  const atOnce = Math.max(1, Math.floor(gradientBudget / Math.max(1, examples * size)))
  return sumOf(Math.ceil(columns / atOnce), (group) => {
    const from = group * atOnce
    const to = Math.min(columns, from + atOnce)
    const parts = layers.map((layer) => gradients(layer, from, to))
    const rows = parts.length === 1 ? parts[0]! : tf.concat(parts, 1)
    return tf.matMul(rows, rows, true, false)
  })
}

/** The operations on P parameters whose Fisher is these blocks, and zero between them. */
export const blockOperations = (kernels: Kernels, parameters: number, blocks: ReadonlyArray<DenseBlock>) => {
  const factors = blocks.map(({ matrix, size, what }) =>
    lastOf((damping: number) => dampedFactor(kernels, { n: size, matrix, damping, what }))
  )
  const part = (v: Float32Array, { offset, size }: DenseBlock): Float32Array =>
    v.subarray(offset, offset + size)
  return {
    apply: (v: Float32Array) => {
      const out = new Float32Array(parameters)
      for (const block of blocks) out.set(matrixVector(block.matrix, part(v, block)), block.offset)
      return out
    },
    solve: (g: Float32Array, damping: number): Result.Result<Float32Array, SolveError> =>
      Result.gen(function* () {
        const out = new Float32Array(parameters)
        for (const [i, block] of blocks.entries()) {
          out.set(solveDamped(yield* factors[i]!(damping), part(g, block), 1), block.offset)
        }
        return out
      }),
    trace: () => blocks.reduce((sum, { matrix, size }) => sum + size * meanDiagonal(matrix, size), 0),
    frobeniusNorm: () => Math.sqrt(blocks.reduce((sum, { matrix }) => sum + sumOfSquares(matrix), 0)),
    diagonal: () => {
      const out = new Float32Array(parameters)
      for (const { matrix, offset, size } of blocks) {
        for (let i = 0; i < size; i++) out[offset + i] = matrix[i * (size + 1)]!
      }
      return out
    },
    toDense: () => {
      const out = new Float32Array(parameters ** 2)
      for (const { matrix, offset, size } of blocks) {
        for (let i = 0; i < size; i++) {
          out.set(matrix.subarray(i * size, (i + 1) * size), (offset + i) * parameters + offset)
        }
      }
      return out
    }
  }
}
