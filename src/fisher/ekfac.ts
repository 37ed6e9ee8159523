/**
 * EKFAC: the eigenbases of K-FAC with the true second moments of the gradient in them.
 *
 * *Math*: with A = U_A S_A U_A^T and G = U_G S_G U_G^T, F_l = (U_A (x) U_G) diag(s) (U_A (x) U_G)^T with
 * s = E_x E_y[(U_A^T D U_G)^2], D the gradient of one example and one y. No diagonal in that basis is nearer to F.
 * *Cost*: two passes over the data: K-FAC's, then one product of the size of a gradient for any number of columns; in^2 + out^2 +
 * in out floats a layer, and in the first pass those of K-FAC.
 *
 * *Source*: George, Laurent, Bouthillier, Ballas and Vincent 2018.
 */
import * as tf from "@tensorflow/tfjs"
import { Result } from "effect"
import type { Kernels } from "../kernels/Kernels.ts"
import { decompose } from "../linalg/SymmetricEigen.ts"
import type { ParamBlock } from "../model/ParamSpace.ts"
import {
  augmentedInput,
  type OuterScore,
  requireOuter,
  stackedCotangent,
  summedSquares
} from "../model/Score.ts"
import { squaredSums } from "../tensor/Squares.ts"
import { sumOfSquares, times } from "./internal/arrays.ts"
import { byForm } from "./internal/byForm.ts"
import { outweighs, roundingFloor, singular } from "./internal/damped.ts"
import { once } from "./internal/lastOf.ts"
import { perBlockTwice } from "./internal/perBlock.ts"
import { type Rotated, rotatedOperations } from "./internal/rotated.ts"
import { lowerTo } from "./internal/symmetric.ts"
import { kfac, kfacReduce, units } from "./kfac.ts"
import { Sum } from "./Moment.ts"
import type { Moments, OfLayers, Operation, SolveError, Structure, TwoPass } from "./Structure.ts"

type Able = Exclude<Operation, "factoredSolve" | "sum">

/** U_A and U_G of a block, from the factors: in float32, as near to an eigenbasis as the rounding of the factors lets one be. */
const bases = ({ kernels, means, space }: Moments): Result.Result<ReadonlyArray<Float32Array>, SolveError> =>
  Result.all(
    means.map((triangle, i) => {
      const { columns, layer, rows } = space.blocks[0]!
      const [n, name] = i === 0 ? [rows, "A"] : [columns, "G"]
      const matrix = lowerTo(triangle, new Float32Array(n * n))
      const what = `K-FAC factor ${name} of layer ${layer}`
      return Result.map(decompose(kernels, { n, matrix, what }), ({ vectors }) => vectors)
    })
  )

/** The score of the same gradients D, turned to U_A^T D U_G: of a layer without bias, since U_A mixes it in. */
const rotate = (score: OuterScore, a: Float32Array, g: Float32Array): OuterScore => {
  const { block, cotangent } = score
  const { columns, rows } = block
  const [count, examples] = cotangent.shape
  const input: tf.Tensor2D = tf.matMul(augmentedInput(score), tf.tensor2d(a, [rows, rows]))
  const turned: tf.Tensor2D = tf.matMul(stackedCotangent(score), tf.tensor2d(g, [columns, columns]))
  return {
    ...score,
    block: { ...block, bias: false },
    input,
    cotangent: turned.reshape([count, examples, columns])
  }
}

/**
 * `sum_{k,n} (U_A^T D U_G)^2`. Where there are more positions than a gradient has rows and columns, the gradients are turned and not what
 * they are made of: either way it is two products.
 */
const squaresInBases = (score: OuterScore, a: Float32Array, g: Float32Array): tf.Tensor2D => {
  const { block, cotangent, input, positions } = score
  const { bias, columns, rows } = block
  const count = cotangent.shape[0]
  const first = positions * (rows * rows + count * columns * columns)
  const then = count * rows * columns * (rows + columns)
  const own =
    positions > 1 && then < first
      ? squaredSums({
          ...{ input, cotangent, positions, bias },
          turned: { left: tf.tensor2d(a, [rows, rows]), right: tf.tensor2d(g, [columns, columns]) }
        })
      : undefined
  return own ?? summedSquares(rotate(score, a, g))
}

const inBases = ([a, g]: ReadonlyArray<Float32Array>, { means, space }: Moments): Rotated => {
  const block = space.blocks[0]!
  const values = new Float64Array(means[0]!)
  const largest = values.reduce((most, value) => Math.max(most, value), 0)
  const least = values.reduce((most, value) => Math.min(most, value), Number.POSITIVE_INFINITY)
  const sound = isSound(values, block)
  return {
    block,
    a: new Float64Array(a!),
    g: new Float64Array(g!),
    values,
    singular: (damping) =>
      sound || outweighs(damping, largest)
        ? undefined
        : singular(`EKFAC block of layer ${block.layer}`, least, damping)
  }
}

