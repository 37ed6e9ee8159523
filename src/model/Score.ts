/**
 * The score of a layer: the gradients of its parameters for every example and every column of cotangents, not multiplied out where
 * that is possible.
 *
 * A dense layer s = W^T a + b has, for the cotangent g of s, the gradient abar g^T, with abar = [a; 1]. So the pair (a, g) says
 * all of it in far fewer numbers, and what a structure needs (outer products of gradients, their squares, Kronecker factors) is
 * computed from the pair. This is the *outer* form. A layer with shared weights (a convolution, a sequence) sums abar g^T over its
 * T positions. Gradients that are no smaller as a pair (scale and shift of a normalisation) are in the *written* form.
 *
 * A layer knows these forms and no structure; a structure knows these forms and no layer.
 */
import * as tf from "@tensorflow/tfjs"
import { sumOf } from "../tensor/Device.ts"
import { type OuterProducts, outerRows } from "../tensor/Outer.ts"
import { squaredSums } from "../tensor/Squares.ts"
import type { Layout, ParamBlock, ParamSpace } from "./ParamSpace.ts"

/** Gradients [K, N, in(+1), out] as the sums over T positions of abar[n, t] g[k, n, t]^T. Tensors of the stage that made it. */
export interface OuterScore {
  readonly _tag: "Outer"
  readonly block: ParamBlock
  readonly positions: number
  /** `[N T, in]`. */
  readonly input: tf.Tensor2D
  /** `[K, N T, out]`; 0 at masked positions. */
  readonly cotangent: tf.Tensor3D
  /** `[N, T]`, 1 where a position counts and 0 where not; absent where all do. */
  readonly mask?: tf.Tensor2D | undefined
}

/** Gradients written out. */
export interface WrittenScore {
  readonly _tag: "Written"
  readonly block: ParamBlock
  /** `[K, N, P_layer]`. */
  readonly gradient: tf.Tensor3D
}

export type Score = OuterScore | WrittenScore

/** The score of a block of the outer form. */
export const requireOuter = (score: Score): OuterScore => {
  if (score._tag === "Outer") return score
  throw new Error(`the gradients of ${score.block.layer} are written out: they have no Kronecker factors`)
}

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

/** The tensors that a score is made of. */
export const tensorsOf = (score: Score): ReadonlyArray<tf.Tensor> =>
  score._tag === "Written"
    ? [score.gradient]
    : [score.input, score.cotangent, ...(score.mask === undefined ? [] : [score.mask])]

/** abar `[N T, in(+1)]`: the input with a trailing 1 where the layer has a bias. */
export const augmentedInput = ({ input, block }: OuterScore): tf.Tensor2D => {
  if (!block.bias) return input
  const ones = tf.ones([input.shape[0], 1]) as tf.Tensor2D
  return block.rows === 1 ? ones : input.concat(ones, 1)
}

/** The cotangents of all columns below each other, `[K N T, out]`. */
export const stackedCotangent = ({ cotangent }: OuterScore): tf.Tensor2D =>
  cotangent.reshape([cotangent.shape[0] * cotangent.shape[1], cotangent.shape[2]])

/** `sum_k g`, `[N T, out]`. */
const columnSum = (g: tf.Tensor): tf.Tensor2D =>
  g.shape[0] === 1 ? g.reshape<tf.Tensor2D>([g.shape[1]!, g.shape[2]!]) : tf.sum<tf.Tensor2D>(g, 0)

/** [a; 1]^T g, its rows in parts: the 1 of the bias is a row of sums, and not a column more in a copy of a. */
const withBias = ({ block }: OuterScore, a: tf.Tensor2D, g: tf.Tensor2D): ReadonlyArray<tf.Tensor2D> => {
  if (!block.bias) return [tf.matMul(a, g, true, false)]
  const sums: tf.Tensor2D = tf.matMul(tf.ones([1, g.shape[0]]) as tf.Tensor2D, g)
  return block.rows === 1 ? [sums] : [tf.matMul(a, g, true, false), sums]
}

