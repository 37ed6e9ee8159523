/** Errors in cases that can be said beforehand: quantiles, numbers of groups, a form that one example makes alone. */
import { Effect, Layer, Result } from "effect"
import { describe, expect, it } from "vitest"
import {
  Conditional,
  DataSource,
  Device,
  Fisher,
  Likelihood,
  Network,
  Params,
  Sampler,
  Structure,
  Tangent
} from "../src/index.ts"
import { eps32, ratio } from "./support/measure.ts"
import { params, small } from "./support/small.ts"

describe("Fisher.interval", () => {
  const deviation = (degreesOfFreedom: number): Fisher.Deviation => ({
    value: 0,
    bias: 0,
    standardError: 1,
    degreesOfFreedom
  })
  it("has the published quantiles of Student's t, 1e-12; control: those of one degree more", () => {
    // Abramowitz and Stegun 1964, table 26.10, with more digits.
    const table = [
      [0.95, 1, 12.7062047361747],
      [0.95, 2, 4.30265272974946],
      [0.95, 7, 2.36462425159278],
      [0.95, 10, 2.22813885198627],
      [0.99, 5, 4.03214298355523],
      [0.95, 30, 2.04227245630124],
      [0.95, 100, 1.98397151852355]
    ] as const
    for (const [level, degrees, t] of table) {
      const half = (degrees: number) => Result.getOrThrow(Fisher.interval(deviation(degrees), level))[1]
      expect(Math.abs(half(degrees) / t - 1)).toBeLessThanOrEqual(1e-12)
      expect(Math.abs(half(degrees + 1) / t - 1)).toBeGreaterThan(1e-12)
    }
  })
  it("lies around value - bias, and takes its level last too", () => {
    const given = { value: 3, bias: 0.5, standardError: 2, degreesOfFreedom: 10 }
    const [low, high] = Result.getOrThrow(Fisher.interval(0.95)(given))
    expect([low, high]).toEqual(Result.getOrThrow(Fisher.interval(given, 0.95)))
    expect((low + high) / 2).toBeCloseTo(2.5, 12)
    expect((high - low) / 4).toBeCloseTo(2.22813885198627, 12)
  })
})

describe("the groups", () => {
  const many = DataSource.fromArrays({ x: Array.from({ length: 1000 }, (_, n) => [n, 1, -n]) })
  const errors = (more: object) =>
    Fisher.estimateWithErrors(small, params, Structure.diagonal, more).pipe(
      Effect.provide(Layer.mergeAll(many, Sampler.exact, Device.wasm)),
      Effect.map((made) => made.errors),
      Effect.runPromise
    )
  /** With one degree of freedom less than groups of these sizes are worth. */
  const due = (sizes: ReadonlyArray<number>) =>
    1 / sizes.reduce((sum, size) => sum + (size / 1000) ** 2, 0) - 1

  it("are about 32 unless said; control: what was asked for", async () => {
    // Blocks of 256, 256, 256 and 232 examples: 8 groups each.
    const { groups, trace } = await errors({})
    expect(groups).toBe(32)
    expect(trace.total.degreesOfFreedom).toBeCloseTo(due([...Array(24).fill(32), ...Array(8).fill(29)]), 9)
    expect((await errors({ groupSize: 4 })).groups).toBe(250)
  })
  it("are whole blocks where they are no part of one, the last one what is left", async () => {
    const { groups, trace } = await errors({ blockSize: 30, groupSize: 100 })
    expect(groups).toBe(12)
    expect(trace.total.degreesOfFreedom).toBeCloseTo(due([...Array(11).fill(90), 10]), 9)
  })
})

describe("a unit that is active for one example alone", () => {
  // relu(20 x - 10) is 0 but at x = 1. N = 15, and only example 5 has it.
  const conditional = Conditional.make(
    Network.sequential(1, [Network.dense(1), Network.relu, Network.dense(2)]),
    Likelihood.gaussian({ variance: 1 })
  )
  const { space } = conditional.network
  const own = Params.make(space, [20, -10, 1, 2, 0, 0])
  const kernel = Tangent.make(space, [1, 0, 0, 0, 0, 0])
  const x = Array.from({ length: 15 }, (_, n) => [n === 5 ? 1 : -n])
  const errors = (structure: Structure.Structure<Fisher.Measured>) =>
    Fisher.estimateWithErrors(conditional, own, structure, { along: [kernel] }).pipe(
      Effect.provide(
        Layer.mergeAll(DataSource.fromArrays({ x }), Sampler.monteCarlo({ draws: 5, seed: 0 }), Device.cpu)
      ),
      Effect.map((made) => made.errors),
      Effect.runPromise
    )
  const { blockDiagonal, dense, diagonal, quasiDiagonal } = Structure
  for (const structure of [dense, blockDiagonal, diagonal, quasiDiagonal]) {
    it(`${structure.name}: v^T F v of its weight, which without that example is 0, has an error as large as itself, ratio <= 10; control: the trace`, async () => {
      const { forms, trace } = await errors(structure)
      const off = ({ total, value }: Fisher.Uncertain): number =>
        ratio(Math.abs(total.standardError - value), 15 * eps32 * value)
      expect(off(forms[0]!)).toBeLessThanOrEqual(10)
      expect(off(trace)).toBeGreaterThan(10)
    })
  }
})
