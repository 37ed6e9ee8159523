/**
 * `npm run example bench/samplers.ts`: how exact each sampler is for its number of draws, as the table of docs/samplers.md.
 *
 * A figure is the mean square error |F_K - F|^2 (Frobenius) of the mean output Fisher of a block, over that of `monteCarlo` with as many
 * draws; the mean is over seeds. No network is needed: the outputs z are 1.5 times standard normal numbers.
 */
import { Effect, type Layer, Result } from "effect"
import { Distributions, Draws, Key, Likelihood, Sampler } from "../src/index.ts"
import type { Outputs } from "../src/model/Conditional.ts"

const examples = 64
const seeds = 2000
const counts = [2, 4, 8]

const likelihoods = [
  { title: "categorical, C = 10", likelihood: Likelihood.categorical, size: 10 },
  { title: "Bernoulli, C = 4", likelihood: Likelihood.bernoulli, size: 4 },
  { title: "Gaussian, C = 3", likelihood: Likelihood.gaussian({ variance: 0.5 }), size: 3 }
]

type Kind = (options: { readonly draws: number; readonly seed: number }) => Layer.Layer<Sampler, unknown>

const kinds: Readonly<Record<string, Kind>> = {
  stratified: Sampler.stratified,
  antithetic: Sampler.antithetic,
  curvaturePropagation: Sampler.curvaturePropagation
}

const outputsOf = (likelihood: Likelihood.Likelihood, size: number): Outputs => {
  const key = Key.make(0)
  const z = Float32Array.from(
    { length: examples * size },
    (_, i) => 1.5 * Distributions.normal(Key.uniform(key, i, 0))
  )
  const all = Array.from({ length: examples }, (_, n) => likelihood.at(z.subarray(n * size, (n + 1) * size)))
  return {
    batch: {
      x: new Float32Array(0),
      examples,
      features: 0,
      indices: Float64Array.from({ length: examples }, (_, n) => n)
    },
    likelihood,
    z,
    size,
    observed: () => undefined,
    distribution: (n) => all[n]!
  }
}

/** (1/N) sum of the cotangents' outer products. */
const meanFisher = (cotangents: Float32Array, size: number): Float64Array => {
  const sum = new Float64Array(size * size)
  for (let row = 0; row < cotangents.length; row += size) {
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++)
        sum[i * size + j] = sum[i * size + j]! + (cotangents[row + i]! * cotangents[row + j]!) / examples
    }
  }
  return sum
}

const fisherOf = (outputs: Outputs, sampler: Layer.Layer<Sampler, unknown>) =>
  Sampler.use((service) => service.draw(outputs, 0)).pipe(
    Effect.map((draws) =>
      meanFisher(Result.getOrThrow(Draws.cotangents(Draws.collapse(draws, outputs), outputs)), outputs.size)
    ),
    Effect.provide(sampler)
  )

const meanSquareError = Effect.fnUntraced(function* (outputs: Outputs, kind: Kind, draws: number) {
  const exact = yield* fisherOf(outputs, Sampler.exact)
  let total = 0
  for (let seed = 0; seed < seeds; seed++) {
    const made = yield* fisherOf(outputs, kind({ draws, seed }))
    for (let i = 0; i < made.length; i++) total += (made[i]! - exact[i]!) ** 2
  }
  return total / seeds
})

const program = Effect.gen(function* () {
  console.log(`| likelihood | sampler | ${counts.map((draws) => `${draws} draws`).join(" | ")} |`)
  console.log(`|---|---|${counts.map(() => "---|").join("")}`)
  for (const { likelihood, size, title } of likelihoods) {
    const outputs = outputsOf(likelihood, size)
    const independent = yield* Effect.forEach(counts, (draws) =>
      meanSquareError(outputs, Sampler.monteCarlo, draws)
    )
    for (const [name, kind] of Object.entries(kinds)) {
      const ratios = yield* Effect.forEach(counts, (draws, i) =>
        Effect.map(meanSquareError(outputs, kind, draws), (error) => (error / independent[i]!).toFixed(2))
      )
      console.log(`| ${title} | \`${name}\` | ${ratios.join(" | ")} |`)
    }
  }
})

await Effect.runPromise(program)
