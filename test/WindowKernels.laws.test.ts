/**
 * The kernels of windows of our devices, against plain loops in float64 on random shapes: strides, dilations, other padding on each end, 1
 * channel and more, 1 image and more.
 */
import * as tf from "@tensorflow/tfjs"
import { beforeAll, describe, expect, it } from "vitest"
import { squaredSums } from "../src/tensor/Squares.ts"
import {
  gated,
  largestOf,
  patchesOf,
  picked,
  pulledBack,
  tableOf,
  unpooled,
  type Windows,
  windowsOf
} from "../src/tensor/Windows.ts"
import { relativeError } from "./oracle/linear.ts"
import { type Generator, generator } from "./oracle/random.ts"
import { devices } from "./support/subject.ts"
import { checkEveryKernel } from "./support/tensors.ts"
import { meetings, numbersOn, type RandomWindows, randomWindows } from "./support/windows.ts"

beforeAll(checkEveryKernel)

const shapes = 150
const bound = 2e-6

const given = (w: RandomWindows): Windows => {
  const before = [w.padding[0], w.padding[2]]
  const table = tableOf(
    { image: [w.height, w.width], output: w.output, kernel: w.kernel },
    (of, position, tap) => position * w.stride[of] - before[of]! + tap * w.dilation[of]
  )
  const taps = w.kernel[0] * w.kernel[1]
  return windowsOf(table, { pixels: w.height * w.width, channels: w.channels, taps })
}

/** Normals of which some are 0. */
const sparse = (random: Generator, n: number): Float32Array =>
  Float32Array.from(random.normals(n), (value) => (random.integer(3) === 0 ? 0 : value))

const sizesOf = ({ channels, count, height, kernel, output, width }: RandomWindows) => ({
  image: height * width * channels,
  T: output[0] * output[1],
  width: kernel[0] * kernel[1] * channels,
  count,
  channels
})

/** What lies under the windows of the images. */
const patches = (w: RandomWindows, x: Float32Array): Float64Array => {
  const { channels, count, image, T, width } = sizesOf(w)
  const out = new Float64Array(count * T * width)
  for (let n = 0; n < count; n++) {
    for (const { pixel, position, tap } of meetings(w)) {
      for (let c = 0; c < channels; c++)
        out[(n * T + position) * width + tap * channels + c] = x[n * image + pixel * channels + c]!
    }
  }
  return out
}

/** Its transpose, of the product of g and the kernel's transpose. */
const pulled = (w: RandomWindows, g: Float32Array, kernel: Float32Array, filters: number): Float64Array => {
  const { channels, count, image, T } = sizesOf(w)
  const out = new Float64Array(count * image)
  for (let n = 0; n < count; n++) {
    for (const { pixel, position, tap } of meetings(w)) {
      for (let c = 0; c < channels; c++) {
        for (let f = 0; f < filters; f++) {
          out[n * image + pixel * channels + c]! +=
            g[(n * T + position) * filters + f]! * kernel[(tap * channels + c) * filters + f]!
        }
      }
    }
  }
  return out
}

/** The largest numbers and their places, the first of several. */
const largest = (w: RandomWindows, x: Float32Array) => {
  const { channels, count, image, T } = sizesOf(w)
  const value = new Float32Array(count * T * channels)
  const place = new Int32Array(count * T * channels).fill(-1)
  for (let n = 0; n < count; n++) {
    for (const { pixel, position } of meetings(w)) {
      for (let c = 0; c < channels; c++) {
        const [at, from] = [(n * T + position) * channels + c, pixel * channels + c]
        if (place[at]! >= 0 && !(x[n * image + from]! > value[at]!)) continue
        value[at] = x[n * image + from]!
        place[at] = from
      }
    }
  }
  return { value, place }
}

