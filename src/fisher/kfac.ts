/**
 * K-FAC: one Kronecker product for each layer.
 *
 * *Math*: F_l = A (x) G, with A = E[abar abar^T] over examples and G = E_x E_y[g g^T]. Where a layer has T shared positions, *expand*
 * takes the mean of A and the sum of G over them, *reduce* the factors of an example as a whole: abar is its mean over positions, g
 * its sum. In the row-major layout `[in + 1, out]` of a layer's parameters V, F_l V = A V G. A layer whose columns have inputs of
 * their own (scale and shift of a normalisation, a depthwise convolution) has the unit-wise Fisher in its place.
 * *Cost*: N (in^2 + K out^2) flops, T times that with positions, (in^2 + out^2) / 2 floats a layer.
 *
 * *Source*: Martens and Grosse 2015, section 3; for shared weights Grosse and Martens 2016 (expand, for convolutions) and Eschenhagen,
 * Immer, Turner, Schneider and Hennig 2023, section 3.
 */
import * as tf from "@tensorflow/tfjs"
import { Result } from "effect"
import type { NotPositiveDefinite } from "../Errors.ts"
import type { Kernels } from "../kernels/Kernels.ts"
import { decompose } from "../linalg/SymmetricEigen.ts"
import { cotangentMoment, inputMoment, Sharing } from "../model/Factors.ts"
import type { ParamBlock } from "../model/ParamSpace.ts"
import { requireOuter } from "../model/Score.ts"
import { product, times } from "./internal/arrays.ts"
import { byForm } from "./internal/byForm.ts"
import { dampedInverse, outweighs, roundingFloor, singular } from "./internal/damped.ts"
import { lastOf, once } from "./internal/lastOf.ts"
import { perBlock } from "./internal/perBlock.ts"
import { type Rotated, rotatedOperations } from "./internal/rotated.ts"
import { diagonal, lowerOf, meanDiagonal, squaredNorm, unpacked } from "./internal/symmetric.ts"
import { Symmetric } from "./Moment.ts"
import type { Moments, OfLayers, Operation, SolveError, Structure } from "./Structure.ts"
import { unitwise } from "./unitwise.ts"

type Able = Exclude<Operation, "sum">

/** The two factors of a block and its place. */
interface Factors {
  readonly block: ParamBlock
  /** The lower triangle of A `[rows, rows]`, and of G `[columns, columns]`, row by row. */
  readonly a: Float32Array
  readonly g: Float32Array
}

const operations = ({ kernels, means, space }: Moments) => {
  const factors: Factors = { block: space.blocks[0]!, a: means[0]!, g: means[1]! }
  const {
    a,
    block: { columns, rows },
    g
  } = factors
  const rotated = once(() => inEigenbasis(kernels, factors))
  const whole = once(() => ({ a: unpacked(a), g: unpacked(g) }))
  const inverse = lastOf((damping: number) => factoredInverse(kernels, factors, damping))
  return {
    ...rotatedOperations(kernels, rotated),
    apply: (v: Float32Array) => {
      const { a, g } = whole()
      return product(kernels, product(kernels, a, v, rows, rows, columns), g, rows, columns, columns)
    },
    factoredSolve: (v: Float32Array, damping: number) =>
      Result.map(inverse(damping), (inverted) => inverted(v)),
    trace: () => rows * meanDiagonal(a) * columns * meanDiagonal(g),
    frobeniusNorm: () => Math.sqrt(squaredNorm(a) * squaredNorm(g)),
    diagonal: () => {
      const out = new Float32Array(rows * columns)
      const [ofA, ofG] = [diagonal(a), diagonal(g)]
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < columns; j++) out[i * columns + j] = ofA[i]! * ofG[j]!
      }
      return out
    },
    toDense: () => kroneckerProduct({ ...whole(), rows, columns }),
    scale: (factor: number) => [a, times(g, factor)]
  }
}

