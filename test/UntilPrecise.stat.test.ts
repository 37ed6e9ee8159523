/**
 * `Sampler.untilPrecise`: the error that it leaves, the number of draws that it chooses, and that the choice biases nothing.
 *
 * N = 24 examples, C = 5 or 3 outputs. With V = (1/N^2) sum_n E|s s^T - Lambda_n|^2 from enumeration the root-mean-square error of K
 * draws is sqrt(V / K) exactly, so the number that is needed is known; rounds are the first numbers.
 */
import { describe, expect, it } from "vitest"
import { Likelihood, Sampler } from "../src/index.ts"
import * as Oracle from "./oracle/likelihoods.ts"
import { axpy, flatten, meanMatrix, norm, type Vector } from "./oracle/linear.ts"
import { generator } from "./oracle/random.ts"
import { worst } from "./support/measure.ts"
import { drawn, fishers, meanFisher, outputsOf } from "./support/samplers.ts"
import { oneDraw } from "./support/samplingTheory.ts"
import { mean } from "./support/statistics.ts"

const relativeError = 0.1

interface Made {
  readonly ours: Likelihood.Likelihood
  readonly oracle: Oracle.OracleLikelihood
  /** The outputs. */
  readonly C: number
}

const categorical: Made = { ours: Likelihood.categorical, oracle: Oracle.categorical, C: 5 }
const bernoulli: Made = { ours: Likelihood.bernoulli, oracle: Oracle.bernoulli, C: 3 }
const gaussian: Made = { ours: Likelihood.gaussian({ variance: 0.49 }), oracle: Oracle.gaussian(0.49), C: 3 }

/** A block with these z, its F, and V. */
const blockOf = ({ C, oracle, ours }: Made, zs: ReadonlyArray<Float32Array>) => ({
  outputs: outputsOf(ours, C, Float32Array.from(zs.flatMap((z) => Array.from(z)))),
  fisher: flatten(meanMatrix(zs.length, (n) => oracle.closedFormFisher(zs[n]!))),
  variance: zs.reduce((sum, z) => sum + oneDraw(oracle, z), 0) / zs.length ** 2
})
type Block = ReturnType<typeof blockOf>

const normals = (seed: number, N: number, C: number, size: number) => {
  const random = generator(seed)
  return Array.from({ length: N }, () => Float32Array.from(random.normals(C), (v) => size * v))
}

const needed = ({ fisher, variance }: Block, asked: number) => variance / (asked * norm(fisher)) ** 2

const asking = (asked: number, seed = 0, maxDraws = 20_000) =>
  Sampler.untilPrecise({ relativeError: asked, maxDraws, seed })

/** What is drawn at the rounds 0, 1, ...: how many draws, and their F. */
const runs = ({ outputs }: Block, asked: number, rounds: number, seed = 0) =>
  Array.from({ length: rounds }, (_, round) => {
    const draws = drawn(asking(asked, seed), outputs, round)
    return { number: draws.columns, fisher: meanFisher(draws, outputs) }
  })
type Runs = ReturnType<typeof runs>

const fractionBelow = (of: Runs, due: number) => mean(of.map(({ number }) => (number < due ? 1 : 0)))

const rounds = 600

for (const family of [categorical, bernoulli, gaussian]) {
  describe(family.oracle.name, () => {
    const block = blockOf(family, normals(7, 24, family.C, 4))
    const { fisher, outputs } = block
    let made: Runs

    it("the RMS relative error is at most the one asked, 10 % of slack for 600 rounds; control: 1.5 times it", () => {
      // The squares have standard deviations about their means: the root of a mean of 600 is off by 2 %.
      made = runs(block, relativeError, rounds)
      const rms = (of: Runs) =>
        Math.sqrt(mean(of.map((run) => (norm(axpy(run.fisher, -1, fisher)) / norm(fisher)) ** 2)))
      expect(rms(made)).toBeLessThanOrEqual(1.1 * relativeError)
      expect(rms(runs(block, 1.5 * relativeError, 150))).toBeGreaterThan(1.1 * relativeError)
    })

    it("the trace, the mean squared score norm, has no larger an RMS relative error; control: 4 times the error", () => {
      const trace = (of: Vector) => Array.from({ length: family.C }, (_, c) => of[c * (family.C + 1)]!)
      const total = (of: Vector) => trace(of).reduce((a, b) => a + b, 0)
      const rms = (of: Runs) => Math.sqrt(mean(of.map((run) => (total(run.fisher) / total(fisher) - 1) ** 2)))
      expect(rms(made)).toBeLessThanOrEqual(1.1 * relativeError)
      expect(rms(runs(block, 4 * relativeError, 150))).toBeGreaterThan(1.1 * relativeError)
    })

    it("at most 1 pilot of 10 chooses fewer draws than the error needs, and none over twice as many; control: 1.2 times the error", () => {
      const due = needed(block, relativeError)
      expect(fractionBelow(made, due)).toBeLessThanOrEqual(0.1)
      expect(Math.max(...made.map(({ number }) => number))).toBeLessThanOrEqual(2 * due + 1)
      expect(fractionBelow(runs(block, 1.2 * relativeError, 100), due)).toBeGreaterThan(0.1)
    })

    /** |mean - F| in standard errors, entry by entry. */
    const biases = (of: ReadonlyArray<Float64Array>) =>
      Array.from(fisher, (due, i) => {
        const entries = of.map((estimate) => estimate[i]!)
        const centre = mean(entries)
        const variance = mean(entries.map((value) => (value - centre) ** 2))
        return Math.abs(centre - due) / Math.sqrt(variance / entries.length)
      })

    it("the mean is F, every entry within 5 standard errors; control: draws that stop where they show no variance", () => {
      expect(worst(biases(made.map((run) => run.fisher)))).toBeLessThanOrEqual(5)
      // Two draws, and six more where the squared scores of the two are far apart: the draws choose their own number.
      const stopping = Sampler.fromRule("stopping", ({ distribution, example, round }) => {
        const random = generator(1000 * round + example)
        const y = Array.from({ length: 8 }, () => distribution.sample(random.uniform))
        const [a, b] = y.map((label) => norm(distribution.score(label)) ** 2)
        const used = Math.abs(a! - b!) <= norm((distribution as Likelihood.Distribution).fisher()) ? 2 : 8
        return y.slice(0, used).map((label) => ({ y: label, weight: 1 / used }))
      })
      expect(worst(biases(fishers(stopping, outputs, rounds)))).toBeGreaterThan(5)
    })
  })
}

