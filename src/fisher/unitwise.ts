/**
 * The unit-wise Fisher: for each column of a layer's matrix, the parameters of one unit, a dense block of its own.
 *
 * *Math*: with D `[rows, columns]` the gradient of one example and one y, the block of column o is E_x E_y[D_o D_o^T], D_o the
 * `[rows]` column o of D; zero between columns. *Cost*: K N P_l floats of gradients, rows times as many multiplications (N rows P_l
 * with one position, for any number of columns K), sum_l columns rows^2 / 2 floats, columns rows^3 / 3 flops to factor once for each
 * damping.
 *
 * The units of a dense layer are its outputs with their weights and bias; those of a normalisation are the channels, each with its
 * scale and shift; those of a depthwise convolution its filters.
 *
 * *Source*: Ollivier 2015, Riemannian metrics for neural networks I (the unitwise natural gradient); for scale and shift of
 * normalisations Osawa, Tsuji, Ueno, Naruse, Foo and Yokota 2020, Scalable and practical natural gradient.
 */
import * as tf from "@tensorflow/tfjs"
import { Result } from "effect"
import { packedLength } from "../kernels/packed.ts"
import type { ParamBlock } from "../model/ParamSpace.ts"
import { augmentedInput, gradients, type Score } from "../model/Score.ts"
import { sumOf } from "../tensor/Device.ts"
import { packedGram } from "../tensor/Gram.ts"
import { partByPart } from "../tensor/Parts.ts"
import { added, times } from "./internal/arrays.ts"
import { blockOperations, columnsAtOnce } from "./internal/dense.ts"
import { unpacked } from "./internal/symmetric.ts"
import { Symmetric } from "./Moment.ts"
import type { Moments, Operation, SolveError, Structure } from "./Structure.ts"

/** x_o^T x_o for each column o, their lower triangles one after the other, from the rows x_o `[., rows]`. */
const grams = (columns: number, rowsOf: (column: number) => tf.Tensor2D): tf.Tensor1D =>
  tf.concat([
    ...partByPart(
      Array.from({ length: columns }, (_, o) => o),
      (o) => [packedGram(rowsOf(o))]
    )
  ]) as tf.Tensor1D

/** `sum_{k,n} D_o D_o^T` for each column o, as `grams` has them. */
const unitMoments = (score: Score, count: number, examples: number): tf.Tensor1D => {
  const { columns, rows } = score.block
  if (score._tag === "Outer" && score.positions === 1) {
    // D_o is g_o abar: for all K columns together a root of sum_k g_o^2.
    const abar = augmentedInput(score)
    const roots = tf.sqrt(tf.sum(tf.square(score.cotangent), 0))
    return grams(columns, (o) => tf.mul(abar, tf.slice(roots, [0, o], [examples, 1])))
  }
  const atOnce = columnsAtOnce(examples * rows * columns)
  return sumOf(Math.ceil(count / atOnce), (group) => {
    const from = group * atOnce
    const each = gradients(score, from, Math.min(count, from + atOnce))
    const lines = each.shape[0]
    const units = tf.transpose(each.reshape<tf.Tensor3D>([lines, rows, columns]), [2, 0, 1])
    return grams(columns, (o) => tf.slice(units, [o, 0, 0], [1, lines, rows]).reshape([lines, rows]))
  })
}

/** Where the parameters lie in the vector, unit after unit. */
const unitOrder = (blocks: ReadonlyArray<ParamBlock>, size: number): Int32Array => {
  const order = new Int32Array(size)
  let next = 0
  for (const { columns, offset, rows } of blocks) {
    for (let o = 0; o < columns; o++) {
      for (let i = 0; i < rows; i++) order[next++] = offset + i * columns + o
    }
  }
  return order
}

const operations = ({ kernels, means, space: { blocks, size } }: Moments) => {
  const order = unitOrder(blocks, size)
  const units = blocks.flatMap(({ columns, layer, offset, rows }, l) => {
    const length = packedLength(rows)
    return Array.from({ length: columns }, (_, o) => ({
      what: `Fisher of unit ${o} of layer ${layer}`,
      offset: offset + o * rows,
      size: rows,
      triangle: means[l]!.subarray(o * length, (o + 1) * length)
    }))
  })
  const { apply, diagonal, power, sample, solve, ...rest } = blockOperations(kernels, size, units)
  const byUnit = (v: Float32Array): Float32Array => Float32Array.from(order, (place) => v[place]!)
  const back = (v: Float32Array): Float32Array => {
    const out = new Float32Array(size)
    for (const [i, place] of order.entries()) out[place] = v[i]!
    return out
  }
  const mapped = (v: Result.Result<Float32Array, SolveError>) => Result.map(v, back)
  return {
    ...rest,
    apply: (v: Float32Array) => back(apply(byUnit(v))),
    solve: (g: Float32Array, damping: number) => mapped(solve(byUnit(g), damping)),
    power: (v: Float32Array, exponent: number, damping: number) =>
      mapped(power(byUnit(v), exponent, damping)),
    sample: (noise: Float32Array, damping: number) => mapped(sample(byUnit(noise), damping)),
    diagonal: () => back(diagonal()),
    toDense: () => {
      const out = new Float32Array(size ** 2)
      for (const { offset, size: rows, triangle } of units) {
        const matrix = unpacked(triangle)
        for (let i = 0; i < rows; i++) {
          for (let j = 0; j < rows; j++) {
            out[order[offset + i]! * size + order[offset + j]!] = matrix[i * rows + j]!
          }
        }
      }
      return out
    },
    scale: (factor: number) => means.map((mean) => times(mean, factor)),
    sum: (other: ReadonlyArray<Float32Array>) => added(means, other)
  }
}

/** A dense block for each unit of each layer: exact within a unit, blind to what units have in common. For layers of small units. */
export const unitwise: Structure<Exclude<Operation, "factoredSolve">> = {
  name: "unitwise",
  constants: [],
  moments: ({ blocks }) => blocks.map(({ columns, rows }) => Symmetric({ side: rows, count: columns })),
  reduce: ({ columns, examples, layers }) => layers.map((score) => unitMoments(score, columns, examples)),
  operations: (moments) => ({
    ...operations(moments),
    restrict: (index) => ({ structure: unitwise, means: [moments.means[index]!] })
  })
}
