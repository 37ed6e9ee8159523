/**
 * How sure an estimated Fisher is: the errors of its trace, its norm and its quadratic forms, by where they come from.
 *
 * *Math*: the estimate takes two expectations, over x and over y given x, and each leaves an error. *draws*: how far a number is from
 * what the exact expectation over y gives on the same x. *total*: how far from what all x ~ q give. Both are found from groups of
 * examples: how the numbers change where a group is left out, and where its y are drawn anew. So they hold for every structure and
 * every sampler, however the draws of one example depend on each other.
 *
 * *Source*: Quenouille 1956 and Tukey 1958 (jackknife); Efron and Stein 1981; Steele 1986; Student 1908.
 */
import { Effect, Result, Schema, type Scope } from "effect"
import { dual } from "effect/Function"
import { InvalidArgument, type NonFinite, type ShapeMismatch } from "../Errors.ts"
import { type Conditional, load } from "../model/Conditional.ts"
import * as Cotangent from "../model/Cotangent.ts"
import type { Layout } from "../model/ParamSpace.ts"
import type { Params } from "../model/Params.ts"
import type { Tangent } from "../model/Tangent.ts"
import { attempt, decode, Finite, NonNegative, Positive, PositiveInt } from "../Options.ts"
import { studentT } from "../random/Distributions.ts"
import { blockSizeFor } from "../sampling/Blocks.ts"
import { DataSource } from "../sampling/DataSource.ts"
import type { Sampler } from "../sampling/Sampler.ts"
import type { Device } from "../tensor/Device.ts"
import { Checkpoint } from "./Checkpoint.ts"
import { type EstimateError, EstimateOptions, estimate } from "./Estimate.ts"
import { sumOfSquares } from "./internal/arrays.ts"
import { finiteNumber, unfit } from "./internal/checked.ts"
import { groupSizeFor } from "./internal/groupSize.ts"
import { walkGroups } from "./internal/groupWalk.ts"
import { degreesOfFreedom, distancesOf, errorsOf, type Tally, type Whole } from "./internal/jackknife.ts"
import { wholeSum } from "./internal/symmetric.ts"
import { isTwoPass } from "./internal/twoPass.ts"
import type { Fisher } from "./internal/value.ts"
import { sizeOf } from "./Moment.ts"
import type { AnyStructure, Fit, OperationsOf, SolveError } from "./Structure.ts"

/** What a structure must be able to do. */
export type Measured = "trace" | "frobeniusNorm" | "apply"

const AllOptions = Schema.Struct({
  ...EstimateOptions.fields,
  groupSize: Schema.optionalKey(PositiveInt),
  along: Schema.optionalKey(Schema.Array(Schema.Any))
})

/**
 * Those of `Fisher.estimate`. `along`: the directions v whose v^T F v is asked for. `groupSize`: the most examples that a group has, which
 * is a part of a block or some whole blocks. Unless said, there are about 32 groups: more of them know the errors better, and cost
 * more.
 */
export interface ErrorOptions<S extends string> extends EstimateOptions {
  readonly along?: ReadonlyArray<Tangent<S>>
  readonly groupSize?: number
}

/** How far a number may be from what it estimates. */
export interface Deviation {
  /** The number itself. */
  readonly value: number
  /** How much too large it is in the mean, to second order: rounding alone where it is linear in the moments. */
  readonly bias: number
  readonly standardError: number
  /** Of the standard error: about as many as there are groups. */
  readonly degreesOfFreedom: number
}

/** A number of a Fisher, and its errors by where they come from. */
export interface Uncertain {
  readonly value: number
  /** From y: how far it is from what the exact expectation over y gives on the same x. 0 for a sampler that draws nothing. */
  readonly draws: Deviation
  /** From x: the standard error that x adds, total^2 = draws^2 + data^2; 0 where the estimate of it is below. */
  readonly data: number
  /** From both: how far it is from what all x ~ q give, if the examples are independent draws from q. */
  readonly total: Deviation
}

/** The Frobenius norm of a moment that the structure stores, and the root mean square of its distance from what it estimates. */
export interface MomentError {
  readonly norm: number
  readonly draws: number
  readonly total: number
}

export interface Uncertainty {
  readonly trace: Uncertain
  readonly frobeniusNorm: Uncertain
  /** One for each direction of `along`. */
  readonly forms: ReadonlyArray<Uncertain>
  /** One for each moment of the structure: for dense |F_hat - F| itself, for K-FAC A and G of each layer. */
  readonly moments: ReadonlyArray<MomentError>
  /** How many groups of examples the errors are from. */
  readonly groups: number
}

const Level = Schema.Number.check(
  Schema.makeFilter((level) => (level > 0 && level < 1) || "Give a number between 0 and 1, such as 0.95.")
)
const IntervalOptions = Schema.Struct({
  level: Level,
  degreesOfFreedom: Positive,
  standardError: NonNegative,
  bias: Finite,
  value: Finite
})

type Interval = Result.Result<readonly [low: number, high: number], InvalidArgument>

