/**
 * Attention by itself: which positions are seen, scores that are large, rows that see nothing, and products of many columns of many
 * examples, which go matrix by matrix and part by part.
 */
import * as tf from "@tensorflow/tfjs"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { Device } from "../src/index.ts"
import { products } from "../src/model/internal/products.ts"
import { type AttentionSizes, attention } from "../src/model/layers/attention.ts"
import { generator } from "./oracle/random.ts"
import { dyadic, eps32, vectorError } from "./support/measure.ts"
import { devices, runWith } from "./support/subject.ts"

type Values = Record<string, Float32Array>

/** The values of some tensors that a program makes. */
const computed = (
  device: (typeof devices)[string],
  program: () => Record<string, tf.Tensor>
): Promise<Values> =>
  runWith(device)(
    Effect.scoped(
      Device.use((on) =>
        Effect.gen(function* () {
          const made = yield* on.compute("test", (keep) => {
            const tensors = program()
            for (const tensor of Object.values(tensors)) keep(tensor)
            return tensors
          })
          const values = yield* on.read("test", Object.values(made))
          return Object.fromEntries(Object.keys(made).map((name, i) => [name, values[i]!]))
        })
      )
    )
  )

const numbers = (seed: number, count: number, scale = 1): Float32Array =>
  Float32Array.from(dyadic(generator(seed).normals(count), 8), (value) => scale * value)

interface Given {
  readonly sizes: AttentionSizes
  readonly inputs: ReadonlyArray<Float32Array>
  readonly examples: number
  readonly mask?: ReadonlyArray<number>
  readonly cotangents?: { readonly columns: number; readonly values: Float32Array }
}

/** Output, tangent of the output for a tangent of 1 each, and the cotangents of the inputs. */
const attended =
  ({ cotangents, examples, inputs, mask, sizes }: Given) =>
  (): Record<string, tf.Tensor> => {
    const width = sizes.positions * sizes.heads * sizes.keySize
    const tensors = inputs.map((values) => tf.tensor2d(values, [examples, width]))
    const own = mask && tf.tensor2d([...mask], [examples, sizes.positions])
    const map = attention(sizes).linearize({ inputs: tensors, masks: tensors.map(() => own) })
    const pulled =
      cotangents === undefined
        ? []
        : map.pullback(tf.tensor3d(cotangents.values, [cotangents.columns, examples, width]))
    return {
      output: map.output,
      moved: map.pushforward(tensors),
      ...Object.fromEntries(pulled.map((tensor, i) => [`d${i}`, tensor]))
    }
  }

const few = { positions: 5, heads: 2, keySize: 3, causal: false }
const width = 5 * 2 * 3

/** q, k and v with position `t` of every example changed. */
const changedAt = (inputs: ReadonlyArray<Float32Array>, t: number): ReadonlyArray<Float32Array> =>
  inputs.map((values) => values.map((value, i) => (Math.floor((i % width) / 6) === t ? value + 1 : value)))
/** The positions at which two outputs differ in some example. */
const differing = (a: Float32Array, b: Float32Array): ReadonlyArray<number> => [
  ...new Set(Array.from(a.keys()).flatMap((i) => (a[i] === b[i] ? [] : [Math.floor((i % width) / 6)])))
]

