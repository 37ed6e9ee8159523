/** What the laws of a Fisher measure. */
import { Effect, Result } from "effect"
import { blockSums } from "../../src/fisher/Estimate.ts"
import {
  Accumulator,
  Conditional,
  Damping,
  Fisher,
  NaturalGradient,
  Params,
  Structure
} from "../../src/index.ts"
import { reference } from "../../src/kernels/reference.ts"
import type { Case } from "../oracle/cases.ts"
import { differencedFisher, sineChart } from "../oracle/chart.ts"
import {
  addScaled,
  axpy,
  congruence,
  diagonal,
  dot,
  eigenvalues,
  frobenius,
  identity,
  type Matrix,
  matvec,
  norm,
  type Rows,
  slope,
  solve,
  trace,
  transpose,
  type Vector
} from "../oracle/linear.ts"
import { size } from "../oracle/network.ts"
import { generator } from "../oracle/random.ts"
import { fisherOf } from "./charts.ts"
import { eps32, ratio, vectorError, worst } from "./measure.ts"
import { estimate, runOn, smoothDirection } from "./problems.ts"
import { type Common, condition, type DampedForm, dampedForms, factoredForms } from "./structures.ts"
import { rows, subject } from "./subject.ts"

const klFractions = [1, Math.SQRT1_2, 1 / 2, Math.SQRT1_2 / 2, 1 / 4]

/**
 * L3: the order in |d| of KL(a || b) + KL(b || a) - factor d^T F d with a, b = theta -+ d / 2, for |d| from 0.35 to 0.09.
 *
 * The divergences are float64 sums over float32 logits. Each of 32 directions counts with the sign that its remainder has at
 * the longest step: so they add up, and what the rounding of logits leaves, of either sign, does not. Over twelve other seeds
 * of the directions all slopes of all problems were between 3.93 and 4.03.
 */
export const klOrder = async (c: Case): Promise<(factor: number) => number> => {
  const { conditional, tangent } = subject(c)
  const fisher = await estimate(c, Structure.dense)
  const random = generator(2)
  const halves = Array.from({ length: 32 }, () => smoothDirection(c, random, 0.175))
  const at = (t: number, v: Vector) => Params.make(conditional.network.space, axpy(c.theta, t, v))
  const kl = (from: number, to: number, v: Vector) =>
    Conditional.klDivergence(conditional, at(from, v), at(to, v))
  const symmetric = await runOn(c)(
    Effect.forEach(halves, (v) =>
      Effect.forEach(klFractions, (t) =>
        Effect.zipWith(kl(-t, t, v), kl(t, -t, v), (there, back) => there + back)
      )
    ).pipe(Effect.scoped)
  )
  const forms = halves.map((v) => 4 * Result.getOrThrow(Fisher.quadraticForm(fisher, tangent(v))))
  return (factor) => {
    const remainder = (v: number, i: number) => symmetric[v]![i]! - factor * klFractions[i]! ** 2 * forms[v]!
    const total = (i: number) =>
      halves.reduce((sum, _, v) => sum + Math.sign(remainder(v, 0)) * remainder(v, i), 0)
    return slope(
      klFractions,
      klFractions.map((_, i) => total(i))
    )
  }
}

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

/** What a step says and does, free and within a quarter of its own KL, against d = -rate (F + 0.1 I)^-1 g by elimination. */
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
  const held = Result.getOrThrow(
    NaturalGradient.step(params, gradient, fisher, { ...options, maxKL: kl / 4 })
  )
  const halved = d.map((value) => value / 2)
  return [
    vectorError(free.update.values, d, unit),
    vectorError(axpy(free.params.values, -1, c.theta), d, unit, norm(d) + norm(c.theta)),
    ratio(Math.abs(free.predictedKL - kl), unit * kl),
    ratio(Math.abs(free.predictedDecrease - decrease), unit * (Math.abs(dot(gradient.values, d)) + kl)),
    vectorError(held.update.values, halved, unit)
  ]
}

