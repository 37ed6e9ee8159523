/**
 * Traces, diagonals, determinants and spectra of a matrix that is known by its products, from random probes.
 *
 * Every estimate comes with its standard error over the draw of the probes, and with the degrees of freedom of that error:
 * `value` +- t `standardError`, where t is the 97.5 % quantile of Student's distribution with `degrees`, covers the
 * true number in about 95 of 100 draws (93 to 97 on spectra that are flat, that decay and of low rank; docstrings say
 * where not). The files in internal/ derive the errors.
 *
 * All but `diagonal` have one law for all matrices with the same eigenvalues: their probes are uniform on the sphere.
 */
import { Effect, Result, Schema } from "effect"
import {
  InvalidArgument,
  NonFinite,
  type NotConverged,
  NotPositiveDefinite,
  type ShapeMismatch
} from "../Errors.ts"
import { decode, firstNonFinite, Positive, PositiveInt } from "../Options.ts"
import { products } from "./internal/checked.ts"
import { exchangeable, orthonormalise } from "./internal/exchangeable.ts"
import { coordinates, gaussian, type Normals, signs } from "./internal/probes.ts"
import { type Estimate, exactly, spectralMean } from "./internal/sphere.ts"
import { mean, variance } from "./internal/vectors.ts"
import { type Quadrature, quadrature, radau, type Tridiagonal, tridiagonaliseAll } from "./Lanczos.ts"
import type { Operator } from "./Operator.ts"

export type { Normals } from "./internal/probes.ts"
export type { Estimate } from "./internal/sphere.ts"

const Probes = PositiveInt.check(
  Schema.makeFilter((n) => n >= 2 || "Give at least 2: a standard error needs two probes.")
)

/** `probes`: how many random vectors, at least 2. */
export const ProbesOptions = Schema.Struct({ probes: Probes })
export type ProbesOptions = typeof ProbesOptions.Type

/** Estimates of many numbers from the same probes: entry i belongs to number i. */
export interface Estimates {
  readonly value: Float64Array
  readonly standardError: Float64Array
  readonly degrees: Float64Array
}

export type ProbeError = InvalidArgument | ShapeMismatch | NonFinite

/**
 * tr A, by XTrace: exact to rounding for a matrix of rank less than `probes`, and where 2 probes >= size, as then the
 * unit vectors of the coordinates are the cheaper probes.
 *
 * The standard error has the covariance of the estimates that are averaged in it; without, intervals at 95 % cover in 47
 * to 93 % of draws. That `degrees` is 2 (probes - 1) is measured: with 2 to 20 probes the coverage is 93 to 97 %, but for
 * two borders of low rank: 88 % where `probes` eigenvalues are equal and the rest 0, and up to 99.8 % where one eigenvalue
 * less than `probes` is over 100 times the rest.
 *
 * *Cost* 2 probes products in two walks; 4 probes size floats. *Fails* `InvalidArgument`, `NonFinite`, `ShapeMismatch`; as
 * the operator.
 * *Source* Epperly, Tropp and Webber, XTrace: making the most of every sample in stochastic trace estimation, 2024.
 */
export const trace = Effect.fn("StochasticTrace.trace")(function* <E, R>(
  operator: Operator<E, R>,
  normals: Normals,
  options: ProbesOptions
): Effect.fn.Return<Estimate, E | ProbeError, R> {
  const { probes: count } = yield* Effect.fromResult(decode(ProbesOptions, options))
  const { size } = operator
  if (2 * count >= size) {
    const entries = yield* exactDiagonal(operator)
    return yield* finite("trace", exactly(entries.reduce((sum, entry) => sum + entry, 0)))
  }
  const probes = yield* Effect.fromResult(gaussian(normals, size, count))
  const images = yield* products(operator, probes)
  const span = orthonormalise(images)
  const basisImages = span.basis.length === 0 ? [] : yield* products(operator, span.basis)
  const estimate = exchangeable({ size, probes, images, span, basisImages })
  return yield* finite("trace", {
    value: estimate.value,
    standardError: Math.sqrt(estimate.variance),
    degrees: 2 * (count - 1)
  })
})

/**
 * The diagonal of A: for entry i the mean of w_i (A w)_i over probes w of random signs, whose variance is the sum of the
 * squares of the other entries of row i. Exact where probes >= size.
 *
 * *Cost* `probes` products in one walk; 2 probes size floats. *Fails* as `trace`.
 * *Source* Bekas, Kokiopoulou and Saad, An estimator for the diagonal of a matrix, 2007, section 2.
 */
