/**
 * How sure an estimate is: intervals that hold the truth as often as they say, and errors of the size that theory gives them.
 *
 * x are drawn from 64 values and y from the model: N = 240 examples in 10 groups, M = 5 draws, C = 4 outputs, a 2-3-4 network (P = 25).
 * The numbers of repeats are fixed, the seeds are the first numbers.
 */
import { beforeAll, describe, expect, it } from "vitest"
import { Structure } from "../src/index.ts"
import { bernoulli, categorical, gaussian } from "./oracle/likelihoods.ts"
import { slope } from "./oracle/linear.ts"
import {
  coverage,
  names,
  type Outcome,
  outcomes,
  type Pairs,
  population,
  rescaled,
  traceVariances
} from "./support/coverage.ts"
import { mean } from "./support/statistics.ts"

const [N, M, groups] = [240, 5, 10]
const design = { examples: N, draws: M, groupSize: N / groups }
type Outcomes = ReadonlyArray<ReadonlyArray<Outcome>>

const ofDraws = (all: Outcomes, i: number): Pairs =>
  all.map((each) => [each[i]!.errors.draws, each[i]!.onSameX])
const ofAll = (all: Outcomes, i: number): Pairs =>
  all.map((each) => [each[i]!.errors.total, each[i]!.overAll])

/** Whether the share is 93 % to 97 %, let out by this many binomial standard deviations for so many repeats. */
const holds = (pairs: Pairs, deviations = 0): boolean => {
  const slack = (p: number): number => deviations * Math.sqrt((p * (1 - p)) / pairs.length)
  const share = coverage(pairs)
  return share >= 0.93 - slack(0.93) && share <= 0.97 + slack(0.97)
}

describe("the dense Fisher of a categorical, 2,000 repeats", () => {
  // 93 % and 97 % are 4.1 standard deviations sqrt(0.95 * 0.05 / 2000) from 95 %: no allowance.
  const of = population(categorical)
  let all: Outcomes
  beforeAll(async () => {
    all = await outcomes(of, { ...design, structure: Structure.dense, repeats: 2000 })
  }, 180_000)

  for (const [i, name] of names.entries()) {
    it(`${name}: intervals of 95 % for the error of the draws hold 93 % to 97 %; controls: divided by M again, not by sqrt(N)`, () => {
      const pairs = ofDraws(all, i)
      expect(holds(pairs), `${coverage(pairs)}`).toBe(true)
      expect(holds(rescaled(pairs, 1 / M))).toBe(false)
      expect(holds(rescaled(pairs, Math.sqrt(N)))).toBe(false)
    })
    it(`${name}: intervals of 95 % for the total error hold 93 % to 97 %; controls: that of the draws alone, not by sqrt(N)`, () => {
      const pairs = ofAll(all, i)
      expect(holds(pairs), `${coverage(pairs)}`).toBe(true)
      const drawsAlone: Pairs = all.map((each) => [each[i]!.errors.draws, each[i]!.overAll])
      expect(holds(drawsAlone), `${coverage(drawsAlone)}`).toBe(false)
      expect(holds(rescaled(pairs, Math.sqrt(N)))).toBe(false)
    })
  }

  it("the trace: the mean of squared errors is their closed form, 0.95 to 1.05; controls: divided by M again, draws for all", () => {
    // 2,000 squares of 9 degrees of freedom: 0.05 is 4.7 standard deviations sqrt(2 / (9 * 2000)).
    const { data, draws } = traceVariances(of)
    const squares = (part: (outcome: Outcome) => number): number =>
      mean(all.map((each) => part(each[0]!) ** 2))
    const near = (ratio: number): boolean => ratio >= 0.95 && ratio <= 1.05
    const found = squares(({ errors }) => errors.draws.standardError)
    const total = squares(({ errors }) => errors.total.standardError)
    const due = draws / (N * M)
    expect(near(found / due), `${found / due}`).toBe(true)
    expect(near(total / (due + data / N)), `${total / (due + data / N)}`).toBe(true)
    expect(near(found / M / due)).toBe(false)
    expect(near(found / (due + data / N))).toBe(false)
  })

  it("the Frobenius norm: value - bias is in the mean less than 0.35 times as far from the truth as the value", () => {
    // E|F_hat|^2 is |F|^2 and the variances of F_hat: the norm is too large.
    for (const pairs of [ofDraws(all, 1), ofAll(all, 1)]) {
      const away = mean(pairs.map(([{ value }, truth]) => value - truth))
      const centred = mean(pairs.map(([{ bias, value }, truth]) => value - bias - truth))
      expect(Math.abs(centred)).toBeLessThan(0.35 * away)
    }
  })
})

