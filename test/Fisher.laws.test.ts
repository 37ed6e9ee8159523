/**
 * The Fisher and its structures on wasm, over every likelihood and activation.
 *
 * Networks are 3-4-3-3 (P = 43) at N = 7 examples in blocks of 3, 3 and 1, unless a law says otherwise. eps is 2^-24.
 */
import { type Layer, Result } from "effect"
import { describe, expect, it } from "vitest"
import { Accumulator, Fisher, Sampler, Structure } from "../src/index.ts"
import { anyLabel, type Case, mlp } from "./oracle/cases.ts"
import {
  type Draws,
  denseFisher,
  empiricalFisher,
  kfacDense,
  sampledFisher,
  sampledKfacFactors
} from "./oracle/fisher.ts"
import { gaussian } from "./oracle/likelihoods.ts"
import { congruence, dot, matvec, norm, relativeError, scale } from "./oracle/linear.ts"
import { type OracleNetwork, size } from "./oracle/network.ts"
import { generator } from "./oracle/random.ts"
import { blockDiagonal } from "./oracle/structures.ts"
import { affineInputs } from "./support/charts.ts"
import {
  dampedSolves,
  divergences,
  klOrder,
  movingFisher,
  movingSteps,
  operationErrors,
  solveErrors
} from "./support/fisherLaws.ts"
import { dyadic, eps32, matrixError, ratio, vectorError, worst } from "./support/measure.ts"
import { estimate, likelihoods, pairs, problem, runOn } from "./support/problems.ts"
import { deficit, negated, oneBitOff } from "./support/psd.ts"
import { definiteMatrices } from "./support/randomStructures.ts"
import { type Drawn, recording } from "./support/recording.ts"
import { naturalUpdate, sineSteps, stepErrors } from "./support/stepLaws.ts"
import { type Common, condition, factorsOf, structuresOf } from "./support/structures.ts"
import { rows, subject } from "./support/subject.ts"

const bound = 1e-5
/** With parameters, in the network that the laws run on. */
const layers = 3

const denseOf = async (c: Case, sampler?: Layer.Layer<Sampler, unknown>) =>
  rows(Fisher.toDense(await estimate(c, Structure.dense, sampler)))
const kfacOf = async (c: Case, sampler?: Layer.Layer<Sampler, unknown>) =>
  rows(Fisher.toDense(await estimate(c, Structure.kfac, sampler)))