/**
 * Whether every scaling is more than rounding. One of a direction without gradient gets the square of what rounding leaves of the
 * largest; but a factor was rounded to float32 before its eigenvectors were taken, so a direction of U_A (or U_G) without gradient is
 * known by the sum of its scalings, as an eigenvalue of the factor is.
 */
const isSound = (values: Float64Array, { columns, rows }: ParamBlock): boolean => {
  const ofA = new Float64Array(rows)
  const ofG = new Float64Array(columns)
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      ofA[i] = ofA[i]! + values[i * columns + j]!
      ofG[j] = ofG[j]! + values[i * columns + j]!
    }
  }
  const over = (of: Float64Array, floor: (largest: number) => number): boolean => {
    const largest = of.reduce((most, value) => Math.max(most, value), 0)
    return of.every((value) => value > floor(largest))
  }
  const squared = (largest: number) => (Math.max(rows, columns, 16) * 2 ** -24) ** 2 * largest
  return (
    over(values, squared) &&
    over(ofA, (largest) => roundingFloor(rows, largest, 0)) &&
    over(ofG, (largest) => roundingFloor(columns, largest, 0))
  )
}

/** (U_A^2) s (U_G^2)^T. */
const diagonalOf = (kernels: Kernels, { a, block: { columns, rows }, g, values }: Rotated): Float64Array => {
  const square = (basis: Float64Array) => basis.map((entry) => entry * entry)
  const left = new Float64Array(rows * columns)
  kernels.gemm({ m: rows, n: columns, k: rows, a: square(a), b: values, out: left })
  const out = new Float64Array(rows * columns)
  kernels.gemm({ m: rows, n: columns, k: columns, a: left, b: square(g), out, transposeB: true })
  return out
}

/** The block written out, exactly symmetric: the product of R = diag(sqrt s) (U_A (x) U_G)^T with itself. */
const blockOf = (kernels: Kernels, { a, block: { columns, rows }, g, values }: Rotated): Float64Array => {
  const size = rows * columns
  const root = new Float64Array(size * size)
  for (let at = 0; at < size; at++) {
    const [p, q] = [Math.floor(at / columns), at % columns]
    const scale = Math.sqrt(values[at]!)
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        root[at * size + i * columns + j] = scale * a[i * rows + p]! * g[j * columns + q]!
      }
    }
  }
  const out = new Float64Array(size * size)
  kernels.syrk({ rows: size, n: size, a: root, out })
  return out
}

const operations = (constants: ReadonlyArray<Float32Array>, moments: Moments) => {
  const { kernels, means } = moments
  const own = once(() => inBases(constants, moments))
  const rotated = rotatedOperations(kernels, () => Result.succeed(own()))
  return {
    ...rotated,
    apply: (v: Float32Array) => Result.getOrThrow(rotated.power(v, 1, 0)),
    trace: () => own().values.reduce((sum, value) => sum + value, 0),
    frobeniusNorm: () => Math.sqrt(sumOfSquares(means[0]!)),
    diagonal: () => new Float32Array(diagonalOf(kernels, own())),
    toDense: () => new Float32Array(blockOf(kernels, own())),
    scale: (factor: number) => [times(means[0]!, factor)]
  }
}

/** What the second pass takes of a block: the squares of the gradients in these bases. */
const scalings = (name: string, constants: ReadonlyArray<Float32Array>): Structure<Able> => {
  const self: Structure<Able> = {
    name,
    constants,
    moments: ({ blocks }) => blocks.map(({ columns, rows }) => Sum({ size: rows * columns })),
    reduce: ({ layers }) =>
      layers.map((score) => squaresInBases(requireOuter(score), constants[0]!, constants[1]!)),
    operations: (moments) => ({
      ...operations(constants, moments),
      restrict: () => ({ structure: self, means: moments.means })
    })
  }
  return self
}

/** The block of a layer of units: it has no bases to find. */
const inUnits: TwoPass<Able> = {
  name: units.name,
  first: units,
  prepare: () => Result.succeed([]),
  second: () => units
}

const made = (name: string, first: Structure<Able>): TwoPass<Able> => {
  const outer: TwoPass<Able> = {
    name,
    first,
    prepare: bases,
    second: (constants) => scalings(name, constants.slice(0, 2))
  }
  // The first pass has the name and the sums of K-FAC: those of an estimate of K-FAC may be its own.
  return perBlockTwice(name, first.name, byForm(name, outer, inUnits))
}

/**
 * K-FAC's eigenbases with true scalings: never farther from the F of the same draws than K-FAC, and with its trace. Two passes over the
 * data. A layer of units has the unit-wise Fisher, and what K-FAC refuses, it refuses.
 */
export const ekfac: TwoPass<Able> & OfLayers = made("ekfac", kfac)

/** The same in the eigenbases of `kfacReduce`. */
export const ekfacReduce: TwoPass<Able> & OfLayers = made("ekfacReduce", kfacReduce)
