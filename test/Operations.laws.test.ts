/**
 * Every operation of every structure against the same thing done on its own matrix, in float64.
 *
 * Networks are 3-4-3-3 (P = 43) at N = 7 examples in blocks of 3, 3 and 1, exact or with M = 5 draws for C = 3 outputs. Errors are in
 * units of n eps, n = P and eps = 2^-24, times the condition of what is computed; the damping is 0.1.
 */
import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { Accumulator, Cotangent, Fisher, Sampler, Structure, Tangent } from "../src/index.ts"
import { reference } from "../src/kernels/reference.ts"
import type { Case } from "./oracle/cases.ts"
import { flatten, frobenius, type Matrix, matvec, norm, trace, transpose } from "./oracle/linear.ts"
import { size } from "./oracle/network.ts"
import { generator } from "./oracle/random.ts"
import { operationErrors } from "./support/fisherLaws.ts"
import { eps32, matrixError, ratio, vectorError, worst } from "./support/measure.ts"
import {
  combined,
  covarianceError,
  determinantError,
  eigenvaluesError,
  powerError,
  residual,
  restrictErrors,
  rootError,
  scaleErrors,
  type Written,
  writtenOut
} from "./support/operationLaws.ts"
import { estimate, likelihoods, problem, runOn } from "./support/problems.ts"
import { chiSquareQuantile, correlation, z6 } from "./support/statistics.ts"
import { type Common, type Spectral, spectralOf, structuresOf } from "./support/structures.ts"
import { rows, subject } from "./support/subject.ts"

const samplers = { exact: Sampler.exact, "5 draws": Sampler.monteCarlo({ draws: 5, seed: 3 }) }
const damping = 0.1
/** With parameters, in the network that the laws run on. */
const layers = 3

/** Computed when the first test asks. */
const kept = <A>(make: () => Promise<A>): (() => Promise<A>) => {
  let made: Promise<A> | undefined
  return () => (made ??= make())
}

const nothing = { origin: undefined } as const

describe("the sum of two Fishers, of 7 and of 5 examples", () => {
  const summable: Readonly<Record<string, Structure.Structure<Common | "sum">>> = {
    dense: Structure.dense,
    blockDiagonal: Structure.blockDiagonal,
    diagonal: Structure.diagonal,
    gram: Structure.gram,
    mixed: Structure.mixed([Structure.gram, Structure.diagonal, Structure.blockDiagonal])
  }
  for (const likelihood of likelihoods) {
    const c = problem({ likelihood, activation: "tanh" })
    const other = problem({ likelihood, activation: "tanh" }, c.net, 5)
    const g = subject(c).cotangent(generator(22).normals(size(c.net)))
    for (const [name, structure] of Object.entries(summable)) {
      it(`${name}: is that of their matrices, in trace and solve too, ratio <= 1; control: 1 % more of one [${likelihood.name}]`, async () => {
        const [a, b] = [
          writtenOut(await estimate(c, structure)),
          writtenOut(await estimate(other, structure))
        ]
        const sum = Result.getOrThrow(Fisher.sum(a.fisher, b.fisher))
        const made = rows(Fisher.toDense(sum))
        const due = combined(1, a.matrix, 1, b.matrix)
        expect(matrixError(made, due, a.unit)).toBeLessThanOrEqual(1)
        expect(matrixError(made, combined(1, a.matrix, 1.01, b.matrix), a.unit)).toBeGreaterThan(1)
        expect(ratio(Math.abs(Fisher.trace(sum) - trace(due)), a.unit * trace(due))).toBeLessThanOrEqual(1)
        expect(residual({ fisher: sum, matrix: due, unit: a.unit }, g, damping)).toBeLessThanOrEqual(1)
        expect(residual({ fisher: sum, matrix: a.matrix, unit: a.unit }, g, damping)).toBeGreaterThan(1)
        expect(sum.examples).toBe(12)
      })

      it(`${name}: weighed 7/12 and 5/12 is the Fisher of all 12 examples, combined, ratio <= 1; control: 1/2 and 1/2 [${likelihood.name}]`, async () => {
        const sums = (of: Case) =>
          runOn(of)(
            Fisher.accumulate(subject(of).conditional, subject(of).params, structure, { blockSize: 3 })
          )
        const [ours, theirs] = [await sums(c), await sums(other)]
        const both = Result.getOrThrow(
          Accumulator.combine({ ...ours, ...nothing }, { ...theirs, ...nothing })
        )
        const [a, b] = [ours, theirs].map((part) => Result.getOrThrow(Accumulator.finish(part, reference)))
        const weighed = (share: number) =>
          Result.getOrThrow(
            Fisher.sum(
              Result.getOrThrow(Fisher.scale(a!, share)),
              Result.getOrThrow(Fisher.scale(b!, 1 - share))
            )
          )
        const due = Result.getOrThrow(Accumulator.finish(both, reference))
        const error = (share: number) =>
          vectorError(Fisher.toDense(weighed(share)), Fisher.toDense(due), size(c.net) * eps32)
        expect(error(7 / 12)).toBeLessThanOrEqual(1)
        expect(error(1 / 2)).toBeGreaterThan(1)
        expect(due.examples).toBe(12)
      })
    }
  }
})

