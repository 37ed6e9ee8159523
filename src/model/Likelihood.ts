/**
 * A likelihood: the family of distributions p(y|z) that the network's output z picks one from.
 *
 * `at(z)` computes what is needed of one distribution once; then several y are drawn from it, each with its score. All of it is
 * plain float64 arithmetic on numbers that have left the device, so a draw is the same whatever computed z.
 *
 * Conventions: log-probabilities in nats, with their constants. The score is grad_z log p(y|z); its mean under p is 0 and its
 * covariance is the output Fisher Lambda(z) = E_y[score score^T] = S S^T. A y is `labelSize` numbers.
 *
 * Any finite z is legal. Where float64 does not hold a parameter, such as a rate e^z with z over 709, numbers are infinite and never
 * NaN, and a draw is one that `invalid` refuses: an estimate there fails with `NonFinite` or `InvalidLabel`.
 *
 * Where the standard deviation of a Gaussian, or the scale of `studentT`, is under the last bits of the mean, draws equal the mean
 * and sampled scores are wrong: take the Fisher there from `Sampler.exact`, which draws nothing.
 */
import type { InvalidLabel, ShapeMismatch } from "../Errors.ts"

export { bernoulli } from "./likelihoods/bernoulli.ts"
export { categorical } from "./likelihoods/categorical.ts"
export { gamma } from "./likelihoods/gamma.ts"
export { type GaussianOptions, gaussian } from "./likelihoods/gaussian.ts"
export { heteroscedasticGaussian } from "./likelihoods/heteroscedasticGaussian.ts"
export { negativeBinomial } from "./likelihoods/negativeBinomial.ts"
export { ordinal } from "./likelihoods/ordinal.ts"
export { poisson } from "./likelihoods/poisson.ts"
export { type Head, product } from "./likelihoods/product.ts"
export { studentT } from "./likelihoods/studentT.ts"
export { vonMises } from "./likelihoods/vonMises.ts"

/** p(y|z) of one example. */
export interface Distribution {
  /** log p(y|z), in nats. */
  readonly logProbability: (y: ArrayLike<number>) => number
  /** grad_z log p(y|z), `[C]`. */
  readonly score: (y: ArrayLike<number>) => Float64Array
  /** A draw of y, `[labelSize]`, from uniform numbers in (0, 1): the same uniforms give the same y. */
  readonly sample: (uniform: () => number) => Float64Array
  /** Lambda = E_y[score score^T], `[C, C]` row-major. */
  readonly fisher: () => Float64Array
  /** S with S S^T = Lambda, column after column: `[columns, C]` row-major. */
  readonly factor: () => Float64Array
  /** KL(p(.|z) || p(.|other)) to the distribution of the same family at `other`, in nats. */
  readonly klDivergence: (other: ArrayLike<number>) => number
}

export interface Likelihood {
  /** With its fixed parameters, such as `"gaussian(variance 0.5)"`. */
  readonly name: string
  /** How many numbers a y is, for C outputs. */
  readonly labelSize: (outputs: number) => number
  /** How many different y there are, for C outputs: `Infinity` for a density. Draws of one y then collapse to one column. */
  readonly support: (outputs: number) => number
  /** How many columns the factor S has, for C outputs. */
  readonly columns: (outputs: number) => number
  /** Why a network of C outputs cannot feed this likelihood, or nothing. */
  readonly misfit: (outputs: number) => ShapeMismatch | undefined
  /** Why the likelihood cannot have drawn y, or nothing. `example` is the index to name. */
  readonly invalid: (y: ArrayLike<number>, outputs: number, example: number) => InvalidLabel | undefined
  /** The distribution for the output z `[C]` of one example. */
  readonly at: (z: ArrayLike<number>) => Distribution
}