/** `sum_{k,n} gradient`, `[in(+1), out]`, as parts below each other. Cost: one product. */
export const summedGradientParts = (score: Score): ReadonlyArray<tf.Tensor2D> =>
  score._tag === "Written"
    ? [tf.sum(score.gradient, [0, 1]).reshape([score.block.rows, score.block.columns])]
    : withBias(score, score.input, columnSum(score.cotangent))

const below = (parts: ReadonlyArray<tf.Tensor2D>): tf.Tensor2D =>
  parts.length === 1 ? parts[0]! : tf.concat([...parts])

/** The parts of `summedGradientParts` as one. */
export const summedGradient = (score: Score): tf.Tensor2D => below(summedGradientParts(score))

/** The columns `[from, to)` of the cotangents side by side, `[N T, (to - from) out]`. */
const columnsAcross = ({ cotangent }: OuterScore, from: number, to: number): tf.Tensor2D => {
  const [, rows, out] = cotangent.shape
  return tf
    .transpose(tf.slice(cotangent, [from, 0, 0], [to - from, rows, out]), [1, 0, 2])
    .reshape([rows, (to - from) * out])
}

/** The cotangents of each example on their side, `[N K out, T]`. */
const cotangentsAcross = ({ cotangent, positions }: OuterScore): tf.Tensor2D => {
  const [columns, , out] = cotangent.shape
  return tf
    .transpose(cotangent.reshape<tf.Tensor4D>([columns, -1, positions, out]), [1, 0, 3, 2])
    .reshape([-1, positions])
}

/** abar of each example on its side, `[N in(+1), T]`. */
const inputsAcross = (score: OuterScore): tf.Tensor2D => {
  const { block, positions } = score
  const abar = augmentedInput(score).reshape<tf.Tensor3D>([-1, positions, block.rows])
  return tf.transpose(abar, [0, 2, 1]).reshape([-1, positions])
}

/**
 * For each example the product of its own rows of two matrices: example n has the rows n / N to (n + 1) / N of each.
 *
 * One product for each example: tfjs's batched product is many times slower.
 */
const productOfExample = (
  left: tf.Tensor2D,
  right: tf.Tensor2D,
  examples: number
): ((n: number) => tf.Tensor2D) => {
  const own = (all: tf.Tensor2D, n: number): tf.Tensor2D => {
    const rows = all.shape[0] / examples
    return tf.slice(all, [n * rows, 0], [rows, all.shape[1]])
  }
  return (n) => tf.matMul(own(left, n), own(right, n))
}

/**
 * Every gradient of some layers written out side by side, for the columns `[from, to)` below each other, `[(to - from) N, P_layers]`.
 * Cost: (to - from) N P_layers floats.
 */
export const gradientRows = (scores: ReadonlyArray<Score>, from: number, to: number): tf.Tensor2D => {
  const single = scores.filter(
    (score) => score._tag === "Outer" && score.positions === 1
  ) as ReadonlyArray<OuterScore>
  const own = single.length === scores.length ? outerRows(single.map(outerProducts), from, to) : undefined
  if (own !== undefined) return own
  const parts = scores.map((score) => gradientsOf(score, from, to))
  return parts.length === 1 ? parts[0]! : tf.concat(parts, 1)
}

/** The same of one layer. */
export const gradients = (score: Score, from: number, to: number): tf.Tensor2D =>
  gradientRows([score], from, to)

const outerProducts = ({ block, cotangent, input }: OuterScore): OuterProducts => ({
  input,
  cotangent,
  inputs: block.rows - (block.bias ? 1 : 0),
  bias: block.bias
})

