/**
 * What holds of every sampler exactly: its draws are functions of the example, equal draws are one column, and the uniform numbers
 * behind them lie where the sampler says.
 *
 * N = 75 examples, K = 6 draws unless said; "the same" is bit for bit.
 */
import { Effect, Layer } from "effect"
import { describe, expect, it } from "vitest"
import {
  Conditional,
  DataSource,
  Device,
  Draws,
  Fisher,
  Likelihood,
  Network,
  Sampler,
  Structure
} from "../src/index.ts"
import type { Outputs } from "../src/model/Conditional.ts"
import { relativeError } from "./oracle/linear.ts"
import { generator } from "./oracle/random.ts"
import { drawing, drawn, meanFisher, outputsOf, samplers, uniformAt } from "./support/samplers.ts"
import { correlation, fits } from "./support/statistics.ts"

const [N, K] = [75, 6]
const random = generator(31)
const likelihoods = [
  { likelihood: Likelihood.categorical, C: 4 },
  { likelihood: Likelihood.bernoulli, C: 3 },
  { likelihood: Likelihood.gaussian({ variance: 0.49 }), C: 3 }
]

const labelsOf = (draws: Draws.Draws) => {
  if (draws._tag !== "Labels") throw new Error(`${draws._tag} are no labels`)
  return draws
}

/** What each example of a block is given, column after column. */
const byExample = (draws: Draws.Draws, { batch: { examples, indices } }: Outputs) => {
  const flat = draws._tag === "Labels" ? draws.labels : draws.cotangents
  const width = flat.length / (draws.columns * examples)
  return Array.from(indices, (index, n) => {
    const columns = Array.from({ length: draws.columns }, (_, k) =>
      Array.from(flat.subarray((k * examples + n) * width, (k * examples + n + 1) * width))
    )
    return { index, columns }
  })
}

/** The examples of the block in parts of some size, from the last to the first if said. */
const inParts = (whole: Outputs, size: number, reversed: boolean): ReadonlyArray<Outputs> => {
  const order = Array.from(whole.batch.indices, (_, n) => n)
  if (reversed) order.reverse()
  return Array.from({ length: Math.ceil(N / size) }, (_, part) => {
    const places = order.slice(part * size, (part + 1) * size)
    const z = places.flatMap((n) => Array.from(whole.z.subarray(n * whole.size, (n + 1) * whole.size)))
    const indices = Float64Array.from(places, (n) => whole.batch.indices[n]!)
    return outputsOf(whole.likelihood, whole.size, Float32Array.from(z), indices)
  })
}

for (const { C, likelihood } of likelihoods) {
  describe(likelihood.name, () => {
    const whole = outputsOf(likelihood, C, Float32Array.from(random.normals(N * C)))
    const collected = (sampler: Layer.Layer<Sampler, unknown>, size: number, reversed = false) =>
      inParts(whole, size, reversed)
        .flatMap((part) => byExample(drawn(sampler, part, 3), part))
        .sort((a, b) => a.index - b.index)

    for (const [kind, sampler] of Object.entries(samplers)) {
      it(`${kind}: draws are the same in blocks of 1, 7, 32, 75 and in reverse; control: another seed or round, keys of the place in the block`, () => {
        const due = byExample(drawn(sampler({ draws: K, seed: 5 }), whole, 3), whole)
        expect(due.every(({ columns }) => columns.length === K)).toBe(true)
        for (const size of [1, 7, 32, N]) {
          expect(collected(sampler({ draws: K, seed: 5 }), size, size !== 1)).toEqual(due)
        }
        expect(collected(sampler({ draws: K, seed: 5 }), 32)).toEqual(due)
        expect(byExample(drawn(sampler({ draws: K, seed: 6 }), whole, 3), whole)).not.toEqual(due)
        expect(byExample(drawn(sampler({ draws: K, seed: 5 }), whole, 4), whole)).not.toEqual(due)
        const byPlace = drawing(K, ({ draw, position, round }, slot) =>
          uniformAt(round, position, draw, slot)
        )
        expect(collected(byPlace, 7)).not.toEqual(collected(byPlace, N))
      })
    }

    for (const kind of ["monteCarlo", "untilPrecise"]) {
      it(`${kind}: draw k is the same y for any number of draws; control: stratified`, () => {
        const first = (sampler: (typeof samplers)[string], draws: number) =>
          byExample(drawn(sampler({ draws, seed: 5 }), whole), whole).map(({ columns }) =>
            columns.slice(0, 2)
          )
        for (const draws of [3, 8, 33])
          expect(first(samplers[kind]!, draws)).toEqual(first(samplers[kind]!, 2))
        expect(first(Sampler.stratified, 8)).not.toEqual(first(Sampler.stratified, 2))
      })
    }

    if (likelihood.name.startsWith("gaussian")) {
      it("antithetic: the Fisher of K draws is that of the K / 2 independent ones, to 1e-6; control: of K", () => {
        const pairs = meanFisher(drawn(Sampler.antithetic({ draws: K, seed: 5 }), whole), whole)
        const of = (draws: number) => meanFisher(drawn(Sampler.monteCarlo({ draws, seed: 5 }), whole), whole)
        expect(relativeError(pairs, of(K / 2))).toBeLessThanOrEqual(1e-6)
        expect(relativeError(pairs, of(K))).toBeGreaterThan(1e-6)
      })
    }
  })
}

