/**
 * The Fisher as a map that is never stored: F v from one walk over the data.
 *
 * *Math*: F v = (1/N) sum_n J_n^T (Lambda_n (J_n v)): a forward-mode product, the output Fisher, a reverse-mode product. Lambda_n is what
 * the Sampler says: `Sampler.exact` its square root, Monte Carlo an estimate of it, with the same draws in every product. Nothing but the
 * operations of a walk is exact here, so these are Effects: they read the data and use the device.
 * *Cost*: three forward passes and a backward one for a product; memory of one block, whatever the number of parameters.
 *
 * *Source*: Schraudolph 2002; Martens 2010, section 4; Martens and Grosse 2015, appendix C.
 */
import { Effect, Result, Schema, type Scope } from "effect"
import type {
  EmptyData,
  InvalidArgument,
  NonFinite,
  NotConverged,
  NotPositiveDefinite,
  ShapeMismatch,
  TensorFailure
} from "../Errors.ts"
import * as ConjugateGradient from "../linalg/ConjugateGradient.ts"
import type { Operator } from "../linalg/Operator.ts"
import { type Conditional, type Linearization, linearize, load } from "../model/Conditional.ts"
import * as Cotangent from "../model/Cotangent.ts"
import type { ParamSpace } from "../model/ParamSpace.ts"
import type { Params } from "../model/Params.ts"
import * as Tangent from "../model/Tangent.ts"
import {
  attempt,
  decode,
  decodeOrThrow,
  NonNegative,
  NonNegativeInt,
  Positive,
  PositiveInt
} from "../Options.ts"
import { blockSizeFor, mean } from "../sampling/Blocks.ts"
import type { DataError, DataSource } from "../sampling/DataSource.ts"
import { collapse, cotangents } from "../sampling/Draws.ts"
import { Sampler, type SamplerError } from "../sampling/Sampler.ts"
import type { Device } from "../tensor/Device.ts"
import type { Damping } from "./Damping.ts"
import * as Fisher from "./Fisher.ts"
import { unfit } from "./internal/checked.ts"

/** `blockSize`, `pass`, `round`: as of `Fisher.estimate`. */
export const MatrixFreeOptions = Schema.Struct({
  blockSize: Schema.optionalKey(PositiveInt),
  pass: Schema.optionalKey(NonNegativeInt),
  round: Schema.optionalKey(NonNegativeInt)
})
export type MatrixFreeOptions = typeof MatrixFreeOptions.Type

/** The Fisher of a conditional at some parameters, over the data and with the draws that are provided when it is used. */
export interface MatrixFree<S extends string> {
  readonly conditional: Conditional<S>
  readonly params: Params<S>
  readonly options: MatrixFreeOptions
}

export type ProductError =
  | DataError
  | SamplerError
  | EmptyData
  | InvalidArgument
  | NonFinite
  | ShapeMismatch
  | TensorFailure

type Services = DataSource | Sampler | Device

/** *Throws* `InvalidArgument` for an option outside its range, `ShapeMismatch` for parameters of another network. */
export const make = <S extends string>(
  conditional: Conditional<S>,
  params: Params<S>,
  options: MatrixFreeOptions = {}
): MatrixFree<S> => {
  const other = unfit("vector of parameters", ["Params"], conditional.network.space, params)
  if (other !== undefined) throw other
  return { conditional, params, options: decodeOrThrow(MatrixFreeOptions, options) }
}

const spaceOf = <S extends string>({ conditional }: MatrixFree<S>): ParamSpace<S> => conditional.network.space

const requireOwn = <S extends string>(
  self: MatrixFree<S>,
  kind: "Tangent" | "Cotangent",
  vectors: ReadonlyArray<Tangent.Tangent<S> | Cotangent.Cotangent<S>>
): Effect.Effect<void, ShapeMismatch> => {
  for (const vector of vectors) {
    const other = unfit(kind.toLowerCase(), [kind], spaceOf(self), vector)
    if (other !== undefined) return Effect.fail(other)
  }
  return Effect.void
}