/** Product, form, trace, norm and diagonal against `times` those of the matrix written out. */
export const operationErrors = (
  c: Case,
  fisher: Fisher.Fisher<string, Common>,
  times: number
): ReadonlyArray<number> => {
  const unit = size(c.net) * eps32
  const matrix = rows(Fisher.toDense(fisher))
  const v = subject(c).tangent(generator(6).normals(size(c.net)))
  const product = matvec(matrix, v.values).map((value) => times * value)
  const form = Result.getOrThrow(Fisher.quadraticForm(fisher, v))
  return [
    vectorError(Result.getOrThrow(Fisher.apply(fisher, v)).values, product, unit),
    ratio(Math.abs(form - dot(v.values, product)), unit * norm(v.values) * norm(product)),
    ratio(Math.abs(Fisher.trace(fisher) - times * trace(matrix)), unit * trace(matrix)),
    ratio(Math.abs(Fisher.frobeniusNorm(fisher) - times * frobenius(matrix)), unit * frobenius(matrix)),
    vectorError(
      Fisher.diagonal(fisher),
      diagonal(matrix).map((value) => times * value),
      unit
    )
  ]
}

interface DampedSolve extends DampedForm {
  /** The solution with `times` the damping. */
  readonly by: (g: Vector, times: number) => Vector
}

/** The solves of a Fisher for each damping, K-FAC's own among them. */
export const dampedSolves = (
  c: Case,
  fisher: Fisher.Fisher<string, Common>,
  kfac?: Fisher.Fisher<string, Common | "factoredSolve">
): ReadonlyArray<DampedSolve> => {
  const { cotangent } = subject(c)
  const absolute = dampedForms(fisher).map((form) => ({
    ...form,
    by: (g: Vector, times: number) =>
      Result.getOrThrow(Fisher.solve(fisher, cotangent(g), Damping.absolute(times * form.value))).values
  }))
  if (kfac === undefined) return absolute
  const factored = factoredForms(c.net, kfac.means).map((form) => ({
    ...form,
    by: (g: Vector, times: number) =>
      Result.getOrThrow(Fisher.solve(kfac, cotangent(g), Damping.factored(times * form.value))).values
  }))
  return [...absolute, ...factored]
}

/** |solve(M v) - v| / (n eps condition |v|) and |M x - g| / (n eps |M| |x|), the worst over the dampings. */
export const solveErrors = (c: Case, solves: ReadonlyArray<DampedSolve>, times: number) => {
  const unit = size(c.net) * eps32
  const v = Float64Array.from(generator(6).normals(size(c.net)), Math.fround)
  const each = solves.map(({ by, condition: spread, matrix }) => {
    const g = Float64Array.from(matvec(matrix, v), Math.fround)
    const x = by(g, times)
    return {
      forward: vectorError(x, v, unit * spread),
      backward: vectorError(matvec(matrix, x), g, unit * frobenius(matrix), norm(x))
    }
  })
  return { forward: worst(each.map((e) => e.forward)), backward: worst(each.map((e) => e.backward)) }
}

/** Infinity unless m equals its transpose bit for bit; else how far its least eigenvalue is below 0, in n eps |m|. */
export const flaw = (m: Matrix): number => {
  if (m.some((row, i) => Array.from(row).some((value, j) => value !== m[j]![i])))
    return Number.POSITIVE_INFINITY
  const spectrum = eigenvalues(m)
  return ratio(Math.max(0, -spectrum[0]!), m.length * eps32 * frobenius(m))
}

/** The Fisher of 10,000 moving averages with decay 0.95 over the examples one by one. */
export const movingFisher = async (
  c: Case,
  structure: Structure.Structure<Common>
): Promise<Fisher.Fisher<string, Common>> => {
  const { conditional, params } = subject(c)
  const batch = (n: number) => ({
    x: Float32Array.from(c.X[n]!),
    examples: 1,
    features: c.net.features,
    indices: Float64Array.of(n)
  })
  const parts = await runOn(c)(
    Effect.flatMap(Conditional.load(conditional, params), (loaded) =>
      Effect.forEach([...c.X.keys()], (n) => blockSums(loaded, batch(n), structure, 0))
    ).pipe(Effect.scoped)
  )
  let average = parts[0]!
  for (let t = 1; t <= 10_000; t++) {
    average = Result.getOrThrow(Accumulator.movingAverage(average, parts[t % parts.length]!, 0.95))
  }
  return Result.getOrThrow(Accumulator.finish(average, reference))
}

/** The matrix with the last bit of one entry off the diagonal changed; -m where it has none. */
export const spoilt = (m: Matrix): Rows =>
  m.map((row, i) =>
    Float64Array.from(row, (value, j) =>
      m.length === 1 ? -value : i === 0 && j === 1 ? value + 2 ** -60 + Math.abs(value) * 2 ** -23 : value
    )
  )
