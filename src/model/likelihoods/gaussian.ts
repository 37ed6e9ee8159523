/**
 * Gaussian of fixed variance: y is C numbers with mean z and the same variance sigma^2 each.
 *
 * *Math*: score = (y - z) / sigma^2; Lambda = I / sigma^2 (the inverse of the variance). The squared error |y - z|^2 is the
 * negative log-likelihood, up to a constant, of variance 1/2.
 */
import { Schema } from "effect"
import { InvalidLabel } from "../../Errors.ts"
import { decodeOrThrow, Positive } from "../../Options.ts"
import { normal } from "../../random/Distributions.ts"
import { diagonalMatrix } from "../internal/matrix.ts"
import type { Distribution, Likelihood } from "../Likelihood.ts"

/** `variance`: sigma^2, over 0. */
export const GaussianOptions = Schema.Struct({ variance: Positive })

const at = (mean: ArrayLike<number>, variance: number): Distribution => {
  const z = new Float64Array(mean)
  const deviation = Math.sqrt(variance)
  const squaredDistance = (y: ArrayLike<number>): number =>
    z.reduce((sum, value, c) => sum + (y[c]! - value) ** 2, 0)
  return {
    logProbability: (y) =>
      -0.5 * (squaredDistance(y) / variance + z.length * Math.log(2 * Math.PI * variance)),
    score: (y) => z.map((value, c) => (y[c]! - value) / variance),
    sample: (uniform) => z.map((value) => value + deviation * normal(uniform())),
    fisher: () => diagonalMatrix(z.map(() => 1 / variance)),
    factor: () => diagonalMatrix(z.map(() => 1 / deviation)),
    klDivergence: (other) => squaredDistance(other) / (2 * variance)
  }
}

/**
 * y is C real numbers; z are their means.
 *
 * *Throws*: `InvalidArgument` where the variance is not a positive, finite number.
 */
export const gaussian = (options: typeof GaussianOptions.Type): Likelihood => {
  const { variance } = decodeOrThrow(GaussianOptions, options)
  return {
    name: `gaussian(variance ${variance})`,
    labelSize: (outputs) => outputs,
    support: () => Number.POSITIVE_INFINITY,
    columns: (outputs) => outputs,
    misfit: () => undefined,
    invalid: (y, _, example) => {
      const wrong = Array.from(y).find((value) => !Number.isFinite(value))
      return wrong === undefined
        ? undefined
        : new InvalidLabel({
            likelihood: "gaussian",
            example,
            value: String(wrong),
            message: `A label of example ${example} is ${wrong}. A Gaussian label is a finite number.`
          })
    },
    at: (z) => at(z, variance)
  }
}
