/**
 * K-FAC: one Kronecker product for each layer.
 *
 * *Math*: F_l = A (x) G, with A = E[abar abar^T] over examples (and the mean over shared positions) and G = E_x E_y[g g^T] (summed
 * over them). In the row-major layout `[in + 1, out]` of a layer's parameters V, F_l V = A V G.
 * *Cost*: N (in^2 + K out^2) flops, in^2 + out^2 floats a layer.
 *
 * *Source*: Martens and Grosse 2015, section 3; with shared weights the expand form of Eschenhagen et al. 2023.
 */
import * as tf from "@tensorflow/tfjs"
import { Result } from "effect"
import type { NotPositiveDefinite } from "../Errors.ts"
import type { Kernels } from "../kernels/Kernels.ts"
import { decompose } from "../linalg/SymmetricEigen.ts"
import type { ParamBlock } from "../model/ParamSpace.ts"
import { cotangentMoment, inputMoment } from "../model/Factors.ts"
import { requireOuter } from "../model/Score.ts"
import { meanDiagonal, product, sumOfSquares, times } from "./internal/arrays.ts"
import { dampedInverse, outweighs, roundingFloor, singular } from "./internal/damped.ts"
import { lastOf, once } from "./internal/lastOf.ts"
import { type Rotated, rotatedOperations } from "./internal/rotated.ts"
import { Sum } from "./Moment.ts"
import type { Moments, Operation, SolveError, Structure } from "./Structure.ts"

/** The two factors of a layer and its place. */
interface Layer {
  readonly block: ParamBlock
  /** `[rows, rows]` */
  readonly a: Float32Array
  /** `[columns, columns]` */
  readonly g: Float32Array
}

const operations = ({ kernels, means, space }: Moments) => {
  const layers: ReadonlyArray<Layer> = space.blocks.map((block, i) => ({
    block,
    a: means[2 * i]!,
    g: means[2 * i + 1]!
  }))
  /** Maps each layer's matrix V of a vector; a failure of one is the failure of all. */
  const eachLayer = <E>(
    v: Float32Array,
    f: (matrix: Float32Array, layer: number) => Result.Result<Float32Array, E>
  ): Result.Result<Float32Array, E> => {
    const out = new Float32Array(v.length)
    for (const [i, { block }] of layers.entries()) {
      const mapped = f(v.subarray(block.offset, block.offset + block.rows * block.columns), i)
      if (Result.isFailure(mapped)) return Result.fail(mapped.failure)
      out.set(mapped.success, block.offset)
    }
    return Result.succeed(out)
  }
  const rotated = once(() => Result.all(layers.map((layer) => inEigenbasis(kernels, layer))))
  const inverses = layers.map((layer) =>
    lastOf((damping: number) => factoredInverse(kernels, layer, damping))
  )
  return {
    ...rotatedOperations(kernels, space.size, rotated),
    apply: (v: Float32Array) =>
      Result.getOrThrow(
        eachLayer(v, (matrix, i) => {
          const { a, block, g } = layers[i]!
          const left = product(kernels, a, matrix, block.rows, block.rows, block.columns)
          return Result.succeed(product(kernels, left, g, block.rows, block.columns, block.columns))
        })
      ),
    factoredSolve: (v: Float32Array, damping: number) =>
      eachLayer(v, (matrix, i) => Result.map(inverses[i]!(damping), (inverse) => inverse(matrix))),
    trace: () =>
      layers.reduce(
        (sum, { a, block, g }) =>
          sum + block.rows * meanDiagonal(a, block.rows) * block.columns * meanDiagonal(g, block.columns),
        0
      ),
    frobeniusNorm: () =>
      Math.sqrt(layers.reduce((sum, { a, g }) => sum + sumOfSquares(a) * sumOfSquares(g), 0)),
    diagonal: () => {
      const out = new Float32Array(space.size)
      for (const { a, block, g } of layers) {
        for (let i = 0; i < block.rows; i++) {
          for (let j = 0; j < block.columns; j++) {
            out[block.offset + i * block.columns + j] = a[i * (block.rows + 1)]! * g[j * (block.columns + 1)]!
          }
        }
      }
      return out
    },
    toDense: () => {
      const out = new Float32Array(space.size ** 2)
      for (const layer of layers) writeKronecker(layer, out, space.size)
      return out
    },
    scale: (factor: number) => means.map((mean, i) => (i % 2 === 0 ? mean : times(mean, factor)))
  }
}

