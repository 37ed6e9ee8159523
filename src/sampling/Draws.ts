/**
 * What a sampler gives for a block: a weighted quadrature rule over y|x, or its cotangents directly.
 *
 * Every structure needs the draws only through E_y[g g^T], so a draw of weight w is handed on as the cotangent sqrt(w) g, and outer
 * products are summed, never averaged again. (Dividing the loss of M draws by M before squaring would give F / M.)
 */
import { Data, Result } from "effect"
import {
  InvalidArgument,
  type InvalidLabel,
  type MissingLabels,
  ShapeMismatch,
  type TensorFailure
} from "../Errors.ts"
import type { Batch, Labels as OwnLabels } from "../model/Batch.ts"
import type { Outputs } from "../model/Conditional.ts"
import { attempt } from "../Options.ts"
import { collapsed } from "./internal/collapse.ts"
import { observed } from "./internal/observed.ts"
import { rootScore } from "./internal/rootScore.ts"

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
 * The same rule in as few columns as it has different y: draws of an example that are equal become one, whose weight is the sum of
 * theirs.
 *
 * *Math*: exact, so the Fisher of M draws from a support of C labels costs at most min(M, C) columns; a block has as many columns as
 * the most that an example has, and the other examples weight 0 in the rest. Draws of a density, and columns that are no labels,
 * stay as they are; so do draws that are malformed, which `cotangents` refuses. *Cost*: K N labelSize.
 */
export const collapse = (draws: Draws, { batch: { examples }, likelihood, size }: Outputs): Draws => {
  if (draws._tag !== "Labels" || draws.columns === 1 || likelihood.support(size) === Number.POSITIVE_INFINITY)
    return draws
  const { columns, labels, weights } = draws
  const labelSize = likelihood.labelSize(size)
  const rows = columns * examples
  const whole = Number.isSafeInteger(columns) && columns >= 1
  if (!whole || weights.length !== rows || labels.length !== rows * labelSize) return draws
  const fewer = collapsed(draws, examples, labelSize)
  return fewer.columns === columns ? draws : Labels(fewer)
}

/** What can be wrong with draws, or with a likelihood of the user's own at them. */
export type DrawsError = ShapeMismatch | InvalidArgument | InvalidLabel | MissingLabels | TensorFailure

/**
 * The cotangents `[K, N, C]` to pull back: `sqrt(w) grad_z log p(y|z)` for labels, times the root of what each part of y counts.
 *
 * *Cost*: K N scores on the CPU. *Fails*: `ShapeMismatch` for draws of another size; `InvalidLabel` for a y that the likelihood cannot
 * have drawn; `InvalidArgument` for no column at all, a weight below 0 or weights that do not sum to 1; `MissingLabels` for a likelihood
 * that weighs by the data's own; `TensorFailure` for a log-density of one's own that throws.
 */
export const cotangents = (draws: Draws, outputs: Outputs): Result.Result<Float32Array, DrawsError> => {
  const { columns } = draws
  const rows = columns * outputs.batch.examples
  if (!(Number.isSafeInteger(columns) && columns >= 1)) return Result.fail(noColumns(columns))
  return match(draws, {
    Cotangents: ({ cotangents }) =>
      wrongLength("cotangents", cotangents, rows * outputs.size) ??
      Result.succeed(cotangents instanceof Float32Array ? cotangents : new Float32Array(cotangents)),
    Labels: ({ labels, weights }) =>
      wrongLength("labels", labels, rows * outputs.likelihood.labelSize(outputs.size)) ??
      wrongLength("weights", weights, rows) ??
      wrongWeights(weights, columns, outputs.batch) ??
      Result.flatMap(observed(outputs), () =>
        scores(outputs, { labels, factors: rootsOf(weights) }, (score, n) =>
          rootScore(outputs.distribution(n), score)
        )
      )
  })
}

/**
 * The scores of the data's own labels, `[N, C]`: minus the gradients of the losses in z. What counts w times is w in them, and sqrt(w) in
 * `cotangents`.
 *
 * *Fails*: as `cotangents`.
 */