for (const [name, device] of Object.entries(devices).filter(([name]) => name !== "cpu")) {
  describe(`on ${name}`, () => {
    it(`patches are those of the image, to the bit, on ${shapes} shapes; control: of the next number`, async () => {
      const random = generator(41)
      for (let i = 0; i < shapes; i++) {
        const w = randomWindows(random, true)
        const { count, image } = sizesOf(w)
        const x = Float32Array.from(random.normals(count * image))
        const [made] = await numbersOn(device, () => [patchesOf(tf.tensor2d(x, [count, image]), given(w))!])
        const due = patches(w, x)
        expect(made!.length).toBe(due.length)
        expect(
          made!.every((value, at) => value === due[at]),
          JSON.stringify(w)
        ).toBe(true)
        if (due.every((value) => value === 0)) continue
        const other = patches(
          w,
          x.map((value) => value + 1)
        )
        expect(made!.every((value, at) => value === other[at])).toBe(false)
      }
    })

    // Few filters go row by row on wasm, many by a product.
    for (const [filters, count] of [
      [5, shapes],
      [700, 20]
    ] as const) {
      it(`the pullback with ${filters} filters is the transpose, to ${bound}, on ${count} shapes; control: cotangents a position on`, async () => {
        const random = generator(42)
        for (let i = 0; i < count; i++) {
          const w = randomWindows(random, true)
          const { T, width } = sizesOf(w)
          const g = sparse(random, w.count * T * filters)
          const kernel = Float32Array.from(random.normals(width * filters))
          const [made] = await numbersOn(device, () => [
            pulledBack(
              tf.tensor3d(g, [w.count, T, filters]),
              tf.tensor2d(kernel, [width, filters]),
              given(w)
            )!
          ])
          const due = pulled(w, g, kernel, filters)
          if (due.every((value) => value === 0)) {
            expect(made!.every((value) => value === 0)).toBe(true)
            continue
          }
          expect(relativeError(made!, due), JSON.stringify(w)).toBeLessThan(bound)
          const turned = g.map((_, at) => g[(at + filters) % g.length]!)
          if (w.count * T === 1) continue
          expect(relativeError(made!, pulled(w, turned, kernel, filters))).toBeGreaterThan(bound)
        }
      })
    }

    it(`maxima and their places are those of loops on ${shapes} shapes with equal numbers; control: the last of them`, async () => {
      const random = generator(43)
      let controls = 0
      for (let i = 0; i < shapes; i++) {
        const w = randomWindows(random, true)
        const { count, image } = sizesOf(w)
        const meets = new Set(meetings(w).map(({ position }) => position))
        if (meets.size < sizesOf(w).T) continue
        const x = Float32Array.from({ length: count * image }, () => random.integer(4) - 2)
        const [value, place] = await numbersOn(device, () => {
          const made = largestOf(tf.tensor2d(x, [count, image]), given(w))!
          return [made.value, tf.cast(made.place, "float32")]
        })
        const due = largest(w, x)
        expect(Array.from(value!), JSON.stringify(w)).toEqual(Array.from(due.value))
        expect(Array.from(place!)).toEqual(Array.from(due.place))
        const last = largest(
          w,
          x.map((number, at) => number + (at % image) * 1e-3)
        )
        if (last.place.some((at, j) => at !== place![j])) controls++
      }
      expect(controls).toBeGreaterThan(shapes / 3)
    })

    it("a maximum over NaN is NaN, wherever it lies; control: without it the maximum is a number", async () => {
      const w: RandomWindows = {
        ...{ count: 1, height: 1, width: 3, channels: 5, kernel: [1, 3], stride: [1, 1] },
        ...{ dilation: [1, 1], padding: [0, 0, 0, 0], output: [1, 1] }
      }
      for (const pixel of [0, 1, 2, 3]) {
        const x = Float32Array.from({ length: 15 }, (_, i) => (Math.floor(i / 5) === pixel ? Number.NaN : i))
        const [value] = await numbersOn(device, () => [largestOf(tf.tensor2d(x, [1, 15]), given(w))!.value])
        expect(value!.every(Number.isNaN)).toBe(pixel < 3)
      }
    })

    it("cotangents go where the maxima are, and tangents come from there: transposes of each other to 1e-6; control: other places", async () => {
      const random = generator(44)
      const [K, count, image, outputs] = [3, 4, 29, 13]
      const place = Int32Array.from({ length: count * outputs }, () => random.integer(image))
      const g = Float32Array.from(random.normals(K * count * outputs))
      const x = Float32Array.from(random.normals(count * image))
      const [back, there] = await numbersOn(device, () => {
        const places = tf.tensor2d(place, [count, outputs], "int32")
        return [
          unpooled(tf.tensor3d(g, [K, count, outputs]), places, image),
          picked(tf.tensor2d(x, [count, image]), places)
        ]
      })
      const at = (places: Int32Array) =>
        Float32Array.from(
          { length: count * outputs },
          (_, i) => x[Math.floor(i / outputs) * image + places[i]!]!
        )
      expect(Array.from(there!)).toEqual(Array.from(at(place)))
      expect(Array.from(there!)).not.toEqual(Array.from(at(place.map((p) => (p + 1) % image))))
      for (let k = 0; k < K; k++) {
        const left = x.reduce((sum, value, i) => sum + value * back![k * count * image + i]!, 0)
        const right = there!.reduce((sum, value, i) => sum + value * g[k * count * outputs + i]!, 0)
        expect(Math.abs(left - right)).toBeLessThan(1e-6 * x.length)
      }
    })

    it("a gate passes what has y over 0 and nothing else, to the bit; control: at 0 too", async () => {
      const y = Float32Array.of(1, 0, -0, -3, 1e-38, 2, 0)
      const g = Float32Array.from({ length: 21 }, (_, i) => i + 1)
      const [made] = await numbersOn(device, () => [gated(tf.tensor3d(g, [3, 1, 7]), tf.tensor2d(y, [1, 7]))])
      expect(Array.from(made!)).toEqual(Array.from(g, (value, i) => (y[i % 7]! > 0 ? value : 0)))
      expect(Array.from(made!)).not.toEqual(Array.from(g, (value, i) => (y[i % 7]! >= 0 ? value : 0)))
    })

    it(`squares of sums over positions, turned and not, with bias and not, to ${bound} on 60 shapes; control: sums of squares`, async () => {
      const random = generator(45)
      const some = (below: number) => 1 + random.integer(below)
      for (let i = 0; i < 60; i++) {
        const [K, N, T, width, out] = [some(4), some(5), 1 + some(9), random.integer(12), some(11)]
        const bias = width === 0 || i % 2 === 0
        const rows = width + (bias ? 1 : 0)
        const input = Float32Array.from(random.normals(N * T * width))
        const g = Float32Array.from(random.normals(K * N * T * out))
        const [left, right] = [rows * rows, out * out].map((n) => Float32Array.from(random.normals(n)))
        const own = (turned: boolean) =>
          numbersOn(device, () => [
            squaredSums({
              ...{ bias, positions: T },
              input: width === 0 ? tf.zeros([N * T, 0]) : tf.tensor2d(input, [N * T, width]),
              cotangent: tf.tensor3d(g, [K, N * T, out]),
              ...(turned && {
                turned: { left: tf.tensor2d(left!, [rows, rows]), right: tf.tensor2d(right!, [out, out]) }
              })
            })!
          ])
        const gradient = (k: number, n: number, positions: ReadonlyArray<number>) =>
          Array.from({ length: rows }, (_, r) =>
            Array.from({ length: out }, (_, j) =>
              positions.reduce(
                (sum, t) =>
                  sum +
                  (r < width ? input[(n * T + t) * width + r]! : 1) * g[(k * N * T + n * T + t) * out + j]!,
                0
              )
            )
          )
        const turn = (d: ReadonlyArray<ReadonlyArray<number>>) =>
          d.map((_, p) =>
            Array.from({ length: out }, (_, q) =>
              d.reduce(
                (sum, row, r) =>
                  sum + row.reduce((s, v, j) => s + left![r * rows + p]! * v * right![j * out + q]!, 0),
                0
              )
            )
          )
        const all = Array.from({ length: T }, (_, t) => t)
        for (const turned of [false, true]) {
          const due = new Float64Array(rows * out)
          const wrong = new Float64Array(rows * out)
          const add = (to: Float64Array, d: ReadonlyArray<ReadonlyArray<number>>) => {
            for (const [at, value] of (turned ? turn(d) : d).flat().entries()) to[at]! += value * value
          }
          for (let k = 0; k < K; k++) {
            for (let n = 0; n < N; n++) {
              add(due, gradient(k, n, all))
              for (const t of all) add(wrong, gradient(k, n, [t]))
            }
          }
          const [made] = await own(turned)
          expect(relativeError(made!, due)).toBeLessThan(bound)
          expect(relativeError(made!, wrong)).toBeGreaterThan(1e-3)
        }
      }
    })
  })
}
