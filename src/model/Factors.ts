/**
 * The Kronecker factors of scores in the outer form: second moments of abar and of g.
 *
 * *Math*: with T shared positions, *expand* takes each position for an example of its own, A = mean_n mean_t abar abar^T and
 * G = mean_n sum_t g g^T; *reduce* takes an example as a whole, A = mean_n m m^T with m the mean of abar over positions, and
 * G = mean_n s s^T with s the sum of g. Expand is exact for a linear network whose loss is a sum over positions, reduce for one that
 * averages over them. Masked positions are in no mean and in no sum.
 *
 * *Source*: Eschenhagen, Immer, Turner, Schneider and Hennig 2023, sections 3.1 and 3.2.
 */
import * as tf from "@tensorflow/tfjs"
import { Data } from "effect"
import { byParts, packedGram } from "../tensor/Gram.ts"
import { augmentedInput, type OuterScore, stackedCotangent } from "./Score.ts"

/** What K-FAC makes of shared positions. */
export type Sharing = Data.TaggedEnum<{ readonly Expand: object; readonly Reduce: object }>

export const Sharing = Data.taggedEnum<Sharing>()

/** How many rows a product sums over at once where positions make them many: a float32 sum of more loses digits. */
const rowsAtOnce = 2 ** 12

/** `sum abar abar^T` over all rows. The 1 of the bias gives one row more, of sums: a copy of the inputs with it would cost more than it. */
const augmentedMoment = ({ block, input }: OuterScore): tf.Tensor1D => {
  if (!block.bias) return packedGram(input, rowsAtOnce)
  const count = tf.fill([1], input.shape[0]) as tf.Tensor1D
  if (block.rows === 1) return count
  const sums = byParts(input, rowsAtOnce, (rows) =>
    tf.matMul(tf.ones([1, rows.shape[0]]) as tf.Tensor2D, rows)
  )
  return tf.concat1d([packedGram(input, rowsAtOnce), sums.reshape<tf.Tensor1D>([-1]), count])
}

/** Of each position, its part of the mean over the positions of its example that count: `[N T, 1]`, 0 where it is masked. */
const shares = (mask: tf.Tensor2D): tf.Tensor2D =>
  tf.div(mask, tf.maximum(tf.sum(mask, 1, true), 1)).reshape([mask.size, 1])

/** N times the factor A, the lower triangle of `[in(+1), in(+1)]` row by row. */
export const inputMoment = (score: OuterScore, sharing: Sharing = Sharing.Expand()): tf.Tensor1D => {
  const { input, mask, positions } = score
  if (positions === 1 && mask === undefined) return augmentedMoment(score)
  if (sharing._tag === "Reduce") return packedGram(meanInput(score))
  if (mask === undefined) return tf.div(augmentedMoment(score), positions)
  const roots = tf.sqrt(shares(mask))
  return byParts(input, rowsAtOnce, (rows, from) =>
    packedGram(
      tf.mul(augmentedInput({ ...score, input: rows }), tf.slice(roots, [from, 0], [rows.shape[0], 1]))
    )
  )
}

/** The mean of abar over the positions that count, `[N, in(+1)]`. */
const meanInput = (score: OuterScore): tf.Tensor2D => {
  const { block, mask, positions } = score
  const abar = augmentedInput(score)
  const each = (rows: tf.Tensor2D): tf.Tensor3D => rows.reshape([-1, positions, block.rows])
  return mask === undefined ? tf.mean(each(abar), 1) : tf.sum(each(tf.mul(abar, shares(mask))), 1)
}

/** N times the factor G, the lower triangle of `[out, out]` row by row. */
export const cotangentMoment = (score: OuterScore, sharing: Sharing = Sharing.Expand()): tf.Tensor1D => {
  const g = stackedCotangent(score)
  if (score.positions === 1) return packedGram(g)
  return sharing._tag === "Reduce"
    ? packedGram(tf.sum(g.reshape([-1, score.positions, score.block.columns]), 1))
    : packedGram(g, rowsAtOnce)
}
