/** The likelihoods that are sampled only, in float64: log p, scores and draws, against an oracle's quadrature. */
import { describe, expect, it } from "vitest"
import { make as makeKey, uniform } from "../src/random/Key.ts"
import { matmul, norm, slope, transpose, type Vector } from "./oracle/linear.ts"
import { type SampledFamily, sampledFamilies } from "./support/lawFamilies.ts"
import {
  differenceError,
  enumerated,
  middlePoints,
  outcomes,
  sampledLaws,
  steps
} from "./support/likelihoodLaws.ts"
import { ratio, worst } from "./support/measure.ts"
import { fits } from "./support/statistics.ts"

/** Far from all means log p bends fast: these are small beside what it does there. */
const small = [0.04, 0.02, 0.01, 0.005]

/** KL(p_z || p_other) by the library's log p over the oracle's nodes. */
const divergence = (family: SampledFamily, z: Vector, other: Vector): number => {
  const [from, to] = [family.ours.at(z), family.ours.at(other)]
  return outcomes(family, z).reduce(
    (sum, { probability, y }) => sum + probability * (from.logProbability(y) - to.logProbability(y)),
    0
  )
}

/** |KL both ways about z less d^T F d|, F = E_y[score score^T] of the library's scores times `scaled`. */
const curvatureError = (family: SampledFamily, h: number, scaled: number): number => {
  const direction = Array.from(family.drawn, (_, c) => (c % 2 === 0 ? 1 : -0.5))
  return norm(
    middlePoints(family).map((z) => {
      const moved = (sign: number) =>
        Float64Array.from(z, (v, c) => v + (sign * h * direction[c]!) / (2 * norm(direction)))
      const [from, to] = [moved(-1), moved(1)]
      const d = Float64Array.from(to, (v, c) => v - from[c]!)
      const f = enumerated(family, z, outcomes(family, z))
      const form = matmul([d], matmul(f, transpose([d])))[0]![0]!
      return divergence(family, from, to) + divergence(family, to, from) - scaled * form
    })
  )
}

for (const family of sampledFamilies) {
  const { extremes, name, oracle, ours, outputs, points } = family
  describe(name, () => {
    for (const [law, { control, error, wrong }] of Object.entries(sampledLaws)) {
      it(`${law}: ratio <= 10 at ${points.length} points; control: ${control}`, () => {
        expect(worst(points.map((z) => error(family, z)))).toBeLessThanOrEqual(10)
        expect(worst(points.map((z) => wrong(family, z)))).toBeGreaterThan(10)
      })
    }

    it("the probabilities sum to 1, ratio <= 10; control: of half the variance they do not", () => {
      const off = (z: Vector, scaled: number) => {
        const { logProbability } = ours.at(z)
        const sum = oracle
          .support(z)
          .reduce(
            (total, { probability, y }) =>
              total + probability * Math.exp(logProbability(y) - scaled * oracle.logProbability(z, y)),
            0
          )
        return ratio(Math.abs(sum - 1), family.averageUnit(z))
      }
      expect(worst(points.map((z) => off(z, 1)))).toBeLessThanOrEqual(10)
      expect(worst(points.map((z) => off(z, 1.001)))).toBeGreaterThan(10)
    })

    it("central differences of log p meet the score with order 2.0 +- 0.1; control: a score off by 1 % does not", () => {
      const orderOf = (scaled: number) =>
        slope(
          small,
          small.map((h) => differenceError(family, h, scaled))
        )
      expect(Math.abs(orderOf(1) - 2)).toBeLessThanOrEqual(0.1)
      expect(Math.abs(orderOf(1.01) - 2)).toBeGreaterThan(0.1)
    })

    it("KL both ways about z less d^T E[score score^T] d has order 4.0 +- 0.1; control: not with F off by 1 %", () => {
      const orderOf = (scaled: number) =>
        slope(
          steps,
          steps.map((h) => curvatureError(family, h, scaled))
        )
      expect(Math.abs(orderOf(1) - 4)).toBeLessThanOrEqual(0.1)
      expect(Math.abs(orderOf(1.01) - 4)).toBeGreaterThan(0.1)
    })

    it("draws at extreme points are labels of finite log p and score", () => {
      const key = makeKey(0)
      for (const [n, z] of extremes.entries()) {
        for (let draw = 0; draw < 100; draw++) {
          let slot = 0
          const y = ours.at(z).sample(() => uniform(key, draw, 1000 * n + slot++))
          expect(y.length).toBe(ours.labelSize(outputs))
          expect(ours.invalid(y, outputs, 0)).toBeUndefined()
          expect(Number.isFinite(ours.at(z).logProbability(y))).toBe(true)
          expect(Array.from(ours.at(z).score(y)).every(Number.isFinite)).toBe(true)
        }
      }
    })

    it(`${family.draws} draws fit p(y|z) by chi-square, at 10^-6; control: with all means moved by 0.2, or of one uniform number, they do not`, () => {
      const z = family.drawn
      const { due, of: cell } = family.cells(z)
      const histogram = (at: Vector, slots: number): Float64Array => {
        const counts = new Float64Array(due.length)
        const key = makeKey(1)
        for (let draw = 0; draw < family.draws; draw++) {
          let slot = 0
          counts[cell(ours.at(at).sample(() => uniform(key, draw, slot++ % slots)))]!++
        }
        return counts
      }
      const size = ours.labelSize(outputs)
      const components = outputs / (size + 2)
      expect(fits(histogram(z, 1000), due)).toBe(true)
      const moved = Float64Array.from(z, (v, c) =>
        c >= components && c < components * (1 + size) ? v + 0.2 : v
      )
      expect(fits(histogram(moved, 1000), due)).toBe(false)
      // One uniform number for the component and for y.
      expect(fits(histogram(z, 1), due)).toBe(false)
    })
  })
}
