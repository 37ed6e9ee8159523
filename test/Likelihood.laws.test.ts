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
import { lawFamilies, unit, weightedFamilies } from "./support/lawFamilies.ts"
import {
  curvatureError,
  curvatureOrder,
  differenceError,
  hasConcaveLabel,
  hessianError,
  order,
  outcomes,
  pointLaws,
  steps,
  totalProbability
} from "./support/likelihoodLaws.ts"
import { eps64, ratio, worst } from "./support/measure.ts"
import { fits } from "./support/statistics.ts"

/** Of z, by 1e-3 to 1e-9 either way in a direction that moves no two outputs alike. */
const neighbours = (z: Vector): ReadonlyArray<readonly [Vector, Vector]> =>
  [1e-3, 1e-5, 1e-7, 1e-9].map((distance) => {
    const moved = (sign: number) => Float64Array.from(z, (v, c) => v + (sign * distance * (c + 1)) / z.length)
    return [moved(1), moved(-1)] as const
  })

/** d^T Lambda d for d = other - z. */
const quadratic = (lambda: Float64Array, z: Vector, other: Vector): number => {
  const d = Array.from(z, (v, c) => other[c]! - v)
  return lambda.reduce((sum, v, i) => sum + v * d[Math.floor(i / d.length)]! * d[i % d.length]!, 0)
}