/** Of whole matrices. */
const kroneckerProduct = ({
  a,
  columns,
  g,
  rows
}: {
  readonly a: Float32Array
  readonly g: Float32Array
  readonly rows: number
  readonly columns: number
}): Float32Array => {
  const size = rows * columns
  const out = new Float32Array(size * size)
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < rows; k++) {
      for (let j = 0; j < columns; j++) {
        for (let l = 0; l < columns; l++) {
          out[(i * columns + j) * size + k * columns + l] = a[i * rows + k]! * g[j * columns + l]!
        }
      }
    }
  }
  return out
}

/** The eigenbases of both factors, and the products of their eigenvalues. */
const inEigenbasis = (kernels: Kernels, { a, block, g }: Factors): Result.Result<Rotated, SolveError> => {
  const { columns, layer, rows } = block
  const side = (n: number, triangle: Float32Array, name: string) =>
    decompose(kernels, {
      n,
      matrix: lowerOf(triangle),
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
  { a, block: { columns, layer, rows }, g }: Factors,
  damping: number
): Result.Result<(matrix: Float32Array) => Float32Array, NotPositiveDefinite> => {
  const ratio = meanDiagonal(a) / meanDiagonal(g)
  // A factor that is zero has no scale to balance.
  const pi = ratio > 0 && Number.isFinite(ratio) ? Math.sqrt(ratio) : 1
  const root = Math.sqrt(damping)
  const left = dampedInverse(kernels, {
    n: rows,
    triangle: a,
    damping: pi * root,
    what: `K-FAC factor A of layer ${layer}`
  })
  const right = dampedInverse(kernels, {
    n: columns,
    triangle: g,
    damping: root / pi,
    what: `K-FAC factor G of layer ${layer}`
  })
  return Result.flatMap(left, (solveA) =>
    Result.map(right, (solveG) => (matrix) => solveG.fromRight(solveA.fromLeft(matrix, columns), rows))
  )
}

/** The Kronecker product of one block of the outer form. */
const kronecker = (name: string, sharing: Sharing): Structure<Able> => {
  const self: Structure<Able> = {
    name,
    constants: [],
    moments: ({ blocks }) =>
      blocks.flatMap(({ columns, rows }) => [
        Symmetric({ side: rows, count: 1 }),
        Symmetric({ side: columns, count: 1 })
      ]),
    reduce: ({ layers, share }) =>
      layers.map(requireOuter).flatMap((layer) => {
        const a = inputMoment(layer, sharing)
        return [share === 1 ? a : tf.mul(a, share), cotangentMoment(layer, sharing)]
      }),
    operations: (moments) => ({
      ...operations(moments),
      restrict: () => ({ structure: self, means: moments.means })
    })
  }
  return self
}

/** The block of a layer of units in K-FAC. Each unit's is its own only factor, so its damping is the absolute one. */
export const units: Structure<Able> = {
  ...unitwise,
  operations: (moments) => {
    const { sum: _, ...rest } = unitwise.operations(moments)
    return {
      ...rest,
      factoredSolve: rest.solve,
      restrict: () => ({ structure: units, means: moments.means })
    }
  }
}

const made = (name: string, sharing: Sharing): Structure<Able> =>
  perBlock(name, byForm(name, kronecker(name, sharing), units))

/**
 * One Kronecker product a layer: exact for a deep linear network and for one example, close elsewhere, and cheap to invert.
 *
 * Of shared positions it takes each for an example of its own (expand): exact for a linear network whose loss is a sum over them. A
 * layer of units, such as a normalisation, has the unit-wise Fisher. *Fails* when used: `InvalidArgument` for a layer whose gradients
 * are neither.
 */
export const kfac: Structure<Able> & OfLayers = made("kfac", Sharing.Expand())

/**
 * K-FAC that takes the shared positions of an example as one (reduce): exact for a linear network that averages over positions, and
 * without shared positions `kfac` itself. *Cost*: N (in^2 + K out^2) flops whatever T, and the sums over positions.
 */
export const kfacReduce: Structure<Able> & OfLayers = made("kfacReduce", Sharing.Reduce())
