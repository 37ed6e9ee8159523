/** What the laws of a Fisher measure. */
import { Effect, Result } from "effect"
import { blockSums } from "../../src/fisher/Estimate.ts"
import { Accumulator, Conditional, Damping, Fisher, Params, Structure, Tangent } from "../../src/index.ts"
import { reference } from "../../src/kernels/reference.ts"
import type { Case } from "../oracle/cases.ts"
import { kl } from "../oracle/fisher.ts"
import { axpy, diagonal, dot, frobenius, matvec, norm, slope, trace, type Vector } from "../oracle/linear.ts"
import { size } from "../oracle/network.ts"
import { generator } from "../oracle/random.ts"
import { eps32, ratio, vectorError, worst } from "./measure.ts"
import { estimate, runOn, smoothDirection } from "./problems.ts"
import { type Common, type DampedForm, dampedForms, factoredForms } from "./structures.ts"
import { rows, subject } from "./subject.ts"

const klFractions = [1, 0.63, 0.4, 0.25]

/**
 * L3: the order in |d| of KL(a || b) + KL(b || a) - factor d^T F d with a, b = theta -+ d / 2, for |d| from 0.35 to 0.09.
 *
 * The divergences are float64 sums over float32 logits. Each of 32 directions counts with the sign that its remainder has at
 * the longest step: so they add up, and what the rounding of logits leaves, of either sign, does not. Over seven
 * other seeds, of the directions and of the problems, no slope was off by more than 0.08.
 */
export const klOrder = async (c: Case): Promise<(factor: number) => number> => {
  const { conditional, tangent } = subject(c)
  const fisher = await estimate(c, Structure.dense)
  const random = generator(2)
  const halves = Array.from({ length: 32 }, () => smoothDirection(c, random, 0.175))
  const at = (t: number, v: Vector) => Params.make(conditional.network.space, axpy(c.theta, t, v))
  const divergence = (from: number, to: number, v: Vector) =>
    Conditional.klDivergence(conditional, at(from, v), at(to, v))
  const symmetric = await runOn(c)(
    Effect.forEach(halves, (v) =>
      Effect.forEach(klFractions, (t) =>
        Effect.zipWith(divergence(-t, t, v), divergence(t, -t, v), (there, back) => there + back)
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

/** Product, form, trace, norm and diagonal against `times` those of the matrix written out. */
export const operationErrors = (
  fisher: Fisher.Fisher<string, Common>,
  times: number
): ReadonlyArray<number> => {
  const matrix = rows(Fisher.toDense(fisher))
  const unit = matrix.length * eps32
  const v = Tangent.make(fisher.space, Array.from(generator(6).normals(matrix.length)))
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

/** B^T B of rows laid end to end, row-major. */
const gramOf = (rowsFlat: ArrayLike<number>, width: number): Float64Array => {
  const out = new Float64Array(width * width)
  for (let at = 0; at < rowsFlat.length; at += width) {
    for (let i = 0; i < width; i++) {
      for (let j = 0; j < width; j++) out[i * width + j]! += rowsFlat[at + i]! * rowsFlat[at + j]!
    }
  }
  return out
}

/** A symmetric matrix from its lower triangle, row by row. */
const wholeOf = (triangle: ArrayLike<number>, side: number): Float64Array =>
  Float64Array.from({ length: side * side }, (_, at) => {
    const [i, j] = [Math.floor(at / side), at % side]
    const [row, column] = [Math.max(i, j), Math.min(i, j)]
    return triangle[(row * (row + 1)) / 2 + column]!
  })

/** What a moment means: its numbers, of rows the sum of their outer products, of symmetric matrices the whole of each. */
export const meaning = (moment: Structure.Moment, values: ArrayLike<number>): Float64Array => {
  if (moment._tag === "Rows") return gramOf(values, moment.width)
  const all = Float64Array.from(values)
  if (moment._tag === "Sum") return all
  const { count, side } = moment
  const length = (side * (side + 1)) / 2
  const matrices = Array.from({ length: count }, (_, k) =>
    wholeOf(all.subarray(k * length, (k + 1) * length), side)
  )
  return Float64Array.from(matrices.flatMap((matrix) => Array.from(matrix)))
}

/** Moving averages in a structure: rows are kept, however little they weigh. */
export const movingSteps = (name: string): number => (name === "gram" || name === "mixed" ? 200 : 10_000)

/**
 * The Fisher of `steps` moving averages with decay 0.95 over the examples one by one, and how far its moments are from the
 * weighted means of the last 1,000 (the weight of what is older is 5e-23), where the decay is `decay`. What takes two passes is
 * averaged in its second, in the bases of all the examples.
 */
export const movingFisher = async (c: Case, structure: Structure.AnyStructure<Common>, steps: number) => {
  const { conditional, params } = subject(c)
  const single = (await estimate(c, structure)).structure
  const batch = (n: number) => ({
    x: Float32Array.from(c.X[n]!),
    examples: 1,
    features: c.net.features,
    indices: Float64Array.of(n)
  })
  const parts = await runOn(c)(
    Effect.flatMap(Conditional.load(conditional, params), (loaded) =>
      Effect.forEach([...c.X.keys()], (n) => blockSums(loaded, batch(n), single, 0))
    ).pipe(Effect.scoped)
  )
  let average = parts[0]!
  for (let t = 1; t <= steps; t++) {
    average = Result.getOrThrow(Accumulator.movingAverage(average, parts[t % parts.length]!, 0.95))
  }
  const fisher = Result.getOrThrow(Accumulator.finish(average, reference))
  const moments = single.moments(conditional.network.space)
  const error = (decay: number): number => {
    const weights = new Float64Array(parts.length)
    for (let age = 0; age <= Math.min(steps, 1000); age++) {
      weights[(steps - age) % parts.length]! += decay ** age
    }
    const total = weights.reduce((a, b) => a + b, 0)
    return worst(
      moments.map((moment, m) => {
        const terms = parts.map((part) => meaning(moment, part.sums[m]!))
        const zero: Float64Array = new Float64Array(terms[0]!.length)
        const due = terms.reduce((sum, term, n) => axpy(sum, weights[n]! / total, term), zero)
        return vectorError(meaning(moment, fisher.means[m]!), due, eps32)
      })
    )
  }
  return { fisher, error }
}

/** Conditional.klDivergence from theta to a point at distance 0.3, and the oracle's both ways. */
export const divergences = async (c: Case) => {
  const { conditional, params } = subject(c)
  const other = axpy(c.theta, 1, smoothDirection(c, generator(10), 0.3))
  const ours = await runOn(c)(
    Conditional.klDivergence(conditional, params, Params.make(conditional.network.space, other)).pipe(
      Effect.scoped
    )
  )
  return {
    ours,
    due: kl(c.net, c.likelihood, c.theta, other, c.X),
    back: kl(c.net, c.likelihood, other, c.theta, c.X)
  }
}
