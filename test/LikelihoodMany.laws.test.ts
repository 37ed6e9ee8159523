/**
 * What a likelihood gives of many examples at once is what `at` gives of each, bit for bit.
 */
import { describe, expect, it } from "@effect/vitest"
import { Key, Likelihood } from "../src/index.ts"

const [examples, columns] = [7, 3]
const key = Key.make(5)

interface Case {
  readonly likelihood: Likelihood.Likelihood
  readonly size: number
  readonly label: (row: number, c: number) => number
}

const cases: Readonly<Record<string, Case>> = {
  categorical: { likelihood: Likelihood.categorical, size: 5, label: (row) => (3 * row) % 5 },
  "categorical of 2": { likelihood: Likelihood.categorical, size: 2, label: (row) => row % 2 },
  bernoulli: { likelihood: Likelihood.bernoulli, size: 4, label: (row, c) => (row + c) % 2 },
  "gaussian of one variance": {
    likelihood: Likelihood.gaussian({ variance: 0.37 }),
    size: 3,
    label: (row, c) => 0.3 * row - c
  },
  "gaussian of variances": {
    likelihood: Likelihood.gaussian({ variances: [0.2, 3, 1e-8] }),
    size: 3,
    label: (row, c) => 0.3 * row - c
  }
}

/** Logits and means, some of them far out: `[N, C]`. */
const outputs = (size: number): Float32Array =>
  Float32Array.from(
    { length: examples * size },
    (_, i) => (i % 4 === 1 ? 60 : 4) * (Key.uniform(key, i, 0) - 0.5)
  )

const uniforms = (n: number) => {
  const own = Key.fold(key, n)
  return (draw: number, slot: number) => Key.uniform(own, draw, slot)
}

/** All that `at` gives, one example after the other. */
const eachOf = ({ label, likelihood, size }: Case, factorOf: (row: number) => number) => {
  const z = outputs(size)
  const labelSize = likelihood.labelSize(size)
  const rows = columns * examples
  const y = Float64Array.from({ length: rows * labelSize }, (_, i) =>
    label(Math.floor(i / labelSize), i % labelSize)
  )
  const of = (row: number) => y.subarray(row * labelSize, (row + 1) * labelSize)
  const scores = new Float32Array(rows * size)
  const draws = new Float64Array(rows * labelSize)
  const factors = new Float32Array(likelihood.columns(size) * examples * size)
  const logProbabilities = new Float64Array(examples)
  for (let n = 0; n < examples; n++) {
    const own = likelihood.at(z.subarray(n * size, (n + 1) * size))
    logProbabilities[n] = own.logProbability(of(n))
    const factor = own.factor()
    for (let i = 0; i < factor.length; i++) {
      factors[(Math.floor(i / size) * examples + n) * size + (i % size)] = factor[i]!
    }
    for (let k = 0; k < columns; k++) {
      const row = k * examples + n
      let slot = 0
      draws.set(
        own.sample(() => uniforms(n)(k, slot++)),
        row * labelSize
      )
      const score = own.score(of(row))
      for (let c = 0; c < size; c++) scores[row * size + c] = factorOf(row) * score[c]! || 0
    }
  }
  return { y, logProbabilities, scores, draws, factors }
}

const manyOf = ({ likelihood, size }: Case, y: Float64Array, factorOf: (row: number) => number, from = 0) => {
  const z = outputs(size)
  // The z of the examples whose numbers begin at `from`, and round.
  const turned = Float32Array.from(z, (_, i) => z[(i + from) % z.length]!)
  const many = likelihood.many!.open({ z: turned, examples, size })
  const scales = Float64Array.from({ length: columns * examples }, (_, row) => factorOf(row))
  return {
    logProbabilities: many.logProbabilities(y),
    scores: many.scores(y, scales).map((value) => value || 0),
    draws: many.draws!(columns, uniforms),
    factors: many.factors!()
  }
}

/** 0 for the rows of the last column but one, else anything. */
const factorOf = (row: number): number => (row % 5 === 2 ? 0 : Math.sqrt(0.1 * (row + 1)))

describe("many examples at once", () => {
  for (const [name, own] of Object.entries(cases)) {
    it(`${name}: log p, scores, draws and factors have the bits of those one by one; control: those at the z of the example beside have not`, () => {
      const { size } = own
      const { y, ...due } = eachOf(own, factorOf)
      expect(manyOf(own, y, factorOf)).toEqual(due)
      expect(due.scores.every(Number.isFinite)).toBe(true)
      const beside = manyOf(own, y, factorOf, size)
      expect(beside.logProbabilities).not.toEqual(due.logProbabilities)
      expect(beside.scores).not.toEqual(due.scores)
      expect(beside.draws).not.toEqual(due.draws)
    })

    it(`${name}: a copy of it with another at is not many's; control: a copy with the same at is`, () => {
      const { likelihood } = own
      const copy = { ...likelihood }
      expect(copy.many!.at).toBe(copy.at)
      const other = { ...likelihood, at: (z: ArrayLike<number>) => likelihood.at(z) }
      expect(other.many!.at).not.toBe(other.at)
    })
  }
})