describe("collapse", () => {
  const weighted = Sampler.fromRule("weighted", ({ distribution, example }) => {
    const own = generator(example)
    const raw = Array.from({ length: 40 }, () => own.uniform())
    const total = raw.reduce((a, b) => a + b, 0)
    return raw.map((weight) => ({ y: distribution.sample(own.uniform), weight: weight / total }))
  })
  const rules = {
    ...Object.fromEntries(
      ["monteCarlo", "stratified", "antithetic", "untilPrecise"].map((kind) => [
        kind,
        samplers[kind]!({ draws: 40, seed: 2 })
      ])
    ),
    fromRule: weighted
  }
  for (const { C, likelihood } of likelihoods.slice(0, 2)) {
    const outputs = outputsOf(likelihood, C, Float32Array.from(random.normals(N * C)))
    const support = likelihood.name === "categorical" ? C : 2 ** C
    for (const [kind, sampler] of Object.entries(rules)) {
      it(`${kind}: 40 draws are at most ${support} columns, of the same F to 1e-6; control: equal weights [${likelihood.name}]`, () => {
        const all = drawn(sampler, outputs)
        const few = labelsOf(Draws.collapse(all, outputs))
        expect(few.columns).toBeLessThanOrEqual(support)
        const due = meanFisher(all, outputs)
        expect(relativeError(meanFisher(few, outputs), due)).toBeLessThanOrEqual(1e-6)
        const used = few.weights.map((weight) => (weight > 0 ? 1 : 0))
        const equal = used.map((one, row) => {
          const of = used.filter((_, other) => other % N === row % N).reduce((a, b) => a + b, 0)
          return one / of
        })
        expect(
          relativeError(meanFisher(Draws.Labels({ ...few, weights: equal }), outputs), due)
        ).toBeGreaterThan(1e-6)
      })
    }

    it(`the columns are as many as the most different draws of an example, in the order in which they come [${likelihood.name}]`, () => {
      for (const draws of [1, 2, 9, 40]) {
        const all = drawn(Sampler.monteCarlo({ draws, seed: 9 }), outputs)
        const few = Draws.collapse(all, outputs)
        const due = byExample(all, outputs).map(({ columns }) => [
          ...new Map(columns.map((y) => [y.join(), y])).values()
        ])
        expect(few.columns).toBe(Math.max(...due.map(({ length }) => length)))
        const made = byExample(few, outputs).map(({ columns }, n) => columns.slice(0, due[n]!.length))
        // Where one example has no two equal draws, no column would be saved.
        if (few.columns === draws) expect(few).toBe(all)
        else expect(made).toEqual(due)
      }
    })
  }

  it("of bits that are seldom 1 keeps the few different y; control: of even bits it keeps every y, and the draws themselves", () => {
    const C = 200
    const seldom = outputsOf(Likelihood.bernoulli, C, new Float32Array(3 * C).fill(-8))
    const draws = drawn(Sampler.monteCarlo({ draws: 300, seed: 0 }), seldom)
    const few = Draws.collapse(draws, seldom)
    const different = byExample(draws, seldom).map(({ columns }) => new Set(columns.map(String)).size)
    expect(few.columns).toBe(Math.max(...different))
    expect(few.columns).toBeLessThan(60)
    expect(relativeError(meanFisher(few, seldom), meanFisher(draws, seldom))).toBeLessThanOrEqual(1e-6)
    const even = outputsOf(Likelihood.bernoulli, C, new Float32Array(3 * C))
    const all = drawn(Sampler.monteCarlo({ draws: 300, seed: 0 }), even)
    expect(Draws.collapse(all, even)).toBe(all)
  })

  it("leaves out draws of weight 0, and leaves alone a density, columns that are no labels and what is malformed", () => {
    const outputs = outputsOf(Likelihood.categorical, 3, new Float32Array(6))
    const draws = (
      labels: ReadonlyArray<number>,
      weights: ReadonlyArray<number>,
      columns = weights.length / 2
    ) => Draws.Labels({ columns, labels: Float64Array.from(labels), weights: Float64Array.from(weights) })
    const made = labelsOf(Draws.collapse(draws([2, 0, 1, 1, 2, 0], [0.5, 0.25, 0, 0.5, 0.5, 0.25]), outputs))
    expect(made.columns).toBe(2)
    // The first example has the class 2 alone; what fills its second column has weight 0.
    expect(Array.from(made.labels)).toEqual([2, 0, 0, 1])
    expect(Array.from(made.weights)).toEqual([1, 0.5, 0, 0.5])
    for (const wrong of [
      draws([1, 1, 1, 1], [-1, 1, 2, 0]),
      draws([1, 1, 1, 1], [Number.NaN, 1, 1, 0]),
      draws([1, 1, 1], [1, 0.5, 0, 0.5]),
      draws([1, 1, 1, 1], [1, 0.5, 0]),
      draws([1, 1, 1, 1], [0.5, 0.5, 0.5, 0.5], 1),
      draws([], [], 0),
      draws([1, 1], [1, 1], Number.NaN)
    ]) {
      expect(Draws.collapse(wrong, outputs)).toBe(wrong)
    }
    const density = outputsOf(Likelihood.gaussian({ variance: 1 }), 3, new Float32Array(6))
    for (const [sampler, of] of [
      [Sampler.exact, outputs],
      [Sampler.curvaturePropagation({ draws: K, seed: 0 }), outputs],
      [Sampler.fromRule("twice", () => [0.5, 0.5].map((weight) => ({ y: [1, 2, 3], weight }))), density]
    ] as const) {
      const own = drawn(sampler, of)
      expect(Draws.collapse(own, of)).toBe(own)
    }
  })

  it("comes before an estimate's backpropagation: 64 draws of 3 classes are at most 3 columns; control: of a Gaussian they are 64", async () => {
    for (const { columns, likelihood } of [
      { likelihood: Likelihood.categorical, columns: 3 },
      { likelihood: Likelihood.gaussian({ variance: 1 }), columns: 64 }
    ]) {
      const seen: Array<number> = []
      const spy = {
        ...Structure.diagonal,
        reduce: (scores: Parameters<typeof Structure.diagonal.reduce>[0]) => {
          seen.push(scores.columns)
          return Structure.diagonal.reduce(scores)
        }
      }
      const conditional = Conditional.make(Network.sequential(2, [Network.dense(3)]), likelihood)
      await Fisher.estimate(conditional, Conditional.init(conditional, { seed: 0 }), spy).pipe(
        Effect.provide([
          DataSource.fromArrays({ x: Array.from({ length: 9 }, (_, n) => [Math.sin(n), Math.cos(n)]) }),
          Sampler.monteCarlo({ draws: 64, seed: 0 }),
          Device.wasm
        ]),
        Effect.runPromise
      )
      expect(seen).toEqual([columns])
    }
  })
})

