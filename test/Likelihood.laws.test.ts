/**
 * The likelihoods, in float64: their scores, Fishers, factors, divergences and draws.
 *
 * An error is in units of C eps (1 + max |z|) times the size of what is compared: 2^-53 relative to z moves exp(z) by that
 * much, so no formula does better, and a formula that cancels does worse. What is not finite fails.
 */
import { describe, expect, it } from "vitest"
import type { Likelihood } from "../src/index.ts"
import { make as makeKey, uniform } from "../src/random/Key.ts"
import type { Vector } from "./oracle/linear.ts"
import { extremePoints, families, ordinaryPoints } from "./support/families.ts"
import {
  differenceError,
  klSize,
  order,
  outcomes,
  pointLaws,
  steps,
  totalProbability,
  unit
} from "./support/likelihoodLaws.ts"
import { eps64, ratio, worst } from "./support/measure.ts"
import { fits } from "./support/statistics.ts"

for (const family of families) {
  const { discrete, name, oracle, ours, outputs } = family
  const ordinary = ordinaryPoints(outputs)
  const extreme = extremePoints(outputs)
  const factored = (likelihood: Likelihood.Likelihood, z: Vector) =>
    likelihood.at(z).factor().length / outputs

  describe(name, () => {
    for (const [law, { control, error, wrong }] of Object.entries(pointLaws)) {
      it(`${law}: ratio <= 10 at 32 points; control: ${control}`, () => {
        expect(worst(ordinary.map((z) => error(family, z)))).toBeLessThanOrEqual(10)
        expect(worst(ordinary.map((z) => wrong(family, z)))).toBeGreaterThan(10)
      })

      it(`${law}: finite, ratio <= 100, at logits of +-1e4 and where p = 1 exactly`, () => {
        expect(worst(extreme.map((z) => error(family, z)))).toBeLessThanOrEqual(100)
      })
    }

    it("the probabilities sum to 1, ratio <= 10; control: a label left out, or half the variance", () => {
      const variance = discrete ? 0 : 1 / oracle.closedFormFisher(ordinary[0]!)[0]![0]!
      const off = (total: number, z: Vector) => ratio(Math.abs(total - 1), unit(z))
      const points = discrete ? [...ordinary, ...extreme] : ordinary.slice(0, 4)
      expect(worst(points.map((z) => off(totalProbability(family, z, variance), z)))).toBeLessThanOrEqual(10)
      const wrong = (z: Vector) =>
        discrete
          ? outcomes(family, z)
              .slice(1)
              .reduce((sum, { probability }) => sum + probability, 0)
          : totalProbability(family, z, variance) * Math.SQRT2
      expect(worst(points.map((z) => off(wrong(z), z)))).toBeGreaterThan(10)
    })

    it(`the factor has ${name.startsWith("categorical") ? "C - 1" : "C"} columns`, () => {
      expect(ours.columns(outputs)).toBe(name.startsWith("categorical") ? outputs - 1 : outputs)
      for (const z of [...ordinary, ...extreme]) expect(factored(ours, z)).toBe(ours.columns(outputs))
    })

    if (discrete) {
      it("central differences of log p meet the score with order 2.0 +- 0.1; control: a score off by 1 % does not", () => {
        expect(Math.abs(order(family) - 2)).toBeLessThanOrEqual(0.1)
        expect(Math.abs(order(family, 1.01) - 2)).toBeGreaterThan(0.1)
      })
    } else {
      it("central differences of log p, a quadratic, are the score to ratio <= 10; control: off by 1e-6", () => {
        // log p is of order 10 here, and a difference over 2 h loses eps |log p| / h.
        const due = (h: number) => (10 * outputs * eps64) / h
        for (const h of steps) expect(differenceError(family, h) / due(h)).toBeLessThanOrEqual(10)
        for (const h of steps) expect(differenceError(family, h, 1 + 1e-6) / due(h)).toBeGreaterThan(10)
      })
    }

    const pairs = [...ordinary, ...extreme].flatMap((z, i, all) => [[z, all[(i + 1) % all.length]!] as const])
    const klError = (divergence: (z: Vector, other: Vector) => number) =>
      worst(
        pairs.map(([z, other]) =>
          ratio(
            Math.abs(divergence(z, other) - oracle.kl(z, other)),
            (unit(z) + unit(other)) * klSize(family, z, other)
          )
        )
      )

    it("KL is the oracle's, ratio <= 10, at extreme points too; control: its arguments swapped, or F for F / 2", () => {
      expect(klError((z, other) => ours.at(z).klDivergence(other))).toBeLessThanOrEqual(10)
      const wrong = (z: Vector, other: Vector) =>
        discrete ? ours.at(other).klDivergence(z) : 2 * ours.at(z).klDivergence(other)
      expect(klError(wrong)).toBeGreaterThan(10)
    })

    it("KL is 0 at itself, over 0 at distance >= 1e-3, and >= 0 to ratio 10 at any", () => {
      for (const z of [...ordinary, ...extreme]) expect(ours.at(z).klDivergence(z)).toBe(0)
      for (const distance of [1, 1e-1, 1e-3, 1e-5, 1e-7, 1e-9]) {
        for (const z of ordinary.slice(0, 16)) {
          const other = Float64Array.from(z, (v, c) => v + (c === 0 ? distance : 0))
          const kl = ours.at(z).klDivergence(other)
          expect(
            ratio(Math.max(0, -kl), (unit(z) + unit(other)) * klSize(family, z, other))
          ).toBeLessThanOrEqual(10)
          if (distance >= 1e-3) expect(kl).toBeGreaterThan(0)
        }
      }
    })

    it("draws at extreme points have a finite log-probability", () => {
      const key = makeKey(0)
      for (const [n, z] of extreme.entries()) {
        for (let draw = 0; draw < 100; draw++) {
          let slot = 0
          const y = ours.at(z).sample(() => uniform(key, draw, 1000 * n + slot++))
          expect(y.length).toBe(ours.labelSize(outputs))
          expect(ours.invalid(y, outputs, 0)).toBeUndefined()
          expect(ours.at(z).logProbability(y)).toBeGreaterThan(-50 * outputs)
        }
      }
    })

    describe("65,536 draws", () => {
      const z = ordinary[8]!
      const quartiles = [-0.6744897501960817, 0, 0.6744897501960817]
      const deviation = Math.sqrt(1 / oracle.closedFormFisher(z)[0]![0]!)
      const support = oracle.support(z)
      const cells = discrete ? support.map(({ y }) => Array.from(y).join()) : []
      /** Discrete: the place in the support. A density: the joint cell of the quartiles of all coordinates. */
      const cell = (y: Vector): number =>
        discrete
          ? cells.indexOf(Array.from(y).join())
          : Array.from(y).reduce(
              (index, value, c) =>
                4 * index + quartiles.filter((q) => (value - z[c]!) / deviation >= q).length,
              0
            )
      const due = discrete
        ? support.map(({ probability }) => probability)
        : new Array<number>(4 ** outputs).fill(4 ** -outputs)
      const histogram = (at: Vector, slots: number): Float64Array => {
        const counts = new Float64Array(due.length)
        const key = makeKey(1)
        const distribution = ours.at(at)
        for (let draw = 0; draw < 2 ** 16; draw++) {
          let slot = 0
          const y = distribution.sample(() => uniform(key, draw, slot++ % slots))
          counts[cell(y)]!++
        }
        return counts
      }

      it("fit p(y|z) in all its cells by chi-square, at 10^-6; control: p of a first output moved by 0.2 does not", () => {
        expect(fits(histogram(z, outputs), due)).toBe(true)
        const moved = Float64Array.from(z, (v, c) => (c === 0 ? v + 0.2 : v))
        expect(fits(histogram(moved, outputs), due)).toBe(false)
      })

      if (ours.labelSize(outputs) > 1) {
        it("are independent over the outputs; control: one uniform number for all of them does not fit", () => {
          expect(fits(histogram(z, 1), due)).toBe(false)
        })
      }
    })
  })
}
