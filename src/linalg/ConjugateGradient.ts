/**
 * Preconditioned conjugate gradients: a solve with a matrix that is known by its products.
 *
 * *Math* Solves (A + damping I) x = b for symmetric A with A + damping I positive definite. Step k gives the x of the
 * k-th Krylov space whose error is least in the norm of A + damping I, so that as many steps as the preconditioned
 * matrix has distinct eigenvalues give the solution, were it not for rounding.
 * *Source* Hestenes and Stiefel, Methods of conjugate gradients for solving linear systems, 1952; Saad, Iterative Methods
 * for Sparse Linear Systems, 2003, algorithm 9.1. The recurrence of the residual drifts from b - (A + damping I) x:
 * Greenbaum, Estimating the attainable accuracy of recursively computed residual methods, 1997. To replace it every 50
 * steps, and not just where it claims to be done, took up to 8 times the products in float32 at condition 10^4.
 */
import { Effect, Schema } from "effect"
import {
  type InvalidArgument,
  NonFinite,
  NotConverged,
  NotPositiveDefinite,
  type ShapeMismatch
} from "../Errors.ts"
import { decode, NonNegative, Positive, PositiveInt } from "../Options.ts"
import { products, vectorFault } from "./internal/checked.ts"
import { addScaled, dot, largest, norm, scale } from "./internal/vectors.ts"
import type { Operator } from "./Operator.ts"

/** Maps a residual to a direction: a symmetric positive definite matrix near the inverse of A + damping I. */
export type Precondition = (residual: Float64Array) => Float64Array

/**
 * `damping` is added to the diagonal. `tolerance`: the residual to reach, relative to b. `maxIterations`: products with
 * directions that are granted; the residuals that are checked cost one each besides. `precondition`: the identity
 * unless given; it leaves its argument as it is.
 */
export const SolveOptions = Schema.Struct({
  damping: NonNegative,
  tolerance: Positive,
  maxIterations: PositiveInt,
  precondition: Schema.optionalKey(
    Schema.declare((u): u is Precondition => typeof u === "function", {
      message: "Give a function from a residual to a direction."
    })
  )
})
export type SolveOptions = typeof SolveOptions.Type

/** A solution, and how good it is. */
export interface Solution {
  readonly solution: Float64Array
  /** |b - (A + damping I) x| / |b|, Euclidean, computed from a product with this very x; 0 for b = 0. */
  readonly residual: number
  readonly iterations: number
}

export type SolveError = InvalidArgument | ShapeMismatch | NonFinite | NotConverged | NotPositiveDefinite

/**
 * Solves (A + damping I) x = b.
 *
 * It ends where the *computed* residual is at most the tolerance, never on the recurrence alone. Where the recurrence
 * claims it and is wrong, the steps begin anew from the computed residual, as long as that halves it: an operator in
 * float32 gets no better residual than its rounding allows, and a tolerance below that is refused.
 *
 * *Cost* One product a step, and one for each time the recurrence claims the tolerance; 6 vectors.
 * *Fails* `NotConverged` after maxIterations, or where the residual no longer falls; `NotPositiveDefinite` on a
 * direction without positive curvature (its `pivot` is the step: these curvatures are the pivots of the
 * tridiagonal matrix that the steps factorise) and where the preconditioner has one; `NonFinite`, `ShapeMismatch`,
 * `InvalidArgument`; as the operator.
 */
