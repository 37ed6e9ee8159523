/**
 * The method of Lanczos: a symmetric matrix as it looks from one vector, a small tridiagonal matrix.
 *
 * *Math* A V = V T + next v e_m^T with V^T V = I, the first column of V the start over its norm, v a unit vector
 * orthogonal to V. The eigenvalues of T and the squared first entries of its eigenvectors are the Gauss quadrature of
 * the spectral measure of the start: the sum of w_j f(node_j) is u^T f(A) u, exactly for polynomials of degree
 * 2 m - 1, with u = start / |start|.
 * *Source* Lanczos, An iteration method for the solution of the eigenvalue problem, 1950; Golub and Meurant,
 * Matrices, Moments and Quadrature, 2010, chapters 4 and 6. Each new vector is made orthogonal to all before it, twice:
 * Parlett, The Symmetric Eigenvalue Problem, 1998, section 6.9.
 */
import { Effect, Result, Schema } from "effect"
import {
  InvalidArgument,
  type NonFinite,
  type NotConverged,
  NotPositiveDefinite,
  type ShapeMismatch
} from "../Errors.ts"
import { reference } from "../kernels/reference.ts"
import { decode, PositiveInt } from "../Options.ts"
import { products, vectorFault } from "./internal/checked.ts"
import { addScaled, dot, norm } from "./internal/vectors.ts"
import type { Operator } from "./Operator.ts"
import { decompose } from "./SymmetricEigen.ts"

/** T, and the vectors that it is written in. */
export interface Tridiagonal {
  /** m numbers, with m the steps that were taken. */
  readonly diagonal: Float64Array
  /** m - 1 numbers. */
  readonly offDiagonal: Float64Array
  /** What couples V to the rest of the space; 0 where V is invariant and T has exact eigenvalues of A. */
  readonly next: number
  /** The m columns of V, orthonormal. */
  readonly basis: ReadonlyArray<Float64Array>
}

/** The measure that has the weight w_j at node_j. */
export interface Quadrature {
  /** Ascending. */
  readonly nodes: Float64Array
  /** Not negative, with sum 1. */
  readonly weights: Float64Array
}

/** An approximate eigenvalue: A has an eigenvalue in [value - bound, value + bound]. */
export interface RitzValue {
  readonly value: number
  /** |A y - value y| for its unit vector y. */
  readonly bound: number
}

export type LanczosError = InvalidArgument | ShapeMismatch | NonFinite

const StepsOptions = Schema.Struct({ steps: PositiveInt })

/**
 * Runs up to `steps` steps from a start, fewer where the Krylov space is exhausted before.
 *
 * *Cost* One product and 8 m n flops for step m; (steps + 1) n floats.
 * *Fails* `InvalidArgument` for a start of zeros, `NonFinite`, `ShapeMismatch`; as the operator.
 */
export const tridiagonalise = <E, R>(
  operator: Operator<E, R>,
  start: Float64Array,
  steps: number
): Effect.Effect<Tridiagonal, E | LanczosError, R> =>
  Effect.map(tridiagonaliseAll(operator, [start], steps), ([only]) => only!)

/**
 * The same from several starts, independent of each other, that share every walk of the operator.
 *
 * *Cost* As many walks as steps; (steps + 1) n floats for each start. *Fails* as `tridiagonalise`.
 */
export const tridiagonaliseAll = Effect.fn("Lanczos.tridiagonalise")(function* <E, R>(
  operator: Operator<E, R>,
  starts: ReadonlyArray<Float64Array>,
  steps: number
): Effect.fn.Return<ReadonlyArray<Tridiagonal>, E | LanczosError, R> {
  const granted = yield* Effect.fromResult(decode(StepsOptions, { steps }))
  const runs: Array<Run> = []
  for (const start of starts) runs.push(yield* Effect.fromResult(begin(operator.size, start)))
  for (let step = 0; step < Math.min(granted.steps, operator.size); step++) {
    const live = runs.filter((run) => !run.invariant)
    if (live.length === 0) break
    const images = yield* products(
      operator,
      live.map((run) => run.following)
    )
    for (const [i, run] of live.entries()) advance(run, images[i]!.slice())
  }
  return runs.map(({ basis, diagonal, invariant, offDiagonal }) => ({
    diagonal: Float64Array.from(diagonal),
    offDiagonal: Float64Array.from(offDiagonal.slice(0, -1)),
    next: invariant ? 0 : offDiagonal.at(-1)!,
    basis
  }))
})

interface Run {
  readonly basis: Array<Float64Array>
  readonly diagonal: Array<number>
  /** One for each step, the last of which couples to `following`. */
  readonly offDiagonal: Array<number>
  /** The unit vector that the next step multiplies by A. */
  following: Float64Array
  invariant: boolean
}

