/**
 * The Monte-Carlo Fisher as a random number: its mean, its variance, its rate, and the independence of its draws.
 *
 * N = 4 examples, M = 10 draws, a 2-2-3 network (P = 15, 120 entries; 2-2-2 for the Gaussian). Sample sizes follow from moments
 * that the oracle enumerates, so that a correct sampler passes with p > 0.9999; seeds are the first numbers.
 */
import { Effect, Layer } from "effect"
import { describe, expect, it } from "vitest"
import { sampledSums } from "../src/fisher/Estimate.ts"
import { Conditional, Device, Fisher, Likelihood, Sampler, Structure } from "../src/index.ts"
import { type Case, mlp } from "./oracle/cases.ts"
import { sampledFisherVariance } from "./oracle/enumeration.ts"
import { denseFisher } from "./oracle/fisher.ts"
import { bernoulli, categorical, gaussian } from "./oracle/likelihoods.ts"
import { flatten, type Matrix, slope } from "./oracle/linear.ts"
import { meaning } from "./support/fisherLaws.ts"
import { eps32, vectorError, worst } from "./support/measure.ts"
import { problem } from "./support/problems.ts"
import { drawing, outputsOf, uniformAt } from "./support/samplers.ts"
import { largestKurtosis, relativeSpread } from "./support/samplingTheory.ts"
import { correlation, mean } from "./support/statistics.ts"
import { subject } from "./support/subject.ts"

const M = 10

/** Five nodes: the fourth moments of products of two scores are polynomials of degree 8. */
const normal = { ...gaussian(0.49, 5), name: "gaussian of variance 0.49" }
const problems: ReadonlyArray<Case> = [
  problem({ likelihood: categorical, activation: "tanh" }, mlp(2, [2, 3], "tanh"), 4),
  problem({ likelihood: bernoulli, activation: "tanh" }, mlp(2, [2, 3], "tanh"), 4),
  problem({ likelihood: normal, activation: "tanh" }, mlp(2, [2, 2], "tanh"), 4)
]

/**
 * The library's estimates at the rounds 0, 1, ..., flat. They are those of `Fisher.estimate`, but for the forward pass, which
 * is one for all of them.
 */
const rounds = (
  c: Case,
  sampler: Layer.Layer<Sampler, unknown>,
  count: number
): Promise<ReadonlyArray<Float64Array>> => {
  const { conditional, params } = subject(c)
  const batch = {
    x: Float32Array.from(flatten(c.X)),
    examples: c.X.length,
    features: c.net.features,
    indices: Float64Array.from(c.X.keys())
  }
  return Effect.gen(function* () {
    const map = yield* Conditional.linearize(yield* Conditional.load(conditional, params), batch)
    return yield* Effect.forEach(
      Array.from({ length: count }, (_, round) => round),
      (round) =>
        Effect.map(sampledSums(map, Structure.dense, round), ({ space, sums, weight }) =>
          meaning(Structure.dense.moments(space)[0]!, sums[0]!).map((sum) => sum / weight)
        )
    )
  }).pipe(Effect.scoped, Effect.provide(Layer.merge(sampler, Device.wasm)), Effect.runPromise)
}

const lower = (m: Matrix): ReadonlyArray<number> => m.flatMap((row, i) => Array.from(row).slice(0, i + 1))
const lowerOf = (flat: ArrayLike<number>, p: number): ReadonlyArray<number> =>
  Array.from({ length: p }, (_, i) => Array.from({ length: i + 1 }, (_, j) => flat[i * p + j]!)).flat()

/**
 * Two-sided over 120 entries at 5.1 standard deviations: 120 * 3.4e-7 = 4e-5. The skewness of a mean of thousands of squares
 * raises that by less than two.
 */
const deviations = 5.1

