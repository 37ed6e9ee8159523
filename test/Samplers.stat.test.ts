/**
 * Every sampler as a random estimate of the mean output Fisher of a block: its mean, its mean square error, its rate.
 *
 * N = 5 examples, C = 4 or 3 outputs, K = 6 draws. The joint distribution of two draws gives the mean square error in closed form,
 * and sizes are such that a correct sampler passes with p > 0.9999; rounds are the first numbers.
 */
import type { Layer } from "effect"
import { describe, expect, it } from "vitest"
import { Likelihood, Sampler } from "../src/index.ts"
import * as Oracle from "./oracle/likelihoods.ts"
import { flatten, type Matrix, meanMatrix, norm, slope } from "./oracle/linear.ts"
import { generator } from "./oracle/random.ts"
import type { Family } from "./support/families.ts"
import { worst } from "./support/measure.ts"
import { drawing, fishers, outputsOf, samplers, uniformAt } from "./support/samplers.ts"
import { mirrored, oneDraw, oneSignColumn, pairCovariance, twoStrata } from "./support/samplingTheory.ts"
import { mean } from "./support/statistics.ts"

const [N, K] = [5, 6]

const families: ReadonlyArray<Family> = [
  {
    name: "categorical",
    ours: Likelihood.categorical,
    oracle: Oracle.categorical,
    outputs: 4,
    discrete: true
  },
  { name: "bernoulli", ours: Likelihood.bernoulli, oracle: Oracle.bernoulli, outputs: 3, discrete: true },
  {
    name: "gaussian",
    ours: Likelihood.gaussian({ variance: 0.49 }),
    oracle: Oracle.gaussian(0.49),
    outputs: 3,
    discrete: false
  }
]

/** Two-sided, 9 entries by 15 cases: 135 * 3.4e-7 = 5e-5. */
const deviations = 5.1

/** A mean of so many squared errors has a standard error under 2 %. */
const rounds = 4000

/** The columns of a factor, each of C numbers. */
const columnsOf = (factor: Float64Array, C: number): Matrix =>
  Array.from({ length: factor.length / C }, (_, k) => factor.subarray(k * C, (k + 1) * C))

