/**
 * The natural-gradient step: theta' = theta - eta (F + damping)^-1 grad L.
 *
 * Pure: parameters, a gradient and a Fisher go in, the new parameters and what is known of the step come out. The direction does
 * not depend, to first order, on how the network is parametrised.
 *
 * *Source*: Amari 1998; Martens 2020, New insights and perspectives on the natural gradient method.
 */
import { Result, Schema } from "effect"
import type { NonFinite } from "../Errors.ts"
import { Damping } from "../fisher/Damping.ts"
import * as Fisher from "../fisher/Fisher.ts"
import * as Cotangent from "../model/Cotangent.ts"
import { mismatch } from "../model/ParamSpace.ts"
import * as Params from "../model/Params.ts"
import * as Tangent from "../model/Tangent.ts"
import { attempt, Decay, decode, Positive } from "../Options.ts"

/**
 * `learningRate`: eta, over 0. `maxKL`: the most that the step may change p(y|x) by the Fisher's own measure, in nats; a longer one
 * is shortened to it. `momentum`: how much of the last update is added to this one, from 0 to under 1.
 */
export const StepOptions = Schema.Struct({
  learningRate: Positive,
  maxKL: Schema.optionalKey(Positive),
  momentum: Schema.optionalKey(Decay)
})

const AllOptions = Schema.Struct({
  ...StepOptions.fields,
  damping: Damping,
  last: Schema.optionalKey(Schema.Any)
})

/** The options of a step; the damping has no default. `last` is what `momentum` is of: the update of the step before. */
export type StepSettings<S extends string, D extends Damping> = typeof StepOptions.Type & {
  readonly damping: D
  readonly last?: Tangent.Tangent<S>
}

export interface Step<S extends string> {
  readonly params: Params.Params<S>
  /** What was added to the parameters. */
  readonly update: Tangent.Tangent<S>
  /**
   * How much the quadratic model of the loss falls, in nats: -(g^T d + d^T F d / 2) for the update d. The damping is no part of it.
   */
  readonly predictedDecrease: number
  /** d^T F d / 2: the KL divergence of the step to second order, in nats. */
  readonly predictedKL: number
  /** The Euclidean norm of the update. */
  readonly updateNorm: number
  /** The learning rate that was used: smaller than asked for where `maxKL` shortened the step. */
  readonly learningRate: number
}

/**
 * One step of natural gradient.
 *
 * *Math*: d = c (-eta (F + damping)^-1 g + momentum last); theta' = theta + d. c is 1, or less where `maxKL` asks for it: what makes
 * d^T F d / 2 equal to it. *Cost*: one solve and one product of the Fisher.
 * *Fails*: as `Fisher.solve`; `InvalidArgument` for an option outside its range; `ShapeMismatch` for vectors of another network.
 *
 * @example
 * ```ts
 * import { Effect, Result } from "effect"
 * import { Conditional, Damping, DataSource, Device, Fisher, Likelihood, NaturalGradient, Network, Sampler, Structure } from "natgrad"
 *
 * // The mean of a Gaussian with variance 2: one step of learning rate 1 goes to the optimum, the mean of the data.
 * const mean = Conditional.make(Network.sequential(0, [Network.dense(1)]), Likelihood.gaussian({ variance: 2 }))
 * const start = Conditional.init(mean, { seed: 0 })
 * const { fisher, gradient } = await Effect.runPromise(
 *   Effect.all({
 *     gradient: Conditional.gradient(mean, start),
 *     fisher: Fisher.estimate(mean, start, Structure.dense)
 *   }).pipe(Effect.provide([DataSource.density({ y: [1, 3, 8] }), Sampler.exact, Device.wasm]))
 * )
 * const damping = Damping.absolute(0)
 * const { params, predictedKL } = Result.getOrThrow(
 *   NaturalGradient.step(start, gradient, fisher, { learningRate: 1, damping })
 * )
 * params.values[0]!.toFixed(4) // => 4.0000
 * predictedKL.toFixed(4) // => 4.0000
 * ```
 */
export const step = <S extends string, const D extends Damping>(
  params: Params.Params<S>,
  gradient: Cotangent.Cotangent<S>,
  fisher: Fisher.Fisher<S, Fisher.SolveWith<D> | "apply">,
  options: StepSettings<S, D>
): Result.Result<Step<S>, Fisher.OperationError> => {
  return Result.gen(function* () {
    const { learningRate, maxKL, momentum = 0 } = yield* decode(AllOptions, options)
    const { damping, last } = options
    const other =
      mismatch("gradient", params.space, gradient.space) ??
      mismatch("last update", params.space, (last ?? params).space)
    if (other !== undefined) return yield* Result.fail(other)
    // `SolveWith<D>` stands for the operation that this damping needs; the compiler cannot see through it for an open D.
    const direction = yield* Fisher.solve(fisher as Fisher.Fisher<S, Fisher.SolveWith<D>>, gradient, damping)
    const whole = yield* tangent(params, (i) => {
      return momentum * (last?.values[i] ?? 0) - learningRate * direction.values[i]!
    })
    const curvature = yield* Fisher.quadraticForm(fisher as Fisher.Fisher<S, "apply">, whole)
    const scale = maxKL === undefined || curvature <= 2 * maxKL ? 1 : Math.sqrt((2 * maxKL) / curvature)
    const update = scale === 1 ? whole : yield* tangent(params, (i) => scale * whole.values[i]!)
    const predictedKL = 0.5 * scale * scale * curvature
    return {
      params: yield* finite(() => Params.move(params, update)),
      update,
      predictedDecrease: -(Cotangent.pair(gradient, update) + predictedKL),
      predictedKL,
      updateNorm: norm(update.values),
      learningRate: scale * learningRate
    }
  })
}

const norm = (values: Float32Array): number => {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]! ** 2
  return Math.sqrt(sum)
}

const finite = attempt<NonFinite>()

const tangent = <S extends string>(
  { space }: Params.Params<S>,
  entry: (index: number) => number
): Result.Result<Tangent.Tangent<S>, NonFinite> =>
  finite(() => {
    const values = new Float64Array(space.size)
    for (let i = 0; i < values.length; i++) values[i] = entry(i)
    return Tangent.make(space, values)
  })
