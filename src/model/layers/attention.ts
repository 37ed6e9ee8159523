/**
 * Scaled dot-product attention: every position's mean of all values, weighted by how its query meets their keys.
 *
 * *Math*: for each head, o[t] = sum_u p[t, u] v[u] with p[t, .] the softmax of q[t] . k[u] / sqrt(d) over the positions u that t may see:
 * those that are not masked, and up to t where it is causal. Where t sees none, o[t] = 0. With q, k, v, o moved by dq, dk, dv, do,
 * ds = (dq k^T + q dk^T) / sqrt(d), dp = p (ds - sum_u p ds), do = dp v + p dv; the pullback is the transpose of this.
 *
 * *Source*: Vaswani et al. 2017, section 3.2.1 and 3.2.2.
 */
import * as tf from "@tensorflow/tfjs"
import { inParts } from "../../tensor/Rows.ts"
import { products, transposes } from "../internal/products.ts"
import type { BuiltMerge, LinearizedMerge, MergePoint } from "../Layer.ts"

/** T, H, d, and whether a position sees none after it. */
export interface AttentionSizes {
  readonly positions: number
  readonly heads: number
  /** d: of one head. */
  readonly keySize: number
  readonly causal: boolean
}

/** How many numbers of weights and of their cotangents are on the device at once in a pullback: 8 MiB each. */
const atOnce = 2 ** 21

/** The lowest float32: e to it is 0, and no score is under it. */
const lowest = -3.4028234663852886e38

/** The merge of a query, a key and a value, `[N, T H d]` each: position by position, and in a position head by head. */
export const attention = (sizes: AttentionSizes): BuiltMerge => ({
  output: { length: sizes.positions, channels: sizes.heads * sizes.keySize },
  masking: "keeps",
  linearize: (at) => linearize(sizes, at)
})

const linearize = (sizes: AttentionSizes, { inputs, masks }: MergePoint): LinearizedMerge => {
  const { headed, joined } = layout(sizes)
  const scaled = (x: tf.Tensor3D): tf.Tensor3D => tf.mul(x, 1 / Math.sqrt(sizes.keySize))
  const [q, k, v] = inputs.map((input) => headed(input)) as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D]
  const query = scaled(q)
  const weights = softmax(products(query, transposes(k)), seen(sizes, masks[1]))
  return {
    output: joined(products(weights, v)),
    tape: [query, k, v, weights],
    pullback: (cotangent) => pulledBack(sizes, { query, k, v, weights }, cotangent),
    pushforward: ([dq, dk, dv]) => {
      const scores = total([
        dq && products(scaled(headed(dq)), transposes(k)),
        dk && products(query, transposes(headed(dk)))
      ])
      const moved = total([
        scores && products(slope(weights, scores), v),
        dv && products(weights, headed(dv))
      ])
      return joined(moved!)
    }
  }
}

/** `[N, T H d]` as `[N H, T, d]`, and back. */
const layout = ({ heads, keySize, positions }: AttentionSizes) => ({
  headed: (x: tf.Tensor): tf.Tensor3D =>
    tf.transpose(x.reshape([-1, positions, heads, keySize]), [0, 2, 1, 3]).reshape([-1, positions, keySize]),
  joined: (x: tf.Tensor): tf.Tensor2D =>
    tf
      .transpose(x.reshape([-1, heads, positions, keySize]), [0, 2, 1, 3])
      .reshape([-1, positions * heads * keySize])
})

/** 1 where query t sees key u, `[N H or 1, T, T]`; nothing where all see all. */
const seen = ({ causal, heads, positions }: AttentionSizes, mask: tf.Tensor2D | undefined) => {
  const past = causal
    ? tf.tensor3d(
        Float32Array.from({ length: positions ** 2 }, (_, i) =>
          i % positions <= Math.floor(i / positions) ? 1 : 0
        ),
        [1, positions, positions]
      )
    : undefined
  if (mask === undefined) return past
  const keys = tf
    .tile(mask.reshape<tf.Tensor4D>([-1, 1, 1, positions]), [1, heads, positions, 1])
    .reshape<tf.Tensor3D>([-1, positions, positions])
  return past === undefined ? keys : (tf.mul(keys, past) as tf.Tensor3D)
}