const gradientsOf = (score: Score, from: number, to: number): tf.Tensor2D => {
  const columns = to - from
  const size = score.block.rows * score.block.columns
  if (score._tag === "Written") {
    const examples = score.gradient.shape[1]
    return tf
      .slice(score.gradient, [from, 0, 0], [columns, examples, size])
      .reshape([columns * examples, size])
  }
  const [, rows, out] = score.cotangent.shape
  if (score.positions === 1) {
    const g = tf.slice(score.cotangent, [from, 0, 0], [columns, rows, out])
    return tf
      .mul(augmentedInput(score).reshape([1, rows, -1, 1]), g.reshape([columns, rows, 1, out]))
      .reshape([columns * rows, size])
  }
  const examples = rows / score.positions
  const ofExample = productOfExample(inputsAcross(score), columnsAcross(score, from, to), examples)
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
 * example are there at a time. (From products of two positions it could be had without them, for small T; but then what should
 * cancel in a gradient leaves eps times its terms' squares, of either sign, and not eps^2 of them.)
 */
export const summedSquares = (score: Score): tf.Tensor2D => {
  const { rows, columns: out } = score.block
  if (score._tag === "Written") return tf.sum(tf.square(score.gradient), [0, 1]).reshape([rows, out])
  if (score.positions === 1) {
    return below(withBias(score, tf.square(score.input), columnSum(tf.square(score.cotangent))))
  }
  const { cotangent, input, positions } = score
  const own = squaredSums({ input, cotangent, positions, bias: score.block.bias })
  if (own !== undefined) return own
  const columns = cotangent.shape[0]
  const examples = cotangent.shape[1] / positions
  const squares = (left: tf.Tensor2D, right: tf.Tensor2D): tf.Tensor2D => {
    const ofExample = productOfExample(left, right, examples)
    return sumOf(examples, (n) => tf.square(ofExample(n)))
  }
  // A product lays out its right factor anew: the narrower one goes there.
  if (rows < columns * out) {
    const across = squares(cotangentsAcross(score), augmentedInput(score))
    return tf.transpose(tf.sum(across.reshape([columns, out, rows]), 0))
  }
  const each = squares(inputsAcross(score), columnsAcross(score, 0, columns))
  return tf.sum(each.reshape([rows, columns, out]), 1)
}

/**
 * The score of a block that several operations use: its gradients are the sums of theirs.
 *
 * Outer products are summed over positions already, so those of several uses are the positions of one; K-FAC then expands over all of
 * them. Where one of them is written out, all are.
 */
export const summed = (scores: ReadonlyArray<Score>): Score => {
  if (scores.length === 1) return scores[0]!
  const outer = scores.filter((score) => score._tag === "Outer")
  return outer.length === scores.length ? side(outer) : writtenSum(scores)
}

const side = (scores: ReadonlyArray<OuterScore>): OuterScore => {
  const { block, cotangent, input, positions } = scores[0]!
  const examples = input.shape[0] / positions
  const [columns, , out] = cotangent.shape
  const all = scores.reduce((sum, score) => sum + score.positions, 0)
  const inputs = scores.map((score) => score.input.reshape([examples, score.positions, input.shape[1]]))
  const cotangents = scores.map((score) => score.cotangent.reshape([columns, examples, score.positions, out]))
  const mask = scores.some((score) => score.mask !== undefined)
    ? tf.concat(
        scores.map((score) => score.mask ?? (tf.ones([examples, score.positions]) as tf.Tensor2D)),
        1
      )
    : undefined
  return {
    _tag: "Outer",
    block,
    positions: all,
    // Without inputs there is nothing to join, and tfjs's cpu would make no numbers of it at all.
    input:
      input.shape[1] === 0
        ? tf.zeros([examples * all, 0])
        : tf.concat(inputs, 1).reshape([examples * all, input.shape[1]]),
    cotangent: tf.concat(cotangents, 2).reshape([columns, examples * all, out]),
    mask
  }
}

/** How many cotangents it is for: K. */
const columnsOf = (score: Score): number =>
  (score._tag === "Outer" ? score.cotangent : score.gradient).shape[0]

const writtenSum = (scores: ReadonlyArray<Score>): WrittenScore => {
  const { block } = scores[0]!
  const size = block.rows * block.columns
  const each = scores.map((score) =>
    gradients(score, 0, columnsOf(score)).reshape<tf.Tensor3D>([columnsOf(score), -1, size])
  )
  return { _tag: "Written", block, gradient: each.reduce((sum, gradient) => tf.add(sum, gradient)) }
}
