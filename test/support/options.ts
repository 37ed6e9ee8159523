/** The values that each kind of numeric option must refuse, and every place of the public interface that takes one. */

import { NodeServices } from "@effect/platform-node"
import { Effect, Layer, Result, Stream } from "effect"
import {
  Accumulator,
  Conditional,
  Damping,
  DataSource,
  Fisher,
  Idx,
  Likelihood,
  NaturalGradient,
  Network,
  Sampler,
  Structure,
  Training
} from "../../src/index.ts"
import { given, params, type Services, small, space, wrong, x, y } from "./small.ts"

const notNumbers = [null, undefined, true]
const whole = [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 1e-300, ...notNumbers]

/** By what is due: the values to refuse, and the remedy that the message gives for a number. */
export const kinds = {
  positiveInt: { values: [0, ...whole], remedy: "Give a whole number of at least 1." },
  nonNegativeInt: { values: whole, remedy: "Give a whole number of at least 0." },
  seed: { values: whole, remedy: "A seed is a whole number from 0 to 2^53 - 1." },
  positive: {
    values: [0, -1, Number.NaN, Number.POSITIVE_INFINITY, ...notNumbers],
    remedy: "Give a finite number over 0."
  },
  moderate: {
    values: [0, -1, 1e-301, 1e301, Number.NaN, Number.POSITIVE_INFINITY, ...notNumbers],
    remedy: "Give a number from 1e-300 to 1e300."
  },
  nonNegative: {
    values: [-1, Number.NaN, Number.POSITIVE_INFINITY, ...notNumbers],
    remedy: "Give a finite number of at least 0."
  },
  finite: {
    values: [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, ...notNumbers],
    remedy: "Give a finite number."
  },
  decay: {
    values: [-1, 1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, ...notNumbers],
    remedy: "Give a number from 0 to under 1."
  }
} as const

export type Kind = keyof typeof kinds

/** A place: its name, the argument as the message calls it, and the program that is given the value there. */
export type Place = readonly [where: string, argument: string, kind: Kind, program: (value: never) => unknown]

const damping = Damping.absolute(1)
const settings = { learningRate: 0.1, structure: Structure.kfac, damping }
const estimate = (options: object, services?: Services) =>
  given(services)(Fisher.estimate(small, params, Structure.kfac, options))
const accumulate = (options: object) => given()(Fisher.accumulate(small, params, Structure.kfac, options))
const train = (options: object) =>
  given()(Training.run(small, params, { ...settings, ...options }).pipe(Stream.take(2), Stream.runDrain))
const arraysWith = (options: object) =>
  given({ source: DataSource.fromArrays({ x, y, ...options }) })(Conditional.gradient(small, params))
const idxWith = (options: object) =>
  given({
    source: Idx.dataSource({ images: "a", labels: "b", ...options }).pipe(Layer.provide(NodeServices.layer))
  })(Conditional.gradient(small, params))

/** Of Effects and layers. */
export const effectPlaces: ReadonlyArray<Place> = [
  ["Fisher.estimate", "blockSize", "positiveInt", (blockSize) => estimate({ blockSize })],
  ["Fisher.estimate", "concurrency", "positiveInt", (concurrency) => estimate({ concurrency })],
  ["Fisher.estimate", "pass", "nonNegativeInt", (pass) => estimate({ pass })],
  ["Fisher.estimate", "round", "nonNegativeInt", (round) => estimate({ round })],
  ["Fisher.accumulate", "blockSize", "positiveInt", (blockSize) => accumulate({ blockSize })],
  ["Fisher.accumulate", "from", "nonNegativeInt", (from) => accumulate({ from })],
  ["Fisher.accumulate", "to", "nonNegativeInt", (to) => accumulate({ to })],
  [
    "Conditional.gradient",
    "blockSize",
    "positiveInt",
    (blockSize) => given()(Conditional.gradient(small, params, { blockSize }))
  ],
  [
    "Conditional.negativeLogLikelihood",
    "pass",
    "nonNegativeInt",
    (pass) => given()(Conditional.negativeLogLikelihood(small, params, { pass }))
  ],
  [
    "Conditional.klDivergence",
    "blockSize",
    "positiveInt",
    (blockSize) => given()(Conditional.klDivergence(small, params, params, { blockSize }))
  ],
  ["Training.run", "learningRate", "positive", (learningRate) => train({ learningRate })],
  ["Training.run", "maxKL", "positive", (maxKL) => train({ maxKL })],
  ["Training.run", "momentum", "decay", (momentum) => train({ momentum })],
  ["Training.run", "average", "decay", (average) => train({ average })],
  ["Training.run", "refresh", "positiveInt", (refresh) => train({ refresh })],
  ["Training.run", "sampleEvery", "positiveInt", (sampleEvery) => train({ sampleEvery })],
  ["Training.run", "damping.value", "nonNegative", (value) => train({ damping: Damping.absolute(value) })],
  [
    "Sampler.monteCarlo",
    "draws",
    "positiveInt",
    (draws) => estimate({}, { sampler: Sampler.monteCarlo({ draws, seed: 0 }) })
  ],
  [
    "Sampler.monteCarlo",
    "seed",
    "seed",
    (seed) => estimate({}, { sampler: Sampler.monteCarlo({ draws: 1, seed }) })
  ],
  ["DataSource.fromArrays", "batchSize", "positiveInt", (batchSize) => arraysWith({ batchSize })],
  ["DataSource.fromArrays", "shuffle.seed", "seed", (seed) => arraysWith({ shuffle: { seed } })],
  [
    "DataSource.density",
    "batchSize",
    "positiveInt",
    (batchSize) => estimate({}, { source: DataSource.density({ batchSize }) })
  ],
  ["Idx.dataSource", "limit", "positiveInt", (limit) => idxWith({ limit })]
]

