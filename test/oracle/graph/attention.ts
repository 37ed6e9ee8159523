/**
 * Self-attention on a sequence (Vaswani et al. 2017, section 3.2): with q, k, v dense in x, each head a gives at position t
 * sum_u softmax_u(q_a[t] . k_a[u] / sqrt(keySize)) v_a[u], and a dense operation takes the heads, side by side, back to the channels of
 * x. The sum is over the positions u that are not masked, and up to t where causal. Four blocks: query, key, value, output.
 */
import { dot, type Rows, type Vector, zeros } from "../linear.ts"
import { affine, type Context, type Operation, type Shared, type Slot, withOnes } from "./operation.ts"
import { softmaxOf } from "./pointwise.ts"
import { fromRows, rowsOf, type Shape, sequenceOf, type Value } from "./values.ts"

export interface SelfAttentionOp extends Shared {
  readonly kind: "selfAttention"
  readonly heads: number
  /** Of each head. */
  readonly keySize: number
  /** False unless said. */
  readonly causal?: boolean
  /** True unless said, for all four blocks. */
  readonly bias?: boolean
}

const parts = ["query", "key", "value", "output"]

/** sum_u weight_u v[u] for one query. Where there is no key at all it is 0. */
const attend = (query: Vector, keys: ReadonlyArray<Vector>, values: ReadonlyArray<Vector>): Float64Array => {
  const result = new Float64Array(query.length)
  if (keys.length === 0) return result
  const weights = softmaxOf(keys.map((key) => dot(query, key) / Math.sqrt(query.length)))
  for (const [u, weight] of weights.entries()) {
    for (let i = 0; i < result.length; i++) result[i]! += weight * values[u]![i]!
  }
  return result
}

export const selfAttention = (op: SelfAttentionOp, input: Shape): Operation => {
  const { bias = true, causal = false, heads, keySize } = op
  const { channels, length } = sequenceOf("self-attention", input)
  const width = heads * keySize
  const slots = parts.map((part): Slot => {
    const [inputs, columns] = part === "output" ? [width, channels] : [channels, width]
    return { part, rows: inputs + (bias ? 1 : 0), columns, bias, form: "outer", positions: length }
  })
  const project = (slot: number, x: Rows, mask: Value["mask"], context: Context): Rows =>
    context.outer(slot, withOnes(x, bias), affine(x, context.parameters(slot), bias), mask)
  return {
    shape: input,
    slots,
    seesMasks: true,
    apply: ([x], context) => {
      const mask = x!.mask
      const rows = rowsOf(x!)
      const [query, key, value] = [0, 1, 2].map((slot) => project(slot, rows, mask, context))
      const mixed = zeros(length, width)
      for (let t = 0; t < length; t++) {
        const seen = Array.from({ length }, (_, u) => u).filter(
          (u) => (mask?.[u] ?? true) && (!causal || u <= t)
        )
        for (let head = 0; head < heads; head++) {
          const own = (row: Float64Array) => row.slice(head * keySize, (head + 1) * keySize)
          const result = attend(
            own(query![t]!),
            seen.map((u) => own(key![u]!)),
            seen.map((u) => own(value![u]!))
          )
          mixed[t]!.set(result, head * keySize)
        }
      }
      return fromRows(input, project(3, mixed, mask, context), mask)
    }
  }
}
