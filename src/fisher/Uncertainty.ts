/**
 * How sure an estimated Fisher is: standard errors of its trace, its norm and its quadratic forms, and where they come from.
 *
 * *Math*: the estimate takes two expectations, over x and over y given x, and each leaves an error. *draws*: how far a number is from
 * what the exact expectation over y gives on the same x. *total*: how far from what all x ~ q would give, too; what x adds is *data*,
 * total^2 = draws^2 + data^2. Both are found from groups of examples: by leaving a group out, and by drawing its y anew. So they hold
 * for every structure and sampler, however the draws of one example depend on each other.
 *
 * *Source*: the jackknife of Quenouille 1956 and Tukey 1958; Efron and Stein 1981; Steele 1986; Student 1908.
 */
import { Effect, Result, Schema, Stream } from "effect"
import { dual } from "effect/Function"
import { DataFailure, InvalidArgument, type NonFinite, type ShapeMismatch } from "../Errors.ts"
import type { Batch } from "../model/Batch.ts"
import { type Conditional, type Loaded, linearize, load } from "../model/Conditional.ts"
import * as Cotangent from "../model/Cotangent.ts"
import { type Layout, mismatch } from "../model/ParamSpace.ts"
import type { Params } from "../model/Params.ts"
import type { Tangent } from "../model/Tangent.ts"
import { decode, PositiveInt, shown } from "../Options.ts"
import { blocks, defaultBlockSize } from "../sampling/Blocks.ts"
import { DataSource } from "../sampling/DataSource.ts"
import type { Draws } from "../sampling/Draws.ts"
import { Sampler } from "../sampling/Sampler.ts"
import type { Device } from "../tensor/Device.ts"
import { Checkpoint } from "./Checkpoint.ts"
import { type EstimateError, EstimateOptions, estimate, sampledSums } from "./Estimate.ts"
import { sumOfSquares } from "./internal/arrays.ts"
import { finiteNumber } from "./internal/checked.ts"
import { groupCount, grouped, groupsOf } from "./internal/groups.ts"
import * as Jackknife from "./internal/jackknife.ts"
import { studentT } from "./internal/studentT.ts"
import type { Fisher } from "./internal/value.ts"
import type { AnyStructure, OperationsOf, SolveError, Structure } from "./Structure.ts"

/** What a structure must be able to do. */
export type Measured = "trace" | "frobeniusNorm" | "apply"

const Level = Schema.Number.check(
  Schema.makeFilter((level) => (level > 0 && level < 1) || "Give a number over 0 and under 1, such as 0.95.")
)

const Directions = Schema.Array(
  Schema.Struct({ _tag: Schema.Literal("Tangent"), space: Schema.Any, values: Schema.Any })
)

const Options = Schema.Struct({
  ...EstimateOptions.fields,
  groupSize: Schema.optionalKey(PositiveInt),
  along: Schema.optionalKey(Directions)
})

/**
 * Those of `Fisher.estimate`. `along`: the directions v whose v^T F v is asked for. `groupSize`: the most examples that a group has. A
 * group ends where its block ends. Unless said, there are about 256 groups: more of them know the errors better, and cost more.
 */
export interface ErrorOptions<S extends string> extends EstimateOptions {
  readonly along?: ReadonlyArray<Tangent<S>>
  readonly groupSize?: number
}

/** How far a number may be from what it estimates. */
export interface Deviation {
  /** The number itself. */
  readonly value: number
  /** How much too large it is in the mean, to second order: 0 but for rounding where it is linear in the moments. */
  readonly bias: number
  readonly standardError: number
  /** What the standard error was found from: about the number of groups. */
  readonly degreesOfFreedom: number
}

/** A number of a Fisher, and its errors by where they come from. */
export interface Uncertain {
  readonly value: number
  /** From y: how far it is from what the exact expectation over y gives on the same x. 0 for a sampler that draws nothing. */
  readonly draws: Deviation
  /** From x: the standard error beside that of the draws. As a difference of two estimates it is 0 where the draws' is all there is. */
  readonly data: number
  /** From both: how far it is from what all x ~ q give, where the examples are independent draws from q. */
  readonly total: Deviation
}

