/** Extreme input that is legal: results are finite, and within a ratio of 100 of their closed forms. */
import { Effect, Result } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import {
  Conditional,
  Cotangent,
  Damping,
  DataSource,
  Device,
  Fisher,
  Likelihood,
  NaturalGradient,
  Network,
  Params,
  Sampler,
  Structure,
  Tangent
} from "../src/index.ts"
import { everyStructure } from "./support/programs.ts"
import { eps32, ratio } from "./support/ratio.ts"
import { given, type Services, small } from "./support/small.ts"
import { checkEveryKernel, tensorCounts } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const run = async <A, E>(program: Effect.Effect<A, E>): Promise<A> => {
  const before = tensorCounts()
  const value = await Effect.runPromise(program)
  expect(tensorCounts()).toEqual(before)
  return value
}

/** max |x - y| / (n max |y| eps). */
const distance = (x: ArrayLike<number>, y: ArrayLike<number>): number => {
  const off = Math.max(...Array.from(x, (value, i) => Math.abs(value - y[i]!)))
  return ratio(off, y.length * Math.max(...Array.from(y, Math.abs)) * eps32)
}
const allFinite = (values: ArrayLike<number>): boolean => Array.from(values).every(Number.isFinite)
const devices = { cpu: Device.cpu, wasm: Device.wasm }
const likelihoods = {
  categorical: Likelihood.categorical,
  bernoulli: Likelihood.bernoulli,
  gaussian: Likelihood.gaussian({ variance: 0.25 })
}

/** p(y) with z as its parameters. */
const density = (likelihood: Likelihood.Likelihood, z: ReadonlyArray<number>) => {
  const conditional = Conditional.make(Network.sequential(0, [Network.dense(z.length)]), likelihood)
  return { conditional, at: Params.make(conditional.network.space, z) }
}

const sigmoid = (z: number) => 1 / (1 + Math.exp(-z))
/** Lambda(z) in closed form, `[2, 2]`. */
const lambda = (name: string, [a, b]: readonly [number, number]): ReadonlyArray<number> => {
  if (name === "gaussian") return [4, 0, 0, 4]
  if (name === "bernoulli") return [sigmoid(a) * sigmoid(-a), 0, 0, sigmoid(b) * sigmoid(-b)]
  const both = sigmoid(a - b) * sigmoid(b - a)
  return [both, -both, -both, both]
}

const outputs: ReadonlyArray<readonly [number, number]> = [
  [0, 0],
  [1e4, -1e4],
  [-1e4, 1e4],
  [1e4, 1e4],
  [17, -17],
  [40, -40],
  [3e38, -3e38],
  [1e-38, -1e-45]
]

for (const [device, layer] of Object.entries(devices)) {
  describe(`outputs from 0 to 3e38 on ${device}`, () => {
    for (const [name, likelihood] of Object.entries(likelihoods)) {
      for (const z of outputs) {
        const { at, conditional } = density(likelihood, z)
        const source = DataSource.density({
          y:
            name === "categorical"
              ? [0, 1]
              : [
                  [0, 1],
                  [1, 0]
                ]
        })
        const title = `${name} at (${z.join(", ")})`

        it(`${title}: the exact Fisher is Lambda, ratio <= 100`, async () => {
          const fisher = await run(
            given({ device: layer, source })(Fisher.estimate(conditional, at, Structure.dense))
          )
          const due = lambda(name, z)
          const made = Fisher.toDense(fisher)
          if (due.every((entry) => Math.fround(entry) === 0))
            expect(Array.from(made, Math.abs)).toEqual([0, 0, 0, 0])
          else expect(distance(made, due)).toBeLessThanOrEqual(100)
        })

        // There the score overflows float32, and that is a typed error.
        if (name === "gaussian" && z[0] === 3e38) continue
        it(`${title}: loss, gradient, sampled Fisher and KL divergence to itself are finite`, async () => {
          const services = { device: layer, source, sampler: Sampler.monteCarlo({ draws: 3, seed: 0 }) }
          const made = await run(
            given(services)(
              Effect.all({
                both: Conditional.lossAndGradient(conditional, at),
                fisher: Fisher.estimate(conditional, at, Structure.kfac),
                kl: Conditional.klDivergence(conditional, at, at)
              })
            )
          )
          expect(allFinite([made.both.loss, ...made.both.gradient.values])).toBe(true)
          expect(allFinite(Fisher.toDense(made.fisher))).toBe(true)
          expect(Math.abs(made.kl)).toBe(0)
        })
      }
    }
  })
}