for (const pair of pairs) {
  describe(pair.title, () => {
    const c = problem(pair)

    it("the dense Fisher is the oracle's to 1e-5; control: off by 2e-5", async () => {
      const fisher = await denseOf(c)
      const due = denseFisher(c.net, c.likelihood, c.theta, c.X)
      expect(relativeError(fisher, due)).toBeLessThanOrEqual(bound)
      expect(relativeError(scale(1 + 2e-5, fisher), due)).toBeGreaterThan(bound)
    })

    it("KL(theta || other) is the oracle's to 1e-5; control: KL(other || theta), or 1.0001 of it", async () => {
      const { back, due, ours } = await divergences(c)
      expect(relativeError(ours, due)).toBeLessThanOrEqual(bound)
      const wrong = c.likelihood.name.startsWith("gaussian") ? 1.0001 * due : back
      expect(relativeError(ours, wrong)).toBeGreaterThan(bound)
    })

    it("L3: symmetric KL less d^T F d has order 4.0 +- 0.1 in |d| = 0.35 to 0.09; control: 1.05 F", async () => {
      const order = await klOrder(c)
      expect(Math.abs(order(1) - 4)).toBeLessThanOrEqual(0.1)
      expect(Math.abs(order(1.05) - 4)).toBeGreaterThan(0.1)
    })

    it("L5: F of the network on inputs x M + c is J^T F J to 1e-5; control: F without J", async () => {
      const { jacobian, moved } = affineInputs(c)
      const [here, there] = [await denseOf(c), await denseOf(moved)]
      expect(relativeError(there, congruence(jacobian, here))).toBeLessThanOrEqual(bound)
      expect(relativeError(there, here)).toBeGreaterThan(bound)
    })

    it("L5: the natural step in a sine chart moves alike to order 2.0 +- 0.1; control: damping I there has order 1", async () => {
      const { covariantOrder, differenced, fisher, plainOrder, transformed } = await sineSteps(c, 0.1)
      expect(relativeError(transformed, differenced)).toBeLessThanOrEqual(bound)
      expect(relativeError(fisher, differenced)).toBeGreaterThan(bound)
      expect(Math.abs(covariantOrder - 2)).toBeLessThanOrEqual(0.1)
      expect(Math.abs(plainOrder - 1)).toBeLessThanOrEqual(0.1)
    })

    it("the step is -eta (F + 0.1 I)^-1 g, its KL, decrease, momentum and bound too, ratio <= 10 condition; control: 0.9 eta", async () => {
      expect(worst(await stepErrors(c, 0.5))).toBeLessThanOrEqual(10)
      expect(worst(await stepErrors(c, 0.45))).toBeGreaterThan(10)
    })

    it("L6: the diagonal is that of the dense Fisher, ratio <= 50; control: in another order", async () => {
      const due = Fisher.diagonal(await estimate(c, Structure.dense))
      const diagonal = Fisher.diagonal(await estimate(c, Structure.diagonal))
      expect(vectorError(diagonal, due, size(c.net) * eps32)).toBeLessThanOrEqual(50)
      expect(vectorError(diagonal.toReversed(), due, size(c.net) * eps32)).toBeGreaterThan(50)
    })

    it("L6: the layer blocks are those of the dense Fisher, ratio <= 50; control: all of it", async () => {
      const dense = await denseOf(c)
      const layers = rows(Fisher.toDense(await estimate(c, Structure.blockDiagonal)))
      expect(matrixError(layers, blockDiagonal(c.net, dense), size(c.net) * eps32)).toBeLessThanOrEqual(50)
      expect(matrixError(layers, dense, size(c.net) * eps32)).toBeGreaterThan(50)
    })

    it("L6: K-FAC is exact within layers at N = 1, exact and 4 draws, ratio <= 50; control: N = 7", async () => {
      const draws = Sampler.monteCarlo({ draws: 4, seed: 0 })
      const errorOf = async (own: Case, sampler: Layer.Layer<Sampler, unknown>) =>
        matrixError(
          await kfacOf(own, sampler),
          blockDiagonal(own.net, await denseOf(own, sampler)),
          size(own.net) * eps32
        )
      for (const sampler of [Sampler.exact, draws]) {
        expect(await errorOf(problem(pair, c.net, 1), sampler)).toBeLessThanOrEqual(50)
      }
      expect(await errorOf(c, draws)).toBeGreaterThan(50)
    })

    for (const [name, structure] of Object.entries(structuresOf(layers))) {
      it(`${name}: product, form, trace, norm and diagonal are its matrix's, ratio <= 10; control: twice them`, async () => {
        const fisher = await estimate(c, structure)
        expect(worst(operationErrors(fisher, 1))).toBeLessThanOrEqual(10)
        expect(Math.min(...operationErrors(fisher, 2))).toBeGreaterThan(10)
      })

      it(`${name}: solve after apply is the identity, ratio <= 50 condition, residual <= 10; control: twice the damping`, async () => {
        const kfac = name === "kfac" ? await estimate(c, Structure.kfac) : undefined
        const solves = dampedSolves(c, await estimate(c, structure), kfac)
        const errors = solveErrors(c, solves, 1)
        expect(errors.forward).toBeLessThanOrEqual(50)
        expect(errors.backward).toBeLessThanOrEqual(10)
        const wrong = solveErrors(c, solves, 2)
        expect(wrong.forward).toBeGreaterThan(50)
        expect(wrong.backward).toBeGreaterThan(10)
      })

      it(`${name}: what it stores and writes out is exactly symmetric and PSD, ratio <= 10; control: one bit, the sign`, async () => {
        const matrices = definiteMatrices(await estimate(c, structure))
        expect(worst(matrices.map(deficit))).toBeLessThanOrEqual(10)
        expect(worst(matrices.map((m) => deficit(oneBitOff(m))))).toBeGreaterThan(10)
        expect(worst(matrices.map((m) => deficit(negated(m))))).toBeGreaterThan(10)
      })
    }

    it("kfac: product and form are those of v^T (A (x) G) v, ratio <= 10; control: G (x) A", async () => {
      const fisher = await estimate(c, Structure.kfac)
      const v = subject(c).tangent(generator(8).normals(size(c.net)))
      const factors = factorsOf(c.net, fisher.means)
      const product = Result.getOrThrow(Fisher.apply(fisher, v)).values
      const form = Result.getOrThrow(Fisher.quadraticForm(fisher, v))
      const errors = (of: typeof factors) => {
        const due = matvec(kfacDense(of), v.values)
        const unit = size(c.net) * eps32
        const formError = Math.abs(form - dot(v.values, due))
        return [vectorError(product, due, unit), ratio(formError, unit * norm(v.values) * norm(due))]
      }
      expect(worst(errors(factors))).toBeLessThanOrEqual(10)
      expect(Math.min(...errors(factors.map(({ A, G, block }) => ({ A: G, G: A, block }))))).toBeGreaterThan(
        10
      )
    })
  })
}

