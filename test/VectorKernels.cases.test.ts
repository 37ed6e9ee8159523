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

describe("functions and choices of tensors", () => {
  const shape = [3, 5, 7] as const
  const x = () => tf.tensor3d(filled(shape, 2), [...shape])
  const positive = () => tf.add(tf.abs(x()), 0.1)
  const whole = () => tf.cast(tf.round(x()), "int32")
  const row = () => tf.tensor1d([0.5, -1, 0, 2, -0.25, 1, Number.NaN])
  const column = () => tf.tensor2d([1, -1, 0, 0.5, 2], [5, 1])
  const programs: Readonly<Record<string, () => tf.Tensor>> = {
    exp: () => tf.exp(x()),
    expm1: () => tf.expm1(x()),
    log: () => tf.log(positive()),
    log1p: () => tf.log1p(positive()),
    softplus: () => tf.softplus(x()),
    erf: () => tf.erf(x()),
    "exp of int32": () => tf.exp(whole()),
    "x to the power 1": () => tf.pow(x(), 1),
    "x to the power 2": () => tf.pow(x(), 2),
    "x to the power 3": () => tf.pow(x(), 3),
    "x to the power 1.5": () => tf.pow(positive(), 1.5),
    "an int32 to the power 2": () => tf.pow(whole(), 2),
    "a number to the powers x": () => tf.pow(2, x()),
    "the larger of x and a number": () => tf.maximum(x(), 0.5),
    "the larger of a number and x": () => tf.maximum(0.5, x()),
    "the larger of x and a row": () => tf.maximum(x(), row()),
    "the smaller of a column and x": () => tf.minimum(column(), x()),
    "the smaller of x and what repeats in the middle": () =>
      tf.minimum(x(), tf.slice(x(), [0, 1, 0], [3, 1, 7])),
    "the larger of a row and a column": () => tf.maximum(row(), column()),
    "the larger of nothing": () => tf.maximum(tf.zeros([0, 7]), row()),
    "the larger of int32": () => tf.maximum(whole(), tf.scalar(1, "int32")),
    ...Object.fromEntries(
      Object.entries({
        less: tf.less,
        lessEqual: tf.lessEqual,
        greater: tf.greater,
        greaterEqual: tf.greaterEqual,
        equal: tf.equal,
        notEqual: tf.notEqual
      }).flatMap(([name, compare]) => [
        [`${name} of x and a number`, () => compare(tf.round(x()), 1)],
        [`${name} of a number and x`, () => compare(1, tf.round(x()))],
        [`${name} of x and a row`, () => compare(tf.round(x()), row())],
        [`${name} of a column and x`, () => compare(column(), tf.round(x()))],
        [`${name} of int32`, () => compare(whole(), tf.scalar(1, "int32"))]
      ])
    ),
    "where x is over 0": () => tf.where(tf.greater(x(), 0), x(), tf.neg(x())),
    "where a row says": () => tf.where(tf.greater(row(), 0), x(), 0),
    "where, of int32": () => tf.where(tf.greater(x(), 0), whole() as tf.Tensor, tf.scalar(3, "int32")),
    "the mean over leading axes": () => tf.mean(x(), [0, 1]),
    "the mean over the last axis, kept": () => tf.mean(x(), 2, true),
    "the mean over the middle axis": () => tf.mean(x(), 1),
    "the mean over axes apart": () => tf.mean(x(), [0, 2]),
    "the mean of int32": () => tf.mean(whole()),
    "the largest over the last axis": () => tf.max(x(), 2),
    "the largest over the last two axes, kept": () => tf.max(x(), [1, 2], true),
    "the largest over the first axis": () => tf.max(x(), 0),
    "the largest of int32": () => tf.max(whole(), 2)
  }
  for (const [title, program] of Object.entries(programs)) {
    it(`${title}: the shape, type and numbers of the cpu, to 32 eps; control: another operand`, async () => {
      const found = tf.getBackend()
      const made = []
      for (const backend of ["cpu", wasmBackend]) {
        await tf.setBackend(backend)
        const before = tf.memory().numTensors
        made.push(
          tf.tidy(() => {
            const out = program()
            return { shape: out.shape, dtype: out.dtype, values: Array.from(out.dataSync()) }
          })
        )
        expect(tf.memory().numTensors).toBe(before)
      }
      await tf.setBackend(found)
      const [cpu, own] = made
      expect([own!.shape, own!.dtype]).toEqual([cpu!.shape, cpu!.dtype])
      const close = (values: ReadonlyArray<number>): boolean =>
        values.every((value, i) => {
          const due = cpu!.values[i]!
          return Object.is(value, due) || Math.abs(value - due) <= 32 * eps32 * Math.max(1, Math.abs(due))
        })
      expect(close(own!.values)).toBe(true)
      if (own!.values.length > 0)
        expect(close(own!.values.map((value) => (value === 0 ? 1 : -value)))).toBe(false)
    })
  }
})

describe("sums of nothing", () => {
  const dirty = (): void => tf.dispose(tf.fill([64], 7))
  for (const [shape, axis] of [
    [[0, 5], 0],
    [[5, 0], 1],
    [[3, 0, 4], 1],
    [[0], 0]
  ] as const) {
    it(`over ${axis} of ${shape.join(" x ")}: sum and mean are 0 whatever lay there; control: of ones`, async () => {
      const found = tf.getBackend()
      await tf.setBackend(wasmBackend)
      tf.tidy(() => {
        dirty()
        for (const reduce of [tf.sum, tf.mean]) {
          const zeros = Array.from(reduce(tf.zeros([...shape]), axis).dataSync())
          expect(zeros.every((value) => value === 0)).toBe(true)
          const ones = Array.from(reduce(tf.ones(shape.map((side) => side || 1)), axis).dataSync())
          expect(ones.every((value) => value === 1)).toBe(true)
        }
      })
      await tf.setBackend(found)
    })
  }
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