describe("p = 1 exactly", () => {
  const { at, conditional } = density(Likelihood.categorical, [1e4, -1e4])
  const opposite = density(Likelihood.categorical, [-1e4, 1e4]).at
  const all = given({ source: DataSource.density({ y: [0, 1] }), sampler: Sampler.exact })(
    Effect.all({
      loss: Conditional.negativeLogLikelihood(conditional, at),
      gradient: Conditional.gradient(conditional, at),
      kl: Conditional.klDivergence(conditional, at, opposite),
      dense: Fisher.estimate(conditional, at, Structure.dense),
      kfac: Fisher.estimate(conditional, at, Structure.kfac)
    })
  )
  it("the loss is 1e4 nats, the KL divergence to the opposite 2e4, ratio <= 100", async () => {
    const { kl, loss } = await run(all)
    expect(distance([loss], [1e4])).toBeLessThanOrEqual(100)
    expect(distance([kl], [2e4])).toBeLessThanOrEqual(100)
  })
  it("the Fisher is 0, and a solve with damping d divides by d, ratio <= 100", async () => {
    const { dense, gradient, kfac } = await run(all)
    for (const fisher of [dense, kfac]) {
      expect(Fisher.frobeniusNorm(fisher)).toBe(0)
      for (const d of [1e-30, 1e-3, 1e3]) {
        const { values } = Result.getOrThrow(Fisher.solve(fisher, gradient, Damping.absolute(d)))
        expect(
          distance(
            values,
            gradient.values.map((g) => g / d)
          )
        ).toBeLessThanOrEqual(100)
      }
    }
    const { values } = Result.getOrThrow(Fisher.solve(kfac, gradient, Damping.factored(1e-3)))
    expect(allFinite(values)).toBe(true)
  })
})

describe("one parameter", () => {
  const { at, conditional } = density(Likelihood.gaussian({ variance: 2 }), [5])
  for (const structure of everyStructure(1)) {
    it(`${structure.name}: F = 1 / variance, and damping 0 solves, ratio <= 100`, async () => {
      const fisher = await run(
        given({ source: DataSource.density({}) })(Fisher.estimate(conditional, at, structure))
      )
      expect(fisher.examples).toBe(1)
      expect(distance(Fisher.toDense(fisher), [0.5])).toBeLessThanOrEqual(100)
      const g = Cotangent.make(conditional.network.space, [3])
      const solved = Result.getOrThrow(Fisher.solve(fisher, g, Damping.absolute(0)))
      expect(distance(solved.values, [6])).toBeLessThanOrEqual(100)
      const step = NaturalGradient.step(at, g, fisher, { learningRate: 1, damping: Damping.absolute(0) })
      expect(distance(Result.getOrThrow(step).params.values, [-1])).toBeLessThanOrEqual(100)
    })
  }
})

const line = Conditional.make(Network.sequential(1, [Network.dense(1)]), Likelihood.gaussian({ variance: 1 }))
const lineAt = Conditional.init(line, { seed: 0 })
const sides = Conditional.make(Network.sequential(1, [Network.dense(2)]), Likelihood.bernoulli)
const sidesAt = Params.make(sides.network.space, [1, -1, 0.5, 0.25])

