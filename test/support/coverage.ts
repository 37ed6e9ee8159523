/**
 * Estimates with errors, repeated over samples of x from a population that is known: how often their intervals hold the truth. The
 * truth is the oracle's, in float64.
 */
import { Effect, Layer, Result } from "effect"
import { DataSource, Device, Fisher, Key, Sampler, Structure } from "../../src/index.ts"
import { type Case, mlp } from "../oracle/cases.ts"
import { denseFisher, kfacFactors, scoreGradientAt } from "../oracle/fisher.ts"
import type { OracleLikelihood } from "../oracle/likelihoods.ts"
import { dot, flatten, norm, type Vector } from "../oracle/linear.ts"
import { type Block, blocks, outputs } from "../oracle/network.ts"
import { generator } from "../oracle/random.ts"
import { dyadic } from "./measure.ts"
import { problem } from "./problems.ts"
import { mean } from "./statistics.ts"
import { subject } from "./subject.ts"

/** 64 values of x, uniform on a square, and a 2-3-4 network of 25 parameters. */
export interface Population {
  readonly c: Case
  /** For each x its own Fisher, `[P, P]`. */
  readonly fishers: ReadonlyArray<Float64Array>
  /** For each x A and G of its first layer, then of its second. */
  readonly factors: ReadonlyArray<ReadonlyArray<Float64Array>>
  /** The directions of the forms: any, and one weight. */
  readonly along: ReadonlyArray<Float64Array>
}

const values = 64

/** `weight`: the parameter of the form of one weight; one of the first layer unless said. */
export const population = (likelihood: OracleLikelihood, weight = 4): Population => {
  const random = generator(5)
  const X = Array.from({ length: values }, () =>
    dyadic([4 * random.uniform() - 2, 4 * random.uniform() - 2], 8)
  )
  const net = mlp(2, [3, 4], "tanh")
  const c = { ...problem({ likelihood, activation: "tanh" }, net, values), X }
  const { theta } = c
  return {
    c,
    fishers: X.map((x) => flatten(denseFisher(net, likelihood, theta, [x]))),
    factors: X.map((x) =>
      kfacFactors(net, likelihood, theta, [x]).flatMap(({ A, G }) => [flatten(A), flatten(G)])
    ),
    along: [
      dyadic(random.normals(theta.length), 8),
      Float64Array.from(theta, (_, i) => (i === weight ? 1 : 0))
    ]
  }
}

/** The numbers in the population of the x of a sample: independent draws. */
const sampleOf = (sample: number, count: number): ReadonlyArray<number> => {
  const key = Key.fold(Key.make(11), sample)
  return Array.from({ length: count }, (_, n) => Math.floor(values * Key.uniform(key, n, 0)))
}

/** How often each value of the population is in the sample, over the size of the sample. */
const weightsOf = (sample: ReadonlyArray<number>): Float64Array => {
  const weights = new Float64Array(values)
  for (const value of sample) weights[value]! += 1 / sample.length
  return weights
}

const weighted = (arrays: ReadonlyArray<Float64Array>, weights: Vector): Float64Array => {
  const out = new Float64Array(arrays[0]!.length)
  for (const [x, array] of arrays.entries()) {
    const weight = weights[x]!
    if (weight !== 0) for (let i = 0; i < out.length; i++) out[i]! += weight * array[i]!
  }
  return out
}

/** v^T M w for a square M, row-major. */
const bilinear = (m: Vector, v: Vector, w: Vector): number => {
  let sum = 0
  for (let i = 0; i < v.length; i++) {
    let row = 0
    for (let j = 0; j < w.length; j++) row += m[i * w.length + j]! * w[j]!
    sum += v[i]! * row
  }
  return sum
}

const traceOf = (m: Vector): number => {
  const n = Math.sqrt(m.length)
  return Array.from({ length: n }, (_, i) => m[i * (n + 1)]!).reduce((sum, value) => sum + value, 0)
}