export const diagonal = Effect.fn("StochasticTrace.diagonal")(function* <E, R>(
  operator: Operator<E, R>,
  normals: Normals,
  options: ProbesOptions
): Effect.fn.Return<Estimates, E | ProbeError, R> {
  const { probes: count } = yield* Effect.fromResult(decode(ProbesOptions, options))
  const { size } = operator
  if (count >= size) return collected(Array.from(yield* exactDiagonal(operator), exactly))
  const probes = yield* Effect.fromResult(signs(normals, size, count))
  const images = yield* products(operator, probes)
  const value = new Float64Array(size)
  const standardError = new Float64Array(size)
  const samples = new Float64Array(count)
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < count; k++) samples[k] = images[k]![i]! * probes[k]![i]!
    value[i] = mean(samples)
    standardError[i] = Math.sqrt(variance(samples) / count)
  }
  const index = Math.max(firstNonFinite(value), firstNonFinite(standardError))
  if (index >= 0) return yield* overflown("diagonal", index)
  return { value, standardError, degrees: new Float64Array(size).fill(count - 1) }
})

const QuadratureFields = {
  probes: Probes,
  steps: PositiveInt,
  together: Schema.optionalKey(PositiveInt)
}

/**
 * `steps` of Lanczos from each probe. `together`: how many probes share a walk, all unless given; fewer take less memory
 * and more walks, and change no digit of the result. `damping` is added to the diagonal, and is over 0.
 */
export const DeterminantOptions = Schema.Struct({ ...QuadratureFields, damping: Positive })
export type DeterminantOptions = typeof DeterminantOptions.Type

/** The estimate of a log-determinant. */
export interface DeterminantEstimate extends Estimate {
  /**
   * How much too large `value` may be for want of steps: from these probes, infinitely many steps would give a number in
   * [value - quadratureError, value]. The standard error does not include it.
   */
  readonly quadratureError: number
}

export type DeterminantError = ProbeError | NotConverged | NotPositiveDefinite

/**
 * log det (A + damping I), by stochastic Lanczos quadrature, for A positive semidefinite.
 *
 * *Math* n times the mean over unit probes u of u^T log(A + damping I) u, each by the Gauss quadrature of its measure.
 * All even derivatives of the logarithm are negative and all odd ones positive, so Gauss gives too much, and
 * Gauss-Radau with a node at -damping / 2, below the spectrum of A, too little.
 *
 * *Cost* `steps` walks with `together` products each, for every `together` probes; (steps + 2) together size floats.
 * *Fails* `NotPositiveDefinite` where A + damping / 2 I is not positive definite on a Krylov space, `NotConverged`,
 * and as `trace`.
 * *Source* Ubaru, Chen and Saad, Fast estimation of tr(f(A)) via stochastic Lanczos quadrature, 2017, section 3; for the
 * bounds Golub and Meurant, Matrices, Moments and Quadrature, 2010, section 6.2.
 */
export const logDeterminant = Effect.fn("StochasticTrace.logDeterminant")(function* <E, R>(
  operator: Operator<E, R>,
  normals: Normals,
  options: DeterminantOptions
): Effect.fn.Return<DeterminantEstimate, E | DeterminantError, R> {
  const { damping, ...rest } = yield* Effect.fromResult(decode(DeterminantOptions, options))
  const { size } = operator
  if (size === 0) return { ...exactly(0), quadratureError: 0 }
  const runs = yield* tridiagonals(operator, normals, rest)
  const upper = yield* Effect.fromResult(Result.all(runs.map(quadrature)))
  const lower = yield* Effect.fromResult(Result.all(runs.map((run) => radau(run, -damping / 2)))).pipe(
    Effect.catchTag("NotPositiveDefinite", ({ pivot }) => Effect.fail(indefinite(pivot, damping)))
  )
  const log = (eigenvalue: number) => Math.log(eigenvalue + damping)
  const estimate = spectralMean(upper, log, size)
  const least = spectralMean(lower, log, size).value
  const scaled = yield* finite("log-determinant", {
    value: size * estimate.value,
    standardError: size * estimate.standardError,
    degrees: estimate.degrees
  })
  return { ...scaled, quadratureError: Math.max(0, size * (estimate.value - least)) }
})

/**
 * `grid`: where the density is wanted. `width`: the standard deviation of the Gaussian that stands for an eigenvalue.
 * The rest as of `logDeterminant`.
 */
export const DensityOptions = Schema.Struct({
  ...QuadratureFields,
  grid: Schema.instanceOf(Float64Array<ArrayBufferLike>),
  width: Positive
})
export type DensityOptions = typeof DensityOptions.Type

/** The spectrum of A as a measure of mass 1: each of the n eigenvalues has 1/n. */
export interface SpectralDensity extends Quadrature {
  /** At the points of the grid, the density of the eigenvalues, each spread by the Gaussian. */
  readonly density: Estimates
}

