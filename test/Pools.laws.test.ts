/**
 * Maximum pooling of tfjs on the wasm device, over two axes and three: against plain loops in float64 and tfjs's plain backend, on random
 * shapes with equal numbers and windows of negative ones. The control is the kernel that tfjs ships.
 */
import * as tf from "@tensorflow/tfjs"
import { beforeAll, describe, expect, it } from "vitest"
import { wasmBackend } from "../src/tensor/internal/wasm.ts"
import { relativeError } from "./oracle/linear.ts"
import { type Generator, generator } from "./oracle/random.ts"
import { madeOn, plainBackend, shippedBackend, startBackends } from "./support/backends.ts"
import {
  imagesOf,
  maximaOf,
  outputsOf,
  type Pool,
  placesOf,
  pooledBack,
  poolOf,
  randomPool,
  sizeOf
} from "./support/pools.ts"

beforeAll(startBackends)

const shapes = 60

/** -3 to 1: several of a window are equal, and many windows have no positive number. */
const integers = (random: Generator, n: number): Float32Array =>
  Float32Array.from({ length: n }, () => random.integer(5) - 3)

const tensor = (values: ArrayLike<number>, shape: ReadonlyArray<number>): tf.Tensor =>
  tf.tensor(Float32Array.from(values), [...shape])

const pooled = ({ image, kernel, pad, stride }: Pool, x: tf.Tensor): tf.Tensor =>
  image.length === 2
    ? tf.maxPool(x as tf.Tensor4D, [...kernel] as [number, number], [...stride] as [number, number], pad)
    : tf.maxPool3d(
        x as tf.Tensor5D,
        [...kernel] as [number, number, number],
        [...stride] as [number, number, number],
        pad
      )

const gradient = (pool: Pool, x: Float32Array, g: Float32Array) => (): tf.Tensor =>
  tf.grad((t) => tf.sum(tf.mul(pooled(pool, t), tensor(g, outputsOf(pool)))))(tensor(x, imagesOf(pool)))

/** tfjs takes the height of windows and steps for their width where the padding is a number. */
const square = ({ kernel, stride }: Pool): boolean => kernel[0] === kernel[1] && stride[0] === stride[1]

const sixty = function* (seed: number, axes: number, pads: ReadonlyArray<Pool["pad"]>) {
  const random = generator(seed)
  for (let i = 0; i < shapes; i++) {
    const pool = randomPool(random, axes, pads)
    const [x, g] = [imagesOf(pool), outputsOf(pool)].map((shape) => integers(random, sizeOf(shape))) as [
      Float32Array,
      Float32Array
    ]
    yield { pool, x, g, label: JSON.stringify(pool) }
  }
}

const words = ["valid", "same"] as const