describe("the other structures, 100 repeats of each likelihood", () => {
  const table = {
    diagonal: Structure.diagonal,
    kfac: Structure.kfac,
    ekfac: "ekfac in other bases"
  } as const
  for (const [name, structure] of Object.entries(table)) {
    it(`${name}: intervals of 95 % hold 93 % to 97 %, let out by 2.5 standard deviations; control: errors divided by M again`, async () => {
      const each = await Promise.all(
        [categorical, bernoulli, gaussian(0.49)].map((likelihood) =>
          outcomes(population(likelihood), { ...design, structure, repeats: 100 })
        )
      )
      for (const [i, what] of names.entries()) {
        for (const of of [ofDraws, ofAll]) {
          const pairs = each.flatMap((all) => of(all, i))
          expect(holds(pairs, 2.5), `${what}: ${coverage(pairs)}`).toBe(true)
          expect(holds(rescaled(pairs, 1 / M), 2.5)).toBe(false)
        }
      }
    })
  }

  it("EKFAC in bases of its own: the trace and the norm hold; control: the form of a Gaussian's last weights does not", async () => {
    // G of the last layer is a multiple of I: its eigenvectors are those of the noise of the draws.
    const lastWeight = 10
    const of = population(gaussian(0.49), lastWeight)
    const all = await outcomes(of, { ...design, structure: Structure.ekfac, repeats: 150 })
    for (const i of [0, 1]) {
      for (const pairs of [ofDraws(all, i), ofAll(all, i)]) {
        expect(holds(pairs, 2.5), `${names[i]}: ${coverage(pairs)}`).toBe(true)
      }
    }
    expect(holds(ofDraws(all, 3), 2.5)).toBe(false)
  })
})

describe("errors of the draws and of all, root mean square of 20 repeats of 20 groups", () => {
  // A mean of 20 squares of 19 degrees of freedom is known to 7 %, its root to 3.6 %: 0.08 is 4.3 standard deviations of a slope
  // over a range of 16.
  const of = population(categorical)
  const spreads = (sizes: { readonly examples: number; readonly draws: number }) =>
    outcomes(of, { ...sizes, groupSize: sizes.examples / 20, structure: Structure.kfac, repeats: 20 }).then(
      (all) =>
        names.map((_, i) => {
          const rms = (part: "draws" | "total"): number =>
            Math.sqrt(mean(all.map((each) => each[i]!.errors[part].standardError ** 2)))
          return { draws: rms("draws"), total: rms("total") }
        })
    )
  const slopes = async (
    sizes: ReadonlyArray<number>,
    at: (size: number) => { readonly examples: number; readonly draws: number }
  ) => {
    const found = await Promise.all(sizes.map((size) => spreads(at(size))))
    return names.map((_, i) => ({
      draws: slope(
        sizes,
        found.map((each) => each[i]!.draws)
      ),
      total: slope(
        sizes,
        found.map((each) => each[i]!.total)
      )
    }))
  }
  const halving = (rate: number): boolean => Math.abs(rate + 0.5) <= 0.08

  it("have slope -0.50 +- 0.08 in N from 60 to 960; control: times sqrt(N)", async () => {
    for (const { draws, total } of await slopes([60, 240, 960], (examples) => ({ examples, draws: M }))) {
      expect(halving(draws), `${draws}`).toBe(true)
      expect(halving(total), `${total}`).toBe(true)
      expect(halving(draws + 0.5)).toBe(false)
    }
  })
  it("that of the draws has slope -0.50 +- 0.08 in M from 2 to 32; control: the total error, which x keeps up", async () => {
    for (const { draws, total } of await slopes([2, 8, 32], (draws) => ({ examples: N, draws }))) {
      expect(halving(draws), `${draws}`).toBe(true)
      expect(halving(total), `${total}`).toBe(false)
    }
  })
})