/**
 * The spectral measure of A, as the mean of the Gauss quadratures of the probes, and its density on a grid.
 *
 * The standard errors are those of the probes. What is finer than the quadrature shows as single nodes: details of the
 * size of the spectrum's length over `steps` are resolved, at its ends much finer ones; give a width over that.
 *
 * *Cost* as of `logDeterminant`, and probes steps points exponentials. *Fails* `NotConverged` and as `trace`;
 * `InvalidArgument` for an operator of size 0.
 * *Source* Ghorbani, Krishnan and Xiao, An investigation into neural net optimization via Hessian eigenvalue density,
 * 2019, section 2; Papyan, The full spectrum of deepnet Hessians at scale, 2018.
 */
export const spectralDensity = Effect.fn("StochasticTrace.spectralDensity")(function* <E, R>(
  operator: Operator<E, R>,
  normals: Normals,
  options: DensityOptions
): Effect.fn.Return<SpectralDensity, E | ProbeError | NotConverged, R> {
  const { grid, width, ...rest } = yield* Effect.fromResult(decode(DensityOptions, options))
  const { size } = operator
  const index = firstNonFinite(grid)
  if (index >= 0) return yield* nonFinite("grid", index, grid[index]!, "Give finite points.")
  if (size === 0) {
    return yield* new InvalidArgument({
      argument: "operator",
      value: "an operator of size 0",
      message: "operator has size 0 and no spectrum. Give one of at least 1."
    })
  }
  const runs = yield* tridiagonals(operator, normals, rest)
  const measures = yield* Effect.fromResult(Result.all(runs.map(quadrature)))
  const points = yield* Effect.forEach(grid, (point) =>
    finite("density", spectralMean(measures, gaussianAt(point, width), size))
  )
  const atoms = measures
    .flatMap(({ nodes, weights }) => Array.from(nodes, (node, j) => ({ node, weight: weights[j]! })))
    .sort((a, b) => a.node - b.node)
  return {
    nodes: Float64Array.from(atoms, ({ node }) => node),
    weights: Float64Array.from(atoms, ({ weight }) => weight / measures.length),
    density: collected(points)
  }
})

const gaussianAt =
  (center: number, width: number) =>
  (x: number): number =>
    Math.exp(-0.5 * ((x - center) / width) ** 2) / (width * Math.sqrt(2 * Math.PI))

/** What Lanczos makes of every probe, without the bases. */
const tridiagonals = Effect.fnUntraced(function* <E, R>(
  operator: Operator<E, R>,
  normals: Normals,
  options: { readonly probes: number; readonly steps: number; readonly together?: number }
): Effect.fn.Return<ReadonlyArray<Tridiagonal>, E | ProbeError, R> {
  const { probes, steps, together = probes } = options
  const runs: Array<Tridiagonal> = []
  for (let first = 0; first < probes; first += together) {
    const count = Math.min(together, probes - first)
    const starts = yield* Effect.fromResult(gaussian(normals, operator.size, count, first))
    for (const run of yield* tridiagonaliseAll(operator, starts, steps)) runs.push({ ...run, basis: [] })
  }
  return runs
})

/** The diagonal from the products with the unit vectors of the coordinates. */
const exactDiagonal = <E, R>(
  operator: Operator<E, R>
): Effect.Effect<Float64Array, E | ShapeMismatch | NonFinite, R> =>
  operator.size === 0
    ? Effect.succeed(new Float64Array(0))
    : Effect.map(products(operator, coordinates(operator.size)), (rows) =>
        Float64Array.from(rows, (row, i) => row[i]!)
      )

const collected = (estimates: ReadonlyArray<Estimate>): Estimates => ({
  value: Float64Array.from(estimates, ({ value }) => value),
  standardError: Float64Array.from(estimates, ({ standardError }) => standardError),
  degrees: Float64Array.from(estimates, ({ degrees }) => degrees)
})

const finite = (what: string, estimate: Estimate): Effect.Effect<Estimate, NonFinite> =>
  Number.isFinite(estimate.value) && Number.isFinite(estimate.standardError)
    ? Effect.succeed(estimate)
    : Effect.fail(overflown(what, 0))

const overflown = (what: string, index: number) =>
  nonFinite(`the estimate of the ${what}`, index, Number.POSITIVE_INFINITY, "Scale the operator down.")

const nonFinite = (what: string, index: number, value: number, remedy: string) =>
  new NonFinite({
    what,
    index,
    value: String(value),
    message: `${what} is ${value} at index ${index}. ${remedy}`
  })

const indefinite = (pivot: number, damping: number) =>
  new NotPositiveDefinite({
    what: "the operator",
    pivot,
    damping,
    message:
      `The operator with half the damping ${damping} is not positive definite: pivot ${pivot} of a tridiagonal matrix of ` +
      "Lanczos failed. Give a damping over twice the rounding of the products."
  })
