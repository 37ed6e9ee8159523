/**
 * y ~ p(y|x): how the inner expectation of the Fisher is taken, as a service.
 *
 * *Math*: F = E_x E_{y ~ p(y|x)}[score score^T]. A sampler replaces the inner mean by weighted draws, or by the columns that they would
 * give; one file in `samplers/` each. `docs/samplers.md` says when to use which, and how exact each is for its number of draws.
 *
 * A draw is a pure function of the seed, the round, the example's index and the number of the draw: the same whatever the batch
 * size, the order or the concurrency, and on every device that gives the same z.
 */
import { Context, Effect, Layer, Result, type Schema } from "effect"
import type {
  InvalidArgument,
  InvalidLabel,
  MissingLabels,
  NoClosedForm,
  ShapeMismatch,
  TensorFailure
} from "../Errors.ts"
import type { Outputs } from "../model/Conditional.ts"
import { decode } from "../Options.ts"
import type { Draws } from "./Draws.ts"
import { AntitheticOptions, antithetic } from "./samplers/antithetic.ts"
import { CurvaturePropagationOptions, curvaturePropagation } from "./samplers/curvaturePropagation.ts"
import { empirical } from "./samplers/empirical.ts"
import { exact } from "./samplers/exact.ts"
import { fromRule, type Rule } from "./samplers/fromRule.ts"
import { MonteCarloOptions, monteCarlo } from "./samplers/monteCarlo.ts"
import { StratifiedOptions, stratified } from "./samplers/stratified.ts"
import { UntilPreciseOptions, untilPrecise } from "./samplers/untilPrecise.ts"

export type { RuleInput, WeightedDraw } from "./samplers/fromRule.ts"
export {
  AntitheticOptions,
  CurvaturePropagationOptions,
  MonteCarloOptions,
  StratifiedOptions,
  UntilPreciseOptions
}

/** `NoClosedForm`: of a sampler that draws nothing, with a likelihood that is sampled only. `TensorFailure`: of one's own likelihood. */
export type SamplerError =
  | MissingLabels
  | InvalidLabel
  | ShapeMismatch
  | InvalidArgument
  | NoClosedForm
  | TensorFailure

/** The layer of a sampler with options. *Fails*: `InvalidArgument`. */
const withOptions =
  <A>(schema: Schema.Decoder<A>, make: (options: A) => typeof Sampler.Service) =>
  (options: A): Layer.Layer<Sampler, InvalidArgument> =>
    Layer.effect(Sampler, Effect.fromResult(Result.map(decode(schema, options), make)))

export class Sampler extends Context.Service<
  Sampler,
  {
    /** With its options, such as `"monteCarlo(8 draws, seed 42)"`. */
    readonly name: string
    /**
     * Draws for a block. `round` tells the estimates of a sequence apart: each has draws of its own. The block's x (`outputs.batch.x`) can be had
     * until its sums are taken: an array that was read is kept, one that was not is used for another block.
     */
    readonly draw: (outputs: Outputs, round: number) => Effect.Effect<Draws, SamplerError>
  }
>()("natgrad/Sampler") {
  /**
   * The exact expectation: one column for each column of the factor S of the output Fisher (C - 1 for a categorical, C where
   * the outputs are independent). *Fails* when used: `NoClosedForm` for a likelihood that is sampled only.
   */
  static readonly exact: Layer.Layer<Sampler> = Layer.succeed(Sampler, exact)

  /**
   * K independent draws from p(y|x) for each example, of weight 1/K.
   *
   * Unbiased; the standard error falls as 1/sqrt(K). Draw k is the same y for any K. Estimates of one `round` have the same draws: a
   * loop of your own should give each step its number. *Fails*: `InvalidArgument`.
   */
  static readonly monteCarlo: (
    options: typeof MonteCarloOptions.Type
  ) => Layer.Layer<Sampler, InvalidArgument> = withOptions(MonteCarloOptions, monteCarlo)

  /**
   * K draws whose uniform numbers fall one into each of K equal strata, for every number that a y is made from (a Latin hypercube).
   *
   * Unbiased: every draw by itself is from p(y|x). The draws of an example repel each other: for one number a y, as a categorical
   * takes, the standard error falls as 1/K. *Fails*: `InvalidArgument`. *Source*: McKay, Beckman and Conover 1979.
   */
  static readonly stratified: (
    options: typeof StratifiedOptions.Type
  ) => Layer.Layer<Sampler, InvalidArgument> = withOptions(StratifiedOptions, stratified)

  /**
   * K draws in pairs, from the uniform numbers u and 1 - u. K is even.
   *
   * Unbiased, and better than independent draws only where the two outer products of a pair differ: for a Gaussian they are the
   * same, and K draws are worth K/2. *Fails*: `InvalidArgument`. *Source*: Hammersley and Morton 1956.
   */
  static readonly antithetic: (
    options: typeof AntitheticOptions.Type
  ) => Layer.Layer<Sampler, InvalidArgument> = withOptions(AntitheticOptions, antithetic)

  /**
   * K columns S r / sqrt(K), r random signs and S the factor of the output Fisher: no y is drawn.
   *
   * Unbiased for every likelihood; the standard error falls as 1/sqrt(K). *Fails*: `InvalidArgument`; when used, `NoClosedForm` for a
   * likelihood that is sampled only. *Source*: Martens, Sutskever and Swersky 2012.
   */
  static readonly curvaturePropagation: (
    options: typeof CurvaturePropagationOptions.Type
  ) => Layer.Layer<Sampler, InvalidArgument> = withOptions(CurvaturePropagationOptions, curvaturePropagation)

  /**
   * As many independent draws, up to `maxDraws`, as make the error that they cause in a block's mean output Fisher F at most
   * `relativeError` |F| in the root mean square (Frobenius norm); for each block anew. The error of tr F, the mean squared score norm, is
   * then at most as large, and so is that of all blocks together.
   *
   * Unbiased: a pilot chooses the number of draws, and the draws that are used are fresh. The error is an average over a block, at
   * the outputs of the network: no example by itself, and no entry of the Fisher of the parameters, is promised anything. The number
   * rests on an estimate from at least 1024 draws, plus two standard errors. *Cost*: the pilot, and N C^2 for the output Fishers; no
   * backpropagation. *Fails*: `InvalidArgument`; when used, `NoClosedForm` for a likelihood that is sampled only. *Source*: Stein 1945.
   */
  static readonly untilPrecise: (
    options: typeof UntilPreciseOptions.Type
  ) => Layer.Layer<Sampler, InvalidArgument> = withOptions(UntilPreciseOptions, untilPrecise)

  /** The data's own labels, with weight 1: the empirical Fisher, which is not F. *Fails*: `MissingLabels`, `InvalidLabel`. */
  static readonly empirical: Layer.Layer<Sampler> = Layer.succeed(Sampler, empirical)

  /**
   * A rule of one's own: for each example some y with weights that sum to 1.
   *
   * Examples may have different numbers of draws. *Fails* when used: `ShapeMismatch` for a y of another length, `InvalidLabel` for one
   * that the likelihood cannot have drawn, `InvalidArgument` for a weight below 0 or weights that do not sum to 1. What the rule
   * itself throws is a defect.
   */
  static readonly fromRule = (name: string, rule: Rule): Layer.Layer<Sampler> =>
    Layer.succeed(Sampler, fromRule(name, rule))
}