/**
 * The interval that holds what the value estimates with probability `level`, such as 0.95.
 *
 * *Math*: value - bias -+ t standardError, t the quantile of Student's distribution. It holds as far as a mean over the groups is
 * normal. *Fails*: `InvalidArgument` for a level that is not between 0 and 1, or a deviation that is none.
 */
export const interval: {
  (level: number): (self: Deviation) => Interval
  (self: Deviation, level: number): Interval
} = dual(
  2,
  ({ bias, degreesOfFreedom, standardError, value }: Deviation, level: number): Interval =>
    Result.map(decode(IntervalOptions, { level, degreesOfFreedom, standardError, bias, value }), () => {
      // The lower quantile: 1 - level is exact where (1 + level) / 2 rounds to 1.
      const half = standardError === 0 ? 0 : -studentT((1 - level) / 2, degreesOfFreedom) * standardError
      return [value - bias - half, value - bias + half]
    })
)

/** What leaves an example out has fewer rows: no set of moments of the same kind. Two passes are asked again when the first is done. */
const requireSums = (
  structure: AnyStructure<never>,
  space: Layout
): Result.Result<void, InvalidArgument | ShapeMismatch> =>
  attempt<InvalidArgument | ShapeMismatch>()(() => {
    // What is no structure at all is refused by the estimate.
    if (isTwoPass(structure) || typeof structure?.moments !== "function") return
    if (structure.moments(space).every(({ _tag }) => _tag !== "Rows")) return
    throw new InvalidArgument({
      argument: "structure",
      value: structure.name,
      message: `The ${structure.name} Fisher is stored as rows, and errors are known for sums. Give Structure.dense, which is the same matrix, or Structure.ekfac or Structure.diagonal, which have its trace.`
    })
  })

const requireDirections = (
  along: ReadonlyArray<Tangent<string>>,
  space: Layout
): Result.Result<void, ShapeMismatch> => {
  const [other] = along.flatMap(
    (tangent, i) => unfit(`tangent along[${i}]`, ["Tangent"], space, tangent) ?? []
  )
  return other === undefined ? Result.succeed(undefined) : Result.fail(other)
}

/** The trace, the norm, and the forms, of these moments. */
const numbersOf =
  <S extends string>(
    { kernels, space, structure }: Fisher<S, Measured>,
    along: ReadonlyArray<Tangent<S>>
  ): Whole["numbers"] =>
  (means) => {
    const operations = structure.operations({ kernels, means, space })
    const form = (tangent: Tangent<S>): number =>
      Cotangent.pair({ _tag: "Cotangent", space, values: operations.apply(tangent.values) }, tangent)
    return [operations.trace(), operations.frobeniusNorm(), ...along.map(form)]
  }

const uncertain = (
  what: string,
  i: number,
  value: number,
  tally: Tally
): Result.Result<Uncertain, NonFinite> => {
  const { draws, total } = errorsOf(tally, i)
  const deviation = (of: typeof total): Deviation => ({
    value,
    bias: of.bias,
    standardError: Math.sqrt(of.variance),
    degreesOfFreedom: degreesOfFreedom(tally)
  })
  const numbers = [value, draws.variance, draws.bias, total.variance, total.bias]
  return Result.map(Result.all(numbers.map((number) => finiteNumber(number, what))), () => ({
    value,
    draws: deviation(draws),
    data: Math.sqrt(Math.max(0, total.variance - draws.variance)),
    total: deviation(total)
  }))
}

const uncertaintyOf = (
  { means, moments: kinds, values }: Whole,
  tally: Tally
): Result.Result<Uncertainty, NonFinite> =>
  Result.gen(function* () {
    const named = ["trace", "Frobenius norm", ...values.slice(2).map((_, i) => `form along[${i}]`)]
    const [trace, frobeniusNorm, ...forms] = yield* Result.all(
      values.map((value, i) => uncertain(`error of the ${named[i]}`, i, value, tally))
    )
    const moments = means.map((mean, i) => {
      const { draws, total } = distancesOf(tally, i)
      const norm = wholeSum(kinds[i]!, sumOfSquares(mean), (at) => mean[at]! ** 2)
      return { norm: Math.sqrt(norm), draws: Math.sqrt(draws), total: Math.sqrt(total) }
    })
    return { trace: trace!, frobeniusNorm: frobeniusNorm!, forms, moments, groups: tally.groups }
  })

/** How many numbers the sums of a structure are; 1 where only its first pass tells. */
const numbersKept = (structure: AnyStructure<never>, space: Layout): number =>
  isTwoPass(structure) || typeof structure?.moments !== "function"
    ? 1
    : structure.moments(space).reduce((sum, moment) => sum + sizeOf(moment), 0)

/** Large blocks cost the sums of few groups less, and leave too few of them. */
const mostInBlock = 256

