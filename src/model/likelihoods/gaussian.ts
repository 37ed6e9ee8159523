/**
 * Gaussian of fixed covariance Sigma: y is C numbers with mean z, of one variance, of a variance each, or correlated.
 *
 * *Math*: score = Sigma^-1 (y - z); Lambda = Sigma^-1, the inverse of the covariance; with Sigma = L L^T its root is S = L^-T.
 * The squared error |y - z|^2 is the negative log-likelihood, up to a constant, of variance 1/2.
 */
import { Result, Schema } from "effect"
import { InvalidArgument, InvalidLabel, ShapeMismatch } from "../../Errors.ts"
import { decodeOrThrow, Finite, Moderate, shown } from "../../Options.ts"
import { normal } from "../../random/Distributions.ts"
import { type Covariance, factor, times, transposeTimes } from "../internal/covariance.ts"
import { firstThat, manyIndependent } from "../internal/independent.ts"
import { diagonalMatrix } from "../internal/matrix.ts"
import type { Distribution, Likelihood } from "../Likelihood.ts"

/** `variance`: sigma^2, from 1e-300 to 1e300, of every output. */
export const GaussianVariance = Schema.Struct({ variance: Moderate })

/** `variances`: sigma_c^2, from 1e-300 to 1e300, one for each output. */
export const GaussianVariances = Schema.Struct({ variances: Schema.NonEmptyArray(Moderate) })

/** `covariance`: Sigma, symmetric positive definite, one row for each output. */
export const GaussianCovariance = Schema.Struct({ covariance: Schema.Array(Schema.Array(Finite)) })

/** One of the three. */
export type GaussianOptions =
  | typeof GaussianVariance.Type
  | typeof GaussianVariances.Type
  | typeof GaussianCovariance.Type

/** The term of one number in log p, from its squared distance from the mean. */
const logTerm = (square: number, variance: number): number =>
  -0.5 * (square / variance + Math.log(2 * Math.PI) + Math.log(variance))

/** `at` of variances, and of many z. */
const independently = (variance: (c: number) => number): Pick<Likelihood, "at" | "many"> => {
  const at = (z: ArrayLike<number>) => independentAt(z, variance)
  const many = manyIndependent(at, {
    logProbability: (y, z, c) => logTerm((y - z) ** 2, variance(c)),
    score: (y, z, c) => (y - z) / variance(c),
    draw: (u, z, c) => z + Math.sqrt(variance(c)) * normal(u),
    deviation: (_, c) => 1 / Math.sqrt(variance(c))
  })
  return { at, many }
}

const independentAt = (mean: ArrayLike<number>, variance: (c: number) => number): Distribution => {
  const z = new Float64Array(mean)
  const deviations = z.map((_, c) => Math.sqrt(variance(c)))
  const sum = (term: (value: number, c: number) => number): number =>
    z.reduce((total, value, c) => total + term(value, c), 0)
  return {
    logProbability: (y) => sum((value, c) => logTerm((y[c]! - value) ** 2, variance(c))),
    score: (y) => z.map((value, c) => (y[c]! - value) / variance(c)),
    sample: (uniform) => z.map((value, c) => value + deviations[c]! * normal(uniform())),
    fisher: () => diagonalMatrix(z.map((_, c) => 1 / variance(c))),
    factor: () => diagonalMatrix(deviations.map((deviation) => 1 / deviation)),
    klDivergence: (other) => sum((value, c) => (other[c]! - value) ** 2 / (2 * variance(c)))
  }
}

const correlatedAt = (
  mean: ArrayLike<number>,
  { inverse, l, logDeterminant, n }: Covariance
): Distribution => {
  const z = new Float64Array(mean)
  /** L^-1 (y - z): independent and of variance 1. */
  const whitened = (y: ArrayLike<number>): Float64Array =>
    times(
      inverse,
      n,
      z.map((value, c) => y[c]! - value)
    )
  const squaredLength = (v: Float64Array): number => v.reduce((sum, value) => sum + value * value, 0)
  return {
    logProbability: (y) => -0.5 * (squaredLength(whitened(y)) + logDeterminant + n * Math.log(2 * Math.PI)),
    score: (y) => transposeTimes(inverse, n, whitened(y)),
    sample: (uniform) => {
      const noise = times(
        l,
        n,
        z.map(() => normal(uniform()))
      )
      return z.map((value, c) => value + noise[c]!)
    },
    fisher: () => {
      const lambda = new Float64Array(n * n)
      for (let k = 0; k < n; k++) {
        for (let i = 0; i <= k; i++) {
          for (let j = 0; j <= k; j++) lambda[i * n + j]! += inverse[k * n + i]! * inverse[k * n + j]!
        }
      }
      return lambda
    },
    // The columns of L^-T are the rows of L^-1.
    factor: () => inverse.slice(),
    klDivergence: (other) => 0.5 * squaredLength(whitened(other))
  }
}

const wrongOutputs = (name: string, due: number) => (outputs: number) =>
  outputs === due
    ? undefined
    : new ShapeMismatch({
        what: "outputs of a Gaussian network",
        expected: String(due),
        actual: String(outputs),
        message: `The network has ${outputs} outputs and ${name} is of ${due} numbers. Give both the same number.`
      })

const make = (
  parameters: string,
  misfit: (name: string) => Likelihood["misfit"],
  own: Pick<Likelihood, "at" | "many">
): Likelihood => {
  const name = `gaussian(${parameters})`
  return {
    name,
    labelSize: (outputs) => outputs,
    support: () => Number.POSITIVE_INFINITY,
    columns: (outputs) => outputs,
    misfit: misfit(name),
    invalid: (y, _, example) => {
      const wrong = firstThat(y, (value) => !Number.isFinite(value))
      return wrong === undefined
        ? undefined
        : new InvalidLabel({
            likelihood: "gaussian",
            example,
            value: String(wrong),
            message: `A label of example ${example} is ${wrong}. A Gaussian label is a finite number.`
          })
    },
    ...own
  }
}

const has = (options: unknown, key: string): boolean =>
  typeof options === "object" && options !== null && key in options

/**
 * y is C real numbers; z are their means. The options are `{ variance }`, `{ variances }` or `{ covariance }`.
 *
 * *Throws*: `InvalidArgument` where a variance is not a number from 1e-300 to 1e300, or the covariance is not square and symmetric;
 * `NotPositiveDefinite` where it is not positive definite.
 */
export const gaussian = (options: GaussianOptions): Likelihood => {
  if (has(options, "variances")) {
    const variances = [...decodeOrThrow(GaussianVariances, options).variances]
    return make(
      `variances ${variances.join(", ")}`,
      (name) => wrongOutputs(name, variances.length),
      independently((c) => variances[c]!)
    )
  }
  if (has(options, "covariance")) {
    const { covariance } = decodeOrThrow(GaussianCovariance, options)
    const factored = Result.getOrThrowWith(factor(covariance), (error) => error)
    return make(
      `covariance ${covariance.map((row) => row.join(", ")).join("; ")}`,
      (name) => wrongOutputs(name, factored.n),
      { at: (z) => correlatedAt(z, factored) }
    )
  }
  if (!has(options, "variance")) throw noVariance(options)
  const { variance } = decodeOrThrow(GaussianVariance, options)
  return make(
    `variance ${variance}`,
    () => () => undefined,
    independently(() => variance)
  )
}

const noVariance = (options: unknown): InvalidArgument =>
  new InvalidArgument({
    argument: "options",
    value: shown(options),
    message: `options is ${shown(options)}. Give a record of one of variance, variances or covariance.`
  })