for (const c of problems) {
  const { likelihood, net, theta, X } = c
  const p = theta.length
  describe(likelihood.name, () => {
    const fisher = lower(denseFisher(net, likelihood, theta, X))
    const variance = lower(sampledFisherVariance(net, likelihood, theta, X)).map((v) => v / M)
    /** (1/R) sum_r (F_hat - F)^2 over its closed form, entry by entry. */
    const varianceRatios = (estimates: ReadonlyArray<Float64Array>): ReadonlyArray<number> => {
      const sums = fisher.map(() => 0)
      for (const estimate of estimates)
        lowerOf(estimate, p).forEach((f, e) => (sums[e]! += (f - fisher[e]!) ** 2))
      return sums.map((sum, e) => sum / estimates.length / variance[e]!)
    }
    /** |mean - F| in standard errors, entry by entry. */
    const biases = (estimates: ReadonlyArray<Float64Array>): ReadonlyArray<number> => {
      const sums = fisher.map(() => 0)
      for (const estimate of estimates) lowerOf(estimate, p).forEach((f, e) => (sums[e]! += f - fisher[e]!))
      return sums.map(
        (sum, e) => Math.abs(sum / estimates.length) / Math.sqrt(variance[e]! / estimates.length)
      )
    }
    // So many that 0.1 is 5.1 standard deviations sqrt((kurtosis - 1) / R) of the worst entry.
    const size = Math.ceil((largestKurtosis(c, M) - 1) * (deviations / 0.1) ** 2)
    let estimates: ReadonlyArray<Float64Array>

    it("M1: the variance of every entry is its closed form, 0.9 to 1.1; control: draws shared by the rows of a batch", async () => {
      estimates = await rounds(c, Sampler.monteCarlo({ draws: M, seed: 0 }), size)
      const ratios = varianceRatios(estimates)
      expect(Math.min(...ratios)).toBeGreaterThanOrEqual(0.9)
      expect(worst(ratios)).toBeLessThanOrEqual(1.1)
      const shared = drawing(M, ({ draw, round }, slot) => uniformAt(round, 0, draw, slot))
      expect(worst(varianceRatios(await rounds(c, shared, 500)))).toBeGreaterThan(1.1)
    })

    it("they are what Fisher.estimate gives at those rounds, to ratio <= 10; control: at the next round", async () => {
      const { conditional, data, params } = subject(c)
      const at = (round: number) =>
        Fisher.estimate(conditional, params, Structure.dense, { round }).pipe(
          Effect.map(Fisher.toDense),
          Effect.provide(Layer.mergeAll(data, Sampler.monteCarlo({ draws: M, seed: 0 }), Device.wasm)),
          Effect.runPromise
        )
      const unit = M * X.length * eps32
      for (const round of [0, 17, 1000]) {
        expect(vectorError(await at(round), estimates[round]!, unit)).toBeLessThanOrEqual(10)
        expect(vectorError(await at(round + 1), estimates[round]!, unit)).toBeGreaterThan(10)
      }
    })

    it("the mean is F, every entry within 5.1 standard errors; control: y of p(y | z / 2)", async () => {
      expect(worst(biases(estimates))).toBeLessThanOrEqual(deviations)
      const tempered = drawing(M, ({ draw, index, round }, slot) => uniformAt(round, index, draw, slot), 0.5)
      expect(worst(biases(await rounds(c, tempered, 1500)))).toBeGreaterThan(deviations)
    })

    it("M2: the RMS error of 4 to 1,024 draws has slope -0.50 +- 0.05; control: one draw, repeated", async () => {
      const counts = [4, 16, 64, 256, 1024]
      const abscissae = counts.map((draws) => Math.log(draws))
      const centre = mean(abscissae)
      const lever = Math.sqrt(abscissae.reduce((sum, x) => sum + (x - centre) ** 2, 0))
      // A mean of squared errors is off by spread / sqrt(seeds), the logarithm of its root by half of that: so many seeds
      // that 0.05 is five standard deviations of the slope.
      const spread = Math.max(...counts.map((draws) => relativeSpread(c, draws)))
      const seeds = Math.ceil(((5 * spread) / (2 * 0.05 * lever)) ** 2)

      const full = flatten(denseFisher(net, likelihood, theta, X))
      const { conditional, data, params } = subject(c)
      const squared = (sampler: Layer.Layer<Sampler, unknown>) =>
        Fisher.estimate(conditional, params, Structure.dense).pipe(
          Effect.map((estimated) =>
            Fisher.toDense(estimated).reduce((sum, f, e) => sum + (f - full[e]!) ** 2, 0)
          ),
          Effect.provide(sampler)
        )
      const rate = (
        repeats: number,
        sampler: (draws: number, seed: number) => Layer.Layer<Sampler, unknown>
      ) =>
        Effect.forEach(counts, (draws, i) =>
          Effect.forEach(
            Array.from({ length: repeats }, (_, s) => s),
            (s) => squared(sampler(draws, repeats * i + s))
          ).pipe(Effect.map((errors) => Math.sqrt(errors.reduce((a, b) => a + b, 0) / repeats)))
        ).pipe(
          Effect.map((rms) => slope(counts, rms)),
          Effect.scoped,
          Effect.provide(Layer.merge(data, Device.wasm)),
          Effect.runPromise
        )
      const ours = await rate(seeds, (draws, seed) => Sampler.monteCarlo({ draws, seed }))
      expect(Math.abs(ours + 0.5)).toBeLessThanOrEqual(0.05)
      const repeated = await rate(8, (draws, seed) =>
        drawing(draws, ({ index }, slot) => uniformAt(seed, index, 0, slot))
      )
      expect(Math.abs(repeated + 0.5)).toBeGreaterThan(0.05)
    })
  })
}