for (const { discrete, name, oracle, ours, outputs: C } of families) {
  describe(name, () => {
    const random = generator(3)
    const zs = Array.from({ length: N }, () => Float32Array.from(random.normals(C), (v) => 0.2 * v))
    const flat = Float32Array.from(zs.flatMap((z) => Array.from(z)))
    const outputs = outputsOf(ours, C, flat)
    const exact = flatten(meanMatrix(N, (n) => oracle.closedFormFisher(zs[n]!)))
    const sumOver = (f: (z: Float32Array) => number) => zs.reduce((sum, z) => sum + f(z), 0)
    const independent = sumOver((z) => oneDraw(oracle, z)) / (N * N)
    const dependence = (joint: Parameters<typeof pairCovariance>[2]) =>
      sumOver((z) => pairCovariance(oracle, z, joint)) / (N * N)
    const squares = (estimates: ReadonlyArray<Float64Array>) =>
      estimates.map((estimate) => norm(estimate.map((value, i) => value - exact[i]!)) ** 2)

    /** |mean - F| in standard errors, entry by entry; an entry that does not vary is right to 1e-6. */
    const biases = (estimates: ReadonlyArray<Float64Array>) =>
      Array.from(exact, (due, i) => {
        const entries = estimates.map((estimate) => estimate[i]!)
        const centre = mean(entries)
        const variance = mean(entries.map((value) => (value - centre) ** 2))
        return Math.abs(centre - due) / (Math.sqrt(variance / entries.length) + 1e-6 * norm(exact))
      })

    /** The mean square error of K draws. */
    const theory: Readonly<Record<string, number>> = {
      monteCarlo: independent / K,
      curvaturePropagation: sumOver((z) => oneSignColumn(columnsOf(ours.at(z).factor(), C))) / (N * N * K),
      ...(discrete
        ? {
            stratified: (independent + (K - 1) * dependence(twoStrata(K))) / K,
            antithetic: (independent + dependence(mirrored)) / K
          }
        : // The outer products of u and 1 - u are the same.
          { antithetic: (2 * independent) / K })
    }
    const kept = new Map<string, ReadonlyArray<Float64Array>>()
    /** Of the rounds 0, 1, ...: the pilots of untilPrecise are most of its time. */
    const estimatesOf = (kind: string): ReadonlyArray<Float64Array> => {
      const count = kind === "untilPrecise" ? 500 : rounds
      const made = kept.get(kind) ?? fishers(samplers[kind]!({ draws: K, seed: 0 }), outputs, count)
      kept.set(kind, made)
      return made
    }

    for (const [kind, sampler] of Object.entries(samplers)) {
      it(`${kind}: the mean is F, every entry within 5.1 standard errors; control: 1/K again, p(y | z + 1)`, () => {
        expect(worst(biases(estimatesOf(kind)))).toBeLessThanOrEqual(deviations)
        const divided = estimatesOf(kind).map((estimate) => estimate.map((value) => value / K))
        expect(worst(biases(divided))).toBeGreaterThan(deviations)
        const other = outputsOf(
          ours,
          C,
          flat.map((v, i) => (i % C === 0 ? v + 1 : v))
        )
        const wrong = fishers(sampler({ draws: K, seed: 0 }), outputs, 500, other)
        // The factor of a Gaussian is the same for every mean.
        if (kind === "curvaturePropagation" && !discrete)
          expect(wrong).toEqual(estimatesOf(kind).slice(0, 500))
        else expect(worst(biases(wrong))).toBeGreaterThan(deviations)
      })
    }

    const wrongs: Readonly<Record<string, () => ReadonlyArray<Float64Array>>> = {
      monteCarlo: () => {
        const shared = drawing(K, ({ draw, round }, slot) => uniformAt(round, 0, draw, slot))
        return fishers(shared, outputs, 500)
      },
      curvaturePropagation: () => fishers(Sampler.curvaturePropagation({ draws: 1, seed: 0 }), outputs, 500),
      stratified: () => estimatesOf("monteCarlo"),
      antithetic: () => estimatesOf("monteCarlo")
    }
    const controls: Readonly<Record<string, string>> = {
      monteCarlo: "draws shared by the examples",
      curvaturePropagation: "one column for six",
      stratified: "independent draws",
      antithetic: "independent draws"
    }
    for (const [kind, due] of Object.entries(theory)) {
      it(`${kind}: the mean square error is its closed form, 0.9 to 1.1; control: ${controls[kind]}`, () => {
        const off = (estimates: ReadonlyArray<Float64Array>) => Math.abs(mean(squares(estimates)) / due - 1)
        expect(off(estimatesOf(kind))).toBeLessThanOrEqual(0.1)
        expect(off(wrongs[kind]!())).toBeGreaterThan(0.1)
      })
    }

    const counts = [4, 16, 64, 256]
    /** The slope of the RMS error over the numbers of draws; 400 rounds put 0.05 at five standard errors. */
    const rate = (sampler: (draws: number) => Layer.Layer<Sampler, unknown>) =>
      slope(
        counts,
        counts.map((draws) => Math.sqrt(mean(squares(fishers(sampler(draws), outputs, 400)))))
      )
    const repeated = (draws: number) =>
      drawing(draws, ({ index, round }, slot) => uniformAt(round, index, 0, slot))
    it("curvaturePropagation: the RMS error of 4 to 256 draws has slope -0.50 +- 0.05; control: one draw, repeated", () => {
      const off = (sampler: Parameters<typeof rate>[0]) => Math.abs(rate(sampler) + 0.5)
      expect(off((draws) => Sampler.curvaturePropagation({ draws, seed: draws }))).toBeLessThanOrEqual(0.05)
      expect(off(repeated)).toBeGreaterThan(0.05)
    })
    if (name === "categorical") {
      it("stratified: the RMS error of 4 to 256 draws has the slope of its closed form +- 0.05, under -0.9; control: independent draws", () => {
        const due = slope(
          counts,
          counts.map((draws) => Math.sqrt((independent + (draws - 1) * dependence(twoStrata(draws))) / draws))
        )
        expect(due).toBeLessThan(-0.9)
        const off = (sampler: Parameters<typeof rate>[0]) => Math.abs(rate(sampler) - due)
        expect(off((draws) => Sampler.stratified({ draws, seed: draws }))).toBeLessThanOrEqual(0.05)
        expect(off((draws) => Sampler.monteCarlo({ draws, seed: draws }))).toBeGreaterThan(0.05)
      })
    }
  })
}