describe("an estimate with any sampler", () => {
  const conditional = Conditional.make(
    Network.sequential(4, [Network.dense(5), Network.tanh, Network.dense(3)]),
    Likelihood.categorical
  )
  const x = Array.from({ length: N }, () => Array.from(random.normals(4)))
  const params = Conditional.init(conditional, { seed: 3 })
  const means = (sampler: Layer.Layer<Sampler, unknown>, batchSize: number, concurrency: number) =>
    Fisher.estimate(conditional, params, Structure.kfac, { blockSize: 16, concurrency }).pipe(
      Effect.map((fisher) => fisher.means),
      Effect.provide(Layer.mergeAll(DataSource.fromArrays({ x, batchSize }), sampler, Device.wasm)),
      Effect.runPromise
    )
  const precise = Sampler.untilPrecise({ relativeError: 0.2, maxDraws: 50, seed: 1 })
  const all = Object.entries(samplers).map(([kind, make]) => [kind, make({ draws: K, seed: 1 })] as const)
  for (const [kind, sampler] of [...all, ["untilPrecise of its own number", precise] as const]) {
    it(`${kind}: has the same bits for source batches of 1, 7, 32, 75 and concurrency 1 and 3; control: another round`, async () => {
      const due = await means(sampler, N, 1)
      for (const batchSize of [1, 7, 32]) {
        for (const concurrency of [1, 3]) expect(await means(sampler, batchSize, concurrency)).toEqual(due)
      }
      const other = await Fisher.estimate(conditional, params, Structure.kfac, {
        blockSize: 16,
        round: 1
      }).pipe(
        Effect.provide(Layer.mergeAll(DataSource.fromArrays({ x }), sampler, Device.wasm)),
        Effect.runPromise
      )
      expect(other.means).not.toEqual(due)
    })
  }
})