const writeKronecker = (
  { a, block: { columns, offset, rows }, g }: Layer,
  out: Float32Array,
  size: number
): void => {
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < rows; k++) {
      for (let j = 0; j < columns; j++) {
        for (let l = 0; l < columns; l++) {
          out[(offset + i * columns + j) * size + offset + k * columns + l] =
            a[i * rows + k]! * g[j * columns + l]!
        }
      }
    }
  }
}

/** The eigenbases of both factors, and the products of their eigenvalues. */
const inEigenbasis = (kernels: Kernels, { a, block, g }: Layer): Result.Result<Rotated, SolveError> => {
  const { columns, layer, rows } = block
  const side = (n: number, matrix: Float32Array, name: string) =>
    decompose(kernels, {
      n,
      matrix: new Float64Array(matrix),
      what: `K-FAC factor ${name} of layer ${layer}`
    })
  return Result.map(Result.all([side(rows, a, "A"), side(columns, g, "G")]), ([left, right]) => {
    // The factors are positive semidefinite: an eigenvalue below 0 is rounding.
    const values = new Float64Array(rows * columns)
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        values[i * columns + j] = Math.max(0, left.values[i]!) * Math.max(0, right.values[j]!)
      }
    }
    // Each factor was measured in float32 by itself: a product of two small eigenvalues is sound where each of the two is.
    const rounding = (of: Float64Array): boolean => of[0]! <= roundingFloor(of.length, of.at(-1)!, 0)
    const sound = !rounding(left.values) && !rounding(right.values)
    return {
      block,
      a: left.vectors,
      g: right.vectors,
      values,
      singular: (damping) =>
        sound || outweighs(damping, values.at(-1)!)
          ? undefined
          : singular(`K-FAC block of layer ${layer}`, values[0]!, damping)
    }
  })
}

/** (A + pi sqrt(damping) I)^-1 V (G + sqrt(damping) / pi I)^-1, as a function of V. */
const factoredInverse = (
  kernels: Kernels,
  { a, block: { columns, layer, rows }, g }: Layer,
  damping: number
): Result.Result<(matrix: Float32Array) => Float32Array, NotPositiveDefinite> => {
  const ratio = meanDiagonal(a, rows) / meanDiagonal(g, columns)
  // A factor that is zero has no scale to balance.
  const pi = ratio > 0 && Number.isFinite(ratio) ? Math.sqrt(ratio) : 1
  const root = Math.sqrt(damping)
  const left = dampedInverse(kernels, {
    n: rows,
    matrix: a,
    damping: pi * root,
    what: `K-FAC factor A of layer ${layer}`
  })
  const right = dampedInverse(kernels, {
    n: columns,
    matrix: g,
    damping: root / pi,
    what: `K-FAC factor G of layer ${layer}`
  })
  return Result.flatMap(left, (solveA) =>
    Result.map(right, (solveG) => (matrix) => solveG.fromRight(solveA.fromLeft(matrix, columns), rows))
  )
}

/** One Kronecker product a layer: exact for a deep linear network and for one example, close elsewhere, and cheap to invert. */
export const kfac: Structure<Exclude<Operation, "sum">> = {
  name: "kfac",
  constants: [],
  moments: ({ blocks }) =>
    blocks.flatMap(({ columns, rows }) => [Sum({ size: rows * rows }), Sum({ size: columns * columns })]),
  reduce: ({ layers, share }) =>
    layers.map(requireOuter).flatMap((layer) => {
      const a = inputMoment(layer)
      return [share === 1 ? a : tf.mul(a, share), cotangentMoment(layer)]
    }),
  operations: (moments) => ({
    ...operations(moments),
    restrict: (index) => ({ structure: kfac, means: moments.means.slice(2 * index, 2 * index + 2) })
  })
}