describe("the number of draws", () => {
  const draws = (block: Block, asked: number, seed = 0, maxDraws = 20_000) =>
    drawn(asking(asked, seed, maxDraws), block.outputs).columns

  it("is four times as large for half the error, to the rounding up; control: for 0.6 of it", () => {
    const block = blockOf(categorical, normals(7, 24, 5, 1))
    for (let seed = 0; seed < 20; seed++) {
      const [whole, half, other] = [1, 0.5, 0.6].map((share) => draws(block, share * relativeError, seed))
      expect(half).toBeGreaterThan(4 * (whole! - 1))
      expect(half).toBeLessThanOrEqual(4 * whole!)
      expect(other).toBeLessThanOrEqual(4 * (whole! - 1))
    }
  })

  it("is smaller for more examples and for outputs of less variance, at 20 of 20 seeds", () => {
    const few = blockOf(gaussian, normals(1, 6, 3, 1))
    const many = blockOf(gaussian, normals(1, 96, 3, 1))
    const even = blockOf(categorical, normals(1, 24, 5, 0.1))
    const uneven = blockOf(categorical, normals(1, 24, 5, 4))
    expect(needed(even, relativeError)).toBeLessThan(needed(uneven, relativeError))
    for (let seed = 0; seed < 20; seed++) {
      expect(draws(many, relativeError, seed)).toBeLessThan(draws(few, relativeError, seed) / 8)
      expect(draws(even, relativeError, seed)).toBeLessThan(draws(uneven, relativeError, seed))
    }
  })

  it("is never over maxDraws, and maxDraws where more are needed; control: what is needed is more", () => {
    const block = blockOf(categorical, normals(7, 24, 5, 4))
    expect(needed(block, 0.01)).toBeGreaterThan(100)
    for (const maxDraws of [1, 2, 3, 17, 100]) expect(draws(block, 0.01, 0, maxDraws)).toBe(maxDraws)
    expect(draws(block, 1e-300, 0, 7)).toBe(7)
  })

  it("is 1 where a draw leaves no error: p = 1, a fair coin; control: a coin of p = 0.6, two fair coins", () => {
    const of = (made: Made, ...z: ReadonlyArray<number>) =>
      blockOf(
        { ...made, C: z.length },
        Array.from({ length: 6 }, () => Float32Array.from(z))
      )
    for (const still of [of(categorical, 1e4, -1e4, 0), of(categorical, 0, 0), of(bernoulli, 0)]) {
      expect(draws(still, 1e-3)).toBe(1)
    }
    // The squared norm of the score of two fair coins is constant too: their outer product is not.
    for (const moving of [of(categorical, 0, Math.log(1.5)), of(bernoulli, 0, 0)]) {
      expect(draws(moving, 1e-2)).toBeGreaterThan(10)
    }
  })

  it("is enough for labels that come once in 1,500 draws, at 90 of 100 rounds; control: a pilot of 1,024 draws that goes no further", () => {
    const z = Float32Array.of(8, 0, 0)
    const block = blockOf({ ...categorical, C: 3 }, new Array<Float32Array>(16).fill(z))
    const due = needed(block, 0.5)
    expect(fractionBelow(runs(block, 0.5, 100), due)).toBeLessThanOrEqual(0.1)
    const { closedFormFisher, score } = Oracle.categorical
    const short = Array.from({ length: 100 }, (_, seed) => {
      const pilot = drawn(Sampler.monteCarlo({ draws: 64, seed }), block.outputs)
      if (pilot._tag !== "Labels") throw new Error(`${pilot._tag} are no labels`)
      const fourth = mean(pilot.labels.map((y) => norm(score(z, [y])) ** 4))
      return (fourth - norm(flatten(closedFormFisher(z))) ** 2) / 16 / (0.5 * norm(block.fisher)) ** 2
    })
    expect(mean(short.map((number) => (number < due ? 1 : 0)))).toBeGreaterThan(0.1)
  })

  it("of each of four blocks makes the error of all of them at most as large; control: one of them", () => {
    const blocks = [0.5, 1, 2, 4].map((size, i) => blockOf(categorical, normals(i, 24, 5, size)))
    const errorOf = (of: ReadonlyArray<Block>) => {
      const whole = of[0]!.fisher.map((_, i) => mean(of.map(({ fisher }) => fisher[i]!)))
      const made = of.map((block, i) => runs(block, relativeError, 100, i))
      const squares = made[0]!.map(
        (_, round) =>
          (norm(whole.map((v, i) => mean(made.map((own) => own[round]!.fisher[i]!)) - v)) / norm(whole)) ** 2
      )
      return Math.sqrt(mean(squares))
    }
    expect(errorOf(blocks)).toBeLessThanOrEqual(0.6 * relativeError)
    expect(errorOf(blocks.slice(0, 1))).toBeGreaterThan(0.6 * relativeError)
  })
})