/** A moment that the structure stores: its Frobenius norm, and the root mean square of what it is away, by draws and by all. */
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
  /** One for each moment of the structure. For dense, the diagonal and EKFAC their distance is that of the Fisher. */
  readonly moments: ReadonlyArray<MomentError>
  /** How many groups of examples the errors are from. */
  readonly groups: number
}

/**
 * The interval that covers what the value estimates with probability `level`, such as 0.95: from its bias and standard error, by the
 * quantiles of Student's t.
 *
 * *Math*: value - bias -+ t standardError. *Fails*: `InvalidArgument` for a level that is not between 0 and 1.
 */
export const interval: {
  (level: number): (self: Deviation) => Result.Result<readonly [low: number, high: number], InvalidArgument>
  (self: Deviation, level: number): Result.Result<readonly [low: number, high: number], InvalidArgument>
} = dual(
  2,
  (
    { bias, degreesOfFreedom, standardError, value }: Deviation,
    level: number
  ): Result.Result<readonly [low: number, high: number], InvalidArgument> =>
    Result.map(decode(Schema.Struct({ level: Level }), { level }), () => {
      const half = studentT(level, degreesOfFreedom) * standardError
      return [value - bias - half, value - bias + half]
    })
)

/** Under this many groups a standard error is a guess. */
const fewestGroups = 8

/** So many groups unless said: their standard errors are good to 4 %. */
const usualGroups = 256

/** 128 MiB of sums of the groups of a block, and as much for the other draws. */
const mostNumbers = 2 ** 24

/** A group size that is one for this Fisher and these blocks. */
const sizeOfGroups = (
  { examples, means }: Fisher<string, Measured>,
  blockSize: number,
  asked: number | undefined
): Result.Result<number, InvalidArgument> => {
  const numbers = means.reduce((sum, { length }) => sum + length, 0)
  const most = Math.max(1, Math.floor(mostNumbers / numbers))
  const size = asked ?? Math.max(Math.ceil(examples / usualGroups), Math.ceil(blockSize / most))
  const refused = (message: string) =>
    Result.fail(new InvalidArgument({ argument: "groupSize", value: String(size), message }))
  const each = groupCount(Math.min(blockSize, examples), size)
  if (each > most) {
    return refused(
      `groupSize is ${size}: the ${each} groups of a block are ${each * numbers} numbers, over the ${mostNumbers} that are allowed. Give a larger groupSize or a smaller blockSize.`
    )
  }
  const groups =
    Math.floor(examples / blockSize) * groupCount(blockSize, size) + groupCount(examples % blockSize, size)
  if (groups >= fewestGroups) return Result.succeed(size)
  const remedy = size > 1 ? "Give a smaller groupSize, a smaller blockSize or more data." : "Give more data."
  return refused(
    `${examples} examples are ${groups} groups of up to ${size}, and a standard error needs at least ${fewestGroups}. ${remedy}`
  )
}

/** Rows have no difference: m + D is not made of as many. */
const requireSums = (structure: Structure<never>, space: Layout): Result.Result<void, InvalidArgument> =>
  structure.moments(space).every(({ _tag }) => _tag === "Sum")
    ? Result.succeed(undefined)
    : Result.fail(
        new InvalidArgument({
          argument: "structure",
          value: structure.name,
          message: `The ${structure.name} Fisher stores rows, whose errors are not known here. Give Structure.dense, which is the same matrix, or Structure.ekfac or Structure.diagonal, which have its trace.`
        })
      )

/** Other draws than those of the round: no estimate of a sequence gets so far. */
const otherRound = (round: number): number => Number.MAX_SAFE_INTEGER - round

/** Whether two rounds of a sampler are one: then it draws nothing. */
const sameDraws = (a: Draws, b: Draws): boolean =>
  a._tag === "Labels" && b._tag === "Labels"
    ? sameNumbers(a.labels, b.labels) && sameNumbers(a.weights, b.weights)
    : a._tag === "Cotangents" && b._tag === "Cotangents" && sameNumbers(a.cotangents, b.cotangents)

const sameNumbers = (a: ArrayLike<number>, b: ArrayLike<number>): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** theta: the trace, the norm, and the forms. */
const numbersOf =
  <S extends string>(
    { kernels, space, structure }: Fisher<S, Measured>,
    along: ReadonlyArray<Tangent<S>>
  ): Jackknife.Whole["numbers"] =>
  (means) => {
    const operations = structure.operations({ kernels, means, space })
    return [
      operations.trace(),
      operations.frobeniusNorm(),
      ...along.map((tangent) =>
        Cotangent.pair({ _tag: "Cotangent", space, values: operations.apply(tangent.values) }, tangent)
      )
    ]
  }

