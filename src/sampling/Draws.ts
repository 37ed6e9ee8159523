/**
 * What a sampler gives for a block: a weighted quadrature rule over y|x, or its cotangents directly.
 *
 * Every structure needs the draws only through E_y[g g^T], so a draw of weight w is handed on as the cotangent sqrt(w) g, and outer
 * products are summed, never averaged again. (Dividing the loss of M draws by M before squaring would give F / M.)
 */
import { Data, Result } from "effect"
import { ShapeMismatch } from "../Errors.ts"
import type { Outputs } from "../model/Conditional.ts"

export type Draws = Data.TaggedEnum<{
  /** y_k with weights w_k >= 0 that sum to 1 over k for each example. */
  readonly Labels: {
    readonly columns: number
    /** `[K, N, labelSize]` */
    readonly labels: Float64Array
    /** `[K, N]` */
    readonly weights: Float64Array
  }
  /** Columns s_k with `sum_k s_k s_k^T = E_y[score score^T]`. */
  readonly Cotangents: {
    readonly columns: number
    /** `[K, N, C]` */
    readonly cotangents: Float32Array
  }
}>

export const { $match: match, Cotangents, Labels } = Data.taggedEnum<Draws>()

/**
 * The cotangents `[K, N, C]` to pull back: `sqrt(w) grad_z log p(y|z)` for labels.
 *
 * *Cost*: K N scores on the CPU. *Fails*: `ShapeMismatch` for draws of another size.
 */
export const cotangents = (draws: Draws, outputs: Outputs): Result.Result<Float32Array, ShapeMismatch> => {
  const rows = draws.columns * outputs.batch.examples
  return match(draws, {
    Cotangents: ({ cotangents }) =>
      wrongLength("cotangents", cotangents, rows * outputs.size) ?? Result.succeed(cotangents),
    Labels: ({ labels, weights }) =>
      wrongLength("labels", labels, rows * outputs.likelihood.labelSize(outputs.size)) ??
      wrongLength("weights", weights, rows) ??
      Result.succeed(scores(outputs, rows, labels, weights))
  })
}

const scores = (
  { batch: { examples }, distribution, likelihood, size }: Outputs,
  rows: number,
  labels: Float64Array,
  weights: Float64Array
): Float32Array => {
  const labelSize = likelihood.labelSize(size)
  const out = new Float32Array(rows * size)
  for (let row = 0; row < rows; row++) {
    const scale = Math.sqrt(weights[row]!)
    if (scale === 0) continue
    const score = distribution(row % examples).score(labels.subarray(row * labelSize, (row + 1) * labelSize))
    for (let c = 0; c < size; c++) out[row * size + c] = scale * score[c]!
  }
  return out
}

const wrongLength = (
  what: string,
  values: ArrayLike<number>,
  due: number
): Result.Result<never, ShapeMismatch> | undefined =>
  values.length === due
    ? undefined
    : Result.fail(
        new ShapeMismatch({
          what: `${what} of the draws`,
          expected: String(due),
          actual: String(values.length),
          message: `A sampler gave ${values.length} ${what} where the block needs ${due}. Give each column one for each example.`
        })
      )