/** The softmax of each row over what it sees; 0 where it sees nothing. */
const softmax = (scores: tf.Tensor3D, allowed: tf.Tensor3D | undefined): tf.Tensor3D => {
  const own =
    allowed === undefined ? scores : tf.add(tf.mul(scores, allowed), tf.mul(tf.sub(1, allowed), lowest))
  const powers = tf.exp(tf.sub(own, tf.max(own, 2, true)))
  const weights = allowed === undefined ? powers : tf.mul(powers, allowed)
  // The largest of what a row sees is e^0: the sum is at least 1, or 0 where it sees nothing.
  return tf.div(weights, tf.maximum(tf.sum(weights, 2, true), 1))
}

/** p (x - sum_u p x): the derivative of the softmax in either direction. */
const slope = (weights: tf.Tensor3D, x: tf.Tensor3D): tf.Tensor3D =>
  tf.mul(weights, tf.sub(x, tf.sum(tf.mul(weights, x), 2, true)))

const total = (terms: ReadonlyArray<tf.Tensor3D | undefined>): tf.Tensor3D | undefined =>
  terms.reduce((sum, term) => (sum === undefined || term === undefined ? (sum ?? term) : tf.add(sum, term)))

interface Linearized {
  /** q / sqrt(d), k and v, `[N H, T, d]`. */
  readonly query: tf.Tensor3D
  readonly k: tf.Tensor3D
  readonly v: tf.Tensor3D
  /** p, `[N H, T, T]`. */
  readonly weights: tf.Tensor3D
}

/** The cotangents of q, k and v, `[K, N, T H d]` each: some examples at a time, all columns at once. */
const pulledBack = (
  sizes: AttentionSizes,
  at: Linearized,
  cotangent: tf.Tensor3D
): ReadonlyArray<tf.Tensor3D> => {
  const { heads, positions } = sizes
  const [columns, examples, width] = cotangent.shape
  const step = Math.max(1, Math.floor(atOnce / (columns * heads * positions ** 2)))
  const all = inParts(
    examples,
    step,
    (from, count) => {
      const own = (x: tf.Tensor3D): tf.Tensor3D =>
        tf.slice(x, [from * heads, 0, 0], [count * heads, x.shape[1], x.shape[2]])
      const part = { query: own(at.query), k: own(at.k), v: own(at.v), weights: own(at.weights) }
      return tf.concat(pulledPart(sizes, part, tf.slice(cotangent, [0, from, 0], [columns, count, width])))
    },
    1
  )
  return [0, 1, 2].map((i) => tf.slice(all, [i * columns, 0, 0], [columns, examples, width]))
}

/** The same for some examples, `[K, n, T H d]`. */
const pulledPart = (
  { heads, keySize: d, positions: T }: AttentionSizes,
  { k, query, v, weights }: Linearized,
  cotangent: tf.Tensor3D
): Array<tf.Tensor3D> => {
  const [K, N] = cotangent.shape
  const B = N * heads
  // Columns after the heads: `[N H, K, T d]`, so that one product is of all columns.
  const headsFirst = tf
    .transpose(cotangent.reshape([K * N, T, heads, d]), [0, 2, 1, 3])
    .reshape<tf.Tensor3D>([K, B, T * d])
  const g = tf.transpose(headsFirst, [1, 0, 2])
  const columnsFirst = (x: tf.Tensor): tf.Tensor3D =>
    tf
      .transpose(
        tf.transpose(x.reshape([B, K, T * d]), [1, 0, 2]).reshape([K * N, heads, T, d]),
        [0, 2, 1, 3]
      )
      .reshape([K, N, T * heads * d])
  const each = (x: tf.Tensor, rows: number): tf.Tensor3D => x.reshape([B * K, rows, x.size / (B * K * rows)])
  // (g^T p)^T, not p^T g: the right matrix of a product is packed anew for each, so it is the smaller one.
  const turnedValues = products(transposes(each(g, T)).reshape<tf.Tensor3D>([B, K * d, T]), weights)
  const dp = products(g.reshape([B, K * T, d]), transposes(v)).reshape<tf.Tensor4D>([B, K, T, T])
  const p = weights.reshape<tf.Tensor4D>([B, 1, T, T])
  const ds = tf.mul(p, tf.sub(dp, tf.sum(tf.mul(p, dp), 3, true))) as tf.Tensor4D
  const turned = transposes(each(ds, T)).reshape<tf.Tensor3D>([B, K * T, T])
  const queries = tf.mul(products(ds.reshape([B, K * T, T]), k), 1 / Math.sqrt(d))
  return [
    columnsFirst(queries),
    columnsFirst(products(turned, query)),
    columnsFirst(transposes(each(turnedValues, d)))
  ]
}