describe.each([
  { axes: 2, last: false },
  { axes: 3, last: true }
])("over $axes axes", ({ axes, last }) => {
  it(`the gradient is that of plain loops, to the bit, on ${shapes} shapes; control: that which tfjs ships`, async () => {
    let wrong = 0
    for (const { g, label, pool, x } of sixty(61 + axes, axes, words)) {
      const due = Array.from(pooledBack(pool, x, g, last))
      const [made] = await madeOn(wasmBackend, gradient(pool, x, g))
      expect(made, label).toEqual({ shape: imagesOf(pool), dtype: "float32", values: due })
      const [shipped] = await madeOn(shippedBackend, gradient(pool, x, g))
      if (shipped!.values.some((value, i) => value !== due[i])) wrong++
    }
    expect(wrong).toBeGreaterThan(shapes / 2)
  })

  it(`it is that of tfjs's plain backend, to the bit, on ${shapes} shapes; control: another of equal numbers`, async () => {
    let wrong = 0
    for (const { g, label, pool, x } of sixty(71 + axes, axes, words)) {
      // Over three axes the plain backend takes the height of a window for its width.
      if (axes === 3 && pool.kernel[1] !== pool.kernel[2]) continue
      const [due] = await madeOn(plainBackend, gradient(pool, x, g))
      expect((await madeOn(wasmBackend, gradient(pool, x, g)))[0], label).toEqual(due)
      if (pooledBack(pool, x, g, !last).some((value, i) => value !== due!.values[i])) wrong++
    }
    expect(wrong).toBeGreaterThan(5)
  })

  it(`the maxima are those of plain loops, to the bit, on ${shapes} shapes; control: those of the numbers negated`, async () => {
    let [wrong, controls] = [0, 0]
    for (const { label, pool, x } of sixty(81 + axes, axes, words)) {
      const program = () => pooled(pool, tensor(x, imagesOf(pool)))
      const due = Array.from(maximaOf(pool, x))
      const [made] = await madeOn(wasmBackend, program)
      expect(made, label).toEqual({ shape: outputsOf(pool), dtype: "float32", values: due })
      const negated = x.map((value) => -value)
      if (maximaOf(pool, negated).some((value, i) => value !== -due[i]!)) controls++
      const [shipped] = await madeOn(shippedBackend, program)
      if (shipped!.values.some((value, i) => value !== due[i])) wrong++
    }
    expect(controls).toBeGreaterThan(shapes / 2)
    // Over three axes what tfjs ships is wrong; over two it is what serves.
    if (axes === 3) expect(wrong).toBeGreaterThan(shapes / 2)
    else expect(wrong).toBe(0)
  })

  it(`with padding of 0 to 3 all around: both are those of plain loops on ${shapes} shapes, some windows over padding alone; control: 1 less`, async () => {
    let [alone, controls] = [0, 0]
    for (const { g, label, pool, x } of sixty(91 + axes, axes, [0, 1, 2, 3])) {
      if (axes === 2 && !square(pool)) continue
      const program = () => pooled(pool, tensor(x, imagesOf(pool)))
      const due = Array.from(maximaOf(pool, x))
      if (due.includes(Number.NEGATIVE_INFINITY)) alone++
      expect((await madeOn(wasmBackend, program))[0]?.values, label).toEqual(due)
      const back = Array.from(pooledBack(pool, x, g, last))
      expect((await madeOn(wasmBackend, gradient(pool, x, g)))[0]?.values, label).toEqual(back)
      if (pool.pad === 0) continue
      const less = { ...pool, before: pool.before.map((side) => side - 1) }
      if (pooledBack(less, x, g, last).some((value, i) => value !== back[i])) controls++
    }
    expect(Math.min(alone, controls)).toBeGreaterThan(2)
  })

  it("the gradient is the central difference of the sum in float64 to 1e-6; control: of windows that begin a pixel later", async () => {
    const pool = poolOf({
      ...{ count: 2, channels: 3, pad: "same" },
      image: [4, 6, 5].slice(0, axes),
      kernel: [3, 2, 4].slice(0, axes),
      stride: [2, 1, 3].slice(0, axes)
    })
    const random = generator(101)
    const x = Float32Array.from(random.normals(sizeOf(imagesOf(pool))), (value) => value - 1)
    const g = Float32Array.from(random.normals(sizeOf(outputsOf(pool))))
    const differences = (of: Pool) =>
      Float64Array.from(x, (value, i) => {
        const [up, down] = [1, -1].map((sign) => {
          const moved = Float64Array.from(x)
          moved[i] = value + sign * 2 ** -20
          return maximaOf(of, moved).reduce((sum, maximum, at) => sum + maximum * g[at]!, 0)
        }) as [number, number]
        return (up - down) * 2 ** 19
      })
    const [made] = await madeOn(wasmBackend, gradient(pool, x, g))
    expect(relativeError(made!.values, differences(pool))).toBeLessThan(1e-6)
    const later = { ...pool, before: pool.before.map((side) => side - 1) }
    expect(relativeError(made!.values, differences(later))).toBeGreaterThan(0.1)
  })

  it("NaN among the numbers takes the cotangent of each window that sees it, and harms nothing else", async () => {
    const pool = poolOf({
      ...{ count: 2, channels: 3, pad: "valid" },
      image: [4, 6, 5].slice(0, axes),
      kernel: [2, 3, 1].slice(0, axes),
      stride: [2, 3, 1].slice(0, axes)
    })
    const random = generator(102)
    const at = 7
    const x = integers(random, sizeOf(imagesOf(pool))).map((value, i) => (i === at ? -4 : value))
    const g = Float32Array.from({ length: sizeOf(outputsOf(pool)) }, () => 1 + random.integer(4))
    const withNaN = x.map((value, i) => (i === at ? Number.NaN : value))
    const high = x.map((value, i) => (i === at ? 9 : value))
    const [made] = await madeOn(wasmBackend, gradient(pool, withNaN, g))
    expect(made!.values).toEqual(Array.from(pooledBack(pool, high, g, last)))
    expect(made!.values).not.toEqual(Array.from(pooledBack(pool, x, g, last)))
  })
})

