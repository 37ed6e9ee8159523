/**
 * The score of a layer: the gradients of its parameters for every example and every column of cotangents, not multiplied out.
 *
 * A dense layer s = W^T a + b has, for the cotangent g of s, the gradient abar g^T, with abar = [a; 1]. So the pair (a, g) says
 * all of it in far fewer numbers, and what a structure needs (outer products of gradients, their squares, Kronecker factors) is
 * computed from the pair. This is the *outer* form. A layer with shared weights (a convolution, a sequence) sums abar g^T over its
 * T positions.
 *
 * A layer knows this form and no structure; a structure knows this form and no layer.
 */
import * as tf from "@tensorflow/tfjs"
import { sumOf } from "../tensor/Device.ts"
import type { Layout, ParamBlock, ParamSpace } from "./ParamSpace.ts"

/** Gradients [K, N, in(+1), out] as the sums over T positions of abar[n, t] g[k, n, t]^T. Tensors of the stage that made it. */
export interface OuterScore {
  readonly _tag: "Outer"
  readonly block: ParamBlock
  readonly positions: number
  /** `[N T, in]`. */
  readonly input: tf.Tensor2D
  /** `[K, N T, out]`. */
  readonly cotangent: tf.Tensor3D
}

/** One form today; scale and shift of a normalisation will be another. */
export type Score = OuterScore

/** The scores of a block of examples for one set of cotangents, whatever the network. */
export interface BlockScores {
  readonly space: Layout
  /** How many examples: N. */
  readonly examples: number
  /** How many cotangents an example has here: K. */
  readonly columns: number
  /**
   * Which part of all its columns these are, 1 for all. A moment over columns is summed part by part; one over examples alone is
   * weighed by this, so that the parts sum to the whole.
   */
  readonly share: number
  /** One for each block of the space, in its order. */
  readonly layers: ReadonlyArray<Score>
}

/** The same, of the network of signature `S`. */
export interface Scores<S extends string> extends BlockScores {
  readonly space: ParamSpace<S>
}

/** abar `[N T, in(+1)]`: the input with a trailing 1 where the layer has a bias. */
export const augmentedInput = ({ input, block }: OuterScore): tf.Tensor2D => {
  if (!block.bias) return input
  const ones = tf.ones([input.shape[0], 1]) as tf.Tensor2D
  return block.rows === 1 ? ones : input.concat(ones, 1)
}

/** The cotangents of all columns below each other, `[K N T, out]`. */
export const stackedCotangent = ({ cotangent }: OuterScore): tf.Tensor2D =>
  cotangent.reshape([cotangent.shape[0] * cotangent.shape[1], cotangent.shape[2]])

/** `sum_{k,n} gradient`, `[in(+1), out]`. Cost: one product. */
export const summedGradient = (score: OuterScore): tf.Tensor2D =>
  tf.matMul(augmentedInput(score), tf.sum(score.cotangent, 0), true, false)

/** The columns `[from, to)` of the cotangents side by side, `[N T, (to - from) out]`. */
const columnsAcross = ({ cotangent }: OuterScore, from: number, to: number): tf.Tensor2D => {
  const [, rows, out] = cotangent.shape
  return tf
    .transpose(tf.slice(cotangent, [from, 0, 0], [to - from, rows, out]), [1, 0, 2])
    .reshape([rows, (to - from) * out])
}

/**
 * The gradients of one example n for the columns `[from, to)`, side by side: `[in(+1), (to - from) out]`.
 *
 * One product for each example: tfjs's batched product is many times slower.
 */
const gradientsOfExample = (score: OuterScore, from: number, to: number): ((n: number) => tf.Tensor2D) => {
  const { block, input, positions } = score
  const examples = input.shape[0] / positions
  const ones = block.bias ? [tf.ones([examples, 1, positions])] : []
  const inputs =
    input.shape[1] > 0 ? [tf.transpose(input.reshape([examples, positions, input.shape[1]]), [0, 2, 1])] : []
  const abar = tf.concat([...inputs, ...ones], 1).reshape<tf.Tensor2D>([examples * block.rows, positions])
  const g = columnsAcross(score, from, to)
  return (n) =>
    tf.matMul(
      tf.slice(abar, [n * block.rows, 0], [block.rows, positions]),
      tf.slice(g, [n * positions, 0], [positions, (to - from) * block.columns])
    )
}

/**
 * Every gradient written out for the columns `[from, to)`, `[(to - from) N, P_layer]`.
 * Cost: (to - from) N P_layer floats.
 */
export const gradients = (score: OuterScore, from: number, to: number): tf.Tensor2D => {
  const columns = to - from
  const [, rows, out] = score.cotangent.shape
  const size = score.block.rows * score.block.columns
  if (score.positions === 1) {
    const g = tf.slice(score.cotangent, [from, 0, 0], [columns, rows, out])
    return tf
      .mul(augmentedInput(score).reshape([1, rows, -1, 1]), g.reshape([columns, rows, 1, out]))
      .reshape([columns * rows, size])
  }
  const examples = rows / score.positions
  const ofExample = gradientsOfExample(score, from, to)
  return tf
    .transpose(
      tf
        .concat(Array.from({ length: examples }, (_, n) => ofExample(n)))
        .reshape([examples, score.block.rows, columns, out]),
      [2, 0, 1, 3]
    )
    .reshape([columns * examples, size])
}

/**
 * `sum_{k,n} gradient^2`, elementwise, `[in(+1), out]`.
 *
 * With one position it is (abar^2)^T (sum_k g^2): one product, and no gradient is written out. With more, the gradients of one
 * example are there at a time.
 */
export const summedSquares = (score: OuterScore): tf.Tensor2D => {
  if (score.positions === 1) {
    return tf.matMul(tf.square(augmentedInput(score)), tf.sum(tf.square(score.cotangent), 0), true, false)
  }
  const columns = score.cotangent.shape[0]
  const { rows, columns: out } = score.block
  const ofExample = gradientsOfExample(score, 0, columns)
  const squares = sumOf(score.input.shape[0] / score.positions, (n) => tf.square(ofExample(n)))
  return tf.sum(squares.reshape([rows, columns, out]), 1)
}

/** How many rows a product sums over at once where positions make them many: a float32 sum of more loses digits. */
const rowsAtOnce = 2 ** 12

/** x^T x of rows `part(x)`, for `[rows, .]`. */
const moment = (x: tf.Tensor2D, part: (rows: tf.Tensor2D) => tf.Tensor2D): tf.Tensor2D => {
  const [rows, width] = x.shape
  return sumOf(Math.ceil(rows / rowsAtOnce), (i) => {
    const from = i * rowsAtOnce
    const own = part(tf.slice(x, [from, 0], [Math.min(rowsAtOnce, rows - from), width]))
    return tf.matMul(own, own, true, false)
  })
}

/** `(1/T) sum_{n,t} abar abar^T`, `[in(+1), in(+1)]`: N times the Kronecker factor A (K-FAC, expand). */
export const inputMoment = (score: OuterScore): tf.Tensor2D => {
  if (score.positions === 1) {
    const abar = augmentedInput(score)
    return tf.matMul(abar, abar, true, false)
  }
  return tf.div(
    moment(score.input, (input) => augmentedInput({ ...score, input })),
    score.positions
  )
}

/** `sum_{k,n,t} g g^T`, `[out, out]`: N times the Kronecker factor G. */
export const cotangentMoment = (score: OuterScore): tf.Tensor2D => {
  const g = stackedCotangent(score)
  return score.positions === 1 ? tf.matMul(g, g, true, false) : moment(g, (rows) => rows)
}
