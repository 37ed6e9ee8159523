/** A rule of one's own for one example, over all examples of a block. */
import { Effect } from "effect"
import { InvalidArgument, ShapeMismatch } from "../../Errors.ts"
import type { Outputs } from "../../model/Conditional.ts"
import type { SampledDistribution } from "../../model/Likelihood.ts"
import { shown } from "../../Options.ts"
import { type Draws, Labels } from "../Draws.ts"
import { observed } from "../internal/observed.ts"
import type { Sampler, SamplerError } from "../Sampler.ts"

/** What a rule of one's own is given for one example. */
export interface RuleInput {
  /**
   * p(y|x) of this example; with its closed forms, `Likelihood.Distribution`, where the likelihood has them. Where it has `weights`, its log
   * p and scores are weighted by them.
   */
  readonly distribution: SampledDistribution
  /** Index of the example in the data. */
  readonly example: number
  /**
   * Which estimate of a sequence this is: a key, not an index. A training step gives its number; the standard errors of an estimate draw
   * anew in a round near 2^53.
   */
  readonly round: number
}

/** One draw of a rule: a y and its weight. The weights of an example sum to 1. */
export interface WeightedDraw {
  readonly y: ArrayLike<number>
  readonly weight: number
}

export type Rule = (input: RuleInput) => ReadonlyArray<WeightedDraw>

export const fromRule = (name: string, rule: Rule): typeof Sampler.Service => ({
  name,
  draw: (outputs, round) => drawByRule(name, rule, outputs, round)
})

const drawByRule = Effect.fnUntraced(function* (
  name: string,
  rule: Rule,
  outputs: Outputs,
  round: number
): Effect.fn.Return<Draws, SamplerError> {
  const { batch, distribution, likelihood, size } = outputs
  const { examples, indices } = batch
  yield* Effect.fromResult(observed(outputs))
  const labelSize = likelihood.labelSize(size)
  const rows = Array.from({ length: examples }, (_, n) =>
    rule({ distribution: distribution(n), example: indices[n]!, round })
  )
  const columns = rows.reduce((most, row) => Math.max(most, row.length), 1)
  const labels = new Float64Array(columns * examples * labelSize)
  const weights = new Float64Array(columns * examples)
  for (const [n, row] of rows.entries()) {
    for (const [k, { weight, y }] of row.entries()) {
      if (y?.length !== labelSize) return yield* wrongLabel(name, indices[n]!, y, labelSize)
      const wrong = likelihood.invalid(y, size, indices[n]!, outputs.observed(n))
      if (wrong !== undefined) return yield* wrong
      labels.set(y, (k * examples + n) * labelSize)
      weights[k * examples + n] = weight
    }
    const total = row.reduce(
      (sum, { weight }) => sum + (typeof weight === "number" && weight >= 0 ? weight : Number.NaN),
      0
    )
    if (!(Math.abs(total - 1) <= 1e-6)) return yield* wrongTotal(name, indices[n]!, row)
  }
  return Labels({ columns, labels, weights })
})

const wrongLabel = (
  name: string,
  example: number,
  y: ArrayLike<number> | undefined,
  labelSize: number
): ShapeMismatch =>
  new ShapeMismatch({
    what: "y of a draw",
    expected: `${labelSize} numbers`,
    actual: `${y?.length ?? "no"} numbers`,
    message: `The sampler ${name} drew ${shown(y)}, which is ${y?.length ?? "no"} numbers, for example ${example}. A y of this likelihood is an array of ${labelSize} numbers.`
  })

const wrongTotal = (name: string, example: number, row: ReadonlyArray<WeightedDraw>): InvalidArgument => {
  const value = row.length === 0 ? "no draw" : row.map(({ weight }) => shown(weight)).join(", ")
  return new InvalidArgument({
    argument: "weights",
    value,
    message: `The sampler ${name} gave example ${example} the weights ${value}. Give weights of at least 0 that sum to 1.`
  })
}
