/** Powers and solves where a Fisher is singular but for rounding: dependent rows, and inputs of which one is the sum of two others. */
import { Effect, Result } from "effect"
import { describe, expect, it } from "vitest"
import {
  Conditional,
  Cotangent,
  Damping,
  DataSource,
  Device,
  Fisher,
  Likelihood,
  Network,
  Sampler,
  Structure,
  Tangent
} from "../src/index.ts"
import { eigen, type Rows, relativeError, tabulate } from "./oracle/linear.ts"
import { structures } from "./support/structures.ts"

const run = <A, E>(
  x: ReadonlyArray<ReadonlyArray<number>>,
  program: Effect.Effect<A, E, DataSource | Sampler | Device>
) =>
  Effect.runPromise(program.pipe(Effect.provide([DataSource.fromArrays({ x }), Sampler.exact, Device.wasm])))

describe("a power of the Gram Fisher of dependent rows", () => {
  const net = Conditional.make(
    Network.sequential(3, [Network.dense(5), Network.tanh, Network.dense(3)]),
    Likelihood.categorical
  )
  const { space } = net.network
  // Examples 5 to 7 are those before them once more: 6 of 16 rows are dependent.
  const own = Array.from({ length: 5 }, (_, n) => [Math.sin(n), Math.cos(n * n), Math.sin(3 * n)])
  const x = [...own, ...own.slice(0, 3)]
  const v = Tangent.make(
    space,
    Array.from({ length: space.size }, (_, i) => Math.sin(i * i + 1))
  )
  /** (B^T B + damping I)^exponent v in float64; what `null` says counts as an eigenvalue of 0. */
  const due = (
    rows: Float32Array,
    exponent: number,
    damping: number,
    isNull: (value: number, largest: number) => boolean
  ) => {
    const size = v.values.length
    const matrix: Rows = tabulate(size, size, (i, j) => {
      let sum = 0
      for (let at = 0; at < rows.length; at += size) sum += rows[at + i]! * rows[at + j]!
      return sum
    })
    const { values, vectors } = eigen(matrix)
    const largest = values[size - 1]!
    return Float64Array.from(v.values, (_, i) => {
      let sum = 0
      for (let k = 0; k < size; k++) {
        let along = 0
        for (let j = 0; j < size; j++) along += vectors[j]![k]! * v.values[j]!
        const value = isNull(values[k]!, largest) ? 0 : values[k]!
        sum += vectors[i]![k]! * along * (Math.max(0, value) + damping) ** exponent
      }
      return sum
    })
  }
  for (const damping of [1e-300, 1e-40, 1e-8, 0.1]) {
    for (const exponent of [0.01, 0.5, 3]) {
      it(`is that of its matrix to 1e-6; control: a rounding eigenvalue of 1e-7 of the largest is not 0 [damping ${damping}, exponent ${exponent}]`, async () => {
        const fisher = await run(x, Fisher.estimate(net, Conditional.init(net, { seed: 1 }), Structure.gram))
        const power = Result.getOrThrow(Fisher.power(fisher, v, { exponent, damping }))
        const rows = fisher.means[0]!
        const right = due(rows, exponent, damping, (value, largest) => value < 1e-12 * largest)
        expect(relativeError(power, right)).toBeLessThanOrEqual(1e-6)
        if (exponent > 1 || damping > 1e-8) return
        const largest = Result.getOrThrow(Fisher.spectralNorm(fisher))
        const wrong = due(rows, exponent, damping + 1e-7 * largest, () => false)
        expect(relativeError(power, wrong)).toBeGreaterThan(1e-6)
      })
    }
  }
})

describe("inputs of which one is the sum of two others", () => {
  const net = Conditional.make(
    Network.sequential(3, [Network.dense(2, { bias: false })]),
    Likelihood.gaussian({ variance: 0.5 })
  )
  const g = Cotangent.make(net.network.space, [1, -2, 3, 0.5, 1, 1])
  const x = (size: number) =>
    Array.from({ length: 300 }, (_, n) => {
      const [a, b] = [Math.sin(n), size * Math.cos(3 * n)]
      return [a, b, a + b]
    })
  for (const [name, structure] of Object.entries({
    dense: structures["dense"]!,
    blockDiagonal: structures["blockDiagonal"]!,
    gram: structures["gram"]!,
    kfac: structures["kfac"]!,
    ekfac: Structure.ekfac
  })) {
    it(`leave no solution without damping, whatever the size of one; control: with damping 1e-2, and without the sum [${name}]`, async () => {
      for (const size of [1, 0.1, 0.01, 0.001]) {
        const fisher = await run(x(size), Fisher.estimate(net, Conditional.init(net, { seed: 0 }), structure))
        const solved = Fisher.solve(fisher, g, Damping.absolute(0))
        expect(Result.isFailure(solved) && solved.failure._tag).toBe("NotPositiveDefinite")
        expect(Result.isSuccess(Fisher.solve(fisher, g, Damping.absolute(1e-2)))).toBe(true)
      }
      const independent = x(0.1).map(([a, b], n) => [a!, b!, Math.sin(7 * n)])
      const fisher = await run(
        independent,
        Fisher.estimate(net, Conditional.init(net, { seed: 0 }), structure)
      )
      expect(Result.isSuccess(Fisher.solve(fisher, g, Damping.absolute(0)))).toBe(true)
    })
  }
})
