/**
 * Gaussian whose variances the network gives: z = (mu_1 ... mu_D, s_1 ... s_D) for D numbers y, with s = log sigma^2.
 *
 * *Math*: score = ((y - mu) e^-s, ((y - mu)^2 e^-s - 1) / 2); Lambda = diag(e^-s, 1/2), which is not the Hessian of -log p;
 * KL = (e^d - 1 - d + (mu - mu')^2 e^-s') / 2 with d = s - s'. A draw is mu to the last bit where sigma is below 2^-53 |mu|, as
 * float64 has no number between: take the Fisher there from the exact sampler, which draws nothing.
 *
 * *Source*: Nix and Weigend 1994, Estimating the mean and variance of the target probability distribution.
 */
import { InvalidLabel, ShapeMismatch } from "../../Errors.ts"
import { normal } from "../../random/Distributions.ts"
import { expGap } from "../../random/SpecialFunctions.ts"
import { diagonalMatrix } from "../internal/matrix.ts"
import type { Distribution, Likelihood } from "../Likelihood.ts"

/** a b, where 0 of anything is 0: a deviation may overflow that nothing deviates by. */
const product = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : a * b)

const at = (outputs: ArrayLike<number>): Distribution => {
  const size = outputs.length / 2
  const z = new Float64Array(outputs)
  const [means, logVariances] = [z.subarray(0, size), z.subarray(size)]
  /** (y - mu) / sigma, and the sum of a term over the numbers of y. */
  const standard = (value: number, c: number): number =>
    product(value - means[c]!, Math.exp(-logVariances[c]! / 2))
  const sum = (term: (c: number) => number): number => means.reduce((total, _, c) => total + term(c), 0)
  const factor = z.map((_, c) => (c < size ? Math.exp(-logVariances[c]! / 2) : Math.SQRT1_2))
  return {
    logProbability: (y) =>
      -0.5 * sum((c) => standard(y[c]!, c) ** 2 + logVariances[c]! + Math.log(2 * Math.PI)),
    score: (y) =>
      z.map((_, i) => {
        const c = i % size
        const r = standard(y[c]!, c)
        return i < size ? product(r, Math.exp(-logVariances[c]! / 2)) : 0.5 * (r - 1) * (r + 1)
      }),
    sample: (uniform) =>
      means.map((mean, c) => mean + product(Math.exp(logVariances[c]! / 2), normal(uniform()))),
    fisher: () => diagonalMatrix(z.map((_, c) => (c < size ? Math.exp(-logVariances[c]!) : 0.5))),
    factor: () => diagonalMatrix(factor),
    klDivergence: (other) =>
      0.5 *
      sum((c) => {
        const otherLog = other[size + c]!
        return (
          expGap(logVariances[c]! - otherLog) + product(means[c]! - other[c]!, Math.exp(-otherLog / 2)) ** 2
        )
      })
  }
}

/** y is D real numbers; z are their D means and then their D logarithms of variances. */
export const heteroscedasticGaussian: Likelihood = {
  name: "heteroscedasticGaussian",
  labelSize: (outputs) => outputs / 2,
  support: () => Number.POSITIVE_INFINITY,
  columns: (outputs) => outputs,
  misfit: (outputs) =>
    outputs % 2 === 0
      ? undefined
      : new ShapeMismatch({
          what: "outputs of a heteroscedastic Gaussian network",
          expected: "an even number",
          actual: String(outputs),
          message: `${outputs} outputs are no means with a log-variance each. Give the network two outputs for each number of y.`
        }),
  invalid: (y, _, example) => {
    const wrong = Array.from(y).find((value) => !Number.isFinite(value))
    return wrong === undefined
      ? undefined
      : new InvalidLabel({
          likelihood: "heteroscedasticGaussian",
          example,
          value: String(wrong),
          message: `A label of example ${example} is ${wrong}. A Gaussian label is a finite number.`
        })
  },
  at
}
