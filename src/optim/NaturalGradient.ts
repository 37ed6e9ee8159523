/**
 * The natural-gradient step: theta' = theta - eta (F + damping)^-1 grad L.
 *
 * Pure: parameters, a gradient and a Fisher go in, the new parameters and what is known of the step come out. The direction does
 * not depend, to first order, on how the network is parametrised.
 *
 * *Source*: Amari 1998; Martens 2020, New insights and perspectives on the natural gradient method.
 */
import { Result, Schema } from "effect"
import type { NonFinite, ShapeMismatch } from "../Errors.ts"
import type { Damping } from "../fisher/Damping.ts"
import * as Fisher from "../fisher/Fisher.ts"
import * as Cotangent from "../model/Cotangent.ts"
import * as Params from "../model/Params.ts"
import * as Tangent from "../model/Tangent.ts"
import { decode, Positive } from "../Options.ts"

/**
 * `learningRate`: eta, over 0. `maxKL`: the most that the step may change p(y|x) by the Fisher's own measure, in nats; a longer one
 * is shortened to it.
 */
export const StepOptions = Schema.Struct({ learningRate: Positive, maxKL: Schema.optionalKey(Positive) })

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
 * *Math*: d = -eta (F + damping)^-1 g; theta' = theta + d. With `maxKL`, eta is at most what makes d^T F d / 2 equal to it.
 * *Cost*: one solve and one product of the Fisher. *Fails*: as `Fisher.solve`, and `InvalidArgument` for a learning rate that is no
 * finite number over 0.
 *
 * @example
 * ```ts no-run
 * import { Damping, NaturalGradient } from "natgrad"
 * import type { Cotangent, Fisher, Params } from "natgrad"
 *
 * declare const params: Params.Params<"1 > dense(1)">
 * declare const gradient: Cotangent.Cotangent<"1 > dense(1)">
 * declare const fisher: Fisher.Fisher<"1 > dense(1)", "apply" | "solve">
 * NaturalGradient.step(params, gradient, fisher, { learningRate: 1, damping: Damping.absolute(1e-2) })
 * ```
 */
export const step = <S extends string, const D extends Damping>(
  params: Params.Params<S>,
  gradient: Cotangent.Cotangent<S>,
  fisher: Fisher.Fisher<S, Fisher.SolveWith<D> | "apply">,
  options: typeof StepOptions.Type & { readonly damping: D }
): Result.Result<Step<S>, Fisher.OperationError> => {
  const { damping, ...rest } = options
  return Result.gen(function* () {
    const { learningRate, maxKL } = yield* decode(StepOptions, rest)
    // `SolveWith<D>` stands for the operation that this damping needs; the compiler cannot see through it for an open D.
    const direction = yield* Fisher.solve(fisher as Fisher.Fisher<S, Fisher.SolveWith<D>>, gradient, damping)
    const curvature = yield* Fisher.quadraticForm(fisher as Fisher.Fisher<S, "apply">, direction)
    const limit = maxKL === undefined || curvature <= 0 ? learningRate : Math.sqrt((2 * maxKL) / curvature)
    const eta = Math.min(learningRate, limit)
    const update = yield* scaled(direction, -eta)
    return yield* measured(params, gradient, update, eta, eta * eta * curvature)
  })
}

/**
 * What taking `update` would do, by the quadratic model: for an update that was put together otherwise, as with momentum.
 *
 * *Fails*: `ShapeMismatch`, `NonFinite`.
 */
export const describe = <S extends string>(
  params: Params.Params<S>,
  gradient: Cotangent.Cotangent<S>,
  fisher: Fisher.Fisher<S, "apply">,
  update: Tangent.Tangent<S>,
  learningRate: number
): Result.Result<Step<S>, ShapeMismatch | NonFinite> =>
  Result.flatMap(Fisher.quadraticForm(fisher, update), (curvature) =>
    measured(params, gradient, update, learningRate, curvature)
  )

const measured = <S extends string>(
  params: Params.Params<S>,
  gradient: Cotangent.Cotangent<S>,
  update: Tangent.Tangent<S>,
  learningRate: number,
  curvature: number
): Result.Result<Step<S>, NonFinite> =>
  Result.map(moved(params, update), (to) => ({
    params: to,
    update,
    predictedDecrease: -(Cotangent.pair(gradient, update) + 0.5 * curvature),
    predictedKL: 0.5 * curvature,
    updateNorm: Math.sqrt(update.values.reduce((sum, value) => sum + value * value, 0)),
    learningRate
  }))

const scaled = <S extends string>(
  tangent: Tangent.Tangent<S>,
  factor: number
): Result.Result<Tangent.Tangent<S>, NonFinite> =>
  Result.try({
    try: () =>
      Tangent.make(
        tangent.space,
        tangent.values.map((value) => factor * value)
      ),
    catch: (cause) => cause as NonFinite
  })

const moved = <S extends string>(
  params: Params.Params<S>,
  update: Tangent.Tangent<S>
): Result.Result<Params.Params<S>, NonFinite> =>
  Result.try({ try: () => Params.move(params, update), catch: (cause) => cause as NonFinite })