/** A likelihood whose y are the uniform numbers that it was given, three to a y. */
const probe = (record: Array<number> = []): Likelihood.Likelihood => ({
  ...Likelihood.gaussian({ variance: 1 }),
  at: (z) => ({
    ...Likelihood.gaussian({ variance: 1 }).at(z),
    sample: (uniform) => {
      const y = Float64Array.of(uniform(), uniform(), uniform())
      record.push(...y)
      return y
    }
  })
})
const slots = 3

/** The uniform numbers of each example: `[draw][slot]`. */
const uniforms = (sampler: Layer.Layer<Sampler, unknown>, examples: number, round = 0) => {
  const outputs = outputsOf(probe(), slots, new Float32Array(examples * slots))
  return byExample(drawn(sampler, outputs, round), outputs).map(({ columns }) => columns)
}
const stratum = (u: number, draws: number) => Math.floor(u * draws)

describe("the uniform numbers", () => {
  it("of stratified draws are one in each stratum at every slot; control: of independent draws", () => {
    const covered = (sampler: (typeof samplers)[string], draws: number) =>
      uniforms(sampler({ draws, seed: 4 }), 20).every((columns) =>
        Array.from(
          { length: slots },
          (_, slot) => new Set(columns.map((u) => stratum(u[slot]!, draws))).size === draws
        ).every(Boolean)
      )
    for (const draws of [1, 2, 7, 64]) expect(covered(Sampler.stratified, draws)).toBe(true)
    for (const draws of [2, 7, 64]) expect(covered(Sampler.monteCarlo, draws)).toBe(false)
  })

  it("of each stratified draw by itself are uniform, and so are two slots together, by chi-square at 10^-6; control: strata in order", () => {
    const draws = 4
    const histograms = (of: ReadonlyArray<ReadonlyArray<ReadonlyArray<number>>>) =>
      Array.from({ length: draws }, (_, k) => {
        const [one, two] = [new Float64Array(32), new Float64Array(draws * draws)]
        for (const columns of of) {
          one[stratum(columns[k]![1]!, 32)]!++
          two[draws * stratum(columns[k]![0]!, draws) + stratum(columns[k]![2]!, draws)]!++
        }
        return [one, two] as const
      }).flat()
    const even = (histogram: Float64Array) =>
      fits(histogram, new Float64Array(histogram.length).fill(1 / histogram.length))
    const made = uniforms(Sampler.stratified({ draws, seed: 8 }), 8192)
    expect(histograms(made).every(even)).toBe(true)
    const ordered = made.map((columns) =>
      columns.map((u, k) => u.map((v) => ((draws * v) % 1) / draws + k / draws))
    )
    expect(histograms(ordered).some(even)).toBe(false)
  })

  it("of two stratified draws repel each other at every slot, over 5 standard errors, and no two slots are correlated", () => {
    const made = uniforms(Sampler.stratified({ draws: 4, seed: 8 }), 8192)
    const samples = [0, 1].flatMap((k) => [0, 1, 2].map((slot) => made.map((columns) => columns[k]![slot]!)))
    for (const [i, a] of samples.entries()) {
      for (const [j, b] of samples.entries()) {
        if (i >= j) continue
        if (i % slots === j % slots) expect(correlation(a, b)).toBeLessThan(-5)
        else expect(Math.abs(correlation(a, b))).toBeLessThan(5)
      }
    }
  })

  it("of antithetic pairs sum to 1; control: the next pairs", () => {
    const made = uniforms(Sampler.antithetic({ draws: K, seed: 4 }), 20)
    const sums = (shift: number) =>
      made.flatMap((columns) =>
        columns.flatMap((u, k) =>
          k % 2 === shift && k + 1 < columns.length ? u.map((v, slot) => v + columns[k + 1]![slot]!) : []
        )
      )
    for (const sum of sums(0)) expect(sum).toBe(1)
    for (const sum of sums(1)) expect(sum).not.toBe(1)
  })

  it("of the pilot are none that the draws use, and none is drawn twice; control: monteCarlo of the same seed", () => {
    const asked: Array<number> = []
    const outputs = outputsOf(probe(asked), slots, new Float32Array(10 * slots))
    const used = Array.from(labelsOf(drawn(samplers["untilPrecise"]!({ draws: K, seed: 4 }), outputs)).labels)
    const pilot = new Set(asked.slice(0, -used.length))
    expect(pilot.size).toBe(asked.length - used.length)
    expect(pilot.size).toBeGreaterThanOrEqual(1024 * slots)
    expect(used.filter((u) => pilot.has(u))).toEqual([])
    const independent = labelsOf(drawn(Sampler.monteCarlo({ draws: K, seed: 4 }), outputs))
    expect(used.filter((u) => independent.labels.includes(u))).toEqual(used)
  })

  it("lie in the open interval from 0 to 1, at 4,096 draws in as many strata", () => {
    for (const sampler of [Sampler.stratified, Sampler.antithetic]) {
      const made = uniforms(sampler({ draws: 4096, seed: 4 }), 8).flat(2)
      expect(made.length).toBe(8 * 4096 * slots)
      expect(made.every((u) => u > 0 && u < 1)).toBe(true)
    }
  })
})