const { fisher, gradient } = await Effect.runPromise(
  given()(
    Effect.all({
      fisher: Fisher.estimate(small, params, Structure.kfac),
      gradient: Conditional.gradient(small, params)
    })
  )
)

/** A Fisher and a gradient of the small network. */
export { fisher, gradient }

const step = (options: object) =>
  NaturalGradient.step(params, gradient, fisher, { learningRate: 0.1, damping, ...options })
const sums = Result.getOrThrow(
  Accumulator.combine(Accumulator.empty(Structure.kfac, space), Accumulator.empty(Structure.kfac, space))
)

/** Of pure operations. */
export const resultPlaces: ReadonlyArray<Place> = [
  ["NaturalGradient.step", "learningRate", "positive", (learningRate) => step({ learningRate })],
  ["NaturalGradient.step", "maxKL", "positive", (maxKL) => step({ maxKL })],
  ["NaturalGradient.step", "momentum", "decay", (momentum) => step({ momentum })],
  [
    "Fisher.solve, absolute",
    "damping.value",
    "nonNegative",
    (value) => Fisher.solve(fisher, gradient, Damping.absolute(value))
  ],
  [
    "Fisher.solve, factored",
    "damping.value",
    "nonNegative",
    (value) => Fisher.solve(fisher, gradient, Damping.factored(value))
  ],
  [
    "Fisher.power",
    "exponent",
    "finite",
    (exponent) => Fisher.power(fisher, gradient, { exponent, damping: 1 })
  ],
  [
    "Fisher.power",
    "damping",
    "nonNegative",
    (value) => Fisher.power(fisher, gradient, { exponent: 1, damping: value })
  ],
  ["Fisher.sample", "damping", "nonNegative", (value) => Fisher.sample(fisher, { damping: value, seed: 0 })],
  ["Fisher.sample", "seed", "seed", (seed) => Fisher.sample(fisher, { damping: 1, seed })],
  ["Fisher.sample", "draw", "nonNegativeInt", (draw) => Fisher.sample(fisher, { damping: 1, seed: 0, draw })],
  ["Fisher.logDeterminant", "damping", "nonNegative", (value) => Fisher.logDeterminant(fisher, value)],
  ["Fisher.scale", "factor", "nonNegative", (factor) => Fisher.scale(fisher, factor)],
  ["Accumulator.movingAverage", "decay", "decay", (decay) => Accumulator.movingAverage(sums, sums, decay)]
]

/** Of constructors of plain values. */
export const thrownPlaces: ReadonlyArray<Place> = [
  ["Conditional.init", "seed", "seed", (seed) => Conditional.init(small, { seed })],
  ["Network.dense", "units", "positiveInt", (units) => Network.dense(units)],
  [
    "Network.sequential",
    "features",
    "nonNegativeInt",
    (features) => Network.sequential(wrong(features), [Network.dense(2)])
  ],
  ["Likelihood.gaussian", "variance", "moderate", (variance) => Likelihood.gaussian({ variance })]
]