const withErrors = Effect.fn("Fisher.estimateWithErrors")(function* <S extends string>(
  conditional: Conditional<S>,
  params: Params<S>,
  structure: AnyStructure<Measured> & Fit<S>,
  options: ErrorOptions<S> = {}
): Effect.fn.Return<
  { readonly fisher: Fisher<S, Measured>; readonly errors: Uncertainty },
  EstimateError | SolveError,
  DataSource | Sampler | Device | Scope.Scope
> {
  const { along = [], groupSize: asked, ...walk } = yield* Effect.fromResult(decode(AllOptions, options))
  const { space } = conditional.network
  yield* Effect.fromResult(requireDirections(along, space))
  yield* Effect.fromResult(requireSums(structure, space))
  const {
    blockSize = Math.min(mostInBlock, blockSizeFor(conditional.network)),
    concurrency = 1,
    pass = 0,
    round = 0
  } = walk
  const source = yield* DataSource
  if (source.examples !== undefined && source.examples > 0) {
    // What is known beforehand is refused before the estimate: the second pass of two has as many numbers or more.
    const numbers = numbersKept(structure, space)
    yield* Effect.fromResult(groupSizeFor({ blockSize, examples: source.examples, numbers }, asked))
  }
  const fisher = yield* estimate(conditional, params, structure, walk).pipe(
    Effect.provideService(Checkpoint, undefined)
  )
  yield* Effect.fromResult(requireSums(fisher.structure, space))
  const { examples, means } = fisher
  const size = means.reduce((sum, { length }) => sum + length, 0)
  const groupSize = yield* Effect.fromResult(groupSizeFor({ blockSize, examples, numbers: size }, asked))
  const numbers = numbersOf(fisher, along)
  const moments = fisher.structure.moments(space)
  const whole: Whole = { examples, means, moments, numbers, values: numbers(means) }
  const tally = yield* walkGroups({
    ...{ blockSize, concurrency, groupSize, pass, round, whole },
    loaded: yield* load(conditional, params),
    structure: fisher.structure
  })
  const errors = yield* Effect.fromResult(uncertaintyOf(whole, tally))
  return { fisher, errors }
}, Effect.scoped)

/**
 * Estimates the Fisher as `Fisher.estimate` does, to the same bits where its blocks are the same (unless said, these have at most 256
 * examples, so that there are enough groups), and says how sure its trace, its Frobenius norm and its quadratic
 * forms are.
 *
 * *Math*: `internal/jackknife.ts` has the formulas. The errors are those of this structure's own numbers: that K-FAC is not F is no
 * part of them. The groups are neighbours in the data: data in an order that means something, such as by class, is to be shuffled, or
 * `groupSize` to be 1.
 *
 * The bases of EKFAC count as given, but they were fitted to the same draws: where a factor of K-FAC has eigenvalues that are nearly
 * equal, as G of a Gaussian's last layer has, v^T F v is less sure than is said (its trace and norm are not concerned). The Fisher's own
 * `structure` is EKFAC in its bases, a structure of one pass: estimated with another `round`, and on other x for the total error, its
 * errors hold.
 *
 * *Cost*: one walk over the data more, with two backward passes (one where the sampler draws nothing) and the structure's own sums
 * for both; for each group three times the numbers themselves. *Memory*: the sums of the groups of a block, beside those of the
 * estimate.
 *
 * *Fails*: as `Fisher.estimate`; `InvalidArgument` for a structure that is stored as rows, for fewer than 8 groups, and for groups whose
 * sums are too many numbers, before anything is drawn where the source says how many examples it has; `ShapeMismatch` for directions of another network; `NonFinite`; `DataFailure` for a source or sampler
 * that does not repeat itself. A Checkpoint is not used.
 *
 * @example
 * ```ts
 * import { Effect, Result } from "effect"
 * import { Conditional, DataSource, Device, Fisher, Likelihood, Network, Sampler, Structure } from "natgrad"
 *
 * // One Bernoulli at p = 1/2, seen 16 times: every score is 1/2 or -1/2, so that nothing is unsure.
 * const coin = Conditional.make(Network.sequential(0, [Network.dense(1)]), Likelihood.bernoulli)
 * const { errors } = await Effect.runPromise(
 *   Fisher.estimateWithErrors(coin, Conditional.init(coin, { seed: 0 }), Structure.dense).pipe(
 *     Effect.provide([
 *       DataSource.density({ y: new Float32Array(16) }),
 *       Sampler.monteCarlo({ draws: 4, seed: 0 }),
 *       Device.cpu
 *     ])
 *   )
 * )
 * errors.trace.value // => 0.25
 * Result.getOrThrow(Fisher.interval(errors.trace.total, 0.95)) // => [0.25, 0.25]
 * ```
 */
export const estimateWithErrors = withErrors as <S extends string, T extends AnyStructure<Measured>>(
  conditional: Conditional<S>,
  params: Params<S>,
  structure: T & Fit<S>,
  options?: ErrorOptions<S>
) => Effect.Effect<
  { readonly fisher: Fisher<S, OperationsOf<T>>; readonly errors: Uncertainty },
  EstimateError | SolveError,
  DataSource | Sampler | Device
>
