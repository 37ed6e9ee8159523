/** Samplers like `Sampler.monteCarlo` that may be wrong in one way, for controls, and draws without a network. */
import { Effect, Layer } from "effect"
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
  likelihood: Likelihood.Likelihood,
  size: number,
  z: Float32Array,
  indices = Float64Array.from({ length: z.length / size }, (_, n) => n)
): Outputs => {
  const made: Array<Likelihood.Distribution> = []
  return {
    batch: { x: new Float32Array(0), examples: z.length / size, features: 0, indices },
    likelihood,
    z,
    size,
    distribution: (n) => (made[n] ??= likelihood.at(z.subarray(n * size, (n + 1) * size)))
  }
}
