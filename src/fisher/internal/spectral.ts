/** The operations of a Fisher that look at its eigenvalues: powers, draws from its inverse, determinant, norm. */
import { Result, Schema } from "effect"
import { dual } from "effect/Function"
import type { InvalidArgument, NonFinite, ShapeMismatch } from "../../Errors.ts"
import type { Cotangent } from "../../model/Cotangent.ts"
import * as Tangent from "../../model/Tangent.ts"
import { decode, Finite, NonNegative, NonNegativeInt, Seed } from "../../Options.ts"
import { normals } from "../../random/Distributions.ts"
import { fold, make as makeKey } from "../../random/Key.ts"
import type { SolveError } from "../Structure.ts"
import { decodeAbsolute, finite, finiteNumber, unfit } from "./checked.ts"
import type { Fisher } from "./value.ts"

/** `exponent`: any real number. `damping`: what is added to F first; 0 where nothing is. */
export const PowerOptions = Schema.Struct({ exponent: Finite, damping: NonNegative })

type Failure = SolveError | InvalidArgument | ShapeMismatch | NonFinite

/**
 * (F + damping I)^exponent v, `[P]`.
 *
 * Only the exponents 1 and -1 mean the same in every chart of parameter space, so vector and result are numbers in the network's own
 * coordinates: a tangent or a cotangent goes in, plain numbers come out. `0.5` is the square root, `-1` the inverse. F was rounded to
 * float32: without damping, an eigenvalue of 0 counts as up to n 2^-24 of the largest, raised to the exponent.
 *
 * *Cost*: one eigendecomposition, kept, then products. *Fails*: `NotPositiveDefinite` for an exponent below 0 where the damped
 * Fisher is singular to rounding; `InvalidArgument`, `ShapeMismatch`, `NonFinite`, `NotConverged`.
 */
export const power: {
  <S extends string>(
    vector: Tangent.Tangent<S> | Cotangent<S>,
    options: typeof PowerOptions.Type
  ): (self: Fisher<S, "power">) => Result.Result<Float32Array, Failure>
  <S extends string>(
    self: Fisher<S, "power">,
    vector: Tangent.Tangent<S> | Cotangent<S>,
    options: typeof PowerOptions.Type
  ): Result.Result<Float32Array, Failure>
} = dual(
  3,
  <S extends string>(
    self: Fisher<S, "power">,
    vector: Tangent.Tangent<S> | Cotangent<S>,
    options: typeof PowerOptions.Type
  ): Result.Result<Float32Array, Failure> => {
    const other = unfit("vector", ["Tangent", "Cotangent"], self.space, vector)
    if (other !== undefined) return Result.fail(other)
    return decode(PowerOptions, options).pipe(
      Result.flatMap(({ damping, exponent }) => self.operations.power(vector.values, exponent, damping)),
      Result.flatMap((values) => finite(values, "power"))
    )
  }
)

/** `damping`: what is added to F. `seed` and `draw`: the same give the same draw, others an independent one. */
export const SampleOptions = Schema.Struct({
  damping: NonNegative,
  seed: Seed,
  draw: Schema.optionalKey(NonNegativeInt)
})

/**
 * A draw from N(0, (F + damping I)^-1): the Laplace approximation's spread of the parameters, for one example's worth of data.
 *
 * *Math*: R epsilon with R R^T = (F + damping I)^-1 and epsilon standard normal. *Cost*: as a solve. *Fails*: as `Fisher.solve`.
 */
export const sample: {
  (
    options: typeof SampleOptions.Type
  ): <S extends string>(self: Fisher<S, "sample">) => Result.Result<Tangent.Tangent<S>, Failure>
  <S extends string>(
    self: Fisher<S, "sample">,
    options: typeof SampleOptions.Type
  ): Result.Result<Tangent.Tangent<S>, Failure>
} = dual(
  2,
  <S extends string>(
    self: Fisher<S, "sample">,
    options: typeof SampleOptions.Type
  ): Result.Result<Tangent.Tangent<S>, Failure> =>
    decode(SampleOptions, options).pipe(
      Result.flatMap(({ damping, draw = 0, seed }) => {
        const draws = normals(fold(makeKey(seed), draw))
        const noise = new Float32Array(self.space.size)
        for (let i = 0; i < noise.length; i++) noise[i] = draws(0, i)
        return self.operations.sample(noise, damping)
      }),
      Result.flatMap((values) => finite(values, "draw")),
      Result.map((values) => Tangent.make(self.space, values))
    )
)

/** The largest eigenvalue of F. *Fails*: `NotConverged`, `NonFinite`. */
export const spectralNorm = <S extends string>(
  self: Fisher<S, "spectralNorm">
): Result.Result<number, SolveError> =>
  Result.flatMap(self.operations.spectralNorm(), (value) => finiteNumber(value, "spectral norm"))

/**
 * log det (F + damping I), in nats.
 *
 * *Fails*: `NotPositiveDefinite` where the damped Fisher is singular to rounding; `InvalidArgument`, `NotConverged`, `NonFinite`.
 */
export const logDeterminant: {
  (
    damping: number
  ): <S extends string>(
    self: Fisher<S, "logDeterminant">
  ) => Result.Result<number, SolveError | InvalidArgument>
  <S extends string>(
    self: Fisher<S, "logDeterminant">,
    damping: number
  ): Result.Result<number, SolveError | InvalidArgument>
} = dual(
  2,
  <S extends string>(
    self: Fisher<S, "logDeterminant">,
    damping: number
  ): Result.Result<number, SolveError | InvalidArgument> =>
    decodeAbsolute(damping).pipe(
      Result.flatMap((value) => self.operations.logDeterminant(value)),
      Result.flatMap((value) => finiteNumber(value, "log-determinant"))
    )
)

/** All P eigenvalues of F, ascending. *Fails*: `NotConverged`, `NonFinite`. */
export const eigenvalues = <S extends string>(
  self: Fisher<S, "eigenvalues">
): Result.Result<Float64Array, SolveError> => self.operations.eigenvalues()
