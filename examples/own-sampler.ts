/**
 * A sampler of one's own in a few lines: stratified draws for a categorical head.
 *
 * The uniform number behind draw k of K is taken from the k-th of K equal parts of (0, 1), so that the draws of an example cover its
 * classes more evenly. The estimate stays unbiased; the program measures its error beside that of as many independent draws. (For any
 * likelihood `Sampler.stratified` does it.)
 */
import { Effect, type Layer } from "effect"
import {
  Conditional,
  DataSource,
  Device,
  Fisher,
  Key,
  Likelihood,
  Network,
  Sampler,
  Structure
} from "natgrad"

const draws = 4

const stratified = (seed: number) =>
  Sampler.fromRule(`stratified(${draws} draws, seed ${seed})`, ({ distribution, example, round }) => {
    const key = Key.fold(Key.fold(Key.make(seed), round), example)
    return Array.from({ length: draws }, (_, k) => ({
      y: distribution.sample(() => (k + Key.uniform(key, k, 0)) / draws),
      weight: 1 / draws
    }))
  })

const x = Array.from({ length: 64 }, (_, n) => [Math.sin(n), Math.cos(2 * n), Math.sin(3 * n)])
const classifier = Conditional.make(
  Network.sequential(3, [Network.dense(5), Network.tanh, Network.dense(4)]),
  Likelihood.categorical
)
const params = Conditional.init(classifier, { seed: 0 })

const dense = (sampler: Layer.Layer<Sampler, unknown>) =>
  Fisher.estimate(classifier, params, Structure.dense).pipe(
    Effect.map(Fisher.toDense),
    Effect.provide(sampler)
  )

const error = (estimate: Float32Array, exact: Float32Array): number =>
  Math.hypot(...estimate.map((value, i) => value - exact[i]!)) / Math.hypot(...exact)

/** The root-mean-square relative error over many seeds. */
const rootMeanSquare = (sampler: (seed: number) => Layer.Layer<Sampler, unknown>, exact: Float32Array) =>
  Effect.forEach(
    Array.from({ length: 50 }, (_, seed) => seed),
    (seed) => dense(sampler(seed))
  ).pipe(
    Effect.map((all) => Math.sqrt(all.reduce((sum, one) => sum + error(one, exact) ** 2, 0) / all.length))
  )

export const program = Effect.gen(function* () {
  const exact = yield* dense(Sampler.exact)
  return {
    independent: yield* rootMeanSquare((seed) => Sampler.monteCarlo({ draws, seed }), exact),
    stratified: yield* rootMeanSquare(stratified, exact)
  }
}).pipe(Effect.provide([DataSource.fromArrays({ x }), Device.wasm]))

if (import.meta.main) console.log(await Effect.runPromise(program))
