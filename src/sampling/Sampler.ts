/**
 * y ~ p(y|x): how the inner expectation of the Fisher is taken, as a service.
 *
 * *Math*: F = E_x E_{y ~ p(y|x)}[score score^T]. A sampler replaces the inner mean by weighted draws: Monte Carlo by K draws of weight
 * 1/K, `exact` by the columns of the output Fisher's square root, `empirical` by the data's own label (which gives the empirical
 * Fisher: another matrix).
 *
 * A draw is a pure function of the seed, the round, the example's index and the number of the draw: the same whatever the batch
 * size, the order or the concurrency, and on every device that gives the same z.
 */
import { Context, Effect, Layer, Result, Schema } from "effect"
import { InvalidArgument, type InvalidLabel, type MissingLabels, ShapeMismatch } from "../Errors.ts"
import { checkedLabels, type Outputs } from "../model/Conditional.ts"
import type { Distribution } from "../model/Likelihood.ts"
import { decode, NonNegativeInt, PositiveInt, Seed, shown } from "../Options.ts"
import { fold, type Key, make as makeKey, uniform } from "../random/Key.ts"
import { Cotangents, type Draws, Labels } from "./Draws.ts"

export type SamplerError = MissingLabels | InvalidLabel | ShapeMismatch | InvalidArgument

/** `draws`: how many for each example. `seed`: of all of them. */
export const MonteCarloOptions = Schema.Struct({ draws: PositiveInt, seed: Seed })

/** What a rule of one's own is given for one example. */
export interface RuleInput {
  /** p(y|x) of this example. */
  readonly distribution: Distribution
  /** Index of the example in the data. */
  readonly example: number
  /** Which estimate of a sequence this is; a training step gives its number. */
  readonly round: number
}

/** One draw of a rule: a y and its weight. The weights of an example sum to 1. */
export interface WeightedDraw {
  readonly y: ArrayLike<number>
  readonly weight: number
}

export class Sampler extends Context.Service<
  Sampler,
  {
    /** With its options, such as `"monteCarlo(8 draws, seed 42)"`. */
    readonly name: string
    /** Draws for a block. `round` tells the estimates of a sequence apart: each has draws of its own. */
    readonly draw: (outputs: Outputs, round: number) => Effect.Effect<Draws, SamplerError>
  }
>()("natgrad/Sampler") {
  /**
   * The exact expectation: one column for each column of the factor S of the output Fisher (C - 1 for a categorical, C for a
   * Bernoulli and a Gaussian).
   */
  static readonly exact: Layer.Layer<Sampler> = Layer.succeed(Sampler, {
    name: "exact",
    draw: (outputs, round) =>
      Effect.map(Effect.fromResult(drawsFit(outputs, outputs.likelihood.columns(outputs.size), round)), () =>
        exactColumns(outputs)
      )
  })

  /**
   * K independent draws from p(y|x) for each example, of weight 1/K.
   *
   * Unbiased; the standard error falls as 1/sqrt(K). Estimates of one `round` have the same draws: a loop of your own should give
   * each step its number. *Fails*: `InvalidArgument`.
   */
  static readonly monteCarlo = (
    options: typeof MonteCarloOptions.Type
  ): Layer.Layer<Sampler, InvalidArgument> =>
    Layer.effect(
      Sampler,
      Effect.fromResult(decode(MonteCarloOptions, options)).pipe(
        Effect.map(({ draws, seed }) => {
          const key = makeKey(seed)
          return Sampler.of({
            name: `monteCarlo(${draws} draws, seed ${seed})`,
            draw: (outputs, round) =>
              Effect.fromResult(drawsFit(outputs, draws, round)).pipe(
                Effect.map(() => independentDraws(outputs, fold(key, round), draws))
              )
          })
        })
      )
    )

  /** The data's own labels, with weight 1: the empirical Fisher, which is not F. *Fails*: `MissingLabels`, `InvalidLabel`. */
  static readonly empirical: Layer.Layer<Sampler> = Layer.succeed(Sampler, {
    name: "empirical",
    draw: ({ batch, likelihood, size }) =>
      checkedLabels(likelihood, size, batch).pipe(
        Effect.map(({ values }) =>
          Labels({
            columns: 1,
            labels: new Float64Array(values),
            weights: new Float64Array(batch.examples).fill(1)
          })
        )
      )
  })

  /**
   * A rule of one's own: for each example some y with weights that sum to 1.
   *
   * Examples may have different numbers of draws. *Fails* when used: `ShapeMismatch` for a y of another length, `InvalidLabel` for one
   * that the likelihood cannot have drawn, `InvalidArgument` for a weight below 0 or weights that do not sum to 1. What the rule
   * itself throws is a defect.
   */
  static readonly fromRule = (
    name: string,
    rule: (input: RuleInput) => ReadonlyArray<WeightedDraw>
  ): Layer.Layer<Sampler> =>
    Layer.succeed(Sampler, { name, draw: (outputs, round) => drawByRule(name, rule, outputs, round) })
}

/** 1 GiB of float64. */
const mostNumbers = 2 ** 27

const Round = Schema.Struct({ round: NonNegativeInt })

/** Whether a block's draws, which are held at once, fit into memory. */
const drawsFit = (
  { batch, likelihood, size }: Outputs,
  draws: number,
  round: number
): Result.Result<void, InvalidArgument> =>
  Result.flatMap(decode(Round, { round }), () =>
    draws * batch.examples * Math.max(size, likelihood.labelSize(size)) <= mostNumbers
      ? Result.succeed(undefined)
      : Result.fail(
          new InvalidArgument({
            argument: "draws",
            value: String(draws),
            message: `draws is ${draws}, too many columns of ${size} outputs for a block of ${batch.examples} examples. Give fewer draws or a smaller blockSize.`
          })
        )
  )

const exactColumns = ({ batch: { examples }, distribution, likelihood, size }: Outputs): Draws => {
  const columns = likelihood.columns(size)
  const cotangents = new Float32Array(columns * examples * size)
  for (let n = 0; n < examples; n++) {
    const factor = distribution(n).factor()
    for (let k = 0; k < columns; k++) {
      for (let c = 0; c < size; c++) cotangents[(k * examples + n) * size + c] = factor[k * size + c]!
    }
  }
  return Cotangents({ columns, cotangents })
}

const independentDraws = (
  { batch: { examples, indices }, distribution, likelihood, size }: Outputs,
  key: Key,
  columns: number
): Draws => {
  const labelSize = likelihood.labelSize(size)
  const labels = new Float64Array(columns * examples * labelSize)
  for (let n = 0; n < examples; n++) {
    const own = fold(key, indices[n]!)
    for (let k = 0; k < columns; k++) {
      let slot = 0
      labels.set(
        distribution(n).sample(() => uniform(own, k, slot++)),
        (k * examples + n) * labelSize
      )
    }
  }
  return Labels({ columns, labels, weights: new Float64Array(columns * examples).fill(1 / columns) })
}

const drawByRule = Effect.fnUntraced(function* (
  name: string,
  rule: (input: RuleInput) => ReadonlyArray<WeightedDraw>,
  { batch: { examples, indices }, distribution, likelihood, size }: Outputs,
  round: number
): Effect.fn.Return<Draws, SamplerError> {
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
      const wrong = likelihood.invalid(y, size, indices[n]!)
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