const begin = (
  size: number,
  start: Float64Array
): Result.Result<Run, InvalidArgument | ShapeMismatch | NonFinite> => {
  const fault = vectorFault("the start", size, start, "Give finite numbers.")
  if (fault !== undefined) return Result.fail(fault)
  const length = norm(start)
  if (length > 0) {
    const following = start.map((value) => value / length)
    return Result.succeed({ basis: [], diagonal: [], offDiagonal: [], following, invariant: false })
  }
  return Result.fail(
    new InvalidArgument({
      argument: "start",
      value: "zeros",
      message:
        "start has no number but zeros. Give a vector with a direction, such as standard normal numbers."
    })
  )
}

/** One step, given `image`, the product with `following`, which is overwritten. */
const advance = (run: Run, image: Float64Array): void => {
  const { basis, diagonal, offDiagonal } = run
  basis.push(run.following)
  diagonal.push(dot(run.following, image))
  // One pass leaves what cancellation left of the basis, a second one nothing but rounding.
  for (let pass = 0; pass < 2; pass++) {
    for (const v of basis) addScaled(image, -dot(v, image), v)
  }
  const next = norm(image)
  // What is below the rounding of A v is no direction of the Krylov space.
  let magnitude = 0
  for (let i = 0; i < diagonal.length; i++) {
    magnitude = Math.max(magnitude, Math.abs(diagonal[i]!) + (offDiagonal[i] ?? 0))
  }
  run.invariant = next <= image.length * 2 ** -52 * magnitude || basis.length === image.length
  offDiagonal.push(next)
  if (!run.invariant) run.following = image.map((value) => value / next)
}

/** The eigenvalues of T with the squares of the first entries of their unit vectors, and of the last ones. */
const spectrum = (
  diagonal: Float64Array,
  offDiagonal: Float64Array
): Result.Result<Quadrature & { readonly last: Float64Array }, NotConverged | NonFinite> => {
  const n = diagonal.length
  const matrix = new Float64Array(n * n)
  for (let i = 0; i < n; i++) {
    matrix[i * n + i] = diagonal[i]!
    if (i > 0) matrix[i * n + i - 1] = matrix[(i - 1) * n + i] = offDiagonal[i - 1]!
  }
  return Result.map(
    decompose(reference, { n, matrix, what: "the tridiagonal matrix of Lanczos" }),
    ({ values, vectors }) => ({
      nodes: values,
      weights: vectors.slice(0, n).map((entry) => entry ** 2),
      last: vectors.slice((n - 1) * n).map((entry) => entry ** 2)
    })
  )
}

/**
 * The Gauss quadrature of the spectral measure of the start.
 *
 * *Cost* 7 m^3 flops. *Fails* `NotConverged`, `NonFinite`.
 */
export const quadrature = (self: Tridiagonal): Result.Result<Quadrature, NotConverged | NonFinite> =>
  Result.map(spectrum(self.diagonal, self.offDiagonal), ({ nodes, weights }) => ({ nodes, weights }))

/**
 * The Gauss-Radau quadrature with one more node, at the given one, which is below the spectrum: exact for polynomials of
 * degree 2 m. Where Gauss gives too much for a function, this one gives too little, or the reverse.
 *
 * *Fails* `NotPositiveDefinite` where T - node I is not positive definite, and so A - node I is not; as `quadrature`.
 * *Source* Golub, Some modified matrix eigenvalue problems, 1973, section 7.
 */
export const radau = (
  self: Tridiagonal,
  node: number
): Result.Result<Quadrature, NotPositiveDefinite | NotConverged | NonFinite> => {
  const { diagonal, next, offDiagonal } = self
  let pivot = 1
  for (let i = 0; i < diagonal.length; i++) {
    pivot = diagonal[i]! - node - (i === 0 ? 0 : offDiagonal[i - 1]! ** 2 / pivot)
    if (!(pivot > 0)) return Result.fail(notBelow(node, i))
  }
  if (next === 0) return quadrature(self)
  return Result.map(
    spectrum(Float64Array.of(...diagonal, node + next ** 2 / pivot), Float64Array.of(...offDiagonal, next)),
    ({ nodes, weights }) => ({ nodes, weights })
  )
}

const notBelow = (node: number, pivot: number) =>
  new NotPositiveDefinite({
    what: "the tridiagonal matrix of Lanczos",
    pivot,
    damping: -node,
    message:
      `The node ${node} is not below the spectrum: pivot ${pivot} of the tridiagonal matrix less the node failed. ` +
      "Give a smaller node."
  })

/**
 * The largest and the smallest eigenvalue of T, in this order: estimates of those of A, from inside its spectrum.
 *
 * The bound is on the distance to *an* eigenvalue. From a start with standard normal numbers that is the extreme one,
 * but for the probability that the start has next to nothing of its vector: Kuczynski and Wozniakowski, Estimating the
 * largest eigenvalue by the power and Lanczos algorithms with a random start, 1992.
 */
export const extremes = (
  self: Tridiagonal
): Result.Result<{ readonly largest: RitzValue; readonly smallest: RitzValue }, NotConverged | NonFinite> =>
  Result.map(spectrum(self.diagonal, self.offDiagonal), ({ last, nodes }) => {
    const at = (i: number): RitzValue => ({ value: nodes[i]!, bound: self.next * Math.sqrt(last[i]!) })
    return { largest: at(nodes.length - 1), smallest: at(0) }
  })
