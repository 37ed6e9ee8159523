/**
 * A structure: which approximation of the Fisher is stored, as the moments that it takes over examples and what can be done with
 * their means.
 *
 * A structure's file says how the scores of a block reduce to moments (a tensor program), and how the mean moments apply, solve and
 * so on (pure functions of typed arrays). An operation that a structure lacks is absent from its `Op`, hence from the types.
 *
 * A structure that needs the data twice (EKFAC: first the bases, then the scalings in them) is a `TwoPass`: the finished first pass
 * gives the constants, such as bases, that the structure of the second pass is taken in.
 */
import type * as tf from "@tensorflow/tfjs"
import type { Result } from "effect"
import type { NonFinite, NotConverged, NotPositiveDefinite } from "../Errors.ts"
import type { Kernels } from "../kernels/Kernels.ts"
import type { Layout } from "../model/ParamSpace.ts"
import type { BlockScores } from "../model/Score.ts"
import type { Moment } from "./Moment.ts"

export { blockDiagonal } from "./blockDiagonal.ts"
export { dense } from "./dense.ts"
export { diagonal } from "./diagonal.ts"
export { ekfac, ekfacReduce } from "./ekfac.ts"
export { gram } from "./gram.ts"
export { unpacked } from "./internal/symmetric.ts"
export { kfac, kfacReduce } from "./kfac.ts"
export type { Moment } from "./Moment.ts"
export { mixed } from "./mixed.ts"
export { quasiDiagonal } from "./quasiDiagonal.ts"
export { unitwise } from "./unitwise.ts"

export type SolveError = NotPositiveDefinite | NotConverged | NonFinite

/** What a structure may be able to do; vectors are `[P]`, matrices `[P, P]` row-major. */
export interface Operations {
  /** F v */
  readonly apply: (v: Float32Array) => Float32Array
  /** (F + damping I)^-1 g */
  readonly solve: (g: Float32Array, damping: number) => Result.Result<Float32Array, SolveError>
  /** The product of damped Kronecker factors, inverted, times g. */
  readonly factoredSolve: (g: Float32Array, damping: number) => Result.Result<Float32Array, SolveError>
  /** (F + damping I)^exponent v, for any real exponent: eigenvalues that rounding left below 0 count as 0. */
  readonly power: (
    v: Float32Array,
    exponent: number,
    damping: number
  ) => Result.Result<Float32Array, SolveError>
  /** R noise for some R with R R^T = (F + damping I)^-1. */
  readonly sample: (noise: Float32Array, damping: number) => Result.Result<Float32Array, SolveError>
  readonly trace: () => number
  readonly frobeniusNorm: () => number
  /** The largest eigenvalue. */
  readonly spectralNorm: () => Result.Result<number, SolveError>
  /** log det (F + damping I) */
  readonly logDeterminant: (damping: number) => Result.Result<number, SolveError>
  /** All P of them, ascending; what rounding left below 0 is 0. */
  readonly eigenvalues: () => Result.Result<Float64Array, SolveError>
  readonly diagonal: () => Float32Array
  readonly toDense: () => Float32Array
  /** The moments of c F, for c >= 0. */
  readonly scale: (factor: number) => ReadonlyArray<Float32Array>
  /** The moments of F + G, for the moments of G: where F is linear in them. */
  readonly sum: (other: ReadonlyArray<Float32Array>) => ReadonlyArray<Float32Array>
  /** The rows and columns of one parameter block, as a Fisher of that block alone. It can do what the whole can. */
  readonly restrict: (block: number) => {
    readonly structure: Structure<never>
    readonly means: ReadonlyArray<Float32Array>
  }
}

export type Operation = keyof Operations

/** The mean moments of a Fisher, and the arithmetic to use on them. */
export interface Moments {
  readonly space: Layout
  /** As many arrays as the structure has moments, of a symmetric matrix the lower triangle (`unpacked` gives the whole). */
  readonly means: ReadonlyArray<Float32Array>
  readonly kernels: Kernels
}

export interface Structure<Op extends Operation> {
  readonly name: string
  /** What its moments are taken in, such as the bases of EKFAC: none for a structure of one pass. */
  readonly constants: ReadonlyArray<Float32Array>
  readonly moments: (space: Layout) => ReadonlyArray<Moment>
  /** The sums, or the rows, of a block of examples: one tensor for each moment. Inside a tensor program. */
  readonly reduce: (scores: BlockScores) => ReadonlyArray<tf.Tensor>
  readonly operations: (moments: Moments) => Pick<Operations, Op>
}

/** A structure that takes two passes over the data, with the same draws in both. */
export interface TwoPass<Op extends Operation> {
  readonly name: string
  /** What the first pass takes. */
  readonly first: Structure<never>
  /** What the second pass is taken in, from the means of the first. */
  readonly prepare: (moments: Moments) => Result.Result<ReadonlyArray<Float32Array>, SolveError>
  /** What the second pass takes. */
  readonly second: (constants: ReadonlyArray<Float32Array>, space: Layout) => Structure<Op>
}

/** What the type of a structure says, and its value does not, where it is made of the factors of layers: K-FAC, EKFAC, mixtures with them. */
export interface OfLayers {
  readonly needs?: "layer factors"
}

/** What a structure must be for a network of this signature, for the compiler: any, but of a function of one's own, which has no layers. */
export type Fit<S extends string> = S extends `function ${string}`
  ? { readonly needs?: "a function has no layer factors: choose dense, blockDiagonal, diagonal or gram" }
  : unknown

/** Any structure that `Fisher.estimate` takes. */
export type AnyStructure<Op extends Operation> = Structure<Op> | TwoPass<Op>

/** What a structure can do; of a choice between structures, what each of them can do. */
export type OperationsOf<T extends AnyStructure<never>> = {
  [Op in Operation]: [T] extends [AnyStructure<Op>] ? Op : never
}[Operation]