describe("draws from N(0, (F + damping)^-1)", () => {
  const c = problem({ likelihood: likelihoods[0]!, activation: "tanh" })
  const draw = <Op extends Structure.Operation>(
    fisher: Fisher.Fisher<string, Op | "sample">,
    options: Omit<typeof Fisher.SampleOptions.Type, "damping">
  ) => Result.getOrThrow(Fisher.sample(fisher, { damping, ...options })).values

  for (const [name, structure] of Object.entries(structuresOf(layers))) {
    it(`${name}: have the same bits for the same seed and draw, whose numbers begin at 0; control: another of either`, async () => {
      const [fisher, again] = [await estimate(c, structure), await estimate(c, structure)]
      const drawn = draw(fisher, { seed: 7, draw: 2 })
      expect(draw(again, { seed: 7, draw: 2 })).toEqual(drawn)
      expect(draw(fisher, { seed: 7 })).toEqual(draw(fisher, { seed: 7, draw: 0 }))
      const others = [
        draw(fisher, { seed: 7, draw: 3 }),
        draw(fisher, { seed: 8, draw: 2 }),
        draw(fisher, { seed: 2, draw: 7 })
      ]
      for (const other of others) expect(other).not.toEqual(drawn)
    })
  }

  /** 1,000 draws turned to what should be standard normal: (F + damping)^1/2 times each. */
  const whitened = async (seedOf: (d: number) => number, drawOf: (d: number) => number, root = 0.5) => {
    const { fisher, values, vectors } = writtenOut(await estimate(c, Structure.dense))
    const turn = transpose(vectors)
    return Array.from({ length: 1000 }, (_, d) => {
      const along = matvec(turn, draw(fisher, { seed: seedOf(d), draw: drawOf(d) }))
      return along.map((entry, k) => entry * (values[k]! + damping) ** root)
    })
  }
  const zero = () => 0
  const number = (d: number) => d

  it("1,000 of them have this covariance, chi-square within its quantiles at 10^-6; control: that of (F + damping)^-0.98", async () => {
    const P = size(c.net)
    const squares = (z: Matrix) => flatten(z).reduce((sum, value) => sum + value * value, 0)
    const crossed = (z: Matrix) => {
      let sum = 0
      for (let i = 0; i < P; i++) {
        for (let j = 0; j < i; j++)
          sum += z.reduce((total, row) => total + row[i]! * row[j]!, 0) ** 2 / z.length
      }
      return sum
    }
    const within = (statistic: number, degrees: number) =>
      statistic > chiSquareQuantile(degrees, -z6) && statistic < chiSquareQuantile(degrees, z6)
    for (const [seedOf, drawOf] of [
      [zero, number],
      [number, zero]
    ] as const) {
      const z = await whitened(seedOf, drawOf)
      expect(within(squares(z), 1000 * P)).toBe(true)
      expect(within(crossed(z), (P * (P - 1)) / 2)).toBe(true)
    }
    expect(within(squares(await whitened(zero, number, 0.49)), 1000 * P)).toBe(false)
  })

  it("those of consecutive numbers, and of consecutive seeds, are uncorrelated to 10^-6; control: of one number and one seed", async () => {
    const [byDraw, bySeed] = [await whitened(zero, number), await whitened(number, zero)]
    const next = (z: Matrix) => correlation(flatten(z.slice(1)), flatten(z.slice(0, -1)))
    expect(Math.abs(next(byDraw))).toBeLessThan(z6)
    expect(Math.abs(next(bySeed))).toBeLessThan(z6)
    expect(Math.abs(correlation(flatten(byDraw.slice(1)), flatten(bySeed.slice(1))))).toBeLessThan(z6)
    expect(Math.abs(next(await whitened(zero, (d) => d >> 1)))).toBeGreaterThan(z6)
    expect(Math.abs(next(await whitened((d) => d >> 1, zero)))).toBeGreaterThan(z6)
  })
})

