/**
 * `Fisher.compare` against its definition in float64, over pairs of structures.
 *
 * The network is 2-3-2 (P = 17) at N = 40 examples, where the Fisher of a Gaussian or of Bernoulli outputs is regular, and at N = 5,
 * where it is not. eps is 2^-24.
 */
import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { Fisher, Sampler, Structure } from "../src/index.ts"
import { mlp } from "./oracle/cases.ts"
import { addScaled, dot, eigenvalues, flatten, frobenius, type Matrix, scale } from "./oracle/linear.ts"
import { size } from "./oracle/network.ts"
import { eps32, ratio } from "./support/measure.ts"
import { estimate, likelihoods, problem } from "./support/problems.ts"
import { spectralOf } from "./support/structures.ts"
import { rows } from "./support/subject.ts"

const net = mlp(2, [3, 2], "tanh")
const n = size(net)
const unit = n * eps32
const [categorical, bernoulli, gaussian] = likelihoods as [
  (typeof likelihoods)[0],
  (typeof likelihoods)[0],
  (typeof likelihoods)[0]
]
type Comparable = Fisher.Fisher<string, "toDense" | "eigenvalues" | "scale">

const compare = (a: Comparable, b: Comparable) => Result.getOrThrow(Fisher.compare(a, b))
const matrixOf = (fisher: Comparable) => rows(Fisher.toDense(fisher))
const off = (ours: number, due: number, by = unit) => ratio(Math.abs(ours - due), by)

/** What the words mean, of A compared with B. */
const defined = (a: Matrix, b: Matrix) => {
  const inner = dot(flatten(a), flatten(b))
  const factor = inner / frobenius(a) ** 2
  const away = (c: number) => frobenius(addScaled(scale(c, a), -1, b)) / frobenius(b)
  return {
    relativeError: away(1),
    cosine: inner / (frobenius(a) * frobenius(b)),
    scale: factor,
    scaledError: away(factor)
  }
}

for (const likelihood of [bernoulli, gaussian]) {
  const c = problem({ likelihood, activation: "tanh" }, net, 40)
  for (const [name, structure] of Object.entries(spectralOf(2))) {
    describe(`${name}, ${likelihood.name}`, () => {
      it("against dense: error, cosine, best factor and its error are those of their matrices, ratio <= 1; control: the two swapped", async () => {
        const draws = Sampler.monteCarlo({ draws: 3, seed: 2 })
        const [ours, dense] = [await estimate(c, structure, draws), await estimate(c, Structure.dense)]
        const [a, b] = [matrixOf(ours), matrixOf(dense)]
        const made = compare(ours, dense)
        const errors = (due: ReturnType<typeof defined>) => [
          off(made.relativeError, due.relativeError),
          off(made.scale, due.scale, unit * due.scale),
          off(made.scaledError, due.scaledError)
        ]
        expect(
          Math.max(...errors(defined(a, b)), off(made.cosine, defined(a, b).cosine))
        ).toBeLessThanOrEqual(1)
        const swapped = errors(defined(b, a))
        expect(Math.min(swapped[0]!, swapped[1]!)).toBeGreaterThan(1)
        // The best factor leaves the sine of the angle, whichever is compared with the other.
        expect(off(made.scaledError ** 2, 1 - made.cosine ** 2, 10 * unit)).toBeLessThanOrEqual(1)
        expect(made.scaledError).toBeLessThanOrEqual(made.relativeError)
      })

      it("with itself: error 0, cosine 1, factor 1, to the bit", async () => {
        const fisher = await estimate(c, structure)
        const { conditions, ...rest } = compare(fisher, fisher)
        expect(rest).toEqual({ relativeError: 0, cosine: 1, scale: 1, scaledError: 0 })
        expect(conditions[0]).toBe(conditions[1])
      })

      it("2.5 F with F: error 1.5, cosine 1, factor 0.4, its error 0, ratio <= 1; F with 2.5 F: 0.6 and 2.5; control: each for the other", async () => {
        const fisher = await estimate(c, structure)
        const more = Result.getOrThrow(Fisher.scale(fisher, 2.5))
        for (const [made, error, factor] of [
          [compare(more, fisher), 1.5, 0.4],
          [compare(fisher, more), 0.6, 2.5]
        ] as const) {
          expect(off(made.relativeError, error)).toBeLessThanOrEqual(1)
          expect(off(made.scale, factor)).toBeLessThanOrEqual(1)
          expect(off(made.cosine, 1)).toBeLessThanOrEqual(1)
          expect(off(made.scaledError, 0)).toBeLessThanOrEqual(1)
          expect(off(made.relativeError, error === 1.5 ? 0.6 : 1.5)).toBeGreaterThan(1)
          expect(off(made.scale, 1 / factor)).toBeGreaterThan(1)
        }
      })

      it("data last is data first", async () => {
        const [a, b] = [await estimate(c, structure), await estimate(c, Structure.dense)]
        expect(Result.getOrThrow(Fisher.compare(b)(a as Comparable))).toEqual(compare(a, b))
      })
    })
  }

  it(`the conditions are those of the eigenvalues, ratio <= condition; control: that of the other [${likelihood.name}]`, async () => {
    for (const structure of [Structure.dense, Structure.kfac, Structure.ekfac] as const) {
      const [a, b] = [await estimate<Ops>(c, structure), await estimate<Ops>(c, Structure.diagonal)]
      const [first, second] = compare(a, b).conditions
      const due = [a, b].map((fisher) => {
        const values = eigenvalues(matrixOf(fisher))
        return values.at(-1)! / values[0]!
      })
      expect(off(first, due[0]!, unit * due[0]! ** 2)).toBeLessThanOrEqual(1)
      expect(off(second, due[1]!, unit * due[1]! ** 2)).toBeLessThanOrEqual(1)
      expect(off(second, due[0]!, unit * due[1]! ** 2)).toBeGreaterThan(1)
    }
  })
}

