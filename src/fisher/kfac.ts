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
import { NotPositiveDefinite } from "../Errors.ts"
import type { Kernels } from "../kernels/Kernels.ts"
import { decompose } from "../linalg/SymmetricEigen.ts"
import type { ParamBlock } from "../model/ParamSpace.ts"
import { cotangentMoment, inputMoment } from "../model/Score.ts"
import { meanDiagonal, product, sumOfSquares } from "./internal/arrays.ts"
import { dampedInverse, outweighs, roundingFloor } from "./internal/damped.ts"
import { lastOf, once } from "./internal/lastOf.ts"
import type { Moments, SolveError, Structure } from "./Structure.ts"

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
  const eigen = layers.map((layer) => once(() => kroneckerEigen(kernels, layer)))
  const inverses = layers.map((layer) =>
    lastOf((damping: number) => factoredInverse(kernels, layer, damping))
  )
  return {
    apply: (v: Float32Array) =>
      Result.getOrThrow(
        eachLayer(v, (matrix, i) => {
          const { a, block, g } = layers[i]!
          const left = product(kernels, a, matrix, block.rows, block.rows, block.columns)
          return Result.succeed(product(kernels, left, g, block.rows, block.columns, block.columns))
        })
      ),
    solve: (v: Float32Array, damping: number) =>
      eachLayer(v, (matrix, i) =>
        Result.flatMap(eigen[i]!(), (made) => solveEigen(kernels, layers[i]!, made, matrix, damping))
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
    }
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

interface KroneckerEigen {
  readonly a: { readonly values: Float64Array; readonly vectors: Float64Array }
  readonly g: { readonly values: Float64Array; readonly vectors: Float64Array }
}

const kroneckerEigen = (
  kernels: Kernels,
  { a, block, g }: Layer
): Result.Result<KroneckerEigen, SolveError> => {
  const side = (n: number, matrix: Float32Array, name: string) =>
    decompose(kernels, {
      n,
      matrix: new Float64Array(matrix),
      what: `K-FAC factor ${name} of layer ${block.layer}`
    })
  return Result.flatMap(side(block.rows, a, "A"), (left) =>
    Result.map(side(block.columns, g, "G"), (right) => ({ a: left, g: right }))
  )
}

/** U_A [(U_A^T V U_G) / (s_A s_G^T + damping)] U_G^T: the exact (A (x) G + damping I)^-1 V. */
const solveEigen = (
  kernels: Kernels,
  { block: { columns, layer, rows } }: Layer,
  { a, g }: KroneckerEigen,
  matrix: Float32Array,
  damping: number
): Result.Result<Float32Array, NotPositiveDefinite> => {
  const multiply = (
    m: number,
    k: number,
    n: number,
    left: Float64Array,
    right: Float64Array,
    transposes: { readonly transposeA?: boolean; readonly transposeB?: boolean } = {}
  ): Float64Array => {
    const out = new Float64Array(m * n)
    kernels.gemm({ m, n, k, a: left, b: right, out, ...transposes })
    return out
  }
  // The factors are positive semidefinite: an eigenvalue below 0 is rounding.
  const eigenvalue = (i: number, j: number): number => Math.max(0, a.values[i]!) * Math.max(0, g.values[j]!)
  const largest = eigenvalue(rows - 1, columns - 1)
  // Each factor was measured in float32 by itself: a product of two small eigenvalues is sound where each of the two is.
  const rounding = (values: Float64Array): boolean =>
    values[0]! <= roundingFloor(values.length, values.at(-1)!, 0)
  if (!outweighs(damping, largest) && (rounding(a.values) || rounding(g.values))) {
    const value = Math.max(0, a.values[0]!) * Math.max(0, g.values[0]!) + damping
    return Result.fail(
      new NotPositiveDefinite({
        what: `K-FAC block of layer ${layer}`,
        pivot: 0,
        damping,
        message: `The K-FAC block of layer ${layer} is singular to rounding: its least eigenvalue is ${value} with damping ${damping}. Give more damping.`
      })
    )
  }
  const rotated = multiply(
    rows,
    columns,
    columns,
    multiply(rows, rows, columns, a.vectors, new Float64Array(matrix), { transposeA: true }),
    g.vectors
  )
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      rotated[i * columns + j] = rotated[i * columns + j]! / (eigenvalue(i, j) + damping)
    }
  }
  const back = multiply(
    rows,
    columns,
    columns,
    multiply(rows, rows, columns, a.vectors, rotated),
    g.vectors,
    { transposeB: true }
  )
  return Result.succeed(new Float32Array(back))
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
export const kfac: Structure<
  "apply" | "solve" | "factoredSolve" | "trace" | "frobeniusNorm" | "diagonal" | "toDense"
> = {
  name: "kfac",
  sizes: ({ blocks }) => blocks.flatMap(({ columns, rows }) => [rows * rows, columns * columns]),
  reduce: ({ layers, share }) =>
    layers.flatMap((layer) => {
      const a = inputMoment(layer)
      return [share === 1 ? a : tf.mul(a, share), cotangentMoment(layer)]
    }),
  operations
}