for (const [name, device] of Object.entries(devices)) {
  describe(`attention on ${name}`, () => {
    const inputs = [1, 2, 3].map((seed) => numbers(seed, 4 * width))
    const at = async (given: Partial<Given>) =>
      computed(device, attended({ sizes: few, inputs, examples: 4, ...given }))

    it("where causal, a position is moved by itself and those before it alone; control: where not, all are", async () => {
      const outputs = async (causal: boolean, of: ReadonlyArray<Float32Array> = inputs) =>
        (await at({ sizes: { ...few, causal }, inputs: of }))["output"]!
      for (let t = 0; t < 5; t++) {
        const moved = changedAt(inputs, t)
        const due = Array.from({ length: 5 - t }, (_, i) => t + i)
        expect(differing(await outputs(true), await outputs(true, moved)).toSorted()).toEqual(due)
        expect(differing(await outputs(false), await outputs(false, moved)).length).toBe(5)
      }
    })

    it("a masked position moves no other, and has no cotangent; control: without the mask it does", async () => {
      const mask = Array.from({ length: 4 * 5 }, (_, i) => (i % 5 === 3 ? 0 : 1))
      const columns = 2
      const g = numbers(4, columns * 4 * width)
      const masked = g.map((value, i) => (Math.floor((i % width) / 6) === 3 ? 0 : value))
      const cotangents = { columns, values: masked }
      const one = await at({ mask, cotangents })
      const other = await at({ mask, inputs: changedAt(inputs, 3) })
      expect(differing(one["output"]!, other["output"]!)).toEqual([3])
      const [free, freed] = [await at({ cotangents }), await at({ inputs: changedAt(inputs, 3) })]
      expect(differing(free["output"]!, freed["output"]!).length).toBe(5)
      for (const d of ["d0", "d1", "d2"]) {
        const atMasked = (values: Float32Array) =>
          values.filter((value, i) => Math.floor((i % width) / 6) === 3 && value !== 0).length
        expect(atMasked(one[d]!)).toBe(0)
        if (d !== "d0") expect(atMasked(free[d]!)).toBeGreaterThan(0)
      }
    })

    it("an example without a position that counts gives 0 forwards and back, and so does causal padding before the first; control: one counts", async () => {
      const columns = 2
      const cotangents = { columns, values: numbers(4, columns * 4 * width) }
      const mask = (first: number) => Array.from({ length: 20 }, (_, i) => (i === 0 ? first : i < 5 ? 0 : 1))
      const [none, one] = [await at({ mask: mask(0), cotangents }), await at({ mask: mask(1), cotangents })]
      const ofFirst = (values: Float32Array) =>
        values.filter((value, i) => Math.floor(i / width) % 4 === 0 && value !== 0).length
      for (const values of Object.values(none)) {
        expect(ofFirst(values)).toBe(0)
        expect(values.every(Number.isFinite)).toBe(true)
      }
      expect(ofFirst(one["output"]!)).toBeGreaterThan(0)
      const late = Array.from({ length: 20 }, (_, i) => (i % 5 < 2 ? 0 : 1))
      const causal = await at({ mask: late, sizes: { ...few, causal: true }, cotangents })
      for (const values of Object.values(causal)) expect(values.every(Number.isFinite)).toBe(true)
      expect(causal["output"]!.filter((value, i) => i % width < 12 && value !== 0).length).toBe(0)
    })

    it("scores of 1e8, of 1e30 and all alike give finite weights: the value of the largest, the mean of all; control: the others'", async () => {
      for (const scale of [1e4, 1e15]) {
        const [q, k, v] = inputs
        const large: ReadonlyArray<Float32Array> = [q!.map((x) => scale * x), k!.map((x) => scale * x), v!]
        const cotangents = { columns: 1, values: numbers(4, 4 * width) }
        const made = await at({ inputs: large, cotangents })
        for (const values of Object.values(made)) expect(values.every(Number.isFinite)).toBe(true)
        const largest = (n: number, t: number, head: number, least = false) => {
          const score = (u: number) =>
            [0, 1, 2].reduce(
              (sum, i) => sum + q![n * width + t * 6 + head * 3 + i]! * k![n * width + u * 6 + head * 3 + i]!,
              0
            )
          const order = [0, 1, 2, 3, 4].toSorted((a, b) => score(b) - score(a))
          return order.at(least ? -1 : 0)!
        }
        const due = (least: boolean) =>
          Float32Array.from(v!, (_, i) => {
            const [n, t] = [Math.floor(i / width), Math.floor((i % width) / 6)]
            const [head, at] = [Math.floor((i % 6) / 3), i % 3]
            return v![n * width + largest(n, t, head, least) * 6 + head * 3 + at]!
          })
        expect(Array.from(made["output"]!)).toEqual(Array.from(due(false)))
        expect(Array.from(made["output"]!)).not.toEqual(Array.from(due(true)))
      }
      const [q, , v] = inputs
      const { output } = await at({ inputs: [q!, new Float32Array(q!.length), v!] })
      const mean = (times: number) =>
        Float64Array.from(v!, (_, i) => {
          const from = Math.floor(i / width) * width + (i % 6)
          return (times * [0, 1, 2, 3, 4].reduce((sum, u) => sum + v![from + u * 6]!, 0)) / 5
        })
      expect(vectorError(output!, mean(1), 5 * eps32)).toBeLessThanOrEqual(10)
      expect(vectorError(output!, mean(0.999), 5 * eps32)).toBeGreaterThan(10)
    })
  })
}

