/**
 * What reads tokens and positions, and what makes masks: embedding (out[t] = K[x[t]]), positional embedding (out[t] = x[t] + K[t]) and
 * masking. As outer forms the two embeddings have the one-hot vectors of the token and of the position for rows.
 */
import { type Operation, oneHot, type Shared } from "./operation.ts"
import { fromRows, numbersOf, rowsOf, type Shape, sequenceOf } from "./values.ts"

export interface EmbeddingOp extends Shared {
  readonly kind: "embedding"
  readonly vocabulary: number
  readonly size: number
  /** The id whose positions are masked. */
  readonly padding?: number
}

export interface PositionalEmbeddingOp extends Shared {
  readonly kind: "positionalEmbedding"
}

/** Masks the positions of a sequence all of whose channels equal `value`. */
export interface MaskingOp {
  readonly kind: "masking"
  readonly value: number
}

export const embedding = ({ padding, size, vocabulary }: EmbeddingOp, input: Shape): Operation => {
  const length = numbersOf("embedding", input)
  const shape = { length, channels: size }
  return {
    shape,
    slots: [{ part: "", rows: vocabulary, columns: size, bias: false, form: "outer", positions: length }],
    seesMasks: false,
    apply: ([x], context) => {
      const table = context.parameters(0)
      const tokens = Array.from(x!.data)
      for (const token of tokens)
        if (!Number.isInteger(token) || token < 0 || token >= vocabulary)
          throw new RangeError(`token ${token} is none of 0 .. ${vocabulary - 1}`)
      const mask = padding === undefined ? undefined : tokens.map((token) => token !== padding)
      const abar = tokens.map((token) => oneHot(vocabulary, token))
      const s = tokens.map((token) => Float64Array.from(table[token]!))
      return fromRows(shape, context.outer(0, abar, s, mask), mask)
    }
  }
}

export const positionalEmbedding = (input: Shape): Operation => {
  const { channels, length } = sequenceOf("positional embedding", input)
  return {
    shape: input,
    slots: [{ part: "", rows: length, columns: channels, bias: false, form: "outer", positions: length }],
    seesMasks: true,
    apply: ([x], context) => {
      const table = context.parameters(0)
      const abar = table.map((_, t) => oneHot(length, t))
      const s = table.map((row) => Float64Array.from(row))
      const added = context.outer(0, abar, s, x!.mask)
      const out = rowsOf(x!).map((row, t) => row.map((value, c) => value + added[t]![c]!))
      return fromRows(input, out, x!.mask)
    }
  }
}

export const masking = ({ value }: MaskingOp, input: Shape): Operation => {
  sequenceOf("masking", input)
  return {
    shape: input,
    slots: [],
    seesMasks: true,
    apply: ([x]) => {
      const rows = rowsOf(x!)
      const mask = rows.map((row, t) => (x!.mask?.[t] ?? true) && !row.every((entry) => entry === value))
      return fromRows(input, rows, mask)
    }
  }
}
