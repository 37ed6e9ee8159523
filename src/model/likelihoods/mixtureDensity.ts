/**
 * Mixture density: y is D real numbers, from a mixture of K isotropic Gaussians whose weights, means and variances the network gives.
 *
 * *Shapes*: z is K (D + 2) numbers: K logits a_k, then K means mu_k of D numbers each, component after component, then K
 * logarithms of variances s_k = log sigma_k^2.
 *
 * *Math*: p(y) = sum_k pi_k N(y; mu_k, sigma_k^2 I), pi = softmax(a). With the responsibilities r_k = pi_k N_k(y) / p(y) the score is
 * r_k - pi_k for a_k, r_k (y - mu_k) / sigma_k^2 for mu_k and r_k (|y - mu_k|^2 / sigma_k^2 - D) / 2 for s_k. Neither its Fisher nor the KL
 * divergence of two mixtures has a closed form: it is sampled only. Where sigma_k is below 2^-53 |mu_k|, draws equal mu_k and the scores of
 * the component are wrong: no sampler gives its Fisher there.
 *
 * *Source*: Bishop 1994, Mixture density networks, sections 3 and 4.
 */
import { Schema } from "effect"
import { InvalidLabel, ShapeMismatch } from "../../Errors.ts"
import { decodeOrThrow, PositiveInt } from "../../Options.ts"
import { categorical as drawCategorical, normal } from "../../random/Distributions.ts"
import { logSoftmax } from "../internal/softmax.ts"
import type { SampledDistribution, SampledLikelihood } from "../Likelihood.ts"

/** `components`: K. `dimensions`: D, how many numbers a y is. */
export const MixtureDensityOptions = Schema.Struct({ components: PositiveInt, dimensions: PositiveInt })
export type MixtureDensityOptions = typeof MixtureDensityOptions.Type

/** a b, where 0 of anything is 0: the inverse of a deviation may overflow. */
const scaled = (a: number, b: number): number => (a === 0 ? 0 : a * b)

const at = (
  outputs: ArrayLike<number>,
  { components, dimensions }: MixtureDensityOptions
): SampledDistribution => {
  const z = new Float64Array(outputs)
  const logPi = logSoftmax(z.subarray(0, components))
  const pi = logPi.map(Math.exp)
  const means = z.subarray(components, components * (1 + dimensions))
  const logVariances = z.subarray(components * (1 + dimensions))
  const inverse = logVariances.map((s) => Math.exp(-s / 2))
  /** (y - mu_k) / sigma_k of number d; where y is the mean, 0 whatever sigma. */
  const standard = (y: ArrayLike<number>, k: number, d: number): number =>
    scaled(y[d]! - means[k * dimensions + d]!, inverse[k]!)
  const squares = (y: ArrayLike<number>): Float64Array =>
    logPi.map((_, k) => {
      let sum = 0
      for (let d = 0; d < dimensions; d++) sum += standard(y, k, d) ** 2
      return sum
    })
  /** log(pi_k N_k(y)), without the constant. */
  const terms = (lengths: Float64Array): Float64Array =>
    lengths.map((square, k) => logPi[k]! - 0.5 * (square + dimensions * logVariances[k]!))
  return {
    logProbability: (y) => {
      const logs = terms(squares(y))
      const top = Math.max(...logs)
      const sum = logs.reduce((total, value) => total + Math.exp(value - top), 0)
      return (
        (top === Number.NEGATIVE_INFINITY ? top : top + Math.log(sum)) -
        0.5 * dimensions * Math.log(2 * Math.PI)
      )
    },
    score: (y) => {
      const lengths = squares(y)
      const logs = terms(lengths)
      // So far from all of them that no float64 tells which is responsible.
      const r = logs.every((log) => log === Number.NEGATIVE_INFINITY) ? pi : logSoftmax(logs).map(Math.exp)
      const score = new Float64Array(z.length)
      for (let k = 0; k < components; k++) {
        score[k] = r[k]! - pi[k]!
        // Of a component that is not responsible nothing is asked: its distance may overflow.
        if (r[k] === 0) continue
        for (let d = 0; d < dimensions; d++) {
          score[components + k * dimensions + d] = scaled(r[k]! * standard(y, k, d), inverse[k]!)
        }
        score[components * (1 + dimensions) + k] = 0.5 * r[k]! * (lengths[k]! - dimensions)
      }
      return score
    },
    sample: (uniform) => {
      const k = drawCategorical(uniform(), pi)
      const own = means.subarray(k * dimensions, (k + 1) * dimensions)
      const deviation = Math.exp(logVariances[k]! / 2)
      return own.map((mean) => mean + scaled(normal(uniform()), deviation))
    }
  }
}

/**
 * y is D real numbers; z are K logits, K means of D numbers and K log-variances: K (D + 2) outputs.
 *
 * It is sampled only: take the Fisher from `Sampler.monteCarlo`, `stratified`, `antithetic` or a rule of your own. *Throws*:
 * `InvalidArgument` for options that are not whole numbers of at least 1.
 */
export const mixtureDensity = (options: MixtureDensityOptions): SampledLikelihood => {
  const decoded = decodeOrThrow(MixtureDensityOptions, options)
  const { components, dimensions } = decoded
  const due = components * (dimensions + 2)
  const name = `mixtureDensity(${components} components, ${dimensions} dimensions)`
  return {
    name,
    labelSize: () => dimensions,
    support: () => Number.POSITIVE_INFINITY,
    misfit: (outputs) =>
      outputs === due
        ? undefined
        : new ShapeMismatch({
            what: "outputs of a mixture density network",
            expected: String(due),
            actual: String(outputs),
            message: `The network has ${outputs} outputs and ${name} takes ${due}: components (dimensions + 2). Give both the same number.`
          }),
    invalid: (y, _, example) => {
      const wrong = Array.from(y).find((value) => !Number.isFinite(value))
      return wrong === undefined
        ? undefined
        : new InvalidLabel({
            likelihood: "mixtureDensity",
            example,
            value: String(wrong),
            message: `A label of example ${example} is ${wrong}. A label of a mixture density is a finite number.`
          })
    },
    at: (z) => at(z, decoded)
  }
}
