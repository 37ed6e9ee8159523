/** One natural-gradient step with each structure, against the reference files. */
import { gradient } from "./fisher.ts"
import { type Check, ekfacOf, factorsOf, fisherOf, loss } from "./fixture-quantities.ts"
import type { Fixture, StepStructure } from "./fixtures.ts"
import { axpy, relativeError, solve, type Vector } from "./linear.ts"
import { blockDiagonal, damped, dampedFactors, diagonalPart, kfacSolve } from "./structures.ts"

/** (M + damping)^-1 g for the matrix M of each structure. */
const directions: Readonly<Record<StepStructure, (f: Fixture, g: Vector, damping: number) => Vector>> = {
  dense: (f, g, damping) => solve(damped(fisherOf(f), damping), g),
  diag: (f, g, damping) => solve(damped(diagonalPart(fisherOf(f)), damping), g),
  blockdiag: (f, g, damping) => solve(damped(blockDiagonal(f.net, fisherOf(f)), damping), g),
  kfac_pi: (f, g, damping) => kfacSolve(dampedFactors(factorsOf(f), damping), g),
  ekfac: (f, g, damping) => solve(damped(ekfacOf(f), damping), g)
}

const structures: ReadonlyArray<StepStructure> = ["dense", "diag", "blockdiag", "kfac_pi", "ekfac"]

export const stepStructures: ReadonlyArray<readonly [what: StepStructure, check: Check]> = structures.map(
  (structure) => [
    structure,
    (f) => {
      const { damping, lr, [structure]: expected } = f.natural_gradient_step
      const direction = directions[structure](f, gradient(f.net, f.likelihood, f.theta, f.X, f.Y), damping)
      const next = axpy(f.theta, -lr, direction)
      return [
        relativeError(direction, expected.direction),
        relativeError(next, expected.theta_new),
        relativeError(loss(f, next), expected.loss_after)
      ]
    }
  ]
)