type Ops = "toDense" | "eigenvalues" | "scale"

describe("a singular Fisher", () => {
  const few = problem({ likelihood: gaussian, activation: "tanh" }, net, 5)
  const softmax = problem({ likelihood: categorical, activation: "tanh" }, net, 40)
  const many = problem({ likelihood: gaussian, activation: "tanh" }, net, 40)

  it("has an infinite condition: 10 rows for 17 parameters, or a softmax; control: 80 rows, or a damping's worth of identity", async () => {
    for (const [c, structure, singular] of [
      [few, Structure.dense, true],
      [few, Structure.gram, true],
      [softmax, Structure.dense, true],
      [softmax, Structure.kfac, true],
      [softmax, Structure.ekfac, true],
      [many, Structure.dense, false],
      [many, Structure.gram, false],
      [many, Structure.kfac, false],
      [softmax, Structure.diagonal, false]
    ] as const) {
      const fisher = await estimate<Ops>(c, structure)
      const [first, second] = compare(fisher, fisher).conditions
      expect(Number.isFinite(first)).toBe(!singular)
      expect(second).toBe(first)
    }
  })

  it("of 0 has cosine 0 and factor 0; its error is 1 as A, infinite as B, and 0 as both", async () => {
    const fisher = await estimate<Ops>(many, Structure.kfac)
    const zero = Result.getOrThrow(Fisher.scale(fisher, 0))
    const { conditions, ...rest } = compare(zero, fisher)
    expect(rest).toEqual({ relativeError: 1, cosine: 0, scale: 0, scaledError: 1 })
    expect(conditions[0]).toBe(Number.POSITIVE_INFINITY)
    const against = compare(fisher, zero)
    expect([against.relativeError, against.cosine, against.scale, against.scaledError]).toEqual([
      Number.POSITIVE_INFINITY,
      0,
      0,
      0
    ])
    const both = compare(zero, zero)
    expect([both.relativeError, both.cosine, both.scale, both.scaledError]).toEqual([0, 0, 0, 0])
  })
})

it("K-FAC of one example is its Fisher within layers: cosine 1 against blockDiagonal, ratio <= 10; control: of 40", async () => {
  const draws = Sampler.monteCarlo({ draws: 3, seed: 2 })
  const cosine = async (examples: number) => {
    const c = problem({ likelihood: gaussian, activation: "tanh" }, net, examples)
    const [a, b] = [
      await estimate(c, Structure.kfac, draws),
      await estimate(c, Structure.blockDiagonal, draws)
    ]
    return compare(a, b).cosine
  }
  expect(off(await cosine(1), 1)).toBeLessThanOrEqual(10)
  expect(off(await cosine(40), 1)).toBeGreaterThan(10)
})