describe("draws of 4,096 examples", () => {
  // 24 samples and their shifts by one example: 852 pairs at 5.5 standard errors, 852 * 3.8e-8 = 3e-5.
  const examples = 4096
  const [K, C] = [3, 2]
  const outputs = outputsOf(Likelihood.gaussian({ variance: 3 }), C, new Float32Array(examples * C))
  const draw = (sampler: Layer.Layer<Sampler, unknown>, round: number) =>
    Effect.runPromise(Sampler.use((s) => s.draw(outputs, round)).pipe(Effect.provide(sampler)))
  /** The samples of each draw and output, one number for each example. */
  const samples = async (sampler: Layer.Layer<Sampler, unknown>, round: number) => {
    const drawn = await draw(sampler, round)
    if (drawn._tag !== "Labels") throw new Error(`${drawn._tag} are no labels`)
    return Array.from({ length: K * C }, (_, at) => {
      const [k, slot] = [Math.floor(at / C), at % C]
      return Float64Array.from({ length: examples }, (_, n) => drawn.labels[(k * examples + n) * C + slot]!)
    })
  }
  const largest = (all: ReadonlyArray<Float64Array>): number =>
    worst(
      all.flatMap((a, i) =>
        all.flatMap((b, j) => {
          const shifted = Float64Array.from(b, (_, n) => b[(n + 1) % examples]!)
          return [...(i < j ? [Math.abs(correlation(a, b))] : []), Math.abs(correlation(a, shifted))]
        })
      )
    )
  const ours = (seed: number) => Sampler.monteCarlo({ draws: K, seed })

  it("two rounds, two seeds, draws, outputs and neighbours are uncorrelated, 5.5 standard errors", async () => {
    const all = [
      await samples(ours(0), 0),
      await samples(ours(0), 1),
      await samples(ours(1), 0),
      await samples(ours(1), 1)
    ]
    expect(largest(all.flat())).toBeLessThanOrEqual(5.5)
  })

  it("control: a round that is not folded in, and seed + round, are correlated", async () => {
    const forgotten = drawing(K, ({ draw, index }, slot) => uniformAt(0, index, draw, slot))
    expect(largest([...(await samples(forgotten, 0)), ...(await samples(forgotten, 1))])).toBeGreaterThan(5.5)
    const added = (seed: number) =>
      drawing(K, ({ draw, index, round }, slot) => uniformAt(seed + round, index, draw, slot))
    expect(largest([...(await samples(added(0), 1)), ...(await samples(added(1), 0))])).toBeGreaterThan(5.5)
  })
})
