/**
 * A structure: which approximation of the Fisher is stored, as the moments that it sums over examples and what can be done with
 * their means.
 *
 * A structure's file says how the scores of a block reduce to moments (a tensor program), and how the mean moments apply, solve and
 * so on (pure functions of typed arrays). An operation that a structure lacks is absent from its `Op`, hence from the types.
 */
import type * as tf from "@tensorflow/tfjs"
import type { Result } from "effect"
import type { NonFinite, NotConverged, NotPositiveDefinite } from "../Errors.ts"
import type { Kernels } from "../kernels/Kernels.ts"
import type { Layout } from "../model/ParamSpace.ts"
import type { BlockScores } from "../model/Score.ts"

export { blockDiagonal } from "./blockDiagonal.ts"
export { dense } from "./dense.ts"
export { diagonal } from "./diagonal.ts"
export { kfac } from "./kfac.ts"

export type SolveError = NotPositiveDefinite | NotConverged | NonFinite

/** What a structure may be able to do; vectors are `[P]`, matrices `[P, P]` row-major. */
export interface Operations {
  /** F v */
  readonly apply: (v: Float32Array) => Float32Array
  /** (F + damping I)^-1 g */
  readonly solve: (g: Float32Array, damping: number) => Result.Result<Float32Array, SolveError>
  /** The product of damped Kronecker factors, inverted, times g. */
  readonly factoredSolve: (g: Float32Array, damping: number) => Result.Result<Float32Array, SolveError>
  readonly trace: () => number
  readonly frobeniusNorm: () => number
  readonly diagonal: () => Float32Array
  readonly toDense: () => Float32Array
}

export type Operation = keyof Operations

/** The mean moments of a Fisher, and the arithmetic to use on them. */
export interface Moments {
  readonly space: Layout
  /** As many arrays as `sizes` has numbers, each exactly symmetric if it is a matrix. */
  readonly means: ReadonlyArray<Float32Array>
  readonly kernels: Kernels
}

export interface Structure<Op extends Operation> {
  readonly name: string
  /** How long each of its moments is. */
  readonly sizes: (space: Layout) => ReadonlyArray<number>
  /** The sums over the examples of a block. Inside a tensor program. */
  readonly reduce: (scores: BlockScores) => ReadonlyArray<tf.Tensor>
  readonly operations: (moments: Moments) => Pick<Operations, Op>
}
