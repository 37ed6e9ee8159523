/**
 * Operations of tfjs that are wrong on its wasm backend and right on ours: convolutions over three axes, greyscale dilation, reductions of
 * nothing, and padding in numbers. The control is what tfjs ships.
 */
import * as tf from "@tensorflow/tfjs"
import { beforeAll, describe, expect, it } from "vitest"
import { wasmBackend } from "../src/tensor/internal/wasm.ts"
import { type Generator, generator } from "./oracle/random.ts"
import { madeOn, plainBackend, shippedBackend, startBackends } from "./support/backends.ts"
import { sizeOf } from "./support/pools.ts"

beforeAll(startBackends)

const shapes = 40

/** -3 to 1: every sum of products of them is exact. */
const integers = (random: Generator, shape: ReadonlyArray<number>): Float32Array =>
  Float32Array.from({ length: sizeOf(shape) }, () => random.integer(5) - 3)

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0)

type Five = [number, number, number, number, number]

describe("convolutions over three axes", () => {
  interface Problem {
    readonly image: Five
    readonly filter: Five
    readonly strides: [number, number, number]
    readonly pad: "valid" | "same"
  }

  const convolved =
    ({ filter, image, pad, strides }: Problem, x: Float32Array, w: Float32Array) =>
    (): ReadonlyArray<tf.Tensor> => {
      const f = (a: tf.Tensor, b: tf.Tensor) => tf.conv3d(a as tf.Tensor5D, b as tf.Tensor5D, strides, pad)
      const [a, b] = [tf.tensor5d(x, image), tf.tensor5d(w, filter)]
      const y = f(a, b)
      const g = tf.sub(tf.mod(tf.reshape(tf.range(0, y.size), y.shape), 5), 2)
      return [y, g, ...tf.grads((a, b) => tf.sum(tf.mul(f(a, b), g)))([a, b])]
    }

  const check = async (problem: Problem, random: Generator): Promise<boolean> => {
    const [x, w] = [integers(random, problem.image), integers(random, problem.filter)]
    const program = convolved(problem, x, w)
    const made = await madeOn(wasmBackend, program)
    expect(made, JSON.stringify(problem)).toEqual(await madeOn(plainBackend, program))
    const [y, g, dx, dw] = made.map(({ values }) => values) as [number[], number[], number[], number[]]
    expect([dot(x, dx), dot(w, dw)]).toEqual([dot(y, g), dot(y, g)])
    const shipped = await madeOn(shippedBackend, program)
    return dot(x, shipped[2]!.values) !== dot(y, g)
  }

  it(`gradients are those of the plain backend to the bit, and transposes, on ${shapes} shapes; control: what tfjs ships is no transpose`, async () => {
    const random = generator(111)
    let wrong = 0
    for (let i = 0; i < shapes; i++) {
      const some = (from: number, below: number) => from + random.integer(below - from)
      const kernel = i % 4 === 0 ? [1, 1, 1] : [some(1, 4), some(1, 4), some(1, 4)]
      const [channels, filters] = [some(1, 7), some(1, 9)]
      const image = [some(2, 4), some(3, 6), some(3, 6), some(3, 7), channels] as Five
      const filter = [...kernel, channels, filters] as Five
      const strides: [number, number, number] = [some(1, 3), some(1, 3), some(1, 3)]
      // Where steps leave pixels out, tfjs has negative padding.
      if (kernel.some((side, axis) => side < strides[axis]!)) strides.fill(1)
      const pad = i % 2 === 0 ? "same" : "valid"
      if (await check({ image, filter, strides, pad }, random)) wrong++
    }
    expect(wrong).toBeGreaterThan(shapes / 2)
  })

  it("so with so many filters that products serve, and images that go in parts; control: what tfjs ships", async () => {
    const problem = { strides: [1, 1, 1], pad: "same" } as const
    const [image, filter] = [[3, 6, 7, 8, 4] as Five, [3, 3, 3, 4, 80] as Five]
    expect(await check({ ...problem, image, filter, strides: [1, 1, 1] }, generator(112))).toBe(true)
  })
})

it(`greyscale dilation and its gradients are the plain backend's to the bit on ${shapes} shapes; control: what tfjs ships`, async () => {
  const random = generator(113)
  let wrong = 0
  for (let i = 0; i < shapes; i++) {
    const some = (from: number, below: number) => from + random.integer(below - from)
    const channels = some(1, 6)
    const image: [number, number, number, number] = [some(2, 4), some(4, 9), some(5, 8), channels]
    const sides: [number, number, number] = [some(1, 4), some(1, 3), channels]
    const [x, w] = [integers(random, image), integers(random, sides)]
    const pad = i % 2 === 0 ? "same" : "valid"
    // Apart, or in steps: tfjs takes one of both.
    const apart = i % 3 === 0
    const strides: [number, number] = apart ? [1, 1] : [2, 1]
    const dilations: [number, number] = apart ? [2, 1] : [1, 1]
    const program = () => {
      const f = (a: tf.Tensor, b: tf.Tensor) =>
        tf.dilation2d(a as tf.Tensor4D, b as tf.Tensor3D, strides, pad, dilations)
      const [a, b] = [tf.tensor4d(x, image), tf.tensor3d(w, sides)]
      const y = f(a, b)
      return [y, ...tf.grads((a, b) => tf.sum(tf.mul(f(a, b), y)))([a, b])]
    }
    const due = await madeOn(plainBackend, program)
    expect(await madeOn(wasmBackend, program)).toEqual(due)
    const shipped = await madeOn(shippedBackend, program)
    if (shipped.every(({ values }, k) => values.some((value, at) => value !== due[k]!.values[at]))) wrong++
  }
  expect(wrong).toBeGreaterThan(shapes / 2)
})

