/** The samplers by name, others that may be wrong in one way, for controls, and draws without a network. */
import { Effect, Layer, Result } from "effect"
import { Draws, Key, type Likelihood, Sampler } from "../../src/index.ts"
import type { Outputs } from "../../src/model/Conditional.ts"

/** Where a draw takes its random numbers from. */
export interface Place {
  readonly round: number
  /** The example's index in the data. */
  readonly index: number
  /** Its place in the block. */
  readonly position: number
  /** The number of the draw. */
  readonly draw: number
}

/** K draws of weight 1/K, the uniform numbers of each from `uniform`, of p(y|temper z). */
export const drawing = (
  draws: number,
  uniform: (place: Place, slot: number) => number,
  temper = 1
): Layer.Layer<Sampler> =>
  Layer.succeed(Sampler, {
    name: "drawing",
    draw: ({ batch: { examples, indices }, likelihood, size, z }, round) =>
      Effect.sync(() => {
        const labelSize = likelihood.labelSize(size)
        const labels = new Float64Array(draws * examples * labelSize)
        for (let position = 0; position < examples; position++) {
          const own = z.subarray(position * size, (position + 1) * size)
          const distribution = likelihood.at(own.map((v) => temper * v))
          for (let draw = 0; draw < draws; draw++) {
            let slot = 0
            const place = { round, index: indices[position]!, position, draw }
            const y = distribution.sample(() => uniform(place, slot++))
            labels.set(y, (draw * examples + position) * labelSize)
          }
        }
        const weights = new Float64Array(draws * examples).fill(1 / draws)
        return Draws.Labels({ columns: draws, labels, weights })
      })
  })

const key = Key.make(0)

/** A number of a round's own: its place in the block, in the data and the draw chosen by what is passed. */
export const uniformAt = (round: number, example: number, draw: number, slot: number): number =>
  Key.uniform(Key.fold(Key.fold(key, round), example), draw, slot)

/** Outputs that no network gave: z for some examples of the data, the first unless their indices are said. */
export const outputsOf = (
  likelihood: Likelihood.SampledLikelihood,
  size: number,
  z: Float32Array,
  indices = Float64Array.from({ length: z.length / size }, (_, n) => n)
): Outputs => {
  const made: Array<Likelihood.SampledDistribution> = []
  return {
    batch: { x: new Float32Array(0), examples: z.length / size, features: 0, indices },
    likelihood,
    z,
    size,
    observed: () => undefined,
    distribution: (n) => (made[n] ??= likelihood.at(z.subarray(n * size, (n + 1) * size)))
  }
}

export interface Size {
  readonly draws: number
  readonly seed: number
}

/** Every sampler that draws at random, with this number of draws: `untilPrecise` is asked for more than it can have. */
export const samplers: Readonly<Record<string, (size: Size) => Layer.Layer<Sampler, unknown>>> = {
  monteCarlo: Sampler.monteCarlo,
  stratified: Sampler.stratified,
  antithetic: Sampler.antithetic,
  curvaturePropagation: Sampler.curvaturePropagation,
  untilPrecise: ({ draws, seed }) => Sampler.untilPrecise({ relativeError: 1e-6, maxDraws: draws, seed })
}

/** Draws for these outputs at a round. */
export const drawn = (sampler: Layer.Layer<Sampler, unknown>, outputs: Outputs, round = 0): Draws.Draws =>
  Effect.runSync(Sampler.use((service) => service.draw(outputs, round)).pipe(Effect.provide(sampler)))

/** (1/N) sum over the draws of w score score^T, `[C, C]`. */
export const meanFisher = (draws: Draws.Draws, outputs: Outputs): Float64Array => {
  const { size } = outputs
  const cotangents = Result.getOrThrow(Draws.cotangents(draws, outputs))
  const sum = new Float64Array(size * size)
  for (let row = 0; row < cotangents.length; row += size) {
    for (let i = 0; i < size; i++)
      for (let j = 0; j < size; j++) sum[i * size + j]! += cotangents[row + i]! * cotangents[row + j]!
  }
  return sum.map((value) => value / outputs.batch.examples)
}

/** The estimates of the mean output Fisher at the rounds 0, 1, ...; the draws may be those for other outputs, which is wrong. */
export const fishers = (
  sampler: Layer.Layer<Sampler, unknown>,
  outputs: Outputs,
  count: number,
  drawnFor = outputs
): ReadonlyArray<Float64Array> =>
  Effect.runSync(
    Sampler.use((service) =>
      Effect.forEach(
        Array.from({ length: count }, (_, round) => round),
        (round) => Effect.map(service.draw(drawnFor, round), (draws) => meanFisher(draws, outputs))
      )
    ).pipe(Effect.provide(sampler))
  )