/** The trace, the Frobenius norm, and the forms. */
type Numbers = ReadonlyArray<number>

const ofDense = ({ along }: Population, fisher: Vector): Numbers => [
  traceOf(fisher),
  norm(fisher),
  ...along.map((v) => bilinear(fisher, v, v))
]

const ofDiagonal = ({ along }: Population, fisher: Vector): Numbers => {
  const n = Math.sqrt(fisher.length)
  const diagonal = Float64Array.from({ length: n }, (_, i) => fisher[i * (n + 1)]!)
  return [
    traceOf(fisher),
    norm(diagonal),
    ...along.map((v) =>
      dot(
        diagonal,
        v.map((entry) => entry ** 2)
      )
    )
  ]
}

/** Of A (x) G for each layer, for the block V of each direction: sum_ijkl V_ik A_ij G_kl V_jl. */
const ofKfac = ({ along, c }: Population, factors: ReadonlyArray<Vector>): Numbers => {
  const layers = blocks(c.net).map((block, l) => ({ block, A: factors[2 * l]!, G: factors[2 * l + 1]! }))
  const form = (v: Float64Array) =>
    layers.reduce((sum, { A, block: { offset, units, size }, G }) => {
      const rows = size / units
      const row = (i: number) => v.subarray(offset + i * units, offset + (i + 1) * units)
      let total = sum
      for (let i = 0; i < rows; i++)
        for (let j = 0; j < rows; j++) total += A[i * rows + j]! * bilinear(G, row(i), row(j))
      return total
    }, 0)
  return [
    layers.reduce((sum, { A, G }) => sum + traceOf(A) * traceOf(G), 0),
    Math.hypot(...layers.map(({ A, G }) => norm(A) * norm(G))),
    ...along.map(form)
  ]
}

/** The columns of U_A (x) U_G. */
const basisOf = ({ size, units }: Block, a: Vector, g: Vector): ReadonlyArray<Float64Array> => {
  const rows = size / units
  return Array.from({ length: size }, (_, at) => {
    const [p, q] = [Math.floor(at / units), at % units]
    return Float64Array.from(
      { length: size },
      (_, i) => a[Math.floor(i / units) * rows + p]! * g[(i % units) * units + q]!
    )
  })
}

/** Of the Fisher's diagonal in bases that are given. */
const inBases = ({ along, c }: Population, fisher: Vector, constants: ReadonlyArray<Vector>): Numbers => {
  const n = c.theta.length
  const directions = blocks(c.net).flatMap((block, l) => {
    const { offset, size } = block
    const part = Float64Array.from({ length: size * size }, (_, at) => {
      return fisher[(offset + Math.floor(at / size)) * n + offset + (at % size)]!
    })
    return basisOf(block, constants[2 * l]!, constants[2 * l + 1]!).map((u) => ({
      scale: bilinear(part, u, u),
      along: along.map((v) => dot(u, v.subarray(offset, offset + size)))
    }))
  })
  return [
    directions.reduce((sum, { scale }) => sum + scale, 0),
    norm(directions.map(({ scale }) => scale)),
    ...along.map((_, i) => directions.reduce((sum, { along, scale }) => sum + scale * along[i]! ** 2, 0))
  ]
}

/** What the exact expectation over y gives in a structure, for these weights of the population. */
const exactIn = (
  of: Population,
  { constants, name }: Structure.Structure<never>,
  weights: Vector
): Numbers => {
  if (name === "kfac")
    return ofKfac(
      of,
      of.factors[0]!.map((_, i) =>
        weighted(
          of.factors.map((all) => all[i]!),
          weights
        )
      )
    )
  const fisher = weighted(of.fishers, weights)
  if (name === "ekfac") return inBases(of, fisher, constants)
  return name === "diagonal" ? ofDiagonal(of, fisher) : ofDense(of, fisher)
}

/**
 * The variances of the trace of a Monte-Carlo Fisher, times N: given x with one draw, averaged over the population, and of its mean
 * given x.
 */
