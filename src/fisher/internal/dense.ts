/** What the dense Fisher and the one of dense layer blocks have in common: a list of square blocks along the diagonal. */
import type * as tf from "@tensorflow/tfjs"
import { Result } from "effect"
import type { Kernels } from "../../kernels/Kernels.ts"
import { backSolve, logDeterminant } from "../../linalg/Cholesky.ts"
import { decompose, eigenvalues } from "../../linalg/SymmetricEigen.ts"
import { gradientRows, type Score } from "../../model/Score.ts"
import { sumOf } from "../../tensor/Device.ts"
import { packedGram } from "../../tensor/Gram.ts"
import type { SolveError } from "../Structure.ts"
import { merged } from "./arrays.ts"
import { dampedFactor, roundingFloor, singular, solveDamped } from "./damped.ts"
import { lastOf, once } from "./lastOf.ts"
import { diagonal, lowerOf, meanDiagonal, squaredNorm, timesVector, unpacked } from "./symmetric.ts"

/** A dense block of the parameters `offset` to `offset + size`. */
export interface DenseBlock {
  /** For errors. */
  readonly what: string
  readonly offset: number
  readonly size: number
  /** Its lower triangle, row by row. */
  readonly triangle: Float32Array
}

/** How many numbers of written-out gradients are on the device at once. */
const gradientBudget = 2 ** 23

/** How many columns of gradients to write out at once, where one is so many numbers. */
export const columnsAtOnce = (numbers: number): number =>
  Math.max(1, Math.floor(gradientBudget / Math.max(1, numbers)))

/** The lower triangle of `sum_{k,n} g g^T` over the parameters of some layers, by groups of columns that stay within the budget. */
export const gramOfGradients = (
  layers: ReadonlyArray<Score>,
  columns: number,
  examples: number
): tf.Tensor1D => {
  const size = layers.reduce((sum, { block }) => sum + block.rows * block.columns, 0)
  const atOnce = columnsAtOnce(examples * size)
  return sumOf(Math.ceil(columns / atOnce), (group) => {
    const from = group * atOnce
    const to = Math.min(columns, from + atOnce)
    return packedGram(gradientRows(layers, from, to))
  })
}

/** The operations on P parameters whose Fisher is these blocks, and zero between them. */
export const blockOperations = (kernels: Kernels, parameters: number, blocks: ReadonlyArray<DenseBlock>) => {
  const factors = blocks.map(({ triangle, size, what }) =>
    lastOf((damping: number) => dampedFactor(kernels, { n: size, triangle, damping, what }))
  )
  const spectra = blocks.map((block) => once(() => eigenbasis(kernels, block)))
  const values = once(() =>
    Result.map(
      Result.all(
        blocks.map(({ triangle, size, what }) =>
          eigenvalues(kernels, { n: size, matrix: lowerOf(triangle), what })
        )
      ),
      merged
    )
  )
  /** Maps each block's part of a vector; a failure of one is the failure of all. */
  const eachBlock = (
    v: Float32Array,
    f: (part: Float32Array, i: number) => Result.Result<ArrayLike<number>, SolveError>
  ): Result.Result<Float32Array, SolveError> =>
    Result.gen(function* () {
      const out = new Float32Array(parameters)
      for (const [i, { offset, size }] of blocks.entries()) {
        out.set(yield* f(v.subarray(offset, offset + size), i), offset)
      }
      return out
    })
  return {
    apply: (v: Float32Array) => {
      const out = new Float32Array(parameters)
      for (const { offset, size, triangle } of blocks) {
        out.set(timesVector(triangle, v.subarray(offset, offset + size)), offset)
      }
      return out
    },
    solve: (g: Float32Array, damping: number) =>
      eachBlock(g, (part, i) => Result.map(factors[i]!(damping), (factor) => solveDamped(factor, part, 1))),
    power: (v: Float32Array, exponent: number, damping: number) =>
      eachBlock(v, (part, i) =>
        Result.flatMap(spectra[i]!(), (basis) => powerIn(basis, blocks[i]!.what, part, exponent, damping))
      ),
    sample: (noise: Float32Array, damping: number) =>
      eachBlock(noise, (part, i) => Result.map(factors[i]!(damping), (factor) => backSolve(factor, part))),
    trace: () => blocks.reduce((sum, { size, triangle }) => sum + size * meanDiagonal(triangle), 0),
    frobeniusNorm: () => Math.sqrt(blocks.reduce((sum, { triangle }) => sum + squaredNorm(triangle), 0)),
    spectralNorm: () => Result.map(values(), (all) => all.at(-1)!),
    logDeterminant: (damping: number): Result.Result<number, SolveError> =>
      Result.map(Result.all(factors.map((factor) => factor(damping))), (made) =>
        made.reduce((sum, factor) => sum + logDeterminant(factor), 0)
      ),
    eigenvalues: () => Result.map(values(), (all) => all.slice()),
    diagonal: () => {
      const out = new Float32Array(parameters)
      for (const { offset, triangle } of blocks) out.set(diagonal(triangle), offset)
      return out
    },
    toDense: () => {
      const out = new Float32Array(parameters ** 2)
      for (const { offset, size, triangle } of blocks) {
        const matrix = unpacked(triangle)
        for (let i = 0; i < size; i++) {
          out.set(matrix.subarray(i * size, (i + 1) * size), (offset + i) * parameters + offset)
        }
      }
      return out
    }
  }
}

/** The eigenvalues and eigenvectors of a symmetric matrix. */
interface Eigenbasis {
  readonly values: Float64Array
  /** `[n, n]`, the eigenvectors in columns. */
  readonly vectors: Float64Array
}

const eigenbasis = (
  kernels: Kernels,
  { size, triangle, what }: DenseBlock
): Result.Result<Eigenbasis, SolveError> => decompose(kernels, { n: size, matrix: lowerOf(triangle), what })

/** U (S + damping I)^exponent U^T v. */
const powerIn = (
  { values, vectors }: Eigenbasis,
  what: string,
  v: Float32Array,
  exponent: number,
  damping: number
): Result.Result<Float64Array, SolveError> => {
  const n = v.length
  const floor = roundingFloor(n, values[n - 1]!, damping)
  if (exponent < 0 && !(Math.max(0, values[0]!) + damping > floor)) {
    return Result.fail(singular(what, values[0]!, damping))
  }
  const rotated = new Float64Array(n)
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) rotated[j] = rotated[j]! + vectors[i * n + j]! * v[i]!
  for (let j = 0; j < n; j++) rotated[j] = rotated[j]! * (Math.max(0, values[j]!) + damping) ** exponent
  const out = new Float64Array(n)
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) out[i] = out[i]! + vectors[i * n + j]! * rotated[j]!
  return Result.succeed(out)
}