/** What the groups of one block tell. Its scores go as soon as they are summed. */
const blockTally = Effect.fnUntraced(function* <S extends string>(
  loaded: Loaded<S>,
  batch: Batch,
  { structure }: Fisher<S, Measured>,
  whole: Jackknife.Whole,
  { groupSize, round }: { readonly groupSize: number; readonly round: number }
) {
  const made = yield* linearize(loaded, batch)
  const sampler = yield* Sampler
  const groups = groupsOf(batch.examples, groupSize)
  const sumsOf = (draws: Draws) =>
    sampledSums(made, grouped(structure, groups), round).pipe(
      Effect.provideService(Sampler, { name: sampler.name, draw: () => Effect.succeed(draws) }),
      Effect.map(({ sums }) => sums)
    )
  const draws = yield* sampler.draw(made.outputs, round)
  const others = yield* sampler.draw(made.outputs, otherRound(round))
  const own = yield* sumsOf(draws)
  const anew = sameDraws(draws, others) ? undefined : yield* sumsOf(others)
  const tally = Jackknife.start(whole)
  const moments = whole.means.length
  const part = (of: typeof own, g: number) => of.slice(g * moments, (g + 1) * moments)
  for (const [g, { from, to }] of groups.entries()) {
    const sums = { examples: to - from, own: part(own, g), anew: anew && part(anew, g) }
    Jackknife.count(tally, whole, sums)
    yield* Effect.yieldNow
  }
  return tally
}, Effect.scoped)

/** How far the sums of the second walk may be from those of the first, over their norm: float32 is not there yet. */
const repeatable = 2 ** -10

/** Whether the walk over groups met the examples and the draws of the estimate. */
const repeats = ({ examples, means }: Jackknife.Whole, { examples: met, sums }: Jackknife.Tally): boolean =>
  met === examples &&
  sums.every((sum, i) => {
    let away = 0
    for (let j = 0; j < sum.length; j++) away += (sum[j]! / examples - means[i]![j]!) ** 2
    return away <= repeatable ** 2 * sumOfSquares(means[i]!)
  })

const uncertain = (
  what: string,
  i: number,
  { values }: Jackknife.Whole,
  { draws, total, weights }: Jackknife.Tally
): Result.Result<Uncertain, NonFinite> => {
  const value = values[i]!
  const deviation = (squares: number, bias: number, degreesOfFreedom: number): Deviation => ({
    value,
    bias,
    standardError: Math.sqrt(squares),
    degreesOfFreedom
  })
  // As many groups of equal size would know as much: rounding must not cost one of them.
  const groups = Math.floor(1 / weights + 1e-6)
  const drawn = deviation(draws.squares[i]!, draws.biases[i]!, groups)
  const all = deviation(total.squares[i]! / (1 - weights), total.biases[i]!, groups - 1)
  const data = Math.sqrt(Math.max(0, all.standardError ** 2 - drawn.standardError ** 2))
  const numbers = [drawn.standardError, drawn.bias, all.standardError, all.bias]
  return Result.map(Result.all(numbers.map((number) => finiteNumber(number, `standard error of the ${what}`))), () => ({
    value,
    draws: drawn,
    data,
    total: all
  }))
}

const uncertaintyOf = (
  whole: Jackknife.Whole,
  tally: Jackknife.Tally,
  groups: number
): Result.Result<Uncertainty, NonFinite> =>
  Result.gen(function* () {
    const { examples, means, values } = whole
    const [trace, frobeniusNorm, ...forms] = yield* Result.all(
      values.map((_, i) => uncertain(["trace", "Frobenius norm"][i] ?? `form along ${i - 2}`, i, whole, tally))
    )
    const moments = means.map((mean, i) => ({
      norm: Math.sqrt(sumOfSquares(mean)),
      draws: Math.sqrt(tally.drawn[i]!) / examples,
      total: Math.sqrt(tally.spread[i]! / (1 - tally.weights)) / examples
    }))
    return { trace: trace!, frobeniusNorm: frobeniusNorm!, forms, moments, groups }
  })
