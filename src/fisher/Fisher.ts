/**
 * The Fisher information matrix of p(y|x) at some parameters, in a structure: F = E_x E_{y ~ p(y|x)}[score score^T], a mean over
 * examples.
 *
 * `estimate` takes the two expectations over a DataSource and with a Sampler; everything else here is a pure function of the value
 * that comes out. The types know the geometry: F maps a tangent (update) to a cotangent (gradient), and the damped inverse maps a
 * cotangent to a tangent.
 */
import { Result, Schema } from "effect"
import { dual } from "effect/Function"
import type { InvalidArgument, NonFinite, ShapeMismatch } from "../Errors.ts"
import * as Cotangent from "../model/Cotangent.ts"
import * as Tangent from "../model/Tangent.ts"
import { decode } from "../Options.ts"
import { type Absolute, Damping, type Factored } from "./Damping.ts"
import { finite, requireFinite, requireWritable, unfit } from "./internal/checked.ts"
import type { Fisher } from "./internal/value.ts"
import type { SolveError } from "./Structure.ts"

export { type Comparison, compare } from "./Comparison.ts"
export {
  accumulate,
  blockSums,
  type EstimateError,
  EstimateOptions,
  estimate,
  RangeOptions,
  sampledSums,
  secondPass
} from "./Estimate.ts"
export { operator, restrict, scale, sum } from "./internal/algebra.ts"
export {
  eigenvalues,
  logDeterminant,
  PowerOptions,
  power,
  SampleOptions,
  sample,
  spectralNorm
} from "./internal/spectral.ts"
export type { Fisher } from "./internal/value.ts"
export {
  type Deviation,
  type ErrorOptions,
  estimateWithErrors,
  interval,
  type Measured,
  type MomentError,
  type Uncertain,
  type Uncertainty
} from "./Uncertainty.ts"

/** What a solve with this damping needs of a structure. */
export type SolveWith<D extends Damping> = D extends Absolute
  ? "solve"
  : D extends Factored
    ? "factoredSolve"
    : never

/**
 * F v: the gradient that the movement v would make.
 *
 * *Fails*: `ShapeMismatch` for a tangent of another network, `NonFinite`.
 */
export const apply: {
  <S extends string>(
    tangent: Tangent.Tangent<S>
  ): (self: Fisher<S, "apply">) => Result.Result<Cotangent.Cotangent<S>, ShapeMismatch | NonFinite>
  <S extends string>(
    self: Fisher<S, "apply">,
    tangent: Tangent.Tangent<S>
  ): Result.Result<Cotangent.Cotangent<S>, ShapeMismatch | NonFinite>
} = dual(
  2,
  <S extends string>(
    self: Fisher<S, "apply">,
    tangent: Tangent.Tangent<S>
  ): Result.Result<Cotangent.Cotangent<S>, ShapeMismatch | NonFinite> => {
    const other = unfit("tangent", ["Tangent"], self.space, tangent)
    if (other !== undefined) return Result.fail(other)
    return Result.map(finite(self.operations.apply(tangent.values), "product"), (values) =>
      Cotangent.make(self.space, values)
    )
  }
)

/**
 * v^T F v, twice the KL divergence to second order that the movement v makes, in nats.
 *
 * *Fails*: as `apply`.
 */
export const quadraticForm: {
  <S extends string>(
    tangent: Tangent.Tangent<S>
  ): (self: Fisher<S, "apply">) => Result.Result<number, ShapeMismatch | NonFinite>
  <S extends string>(
    self: Fisher<S, "apply">,
    tangent: Tangent.Tangent<S>
  ): Result.Result<number, ShapeMismatch | NonFinite>
} = dual(
  2,
  <S extends string>(
    self: Fisher<S, "apply">,
    tangent: Tangent.Tangent<S>
  ): Result.Result<number, ShapeMismatch | NonFinite> =>
    Result.map(apply(self, tangent), (product) => Cotangent.pair(product, tangent))
)

/**
 * Solves (F + damping) v = g for the update v.
 *
 * *Cost*: a factorisation for a damping that was not the last, then two triangular solves. *Fails*: `NotPositiveDefinite` where the
 * damped Fisher is singular to rounding, `InvalidArgument` for a damping that is no finite number of at least 0, `ShapeMismatch`,
 * `NonFinite`, `NotConverged`.
 */
export const solve: {
  <S extends string, const D extends Damping>(
    cotangent: Cotangent.Cotangent<S>,
    damping: D
  ): (self: Fisher<S, SolveWith<D>>) => Result.Result<Tangent.Tangent<S>, OperationError>
  <S extends string, const D extends Damping>(
    self: Fisher<S, SolveWith<D>>,
    cotangent: Cotangent.Cotangent<S>,
    damping: D
  ): Result.Result<Tangent.Tangent<S>, OperationError>
} = dual(
  3,
  <S extends string>(
    self: Fisher<S, "solve" | "factoredSolve">,
    cotangent: Cotangent.Cotangent<S>,
    damping: Damping
  ): Result.Result<Tangent.Tangent<S>, OperationError> => {
    const other = unfit("cotangent", ["Cotangent"], self.space, cotangent)
    if (other !== undefined) return Result.fail(other)
    return decodeDamping(damping).pipe(
      Result.flatMap(
        ({ damping }): Result.Result<Float32Array, SolveError> =>
          damping._tag === "Absolute"
            ? self.operations.solve(cotangent.values, damping.value)
            : self.operations.factoredSolve(cotangent.values, damping.value)
      ),
      Result.flatMap((values) => finite(values, "solution")),
      Result.map((values) => Tangent.make(self.space, values))
    )
  }
)

/** What a pure operation of a Fisher can fail with. */
export type OperationError = SolveError | InvalidArgument | ShapeMismatch | NonFinite

const SolveOptions = Schema.Struct({ damping: Damping })
const decodeDamping = (damping: Damping) => decode(SolveOptions, { damping })

/** tr F: the mean squared norm of the score. */
export const trace = <S extends string>(self: Fisher<S, "trace">): number => self.operations.trace()

/** The Frobenius norm of F. */
export const frobeniusNorm = <S extends string>(self: Fisher<S, "frobeniusNorm">): number =>
  self.operations.frobeniusNorm()

/** The diagonal of F, `[P]`. *Throws* `NonFinite` where a product of K-FAC's factors is too large for float32. */
export const diagonal = <S extends string>(self: Fisher<S, "diagonal">): Float32Array =>
  requireFinite(self.operations.diagonal(), "diagonal")

/**
 * F written out, `[P, P]` row-major: for small networks and for tests. *Throws* `InvalidArgument` for more than 2^26 entries, `NonFinite`
 * as `diagonal`.
 */
export const toDense = <S extends string>(self: Fisher<S, "toDense">): Float32Array => {
  requireWritable(self.space)
  return requireFinite(self.operations.toDense(), "matrix")
}