describe("moving averages", () => {
  for (const likelihood of likelihoods) {
    const c = problem({ likelihood, activation: "tanh" })
    for (const [name, structure] of Object.entries(structuresOf(layers))) {
      const steps = movingSteps(name)
      const why = steps < 10_000 ? " (rows are never forgotten: 10,000 would be ever more of them)" : ""
      it(`${steps} of ${name}${why} are the weighted means, exactly symmetric and PSD, ratio <= 10; control: decay 0.94, the sign [${likelihood.name}]`, async () => {
        const { error, fisher } = await movingFisher(c, structure, steps)
        expect(error(0.95)).toBeLessThanOrEqual(10)
        expect(error(0.94)).toBeGreaterThan(10)
        const matrices = definiteMatrices(fisher)
        expect(worst(matrices.map(deficit))).toBeLessThanOrEqual(10)
        expect(worst(matrices.map((m) => deficit(negated(m))))).toBeGreaterThan(10)
      })
    }
  }
})

describe("a moving average with decay 0", () => {
  const c = problem({ likelihood: likelihoods[0]!, activation: "tanh" })
  for (const [name, structure] of Object.entries(structuresOf(layers))) {
    it(`of ${name} is the last part, bit for bit, rows of the past gone; control: with decay 0.5`, async () => {
      const { conditional, params } = subject(c)
      const { structure: single } = await estimate(c, structure)
      const sums = (from: number, to: number) =>
        runOn(c)(Fisher.accumulate(conditional, params, single, { blockSize: 3, from, to }))
      const [past, last] = [await sums(0, 3), await sums(3, 6)]
      const average = (decay: number) => Result.getOrThrow(Accumulator.movingAverage(past, last, decay))
      expect(average(0).sums).toEqual(last.sums)
      expect(average(0).weight).toBe(3)
      expect(average(0.5).sums).not.toEqual(last.sums)
    })
  }
})

describe("L6: K-FAC on deep linear networks with a Gaussian likelihood", () => {
  const dense = (units: number, bias: boolean) => ({ kind: "dense", units, bias }) as const
  const nets: Readonly<Record<string, OracleNetwork>> = {
    "three layers with bias": { features: 3, layers: [dense(4, true), dense(3, true), dense(2, true)] },
    "three layers without bias": { features: 3, layers: [dense(4, false), dense(3, false), dense(2, false)] },
    "one layer": { features: 3, layers: [dense(2, true)] }
  }
  const errorOf = async (c: Case) =>
    matrixError(await kfacOf(c), blockDiagonal(c.net, await denseOf(c)), size(c.net) * eps32)
  for (const [name, net] of Object.entries(nets)) {
    it(`is exact within layers at N = 7, ratio <= 50 [${name}]`, async () => {
      expect(
        await errorOf(problem({ likelihood: gaussian(3), activation: "identity" }, net))
      ).toBeLessThanOrEqual(50)
    })
  }
  it("control: it is not with a tanh between the layers, or a Bernoulli likelihood", async () => {
    expect(await errorOf(problem({ likelihood: gaussian(3), activation: "tanh" }))).toBeGreaterThan(50)
    expect(await errorOf(problem({ likelihood: likelihoods[1]!, activation: "identity" }))).toBeGreaterThan(
      50
    )
  })
})

/** Martens and Grosse 2015, theorem 1. Without damping F must be regular: 40 examples for P = 8 and P = 17. */
describe("L5: the undamped step", () => {
  const problems: Readonly<Record<"dense" | "kfac", Case>> = {
    dense: problem({ likelihood: likelihoods[1]!, activation: "tanh" }, mlp(3, [2], "tanh"), 40),
    kfac: problem({ likelihood: gaussian(0.49), activation: "tanh" }, mlp(2, [3, 2], "tanh"), 40)
  }
  for (const name of ["dense", "kfac"] as const) {
    it(`of ${name} is the same for inputs x M + c, ratio <= 10 condition; control: damping 0.1 I, or the diagonal`, async () => {
      const c = problems[name]
      const { jacobian, moved } = affineInputs(c)
      const structure: Structure.AnyStructure<Common> = Structure[name]
      const unit = size(c.net) * eps32 * condition(rows(Fisher.toDense(await estimate(c, structure))))
      const defect = async (of: Structure.AnyStructure<Common>, value: number) =>
        vectorError(
          matvec(jacobian, await naturalUpdate(moved, of, value)),
          await naturalUpdate(c, of, value),
          unit
        )
      expect(await defect(structure, 0)).toBeLessThanOrEqual(10)
      expect(await defect(structure, 0.1)).toBeGreaterThan(10)
      expect(await defect(Structure.diagonal, 0)).toBeGreaterThan(10)
    })
  }
})

