/** The kernels of the wasm device that replace tfjs's: against those, on ragged shapes. */
import * as tf from "@tensorflow/tfjs"
import { Effect } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import { Device } from "../src/index.ts"
import { wasmBackend } from "../src/tensor/internal/wasm.ts"
import { eps32, randomArray } from "./support/ratio.ts"

beforeAll(() =>
  Effect.runPromise(Device.use(() => Effect.void).pipe(Effect.provide(Device.wasm), Effect.scoped))
)

/** The same program on tfjs's backend and on ours. */
const both = async (
  make: () => tf.Tensor
): Promise<ReadonlyArray<{ shape: ReadonlyArray<number>; values: Float32Array }>> => {
  const found = tf.getBackend()
  const results = []
  for (const backend of ["wasm", wasmBackend]) {
    await tf.setBackend(backend)
    const before = tf.memory().numTensors
    const { shape, values } = tf.tidy(() => {
      const out = make()
      return { shape: out.shape, values: Float32Array.from(out.dataSync()) }
    })
    expect(tf.memory().numTensors).toBe(before)
    results.push({ shape, values })
  }
  await tf.setBackend(found)
  return results
}

const sameBits = (x: Float32Array, y: Float32Array): boolean =>
  x.length === y.length && x.every((value, i) => Object.is(value, y[i]))

const filled = (shape: ReadonlyArray<number>, scale = 1): Float32Array =>
  Float32Array.from(
    randomArray(
      shape.reduce((p, s) => p * s, 1),
      shape.length
    ),
    (value) => scale * value
  )

/** The largest difference in units of the last place of the first. */
const places = (x: Float32Array, y: Float32Array): number =>
  Math.max(
    0,
    ...Array.from(x, (value, i) => {
      const off = Math.abs(value - y[i]!)
      return Number.isNaN(off)
        ? Number.POSITIVE_INFINITY
        : off === 0
          ? 0
          : off / (2 * eps32 * Math.abs(value))
    })
  )

describe("tanh", () => {
  const inputs = [
    ...[1e-40, 1e-20, 1e-6, 1e-3, 0.1, 0.17, 0.35, 0.5, 1, 3, 9, 20, 100, 3e38].flatMap((x) => [x, -x]),
    ...randomArray(1001, 3).map((x) => 10 * x)
  ]

  it("is tfjs's to 4 units of the last place, at 1,029 numbers of every size; control: the quotient of exponentials", async () => {
    const [shipped, own] = await both(() => tf.tanh(inputs))
    expect(places(shipped!.values, own!.values)).toBeLessThanOrEqual(4)
    const naive = Float32Array.from(inputs, (x) => {
      const e = Math.fround(Math.exp(2 * Math.min(x, 20)))
      return Math.fround(Math.fround(e - 1) / Math.fround(e + 1))
    })
    expect(places(shipped!.values, naive)).toBeGreaterThan(4)
  })

  it("gives 0, -0, infinity and NaN theirs, and the same bits wherever in an array a number is", async () => {
    const [, own] = await both(() => tf.tanh([0, -0, Infinity, -Infinity, Number.NaN]))
    expect(Array.from(own!.values)).toEqual([0, -0, 1, -1, Number.NaN])
    const [, alone] = await both(() => tf.tanh([0.3]))
    const [, among] = await both(() => tf.tanh([5, 1, 0.3, 2, 0.3, 0.3, 0.3]))
    for (const i of [2, 4, 5, 6]) expect(among!.values[i]).toBe(alone!.values[0])
  })
})

describe("sums", () => {
  for (const [shape, axis] of [
    [[7, 5], 0],
    [[300, 37], 0],
    [[5, 16], -2],
    [
      [3, 4, 21],
      [0, 1]
    ],
    [[3, 4, 21], 1],
    [[3, 0, 5], 1],
    [[0, 5], 0],
    [
      [3, 4, 5],
      [0, 2]
    ],
    [[6, 7], 1],
    [
      [6, 7],
      [0, 1]
    ]
  ] as const) {
    for (const keepDims of [false, true]) {
      it(`over ${axis} of ${shape.join(" x ")}, keepDims ${keepDims}: tfjs's to n eps of the sizes`, async () => {
        const x = filled(shape)
        const sum = (values: Float32Array) => () =>
          tf.sum(tf.tensor(values, [...shape]), axis as number | Array<number>, keepDims)
        const [shipped, own] = await both(sum(x))
        const [sizes] = await both(sum(x.map(Math.abs)))
        expect(own!.shape).toEqual(shipped!.shape)
        const empty = shape.some((side) => side === 0)
        own!.values.forEach((value, i) => {
          const due = empty ? 0 : shipped!.values[i]!
          expect(Math.abs(value - due)).toBeLessThanOrEqual(empty ? 0 : x.length * eps32 * sizes!.values[i]!)
        })
        // The control: without the last row.
        if (empty) return
        const [, short] = await both(sum(x.map((value, i) => (i < x.length - 1 ? value : 0))))
        expect(sameBits(short!.values, own!.values)).toBe(false)
      })
    }
  }
})

describe("transposes", () => {
  for (const [shape, perm] of [
    [
      [5, 7],
      [1, 0]
    ],
    [
      [64, 33],
      [1, 0]
    ],
    [
      [1, 9],
      [1, 0]
    ],
    [
      [3, 5, 6],
      [0, 2, 1]
    ],
    [
      [3, 5, 6],
      [1, 2, 0]
    ],
    [
      [3, 5, 6],
      [2, 0, 1]
    ],
    [
      [3, 5, 6],
      [2, 1, 0]
    ],
    [
      [3, 5, 6],
      [1, 0, 2]
    ],
    [
      [2, 3, 4, 5],
      [0, 2, 3, 1]
    ],
    [
      [2, 3, 4, 5],
      [0, 3, 1, 2]
    ],
    [
      [2, 3, 4, 5],
      [1, 0, 3, 2]
    ],
    [
      [4, 5],
      [0, 1]
    ],
    [
      [0, 5],
      [1, 0]
    ]
  ] as const) {
    it(`${shape.join(" x ")} by ${perm.join(" ")}: tfjs's, bit for bit, of float32 and of int32; control: as it lies`, async () => {
      for (const dtype of ["float32", "int32"] as const) {
        const x = filled(shape, 1000)
        const [shipped, own] = await both(() => tf.transpose(tf.tensor(x, [...shape], dtype), [...perm]))
        expect(own!.shape).toEqual(shipped!.shape)
        expect(sameBits(own!.values, shipped!.values)).toBe(true)
        const moves = perm.some((axis, i) => axis !== i) && Math.min(...shape) > 1
        const [, lying] = await both(() => tf.tensor(x, [...shape], dtype))
        expect(sameBits(own!.values, lying!.values)).toBe(!moves)
      }
    })
  }
})

it("a product of int32 is refused, not computed from its bits", async () => {
  const found = tf.getBackend()
  await tf.setBackend(wasmBackend)
  const x = tf.ones([2, 2], "int32")
  expect(() => tf.matMul(x, x)).toThrow("int32")
  x.dispose()
  await tf.setBackend(found)
})