describe("many columns of many examples", () => {
  const sizes = { positions: 32, heads: 4, keySize: 16, causal: true }
  const all = 32 * 4 * 16
  const [examples, columns] = [60, 9]
  const inputs = [1, 2, 3].map((seed) => numbers(seed, examples * all))
  const g = numbers(4, columns * examples * all)
  const mask = Array.from({ length: examples * 32 }, (_, i) => (i % 7 === 3 ? 0 : 1))

  it("have the cotangents that each has alone, ratio <= 10; control: of another column, another example", async () => {
    const values = await computed(
      Device.wasm,
      attended({ sizes, inputs, examples, mask, cotangents: { columns, values: g } })
    )
    const alone = (k: number, n: number) =>
      computed(
        Device.wasm,
        attended({
          sizes,
          inputs: inputs.map((x) => x.subarray(n * all, (n + 1) * all)),
          examples: 1,
          mask: mask.slice(n * 32, (n + 1) * 32),
          cotangents: {
            columns: 1,
            values: g.subarray((k * examples + n) * all, (k * examples + n + 1) * all)
          }
        })
      )
    for (const [k, n] of [
      [0, 0],
      [5, 55],
      [8, 56],
      [3, 59]
    ] as const) {
      const due = await alone(k, n)
      for (const d of ["d0", "d1", "d2"]) {
        const errorAt = (column: number, example: number) => {
          const from = (column * examples + example) * all
          return vectorError(values[d]!.subarray(from, from + all), due[d]!, 32 * 16 * eps32)
        }
        expect(errorAt(k, n)).toBeLessThanOrEqual(10)
        expect(errorAt(8 - k, n)).toBeGreaterThan(10)
        expect(errorAt(k, n === 0 ? 1 : n - 1)).toBeGreaterThan(10)
      }
    }
  })
})

describe("products", () => {
  for (const [name, device] of Object.entries(devices)) {
    for (const [m, k, n] of [
      [3, 5, 4],
      [40, 33, 29]
    ] as const) {
      it(`of ${m} x ${k} by ${k} x ${n}, three of each, are those of plain loops on ${name}, ratio <= 10; control: the next matrix`, async () => {
        const [a, c] = [numbers(5, 3 * m * k), numbers(6, 3 * k * n)]
        const { product } = await computed(device, () => ({
          product: products(tf.tensor3d(a, [3, m, k]), tf.tensor3d(c, [3, k, n]))
        }))
        const due = (turn: number) =>
          Float64Array.from({ length: 3 * m * n }, (_, at) => {
            const [b, i, j] = [Math.floor(at / (m * n)), Math.floor((at % (m * n)) / n), at % n]
            let sum = 0
            for (let l = 0; l < k; l++)
              sum += a[(b * m + i) * k + l]! * c[(((b + turn) % 3) * k + l) * n + j]!
            return sum
          })
        expect(vectorError(product!, due(0), k * eps32)).toBeLessThanOrEqual(10)
        expect(vectorError(product!, due(1), k * eps32)).toBeGreaterThan(10)
      })
    }
  }
})