/** The mean over the data of `length` numbers, from what `block` makes of each block and its columns s_k `[K, N, C]`. */
const overData = Effect.fnUntraced(function* <S extends string, E, R>(
  { conditional, options: { round = 0, ...pass }, params }: MatrixFree<S>,
  length: number,
  block: (
    linearization: Linearization<S>,
    columns: Float32Array,
    count: number
  ) => Effect.Effect<ReadonlyArray<Float32Array | Float64Array>, E, R>
): Effect.fn.Return<Float64Array, E | ProductError, R | Services | Scope.Scope> {
  const sampler = yield* Sampler
  const loaded = yield* load(conditional, params)
  return yield* mean({ blockSize: blockSizeFor(conditional.network), ...pass }, length, (batch) =>
    Effect.gen(function* () {
      const linearization = yield* linearize(loaded, batch)
      const { outputs } = linearization
      const draws = collapse(yield* sampler.draw(outputs, round), outputs)
      const columns = yield* Effect.fromResult(cotangents(draws, outputs))
      return yield* block(linearization, columns, draws.columns)
    }).pipe(Effect.scoped)
  )
}, Effect.scoped)

/** s_kn^T u_n, `[K, N]`. */
const along = (columns: Float32Array, count: number, u: Float32Array, size: number): Float64Array => {
  const examples = u.length / size
  const out = new Float64Array(count * examples)
  for (let row = 0; row < out.length; row++) {
    const n = row % examples
    let sum = 0
    for (let c = 0; c < size; c++) sum += columns[row * size + c]! * u[n * size + c]!
    out[row] = sum
  }
  return out
}

/** Lambda_n u_n = sum_k s_kn (s_kn^T u_n), `[N, C]`. */
const outputFisher = (columns: Float32Array, count: number, u: Float32Array, size: number): Float32Array => {
  const weights = along(columns, count, u, size)
  const out = new Float64Array(u.length)
  for (let row = 0; row < weights.length; row++) {
    const n = row % (u.length / size)
    for (let c = 0; c < size; c++)
      out[n * size + c] = out[n * size + c]! + weights[row]! * columns[row * size + c]!
  }
  return new Float32Array(out)
}

const products = <S extends string>(
  self: MatrixFree<S>,
  tangents: ReadonlyArray<Tangent.Tangent<S>>
): Effect.Effect<ReadonlyArray<Float64Array>, ProductError, Services> => {
  const { size } = spaceOf(self)
  return overData(self, tangents.length * size, ({ outputs, pullback, pushforward }, columns, count) =>
    Effect.forEach(tangents, (tangent) =>
      Effect.flatMap(pushforward(tangent), (u) => pullback(outputFisher(columns, count, u, outputs.size)))
    )
  ).pipe(Effect.map((all) => tangents.map((_, i) => all.subarray(i * size, (i + 1) * size))))
}

/**
 * F v.
 *
 * *Fails*: `ShapeMismatch`, `EmptyData`, `NonFinite`, `TensorFailure`, and what source and sampler fail with.
 */
export const apply = Effect.fn("MatrixFree.apply")(function* <S extends string>(
  self: MatrixFree<S>,
  tangent: Tangent.Tangent<S>
): Effect.fn.Return<Cotangent.Cotangent<S>, ProductError, Services> {
  yield* requireOwn(self, "Tangent", [tangent])
  const [product] = yield* products(self, [tangent])
  return yield* Effect.fromResult(attempt<NonFinite>()(() => Cotangent.make(spaceOf(self), product!)))
})

/**
 * v^T F v for some v, in one walk: forward-mode products alone.
 *
 * *Math*: (1/N) sum_n |S_n^T J_n v|^2. *Cost*: three forward passes for each v. *Fails*: as `apply`.
 */
export const quadraticForms = Effect.fn("MatrixFree.quadraticForms")(function* <S extends string>(
  self: MatrixFree<S>,
  tangents: ReadonlyArray<Tangent.Tangent<S>>
): Effect.fn.Return<Float64Array, ProductError, Services> {
  yield* requireOwn(self, "Tangent", tangents)
  return yield* overData(self, tangents.length, ({ outputs, pushforward }, columns, count) =>
    Effect.forEach(tangents, (tangent) =>
      Effect.map(pushforward(tangent), (u) =>
        Float64Array.of(along(columns, count, u, outputs.size).reduce((sum, value) => sum + value * value, 0))
      )
    )
  )
})