for (const likelihood of likelihoods) {
  const c = problem({ likelihood, activation: "tanh" })
  const of = subject(c)
  const v = of.tangent(generator(21).normals(size(c.net)))
  const g = of.cotangent(generator(22).normals(size(c.net)))

  for (const [samplerName, sampler] of Object.entries(samplers)) {
    describe(`${likelihood.name}, ${samplerName}`, () => {
      for (const [name, structure] of Object.entries(structuresOf(layers))) {
        const made = kept(
          async (): Promise<Written<Common>> => writtenOut(await estimate(c, structure, sampler))
        )

        it(`${name}: product, form, trace, norm and diagonal are its matrix's, ratio <= 1; control: 1 % more`, async () => {
          const { fisher } = await made()
          expect(worst(operationErrors(fisher, 1))).toBeLessThanOrEqual(1)
          expect(Math.min(...operationErrors(fisher, 1.01))).toBeGreaterThan(1)
        })

        it(`${name}: the solve's residual has a ratio <= 1; control: 1 % more damping`, async () => {
          expect(residual(await made(), g, damping)).toBeLessThanOrEqual(1)
          expect(residual(await made(), g, damping, 1.01)).toBeGreaterThan(1)
        })

        it(`${name}: noise e_i is drawn to columns R with R R^T = (F + damping)^-1, ratio <= 1; control: 1 % more damping`, async () => {
          expect(covarianceError(await made(), damping)).toBeLessThanOrEqual(1)
          expect(covarianceError(await made(), damping, 1.01)).toBeGreaterThan(1)
        })

        it(`${name}: the log-determinant is the sum of its matrix's logarithms, ratio <= 1; control: 1 % more damping`, async () => {
          expect(determinantError(await made(), damping)).toBeLessThanOrEqual(1)
          expect(determinantError(await made(), damping, 1.01)).toBeGreaterThan(1)
        })

        it(`${name}: 2.5 F is 2.5 times its matrix, in trace and solve too, ratio <= 1; control: 2.55 F`, async () => {
          expect(worst(scaleErrors(await made(), g, 2.5))).toBeLessThanOrEqual(1)
          expect(Math.min(...scaleErrors(await made(), g, 2.5, 2.55))).toBeGreaterThan(1)
        })

        it(`${name}: each layer's part is those rows and columns, in every operation, ratio <= 1; control: one parameter off`, async () => {
          const last = layers - 1
          for (let index = 0; index <= last; index++) {
            expect(worst(restrictErrors(await made(), v, g, index))).toBeLessThanOrEqual(1)
            const off = restrictErrors(await made(), v, g, index, index === last ? -1 : 1)
            // A trace and a determinant may be alike.
            expect(Math.min(...off.slice(0, 3), ...off.slice(4, 7))).toBeGreaterThan(1)
          }
        })
      }

      for (const [name, structure] of Object.entries(spectralOf(layers))) {
        const made = kept(
          async (): Promise<Written<Spectral>> => writtenOut(await estimate(c, structure, sampler))
        )

        it(`${name}: powers 2 to -1 of F + damping, and 2, 1, 0 of F, are its matrix's, ratio <= 1; control: 0.01 off`, async () => {
          const each = [
            ...[2, 1, 0.5, 0, -0.3, -0.5, -1].map((exponent) => ({ exponent, damping })),
            ...[2, 1, 0].map((exponent) => ({ exponent, damping: 0 }))
          ]
          for (const options of each) {
            expect(powerError(await made(), v, options)).toBeLessThanOrEqual(1)
            expect(powerError(await made(), v, options, 0.01)).toBeGreaterThan(1)
          }
        })

        it(`${name}: the square root twice is F, and F + damping, ratio <= 1; control: exponent 0.49`, async () => {
          for (const value of [0, damping]) {
            expect(rootError(await made(), v, value)).toBeLessThanOrEqual(1)
            expect(rootError(await made(), v, value, 0.49)).toBeGreaterThan(1)
          }
        })

        it(`${name}: the eigenvalues are its matrix's, ascending, not below 0, ratio <= 1; control: descending`, async () => {
          const of = await made()
          const values = Result.getOrThrow(Fisher.eigenvalues(of.fisher))
          expect(values).toEqual(values.slice().sort())
          expect(values[0]).toBeGreaterThanOrEqual(0)
          expect(eigenvaluesError(of)).toBeLessThanOrEqual(1)
          expect(eigenvaluesError(of, of.values.slice().reverse())).toBeGreaterThan(1)
        })

        it(`${name}: the spectral norm is the largest of them, the trace their sum, ratio <= 1; control: the Frobenius norm, all but the largest`, async () => {
          const { fisher, matrix, unit, values } = await made()
          const largest = Result.getOrThrow(Fisher.spectralNorm(fisher))
          const due = values.at(-1)!
          expect(ratio(Math.abs(largest - due), unit * due)).toBeLessThanOrEqual(1)
          expect(ratio(Math.abs(frobenius(matrix) - due), unit * due)).toBeGreaterThan(1)
          const sum = Result.getOrThrow(Fisher.eigenvalues(fisher)).reduce((a, b) => a + b, 0)
          const scale = unit * Math.sqrt(values.length) * norm(values)
          expect(ratio(Math.abs(Fisher.trace(fisher) - sum), scale)).toBeLessThanOrEqual(1)
          expect(ratio(Math.abs(trace(matrix) - (sum - largest)), scale)).toBeGreaterThan(1)
        })
      }
    })
  }

  describe(`a vector's part of a layer, ${likelihood.name}`, () => {
    it("is its own numbers there, of the layer's own space; control: the next layer's", () => {
      for (const [index, { columns, offset, rows }] of of.conditional.network.space.blocks.entries()) {
        for (const part of [Tangent.restrict(v, index), Cotangent.restrict(g, index)]) {
          const whole = part._tag === "Tangent" ? v.values : g.values
          expect(part.values).toEqual(whole.slice(offset, offset + rows * columns))
          expect(part.values).not.toEqual(whole.slice(offset + 1, offset + 1 + rows * columns))
          expect(part.space.signature).toBe(`${v.space.signature}, block ${index}`)
          expect(part.space.size).toBe(rows * columns)
        }
      }
    })
  })
}