describe("few, equal and constant examples", () => {
  const estimate = <S extends string, Op extends Structure.Operation>(
    of: Conditional.Conditional<S>,
    at: Params.Params<S>,
    structure: Structure.AnyStructure<Op>,
    x: ReadonlyArray<ReadonlyArray<number>>,
    services: Services = {}
  ) =>
    run(
      given({ source: DataSource.fromArrays({ x }), ...services })(
        Fisher.estimate(of, at, structure, { blockSize: 2 })
      )
    )

  it("damping 0 solves with a Fisher that is not singular, ratio <= 100", async () => {
    const x = [[1], [2], [4], [-3], [0.5]]
    for (const [of, at] of [[sides, sidesAt]] as const) {
      const dense = await estimate(of, at, Structure.dense, x)
      const kfac = await estimate(of, at, Structure.kfac, x)
      const v = Tangent.make(of.network.space, [1, -2, 3, -4])
      for (const [fisher, damping] of [
        [dense, Damping.absolute(0)],
        [kfac, Damping.absolute(0)],
        [kfac, Damping.factored(0)]
      ] as const) {
        const g = Result.getOrThrow(Fisher.apply(fisher, v))
        const back = Result.getOrThrow(Fisher.solve(fisher as typeof kfac, g, damping))
        const again = Result.getOrThrow(Fisher.apply(fisher, back))
        expect(distance(again.values, g.values)).toBeLessThanOrEqual(100)
      }
    }
  })
  it("N = 1 is the mean of itself four times over, in every structure, ratio <= 100", async () => {
    for (const structure of everyStructure(1)) {
      const once = await estimate(sides, sidesAt, structure, [[3]])
      const often = await estimate(sides, sidesAt, structure, [[3], [3], [3], [3]])
      expect(distance(Fisher.toDense(often), Fisher.toDense(once))).toBeLessThanOrEqual(100)
    }
  })
  it("inputs of 0 leave the biases alone with a Fisher, and it solves with damping", async () => {
    const fisher = await estimate(line, lineAt, Structure.kfac, [[0], [0], [0]])
    expect(Array.from(Fisher.toDense(fisher))).toEqual([0, 0, 0, 1])
    const g = Cotangent.make(line.network.space, [1, 1])
    const solved = Result.getOrThrow(Fisher.solve(fisher, g, Damping.absolute(1)))
    expect(distance(solved.values, [1, 0.5])).toBeLessThanOrEqual(100)
  })
  it("inputs that float32 squares to 0 or to 1e36 give finite Fishers", async () => {
    for (const size of [1e-45, 1e-38, 1e-20, 1e18]) {
      const dense = await estimate(line, lineAt, Structure.dense, [[size], [-size]])
      expect(distance(Fisher.toDense(dense), [size * size, 0, 0, 1])).toBeLessThanOrEqual(100)
    }
  })
  it("a relu that is off everywhere has a Fisher of 0, and a gradient of 0", async () => {
    const dead = Conditional.make(
      Network.sequential(1, [Network.dense(2), Network.relu, Network.dense(2)]),
      Likelihood.categorical
    )
    const off = Params.make(dead.network.space, [1, 1, -9, -9, 1, 2, 3, 4, 0, 0])
    const gradient = await run(
      given({ source: DataSource.fromArrays({ x: [[1], [2]], y: [0, 0] }) })(Conditional.gradient(dead, off))
    )
    expect(Array.from(gradient.values.subarray(0, 8), Math.abs)).toEqual(new Array(8).fill(0))
    for (const structure of everyStructure(2)) {
      const fisher = await estimate(dead, off, structure, [[1], [2]])
      expect(Array.from(Fisher.diagonal(fisher).subarray(0, 8))).toEqual(new Array(8).fill(0))
      const solved = Result.getOrThrow(Fisher.solve(fisher, gradient, Damping.absolute(1e-3)))
      expect(allFinite(solved.values)).toBe(true)
    }
  })
  it("a layer of no parameters in a density is a ShapeMismatch that names it", () => {
    const empty = () => Network.sequential(0, [Network.dense(2, { bias: false }), Network.dense(2)])
    expect(empty).toThrow(/dense\(2, no bias\) has no parameters/)
  })
})

describe("the ends of the ranges", () => {
  const last = Number.MAX_SAFE_INTEGER
  const values = async (services: Services, options: Fisher.EstimateOptions = {}) =>
    Array.from(
      Fisher.diagonal(
        await run(
          given(services)(
            Fisher.estimate(small, Conditional.init(small, { seed: 0 }), Structure.kfac, options)
          )
        )
      )
    )
  it("blocks, concurrency, rounds and passes of 2^53 - 1 change no bit, or no more than the draws", async () => {
    const due = await values({})
    expect(await values({}, { blockSize: last, concurrency: last, pass: last, round: last })).toEqual(due)
  })
  it("seeds 0, 2^32 and 2^53 - 1 draw, each the same twice, all of them different", async () => {
    const drawn = async () => {
      const made: Array<ReadonlyArray<number>> = []
      for (const seed of [0, 2 ** 32, last])
        made.push(await values({ sampler: Sampler.monteCarlo({ draws: 8, seed }) }))
      return made
    }
    const first = await drawn()
    expect(await drawn()).toEqual(first)
    expect(new Set(first.map(String)).size).toBe(3)
    const starts = [0, 2 ** 32, last].map((seed) => String(Conditional.init(small, { seed }).values))
    expect(new Set(starts).size).toBe(3)
  })
})