for (const family of [...lawFamilies, ...weightedFamilies]) {
  const { discrete, extremes: extreme, klSize, name, oracle, ours, outputs, points: ordinary } = family
  const factored = (likelihood: Likelihood.Likelihood, z: Vector) =>
    likelihood.at(z).factor().length / outputs

  describe(name, () => {
    for (const [law, { control, error, wrong }] of Object.entries(pointLaws)) {
      it(`${law}: ratio <= 10 at ${ordinary.length} points; control: ${control}`, () => {
        expect(worst(ordinary.map((z) => error(family, z)))).toBeLessThanOrEqual(10)
        expect(worst(ordinary.map((z) => wrong(family, z)))).toBeGreaterThan(10)
      })

      it(`${law}: finite, ratio <= 100, at the ends of what it takes`, () => {
        expect(worst(extreme.map((z) => error(family, z)))).toBeLessThanOrEqual(100)
      })
    }

    it("Lambda is E_y[Hessian of -log p]: ratio <= 10; control: off by 1e-6", () => {
      expect(worst(ordinary.map((z) => hessianError(family, z)))).toBeLessThanOrEqual(10)
      expect(worst(ordinary.map((z) => hessianError(family, z, 1 + 1e-6)))).toBeGreaterThan(10)
    })

    it(`the Hessian of -log p of one y ${family.convex ? "is positive semidefinite" : "is not, though Lambda is"}`, () => {
      expect(ordinary.some((z) => hasConcaveLabel(family, z))).toBe(!family.convex)
    })

    it("the probabilities sum to 1, ratio <= 10; control: a label left out, or half the variance", () => {
      const variance = discrete ? 0 : 1 / oracle.closedFormFisher(ordinary[0]!)[0]![0]!
      const off = (total: number, z: Vector) => ratio(Math.abs(total - 1), family.averageUnit(z))
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

    it(`the factor has ${family.columns} columns for ${outputs} outputs`, () => {
      expect(ours.columns(outputs)).toBe(family.columns)
      for (const z of [...ordinary, ...extreme]) expect(factored(ours, z)).toBe(ours.columns(outputs))
    })

    if (!family.quadratic) {
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

    if (family.quadratic) {
      it("KL both ways is d^T Lambda d to ratio <= 10; control: Lambda off by 0.1 %", () => {
        const due = (h: number) => 100 * outputs * eps64 * curvatureError(family, h, 0)
        for (const h of steps) expect(curvatureError(family, h) / due(h)).toBeLessThanOrEqual(10)
        for (const h of steps) expect(curvatureError(family, h, 1.001) / due(h)).toBeGreaterThan(10)
      })
    } else {
      it("KL both ways about z less d^T Lambda d has order 4.0 +- 0.1 in |d|; control: not with Lambda off by 1 %", () => {
        expect(Math.abs(curvatureOrder(family) - 4)).toBeLessThanOrEqual(0.1)
        expect(Math.abs(curvatureOrder(family, 1.01) - 4)).toBeGreaterThan(0.1)
      })
    }

    const pairs = [...ordinary, ...extreme].flatMap((z, i, all) => [[z, all[(i + 1) % all.length]!] as const])
    const klError = (divergence: (z: Vector, other: Vector) => number) =>
      worst(
        pairs.map(([z, other]) =>
          ratio(
            Math.abs(divergence(z, other) - oracle.kl(z, other)),
            (unit(z) + unit(other)) * klSize(z, other)
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
          expect(ratio(Math.max(0, -kl), (unit(z) + unit(other)) * klSize(z, other))).toBeLessThanOrEqual(10)
          if (distance >= 1e-3) expect(kl).toBeGreaterThan(0)
        }
      }
    })

    it("KL both ways is d^T Lambda d within 1e-3 at |d| from 1e-3 to 1e-9; control: Lambda off by 1 %, and sums of log p - log q", () => {
      const near = (scale: number): boolean =>
        ordinary.slice(0, 8).every((z) =>
          neighbours(z).every(([up, down]) => {
            const lambda = ours.at(z).fisher()
            const sum = ours.at(z).klDivergence(up) + ours.at(z).klDivergence(down)
            const due = (quadratic(lambda, z, up) + quadratic(lambda, z, down)) / 2
            return Math.abs(sum / (scale * due) - 1) <= 1e-3
          })
        )
      expect(near(1)).toBe(true)
      expect(near(1.01)).toBe(false)
      if (!Number.isFinite(ours.support(outputs))) return
      const summed = ordinary.slice(0, 8).every((z) =>
        neighbours(z).every(([up]) => {
          const due = quadratic(ours.at(z).fisher(), z, up) / 2
          const gap = (y: ArrayLike<number>) => ours.at(z).logProbability(y) - ours.at(up).logProbability(y)
          return Math.abs(oracle.expectation(z, (y) => gap(y)) / due - 1) <= 1e-2
        })
      )
      expect(summed).toBe(false)
    })

    it("draws at extreme points have a finite log-probability", () => {
      const key = makeKey(0)
      for (const [n, z] of extreme.entries()) {
        for (let draw = 0; draw < 100; draw++) {
          let slot = 0
          const y = ours.at(z).sample(() => uniform(key, draw, 1000 * n + slot++))
          expect(y.length).toBe(ours.labelSize(outputs))
          expect(ours.invalid(y, outputs, 0)).toBeUndefined()
          expect(ours.at(z).logProbability(y)).toBeGreaterThan(
            -50 * outputs - (discrete ? 0 : Array.from(z).reduce((sum, v) => sum + Math.abs(v), 0))
          )
        }
      }
    })

    describe(`${family.draws} draws`, () => {
      const z = family.drawn
      const { due, of: cell } = family.cells(z)
      const histogram = (at: Vector, slots: number): Float64Array => {
        const counts = new Float64Array(due.length)
        const key = makeKey(1)
        const distribution = ours.at(at)
        for (let draw = 0; draw < family.draws; draw++) {
          let slot = 0
          const y = distribution.sample(() => uniform(key, draw, slots === 0 ? slot++ : slot++ % slots))
          counts[cell(y)]!++
        }
        return counts
      }

      it("fit p(y|z) in all its cells by chi-square, at 10^-6; control: p of a first output moved by 0.2 does not", () => {
        expect(fits(histogram(z, 0), due)).toBe(true)
        const moved = Float64Array.from(z, (v, c) => (c === 0 ? v + 0.2 : v))
        expect(fits(histogram(moved, 0), due)).toBe(false)
      })

      if (ours.labelSize(outputs) > 1) {
        it("are independent over the outputs; control: one uniform number for all of them does not fit", () => {
          expect(fits(histogram(z, 1), due)).toBe(false)
        })
      }
    })
  })
}