export const traceVariances = ({ c: { likelihood, net, theta, X } }: Population) => {
  const each = X.map((x) => {
    const gradient = scoreGradientAt(net, likelihood, theta, x)
    const squares = likelihood.support(outputs(net, theta, x)).map(({ probability, y }) => {
      const u = gradient(y)
      return { probability, square: dot(u, u) }
    })
    const moment = (k: number) =>
      squares.reduce((sum, { probability, square }) => sum + probability * square ** k, 0)
    return { mean: moment(1), variance: moment(2) - moment(1) ** 2 }
  })
  const average = (f: (one: (typeof each)[number]) => number) => mean(each.map(f))
  return {
    draws: average(({ variance }) => variance),
    data: average((one) => one.mean ** 2) - average((one) => one.mean) ** 2
  }
}

/** What is counted, in this order. */
export const names = ["the trace", "the Frobenius norm", "a form", "the form of one weight"] as const

/** One number of one repeat, and what it estimates: on the same x, and over the population. */
export interface Outcome {
  readonly errors: Fisher.Uncertain
  readonly onSameX: number
  readonly overAll: number
}

export interface Design {
  readonly structure: Structure.AnyStructure<Fisher.Measured> | "ekfac in other bases"
  readonly examples: number
  readonly draws: number
  readonly groupSize: number
  readonly repeats: number
}

/** For each repeat its outcomes, by `names`. Its x and its draws are its own. */
export const outcomes = (
  of: Population,
  { draws, examples, groupSize, repeats, structure }: Design
): Promise<ReadonlyArray<ReadonlyArray<Outcome>>> => {
  const { conditional, params, tangent } = subject(of.c)
  const along = of.along.map(tangent)
  const uniform = new Float64Array(values).fill(1 / values)
  const source = (sample: ReadonlyArray<number>) =>
    DataSource.fromArrays({ x: sample.map((value) => of.c.X[value]!) })
  /** EKFAC's second pass, in bases of another sample and other draws. */
  const elsewhere = (round: number) =>
    Fisher.estimate(conditional, params, Structure.ekfac, {
      round: repeats + round,
      blockSize: examples
    }).pipe(
      Effect.map((fisher) => fisher.structure),
      Effect.provide(source(sampleOf(repeats + round, examples)))
    )
  const repeat = Effect.fnUntraced(function* (round: number) {
    const sample = sampleOf(round, examples)
    const used = structure === "ekfac in other bases" ? yield* elsewhere(round) : structure
    const { errors, fisher } = yield* Fisher.estimateWithErrors(conditional, params, used, {
      ...{ along, groupSize, round },
      blockSize: examples
    }).pipe(Effect.provide(source(sample)))
    const same = exactIn(of, fisher.structure, weightsOf(sample))
    const all = exactIn(of, fisher.structure, uniform)
    return [errors.trace, errors.frobeniusNorm, ...errors.forms].map((each, i) => ({
      errors: each,
      onSameX: same[i]!,
      overAll: all[i]!
    }))
  })
  return Effect.forEach(
    Array.from({ length: repeats }, (_, round) => round),
    repeat
  ).pipe(Effect.provide(Layer.merge(Sampler.monteCarlo({ draws, seed: 3 }), Device.wasm)), Effect.runPromise)
}

/** Errors, and the truth that they are errors of. */
export type Pairs = ReadonlyArray<readonly [Fisher.Deviation, truth: number]>

/** Which share of the intervals of 95 % hold the truth. */
export const coverage = (pairs: Pairs): number =>
  pairs.filter(([deviation, truth]) => {
    const [low, high] = Result.getOrThrow(Fisher.interval(deviation, 0.95))
    return low <= truth && truth <= high
  }).length / pairs.length

/** The same with other standard errors. */
export const rescaled = (pairs: Pairs, factor: number): Pairs =>
  pairs.map(([deviation, truth]) => [
    { ...deviation, standardError: factor * deviation.standardError },
    truth
  ])