/** N = 7, M = 4, C = 3: all different, blocks of 3, 3 and 1. */
describe("draws", () => {
  const M = 4
  for (const likelihood of likelihoods) {
    const c = problem({ likelihood, activation: "tanh" })
    const random = generator(12)
    const draws: Draws = c.X.map(() =>
      Array.from({ length: M }, () => dyadic(anyLabel(random, likelihood, 3), 12))
    )
    const given = Sampler.fromRule("given", ({ example }) =>
      draws[example]!.map((y) => ({ y, weight: 1 / M }))
    )
    const sampled = (of: Draws) => sampledFisher(c.net, likelihood, c.theta, c.X, of)

    it(`the Fisher of 4 draws is the oracle's to 1e-5; control: M divided twice, draws of other examples [${likelihood.name}]`, async () => {
      const fisher = await denseOf(c, given)
      expect(relativeError(fisher, sampled(draws))).toBeLessThanOrEqual(bound)
      expect(relativeError(fisher, scale(1 / M, sampled(draws)))).toBeGreaterThan(bound)
      const next = draws.map((_, n) => draws[(n + 1) % draws.length]!)
      expect(relativeError(fisher, sampled(next))).toBeGreaterThan(bound)
      // [N, K] read as [K, N].
      const flat = draws.flat()
      const mixed = draws.map((_, n) => Array.from({ length: M }, (_, k) => flat[k * draws.length + n]!))
      expect(relativeError(fisher, sampled(mixed))).toBeGreaterThan(bound)
    })

    it(`K-FAC of 4 draws is the oracle's to 1e-5; control: G divided by M twice [${likelihood.name}]`, async () => {
      const factors = sampledKfacFactors(c.net, likelihood, c.theta, c.X, draws)
      const kfac = await kfacOf(c, given)
      expect(relativeError(kfac, kfacDense(factors))).toBeLessThanOrEqual(bound)
      expect(relativeError(kfac, scale(1 / M, kfacDense(factors)))).toBeGreaterThan(bound)
    })

    it(`weights 1/2, 1/4, 1/4, or one draw for the even examples, are repeated draws, to 1e-5; control: equal weights [${likelihood.name}]`, async () => {
      const weighted = Sampler.fromRule("weighted", ({ example }) => {
        const [first, second, third] = draws[example]!
        if (example % 2 === 0) return [{ y: first!, weight: 1 }]
        return [
          { y: first!, weight: 1 / 2 },
          { y: second!, weight: 1 / 4 },
          { y: third!, weight: 1 / 4 }
        ]
      })
      const fisher = await denseOf(c, weighted)
      const repeated = draws.map(([first, second, third], n) =>
        n % 2 === 0 ? [first!] : [first!, first!, second!, third!]
      )
      expect(relativeError(fisher, sampled(repeated))).toBeLessThanOrEqual(bound)
      expect(
        relativeError(fisher, sampled(draws.map((labels, n) => labels.slice(0, n % 2 === 0 ? 1 : 3))))
      ).toBeGreaterThan(bound)
    })

    it(`the Fisher of monteCarlo is the oracle's at its own 4 draws to 1e-5; control: at those of another seed [${likelihood.name}]`, async () => {
      const [own, other]: [Drawn, Drawn] = [new Map(), new Map()]
      const fisher = await denseOf(c, recording(Sampler.monteCarlo({ draws: M, seed: 0 }), own))
      await denseOf(c, recording(Sampler.monteCarlo({ draws: M, seed: 1 }), other))
      const at = (record: Drawn) => sampled(c.X.map((_, n) => record.get(n)!))
      expect(relativeError(fisher, at(own))).toBeLessThanOrEqual(bound)
      expect(relativeError(fisher, at(other))).toBeGreaterThan(bound)
    })

    it(`the empirical Fisher is the oracle's to 1e-5; control: the Fisher [${likelihood.name}]`, async () => {
      const fisher = await denseOf(c, Sampler.empirical)
      expect(
        relativeError(fisher, empiricalFisher(c.net, likelihood, c.theta, c.X, c.Y))
      ).toBeLessThanOrEqual(bound)
      expect(relativeError(fisher, denseFisher(c.net, likelihood, c.theta, c.X))).toBeGreaterThan(bound)
    })
  }
})