it("sizes that tfjs rounds up keep the cotangents of their last windows; control: rounded down", async () => {
  const pool = poolOf({ count: 2, channels: 3, image: [5, 7], kernel: [2, 2], stride: [2, 2], pad: 0 })
  const up = { ...pool, output: [3, 4] }
  const random = generator(103)
  const [x, g] = [imagesOf(up), outputsOf(up)].map((shape) => integers(random, sizeOf(shape))) as [
    Float32Array,
    Float32Array
  ]
  const [made] = await madeOn(wasmBackend, () =>
    tf.grad((t) => tf.sum(tf.mul(tf.maxPool(t as tf.Tensor4D, 2, 2, 0, "ceil"), tensor(g, outputsOf(up)))))(
      tensor(x, imagesOf(up))
    )
  )
  expect(made!.values).toEqual(Array.from(pooledBack(up, x, g, false)))
  expect(made!.values).not.toEqual(Array.from(pooledBack(pool, x, g, false)))
})

it(`padding as a number around windows that are not square: as on the plain backend, on ${shapes} shapes; control: another padding`, async () => {
  const random = generator(104)
  let controls = 0
  for (let i = 0; i < shapes; i++) {
    const pool = randomPool(random, 2, [0, 1, 2])
    // Where a window is a pixel, the plain backend gives the image.
    if (square(pool) || sizeOf(pool.kernel) === 1) continue
    const x = integers(random, sizeOf(imagesOf(pool)))
    const both = (pad: number) => () => {
      const image = tensor(x, imagesOf(pool))
      // What the height asks for, the width has too.
      const y = pooled({ ...pool, pad }, image)
      return [y, tf.grad((t) => tf.sum(tf.mul(pooled({ ...pool, pad }, t), tf.onesLike(y))))(image)]
    }
    if (pool.image.some((side) => side + 2 * Number(pool.pad) < pool.kernel[0]!)) continue
    const due = await madeOn(plainBackend, both(Number(pool.pad)))
    expect(await madeOn(wasmBackend, both(Number(pool.pad))), JSON.stringify(pool)).toEqual(due)
    const other = await madeOn(plainBackend, both(Number(pool.pad) + 1))
    if (JSON.stringify(other) !== JSON.stringify(due)) controls++
  }
  expect(controls).toBeGreaterThan(shapes / 3)
})

it(`places of the largest numbers are those of plain loops and of the plain backend on ${shapes} shapes; control: those which tfjs ships`, async () => {
  let wrong = 0
  for (const { label, pool, x } of sixty(105, 2, words)) {
    const { channels, kernel, pad, stride } = pool
    const image = sizeOf(pool.image) * channels
    for (const inBatch of [false, true]) {
      const program = () => {
        const found = tf.maxPoolWithArgmax(
          tensor(x, imagesOf(pool)) as tf.Tensor4D,
          [...kernel] as [number, number],
          [...stride] as [number, number],
          pad,
          inBatch
        )
        return [found["result"]!, found["indexes"]!]
      }
      const places = Array.from(placesOf(pool, x, false), (place) => (inBatch ? place : place % image))
      const made = await madeOn(wasmBackend, program)
      expect(made, label).toEqual([
        { shape: outputsOf(pool), dtype: "float32", values: Array.from(maximaOf(pool, x)) },
        { shape: outputsOf(pool), dtype: "int32", values: places }
      ])
      expect(made, label).toEqual(await madeOn(plainBackend, program))
      const shipped = await madeOn(shippedBackend, program)
      if (shipped[1]!.values.some((value, i) => value !== places[i])) wrong++
    }
  }
  expect(wrong).toBeGreaterThan(shapes)
})