describe("the signs of curvature propagation", () => {
  const K = 512
  const C = 40
  // Of a Gaussian of variance 1 the factor is I: a column is its signs.
  const outputs = outputsOf(Likelihood.gaussian({ variance: 1 }), C, new Float32Array(2 * C))
  const columns = byExample(drawn(Sampler.curvaturePropagation({ draws: K, seed: 6 }), outputs), outputs)

  it("are +-1 / sqrt(K), as many of each as chance has, independent over columns, places and examples, 5.5 standard errors; control: one sign for 20 places", () => {
    for (const { columns: signs } of columns) {
      expect(signs.flat().every((sign) => Math.abs(sign) === Math.fround(1 / Math.sqrt(K)))).toBe(true)
    }
    const samples = columns.flatMap(({ columns: signs }) =>
      Array.from({ length: C }, (_, c) => signs.map((column) => Math.sign(column[c]!)))
    )
    const largest = (of: ReadonlyArray<ReadonlyArray<number>>) =>
      Math.max(...of.flatMap((a, i) => of.slice(0, i).map((b) => Math.abs(correlation(a, b)))))
    expect(largest(samples)).toBeLessThanOrEqual(5.5)
    for (const sample of samples) {
      expect(Math.abs(sample.reduce((a, b) => a + b, 0))).toBeLessThanOrEqual(5.5 * Math.sqrt(K))
    }
    expect(largest(samples.map((sample, i) => (i < 20 ? samples[0]! : sample)))).toBeGreaterThan(5.5)
  })
})