/** v^T F v; see `quadraticForms`. */
export const quadraticForm = <S extends string>(
  self: MatrixFree<S>,
  tangent: Tangent.Tangent<S>
): Effect.Effect<number, ProductError, Services> =>
  Effect.map(quadraticForms(self, [tangent]), ([form]) => form!)

/** F as a linear operator, for `StochasticTrace`, `Lanczos` and `ConjugateGradient`: all products of a call in one walk. */
export const operator = <S extends string>(self: MatrixFree<S>): Operator<ProductError, Services> => ({
  size: spaceOf(self).size,
  apply: (vectors) =>
    Effect.fromResult(
      attempt<NonFinite | ShapeMismatch>()(() => vectors.map((values) => Tangent.make(spaceOf(self), values)))
    ).pipe(Effect.flatMap((tangents) => products(self, tangents)))
})

/**
 * `damping`: what is added to F. `tolerance`: the relative residual to reach, 1e-5 unless said; F is computed in float32, which ends
 * near 1e-6. `maxIterations`: 1000 unless said.
 */
export const SolveOptions = Schema.Struct({
  damping: NonNegative,
  tolerance: Schema.optionalKey(Positive),
  maxIterations: Schema.optionalKey(PositiveInt)
})

/** What a preconditioner is: a stored Fisher with a damping, such as K-FAC at the same parameters. */
export interface Preconditioner<S extends string, D extends Damping> {
  readonly fisher: Fisher.Fisher<S, Fisher.SolveWith<D>>
  readonly damping: D
}

export interface Solution<S extends string> {
  readonly solution: Tangent.Tangent<S>
  /** |(F + damping I) x - g| / |g|, computed from the solution, not from the recurrence. */
  readonly residual: number
  readonly iterations: number
}

/**
 * Solves (F + damping I) x = g by preconditioned conjugate gradients.
 *
 * The residual is computed, not taken from the recurrence, before the solution is given out. *Cost*: a product an iteration, and one
 * for each check of the residual.
 *
 * *Fails*: `NotConverged` with the residual that was reached; `NotPositiveDefinite` for a direction without curvature; one of the two
 * with a singular Fisher and no damping; as `apply`, and as `Fisher.solve` for the preconditioner.
 */
export const solve = Effect.fn("MatrixFree.solve")(function* <S extends string, const D extends Damping>(
  self: MatrixFree<S>,
  cotangent: Cotangent.Cotangent<S>,
  options: typeof SolveOptions.Type & { readonly preconditioner?: Preconditioner<S, D> }
): Effect.fn.Return<Solution<S>, ProductError | NotConverged | NotPositiveDefinite, Services> {
  const { preconditioner, ...numbers } = options ?? {}
  const {
    damping,
    maxIterations = 1000,
    tolerance = 1e-5
  } = yield* Effect.fromResult(decode(SolveOptions, numbers))
  yield* requireOwn(self, "Cotangent", [cotangent])
  const precondition =
    preconditioner === undefined
      ? undefined
      : yield* Effect.fromResult(preconditionWith(cotangent, preconditioner))
  const { solution, ...reached } = yield* ConjugateGradient.solve(
    operator(self),
    new Float64Array(cotangent.values),
    { damping, tolerance, maxIterations, ...(precondition === undefined ? {} : { precondition }) }
  )
  const made = yield* Effect.fromResult(attempt<NonFinite>()(() => Tangent.make(spaceOf(self), solution)))
  return { solution: made, ...reached }
})

/** The preconditioner as a map, once it has solved for the gradient itself: then its factorisation is there, and cannot fail. */
const preconditionWith = <S extends string, D extends Damping>(
  gradient: Cotangent.Cotangent<S>,
  { damping, fisher }: Preconditioner<S, D>
): Result.Result<ConjugateGradient.Precondition, Fisher.OperationError> =>
  Result.map(Fisher.solve(fisher, gradient, damping), () => (residual) => {
    // Residuals may be far under or over the range of float32.
    const scale = residual.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1
    const scaled = Cotangent.make(
      gradient.space,
      residual.map((value) => value / scale)
    )
    const { values } = Result.getOrThrow(Fisher.solve(fisher, scaled, damping))
    return new Float64Array(values).map((value) => value * scale)
  })