export const labelScores = (
  { values }: OwnLabels,
  outputs: Outputs
): Result.Result<Float32Array, DrawsError> => {
  const { examples } = outputs.batch
  return (
    wrongLength("labels", values, examples * outputs.likelihood.labelSize(outputs.size)) ??
    Result.flatMap(observed(outputs), () =>
      scores(
        outputs,
        { labels: new Float64Array(values), factors: new Float64Array(examples).fill(1) },
        (score) => score
      )
    )
  )
}

const rootsOf = (weights: Float64Array): Float64Array => {
  const roots = new Float64Array(weights.length)
  for (let i = 0; i < roots.length; i++) roots[i] = Math.sqrt(weights[i]!)
  return roots
}

/** Labels `[K, N, labelSize]`, and by how much the score of each counts, `[K, N]`. */
interface Factored {
  readonly labels: Float64Array
  readonly factors: Float64Array
}

/** The scores `[K, N, C]` of labels, times their factors: each as `counted` has it, where the likelihood weighs any. */
const scores = (
  outputs: Outputs,
  rows: Factored,
  counted: (score: Float64Array, n: number) => Float64Array
): Result.Result<Float32Array, InvalidLabel | ShapeMismatch | TensorFailure> => {
  const wrong = invalidLabel(outputs, rows)
  if (wrong !== undefined) return Result.fail(wrong)
  return attempt<ShapeMismatch | TensorFailure>()(
    () => outputs.many?.().scores(rows.labels, rows.factors) ?? scoresEach(outputs, rows, counted)
  )
}

/** What is wrong with the first label that counts and is none. A column that an example does not use has weight 0, and whatever label. */
const invalidLabel = (
  { batch: { examples, indices }, likelihood, observed, size }: Outputs,
  { factors, labels }: Factored
): InvalidLabel | undefined => {
  const labelSize = likelihood.labelSize(size)
  // One array for the labels that are looked at: a view of each would cost more than the look.
  const y = new Float64Array(labelSize)
  for (let row = 0; row < factors.length; row++) {
    if (factors[row] === 0) continue
    const n = row % examples
    for (let j = 0; j < labelSize; j++) y[j] = labels[row * labelSize + j]!
    const wrong = likelihood.invalid(y, size, indices[n]!, observed(n))
    if (wrong !== undefined) return wrong
  }
  return undefined
}

const scoresEach = (
  { batch: { examples }, distribution, likelihood, size }: Outputs,
  { factors, labels }: Factored,
  counted: (score: Float64Array, n: number) => Float64Array
): Float32Array => {
  const labelSize = likelihood.labelSize(size)
  const out = new Float32Array(factors.length * size)
  for (let row = 0; row < factors.length; row++) {
    const factor = factors[row]!
    if (factor === 0) continue
    const n = row % examples
    const y = labels.subarray(row * labelSize, (row + 1) * labelSize)
    const score = counted(distribution(n).score(y), n)
    for (let c = 0; c < size; c++) out[row * size + c] = factor * score[c]!
  }
  return out
}

const noColumns = (columns: number): InvalidArgument =>
  new InvalidArgument({
    argument: "columns",
    value: String(columns),
    message: `A sampler gave draws of ${columns} columns. Give at least one draw for each example.`
  })

/** Weights are a distribution over the draws of each example, to the rounding of float32. */
const wrongWeights = (
  weights: Float64Array,
  columns: number,
  { examples, indices }: Batch
): Result.Result<never, InvalidArgument> | undefined => {
  for (let n = 0; n < examples; n++) {
    let total = 0
    for (let k = 0; k < columns; k++) {
      const weight = weights[k * examples + n]!
      total += weight >= 0 ? weight : Number.NaN
    }
    if (Math.abs(total - 1) <= 1e-6) continue
    const value = Array.from({ length: Math.min(columns, 16) }, (_, k) => weights[k * examples + n]).join(
      ", "
    )
    return Result.fail(
      new InvalidArgument({
        argument: "weights",
        value,
        message: `A sampler gave the draws of example ${indices[n]} the weights ${value}. Give weights of at least 0 that sum to 1.`
      })
    )
  }
  return undefined
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