describe("reductions of nothing change nothing; control: what tfjs ships is what lay there", () => {
  const all = Number.POSITIVE_INFINITY
  const cases: ReadonlyArray<readonly [keyof typeof programs, tf.DataType, number]> = [
    ["sum", "float32", 0],
    ["sum", "int32", 0],
    ["mean", "float32", 0],
    ["prod", "float32", 1],
    ["prod", "int32", 1],
    ["max", "float32", -all],
    ["max", "int32", -(2 ** 31)],
    ["min", "float32", all],
    ["min", "int32", 2 ** 31 - 1],
    ["logSumExp", "float32", -all],
    ["any", "bool", 0],
    ["all", "bool", 1]
  ]
  const programs = {
    sum: tf.sum,
    mean: tf.mean,
    prod: tf.prod,
    max: tf.max,
    min: tf.min,
    logSumExp: tf.logSumExp,
    any: tf.any,
    all: tf.all
  }

  it.each(cases)("%s of %s is %d", async (name, dtype, value) => {
    const nothing = () => tf.cast(tf.zeros([3, 0, 5]), dtype)
    for (const [axis, keepDims, shape] of [
      [1, false, [3, 5]],
      [1, true, [3, 1, 5]],
      [[0, 1], false, [5]],
      [undefined, false, []]
    ] as const) {
      const program = () => programs[name](nothing(), axis as number, keepDims)
      const [made] = await madeOn(wasmBackend, program)
      expect(made).toEqual({
        shape: [...shape],
        dtype: made!.dtype,
        values: Array(sizeOf(shape)).fill(value)
      })
      const [shipped] = await madeOn(shippedBackend, program)
      expect(made!.dtype).toBe(shipped!.dtype)
      // A mean takes what lay there times infinity, or a sum of another kernel.
      if (sizeOf(shape) === 15) expect(shipped!.values).not.toEqual(made!.values)
    }
    // Nothing of nothing is no number at all.
    expect((await madeOn(wasmBackend, () => programs[name](nothing(), 0)))[0]).toMatchObject({
      shape: [0, 5],
      values: []
    })
    const some = () => programs[name](tf.cast(tf.tensor2d([1, 0, 1, 1, 1, 1], [2, 3]), dtype), 1)
    expect(await madeOn(wasmBackend, some)).toEqual(await madeOn(plainBackend, some))
  })
})

describe("padding in numbers, where tfjs and its kernel differ in the size of the output", () => {
  const image = () => tf.ones([2, 7, 6, 3]) as tf.Tensor4D
  const refused: Readonly<Record<string, () => tf.Tensor>> = {
    "mean pooling in steps of 2 and 1": () => tf.avgPool(image(), [3, 3], [2, 1], 1),
    "mean pooling rounded up": () => tf.avgPool(image(), 2, 2, 0, "ceil"),
    "a convolution with a kernel of 3 x 2": () => tf.conv2d(image(), tf.ones([3, 2, 3, 4]), 1, 1),
    "a depthwise convolution with one": () => tf.depthwiseConv2d(image(), tf.ones([3, 2, 3, 1]), 1, 0),
    "a fused convolution with one": () =>
      tf.fused.conv2d({ x: image(), filter: tf.ones([3, 2, 3, 4]), strides: 1, pad: 1, activation: "relu" })
  }
  it.each(Object.entries(refused))("%s is refused, and names the remedy", async (_, program) => {
    await expect(madeOn(wasmBackend, program)).rejects.toThrow("Give the padding of each side")
  })

  const taken: Readonly<Record<string, () => tf.Tensor>> = {
    "mean pooling": () => tf.avgPool(image(), 3, 2, 1),
    "a convolution": () => tf.conv2d(image(), tf.ones([3, 3, 3, 4]), 2, 1),
    "a convolution with a kernel of 3 x 2, and padding of each side": () =>
      tf.conv2d(
        image(),
        tf.ones([3, 2, 3, 4]),
        [2, 1],
        [
          [0, 0],
          [1, 0],
          [2, 1],
          [0, 0]
        ]
      )
  }
  it.each(Object.entries(taken))("%s is the plain backend's; control: tripled", async (_, program) => {
    const due = await madeOn(plainBackend, program)
    expect(await madeOn(wasmBackend, program)).toEqual(due)
    expect(await madeOn(wasmBackend, () => tf.mul(program(), 3))).not.toEqual(due)
  })
})
