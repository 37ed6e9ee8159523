/**
 * A likelihood: the family of distributions p(y|z) that the network's output z picks one from.
 *
 * `at(z)` computes what is needed of one distribution once; then several y are drawn from it, each with its score. All of it is
 * plain float64 arithmetic on numbers that have left the device, so a draw is the same whatever computed z.
 *
 * Conventions: log-probabilities in nats, with their constants. The score is grad_z log p(y|z); its mean under p is 0 and its
 * covariance is the output Fisher Lambda(z) = E_y[score score^T] = S S^T. A y is `labelSize` numbers.
 *
 * A likelihood is *sampled*, with a density, a score and a rule to draw by, or has the closed forms of its Fisher and its KL
 * divergence too. The types tell: `SampledLikelihood`, and `Likelihood`, which extends it.
 *
 * Where the data has a label of the example, `at` is given it as `observed`: not for what y was, which the Fisher draws, but for what of
 * y *counts*. A likelihood with ignored targets or class weights gives each part of y a weight w by it. All of them reweigh the loss:
 * log p, the score and KL are w times their own, the Fisher is w Lambda, and a sampled square is w score score^T, not w^2.
 *
 * Any finite z is legal. Where float64 does not hold a parameter, such as a rate e^z with z over 709, numbers are infinite and never
 * NaN, and a draw is one that `invalid` refuses: an estimate there fails with `NonFinite` or `InvalidLabel`.
 *
 * Where the standard deviation of a Gaussian, or the scale of `studentT`, is under the last bits of the mean, draws equal the mean
 * and sampled scores are wrong: take the Fisher there from `Sampler.exact`, which draws nothing.
 */
import type { InvalidLabel, ShapeMismatch } from "../Errors.ts"

export { hasClosedForm } from "./internal/closedForm.ts"
export { bernoulli } from "./likelihoods/bernoulli.ts"
export { type CategoricalOptions, categorical, categoricalWith } from "./likelihoods/categorical.ts"
export {
  type ClosedForms,
  type Differentiated,
  type FromLogDensityOptions,
  fromLogDensity,
  type LogDensityOptions,
  type Scored
} from "./likelihoods/fromLogDensity.ts"
export { gamma } from "./likelihoods/gamma.ts"
export { type GaussianOptions, gaussian } from "./likelihoods/gaussian.ts"
export { heteroscedasticGaussian } from "./likelihoods/heteroscedasticGaussian.ts"
export { type MixtureDensityOptions, mixtureDensity } from "./likelihoods/mixtureDensity.ts"
export { negativeBinomial } from "./likelihoods/negativeBinomial.ts"
export { ordinal } from "./likelihoods/ordinal.ts"
export { poisson } from "./likelihoods/poisson.ts"
export { type PositionsOptions, positions } from "./likelihoods/positions.ts"
export { type Head, product, type SampledHead } from "./likelihoods/product.ts"
export { studentT } from "./likelihoods/studentT.ts"
export { vonMises } from "./likelihoods/vonMises.ts"

/** p(y|z) of one example, as far as it can be evaluated and drawn from. */
export interface SampledDistribution {
  /** log p(y|z), in nats; the weighted sum over the parts of y where they have weights. */
  readonly logProbability: (y: ArrayLike<number>) => number
  /** grad_z of `logProbability`, `[C]`. */
  readonly score: (y: ArrayLike<number>) => Float64Array
  /** A draw of y, `[labelSize]`, from uniform numbers in (0, 1): the same uniforms give the same y. */
  readonly sample: (uniform: () => number) => Float64Array
  /**
   * How many times the part of y that an output belongs to counts, `[C]`; all once where absent. The Fisher is the mean of the squares of
   * score_c / sqrt(weight_c), and 0 where the weight is.
   */
  readonly weights?: Float64Array
}