export const solve = Effect.fn("ConjugateGradient.solve")(function* <E, R>(
  operator: Operator<E, R>,
  b: Float64Array,
  options: SolveOptions
): Effect.fn.Return<Solution, E | SolveError, R> {
  const decoded = yield* Effect.fromResult(decode(SolveOptions, options))
  const { damping, maxIterations, precondition = identity, tolerance } = decoded
  const { size } = operator
  const fault = vectorFault("the right-hand side", size, b, "Look for the overflow where it was computed.")
  if (fault !== undefined) return yield* fault
  const unit = largest(b)
  const x = new Float64Array(size)
  if (unit === 0) return { solution: x, residual: 0, iterations: 0 }
  // A power of 2 changes no digit, and keeps the squares of extreme numbers in range.
  const power = 2 ** Math.floor(Math.log2(unit))
  const rhs = Float64Array.from(b, (value) => value / power)
  const total = norm(rhs)

  const damped = (v: Float64Array) =>
    Effect.map(products(operator, [v]), ([product]) => product!.map((value, i) => value + damping * v[i]!))
  const preconditioned = (r: Float64Array, step: number) => {
    const z = precondition(r)
    const bad = vectorFault(
      "the preconditioned residual",
      size,
      z,
      "Look for the overflow in the preconditioner."
    )
    if (bad !== undefined) return Effect.fail(bad)
    const rz = dot(r, z)
    return rz > 0
      ? Effect.succeed(z)
      : Effect.fail(indefinite("the preconditioner", "residual", rz, step, damping))
  }

  const r = rhs.slice()
  const p = (yield* preconditioned(r, 0)).slice()
  /** The computed residual when the recurrence last claimed the tolerance, and was wrong. */
  let last = Number.POSITIVE_INFINITY
  let residual = 1
  for (let step = 0; step < maxIterations; step++) {
    const q = yield* damped(p)
    const curvature = dot(p, q)
    if (!Number.isFinite(curvature)) return yield* overflown(curvature, step)
    if (curvature <= 0) return yield* indefinite("the operator", "direction", curvature, step, damping)
    // The least along p, and below the next p conjugate to this one, whatever rounding made of r and p.
    const along = dot(r, p) / curvature
    addScaled(x, along, p)
    addScaled(r, -along, q)
    const iterations = step + 1
    const claimed = norm(r) <= tolerance * total
    if (claimed || iterations === maxIterations) {
      r.set(rhs)
      addScaled(r, -1, yield* damped(x))
      residual = norm(r) / total
      if (residual <= tolerance) return yield* finished(x, power, residual, iterations)
      if (claimed && residual > last / 2) return yield* stagnated(residual, tolerance, iterations)
      last = residual
    }
    const z = yield* preconditioned(r, iterations)
    // The recurrence was wrong, and its directions are of no use: it begins anew from the residual that is.
    scale(p, claimed ? 0 : -dot(z, q) / curvature)
    addScaled(p, 1, z)
  }
  return yield* new NotConverged({
    what: "conjugate gradients",
    iterations: maxIterations,
    message:
      `Conjugate gradients reached a relative residual of ${residual} in ${maxIterations} iterations, and ${tolerance} ` +
      "is due. Give more iterations, more damping, a better preconditioner or a larger tolerance."
  })
})

const identity: Precondition = (residual) => residual

/** The solution in the units of b. */
const finished = (x: Float64Array, power: number, residual: number, iterations: number) => {
  const solution = x.map((value) => value * power)
  const fault = vectorFault(
    "the solution",
    x.length,
    solution,
    "Give more damping, or a smaller right-hand side."
  )
  return fault === undefined ? Effect.succeed({ solution, residual, iterations }) : Effect.fail(fault)
}

const indefinite = (what: string, along: string, curvature: number, step: number, damping: number) =>
  new NotPositiveDefinite({
    what,
    pivot: step,
    damping,
    message:
      `The curvature of ${what} along the ${along} of step ${step} is ${curvature}, with damping ${damping}: it is not ` +
      "positive definite. Give more damping, and check that the products are those of a symmetric matrix."
  })

const overflown = (curvature: number, step: number) =>
  new NonFinite({
    what: "the curvature of the operator",
    index: step,
    value: String(curvature),
    message: `The curvature of the operator along the direction of step ${step} is ${curvature}. Scale the operator down.`
  })

const stagnated = (residual: number, tolerance: number, iterations: number) =>
  new NotConverged({
    what: "conjugate gradients",
    iterations,
    message:
      `Conjugate gradients stagnated at a relative residual of ${residual} after ${iterations} iterations, and ` +
      `${tolerance} is due: the products have no more digits. Give a larger tolerance or more damping.`
  })
