/** What the laws of a natural-gradient step measure. */
import { Result } from "effect"
import { Conditional, Damping, Fisher, NaturalGradient, Params, Structure } from "../../src/index.ts"
import type { Case } from "../oracle/cases.ts"
import { differencedFisher, sineChart } from "../oracle/chart.ts"
import {
  addScaled,
  axpy,
  congruence,
  dot,
  identity,
  type Matrix,
  matvec,
  norm,
  slope,
  solve,
  transpose,
  type Vector
} from "../oracle/linear.ts"
import { size } from "../oracle/network.ts"
import { generator } from "../oracle/random.ts"
import { fisherOf } from "./charts.ts"
import { eps32, ratio, vectorError } from "./measure.ts"
import { estimate, runOn } from "./problems.ts"
import { type Common, condition } from "./structures.ts"
import { rows, subject } from "./subject.ts"

const stepLengths = [0.2, 0.1, 0.05, 0.025]

/**
 * L5 in a sine chart. The chart is a function of theta and no network, so the Fisher there is J^T F J of the library's F;
 * `differenced` is the Fisher of z(forward(phi)) itself, in float64. The steps in both charts are the library's, in float32.
 */
export const sineSteps = async (c: Case, damping: number) => {
  const chart = sineChart(size(c.net), 4)
  const { conditional, cotangent, params } = subject(c)
  const { space } = conditional.network
  const fisher = await estimate(c, Structure.dense)
  const gradient = await runOn(c)(Conditional.gradient(conditional, params))
  const phi = chart.inverse(c.theta)
  const J = chart.jacobian(phi)
  const F = rows(Fisher.toDense(fisher))
  const gradientThere = cotangent(matvec(transpose(J), gradient.values))
  const step = (length: number, there: Matrix, dampingThere: number): number => {
    const direction = Result.getOrThrow(Fisher.solve(fisher, gradient, Damping.absolute(damping)))
    const learningRate = length / norm(direction.values)
    const inTheta = NaturalGradient.step(params, gradient, fisher, {
      learningRate,
      damping: Damping.absolute(damping)
    })
    const inPhi = NaturalGradient.step(Params.make(space, phi), gradientThere, fisherOf(space, there), {
      learningRate,
      damping: Damping.absolute(dampingThere)
    })
    const reached = chart.forward(Result.getOrThrow(inPhi).params.values)
    return norm(axpy(reached, -1, Result.getOrThrow(inTheta).params.values))
  }
  const order = (there: Matrix, dampingThere: number) =>
    slope(
      stepLengths,
      stepLengths.map((length) => step(length, there, dampingThere))
    )
  return {
    fisher: F,
    transformed: congruence(J, F),
    differenced: differencedFisher(c, chart, phi),
    /** With a damping that transforms as a metric does, damping J^T J. */
    covariantOrder: order(congruence(J, addScaled(F, damping, identity(F.length))), 0),
    /** With damping I in phi. */
    plainOrder: order(congruence(J, F), damping)
  }
}

/** What a step says and does, free, with momentum 0.9, and within a quarter of its own KL, against d = -rate (F + 0.1 I)^-1 g by elimination. */
export const stepErrors = async (c: Case, rate: number): Promise<ReadonlyArray<number>> => {
  const { conditional, params } = subject(c)
  const fisher = await estimate(c, Structure.dense)
  const gradient = await runOn(c)(Conditional.gradient(conditional, params))
  const F = rows(Fisher.toDense(fisher))
  const dampedF = addScaled(F, 0.1, identity(F.length))
  const d = solve(dampedF, gradient.values).map((value) => -rate * value)
  const unit = F.length * eps32 * condition(dampedF)
  const kl = 0.5 * dot(d, matvec(F, d))
  const decrease = -(dot(gradient.values, d) + kl)
  const options = { learningRate: 0.5, damping: Damping.absolute(0.1) }
  const free = Result.getOrThrow(NaturalGradient.step(params, gradient, fisher, options))
  const last = subject(c).tangent(generator(14).normals(F.length))
  const pushed = Result.getOrThrow(
    NaturalGradient.step(params, gradient, fisher, { ...options, momentum: 0.9, last })
  )
  const held = Result.getOrThrow(
    NaturalGradient.step(params, gradient, fisher, { ...options, maxKL: kl / 4 })
  )
  const halved = d.map((value) => value / 2)
  return [
    vectorError(free.update.values, d, unit),
    vectorError(axpy(free.params.values, -1, c.theta), d, unit, norm(d) + norm(c.theta)),
    ratio(Math.abs(free.predictedKL - kl), unit * kl),
    ratio(Math.abs(free.predictedDecrease - decrease), unit * (Math.abs(dot(gradient.values, d)) + kl)),
    vectorError(pushed.update.values, axpy(d, 0.9, last.values), unit),
    vectorError(held.update.values, halved, unit)
  ]
}

/** The update of a natural-gradient step with this absolute damping. */
export const naturalUpdate = async (
  c: Case,
  structure: Structure.AnyStructure<Common>,
  damping: number
): Promise<Vector> => {
  const { conditional, params } = subject(c)
  const gradient = await runOn(c)(Conditional.gradient(conditional, params))
  const options = { learningRate: 0.1, damping: Damping.absolute(damping) }
  const step = NaturalGradient.step(params, gradient, await estimate(c, structure), options)
  return Result.getOrThrow(step).update.values
}