/** The same with the closed forms of its Fisher and of the KL divergence. */
export interface Distribution extends SampledDistribution {
  /** Lambda = E_y[score score^T], `[C, C]` row-major; weighted where there are weights. */
  readonly fisher: () => Float64Array
  /** S with S S^T = Lambda, column after column: `[columns, C]` row-major. */
  readonly factor: () => Float64Array
  /** KL(p(.|z) || p(.|other)) to the distribution of the same family at `other`, in nats. */
  readonly klDivergence: (other: ArrayLike<number>) => number
  /** Where p is that of independent parts: each of them. Lambda is block-diagonal in their outputs. */
  readonly parts?: ReadonlyArray<Part>
}

/** One of the independent parts of a distribution: the outputs from `output` to before `output + outputs` are its own. */
export interface Part {
  readonly output: number
  readonly outputs: number
  readonly distribution: Distribution
}

/** A likelihood that can be evaluated and drawn from: the Fisher is estimated from draws. */
export interface SampledLikelihood {
  /** With its fixed parameters, such as `"gaussian(variance 0.5)"`. */
  readonly name: string
  /** How many numbers a y is, for C outputs. */
  readonly labelSize: (outputs: number) => number
  /** How many different y there are, for C outputs: `Infinity` for a density. Draws of one y then collapse to one column. */
  readonly support: (outputs: number) => number
  /** Why a network of C outputs cannot feed this likelihood, or nothing. */
  readonly misfit: (outputs: number) => ShapeMismatch | undefined
  /**
   * Why y is no label, or nothing. `example` is the index to name. Given what was `observed`, why y cannot have been drawn beside it.
   */
  readonly invalid: (
    y: ArrayLike<number>,
    outputs: number,
    example: number,
    observed?: ArrayLike<number>
  ) => InvalidLabel | undefined
  /** Whether `at` asks what was observed; not unless said. Then the Fisher needs data with labels. */
  readonly observes?: boolean
  /** The inverse link function, where it has a name: with it a network's last layer would give the means of y in place of z. */
  readonly inverseLink?: "softmax" | "sigmoid"
  /** The distribution for the output z `[C]` of one example. Without `observed` every part counts once. */
  readonly at: (z: ArrayLike<number>, observed?: ArrayLike<number>) => SampledDistribution
  /** Many examples at once, where that costs less than one by one. */
  readonly many?: ManyAt
}

/** The outputs of some examples, `[N, C]`. */
export interface OutputRows {
  readonly z: Float32Array
  readonly examples: number
  readonly size: number
}

/**
 * The distributions of many examples, none of which is weighted. They are `at`'s: a likelihood that is another's copy, with an `at` of its own,
 * goes by that alone.
 */
export interface ManyAt {
  readonly at: SampledLikelihood["at"]
  readonly open: (outputs: OutputRows) => Many
}

/** What `at` gives of each of N examples, to the bit, in loops over all of them. */
export interface Many {
  /** log p of one y each, `[N]`, for `[N, labelSize]`. */
  readonly logProbabilities: (y: ArrayLike<number>) => Float64Array
  /**
   * Scores times a factor each, rounded to float32, `[R, C]`, for R y `[R, labelSize]` of which y r is of example r mod N. Where the factor
   * is 0 the score is, whatever the y.
   */
  readonly scores: (y: Float64Array, factors: Float64Array) => Float32Array
  /** K draws of each, `[K, N, labelSize]`: draw k of example n from the uniform numbers `uniforms(n)(k, slot)`. */
  readonly draws?: (columns: number, uniforms: (n: number) => Uniforms) => Float64Array
  /** The columns of S of each, rounded to float32, `[columns, N, C]`. */
  readonly factors?: () => Float32Array
}

/** Uniform numbers in (0, 1) of one example: the one that its draw takes at a slot. */
export type Uniforms = (draw: number, slot: number) => number

/** A likelihood whose Fisher and KL divergence have closed forms: every sampler works with it. */
export interface Likelihood extends SampledLikelihood {
  /** How many columns the factor S has, for C outputs. */
  readonly columns: (outputs: number) => number
  readonly at: (z: ArrayLike<number>, observed?: ArrayLike<number>) => Distribution
}
