/** tf.grad of convolutions on our devices, whose kernels tfjs's wasm lacks: against plain loops in float64, on random shapes. */
import * as tf from "@tensorflow/tfjs"
import { beforeAll, describe, expect, it } from "vitest"
import { relativeError } from "./oracle/linear.ts"
import { generator } from "./oracle/random.ts"
import { devices } from "./support/subject.ts"
import { checkEveryKernel } from "./support/tensors.ts"
import { meetings, numbersOn, type RandomWindows, randomWindows } from "./support/windows.ts"

beforeAll(checkEveryKernel)

const shapes = 200
const bound = 2e-6

/** A convolution with the cotangents g of its outputs. */
interface Problem {
  readonly w: RandomWindows
  /** Filters, or of a depthwise convolution how many kernels a channel has. */
  readonly filters: number
  readonly x: Float64Array
  readonly kernel: Float64Array
  readonly g: Float64Array
}

interface Gradients {
  readonly x: Float64Array
  readonly kernel: Float64Array
}

/** The gradients of sum g conv(x, kernel), where each channel goes to all filters. */
const plain = ({ filters, g, kernel, w, x }: Problem): Gradients => {
  const [T, pixels] = [w.output[0] * w.output[1], w.height * w.width]
  const out = { x: new Float64Array(x.length), kernel: new Float64Array(kernel.length) }
  for (let n = 0; n < w.count; n++) {
    for (const { pixel, position, tap } of meetings(w)) {
      for (let c = 0; c < w.channels; c++) {
        for (let f = 0; f < filters; f++) {
          const [from, weight] = [(n * pixels + pixel) * w.channels + c, (tap * w.channels + c) * filters + f]
          const cotangent = g[(n * T + position) * filters + f]!
          out.x[from]! += cotangent * kernel[weight]!
          out.kernel[weight]! += cotangent * x[from]!
        }
      }
    }
  }
  return out
}

/** The same where each channel has kernels of its own. */
const depthwise = ({ filters, g, kernel, w, x }: Problem): Gradients => {
  const [T, pixels] = [w.output[0] * w.output[1], w.height * w.width]
  const out = { x: new Float64Array(x.length), kernel: new Float64Array(kernel.length) }
  for (let n = 0; n < w.count; n++) {
    for (const { pixel, position, tap } of meetings(w)) {
      for (let c = 0; c < w.channels; c++) {
        for (let f = 0; f < filters; f++) {
          const [from, weight] = [(n * pixels + pixel) * w.channels + c, (tap * w.channels + c) * filters + f]
          const cotangent = g[((n * T + position) * w.channels + c) * filters + f]!
          out.x[from]! += cotangent * kernel[weight]!
          out.kernel[weight]! += cotangent * x[from]!
        }
      }
    }
  }
  return out
}

const kinds = {
  conv2d: { reference: plain, isDepthwise: false },
  depthwiseConv2d: { reference: depthwise, isDepthwise: true }
} as const

const problem = (random: ReturnType<typeof generator>, isDepthwise: boolean, dilated: boolean): Problem => {
  const w = randomWindows(random, dilated)
  const filters = 1 + random.integer(6)
  return {
    w,
    filters,
    x: random.normals(w.count * w.height * w.width * w.channels),
    kernel: random.normals(w.kernel[0] * w.kernel[1] * w.channels * filters),
    g: random.normals(w.count * w.output[0] * w.output[1] * (isDepthwise ? w.channels : 1) * filters)
  }
}

const tensorsOf = ({ filters, g, kernel, w, x }: Problem, isDepthwise: boolean) => {
  const [top, bottom, left, right] = w.padding
  const pad: tf.backend_util.ExplicitPadding = [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0]
  ]
  const outputs = isDepthwise ? w.channels * filters : filters
  return {
    pad,
    x: tf.tensor4d(Float32Array.from(x), [w.count, w.height, w.width, w.channels]),
    kernel: tf.tensor4d(Float32Array.from(kernel), [...w.kernel, w.channels, filters]),
    g: tf.tensor4d(Float32Array.from(g), [w.count, ...w.output, outputs])
  }
}

const byTfjs = (given: Problem, isDepthwise: boolean): Array<tf.Tensor> => {
  const { g, kernel, pad, x } = tensorsOf(given, isDepthwise)
  const stride: [number, number] = [...given.w.stride]
  const f = (x: tf.Tensor, kernel: tf.Tensor): tf.Tensor => {
    const [image, weights] = [x as tf.Tensor4D, kernel as tf.Tensor4D]
    const s = isDepthwise
      ? tf.depthwiseConv2d(image, weights, stride, pad as never)
      : tf.conv2d(image, weights, stride, pad)
    return tf.sum(tf.mul(s, g))
  }
  return tf.grads(f)([x, kernel])
}

for (const [name, device] of Object.entries(devices).filter(([name]) => name !== "cpu")) {
  describe(`on ${name}`, () => {
    for (const [kind, { isDepthwise, reference }] of Object.entries(kinds)) {
      it(`tf.grad of ${kind} is that of plain loops to ${bound} on ${shapes} shapes; control: of the image a pixel on`, async () => {
        const random = generator(isDepthwise ? 31 : 32)
        for (let i = 0; i < shapes; i++) {
          const given = problem(random, isDepthwise, false)
          const due = reference(given)
          const [x, weights] = await numbersOn(device, () => byTfjs(given, isDepthwise))
          const label = JSON.stringify(given.w)
          if (Math.hypot(...due.x) > 0) expect(relativeError(x!, due.x), label).toBeLessThan(bound)
          if (Math.hypot(...due.kernel) > 0) {
            expect(relativeError(weights!, due.kernel), label).toBeLessThan(bound)
            if (given.x.length > given.w.channels && given.w.height * given.w.width > 1) {
              const { channels } = given.w
              const moved = given.x.map((_, at) => given.x[(at + channels) % given.x.length]!)
              expect(
                relativeError(weights!, reference({ ...given, x: moved }).kernel),
                label
              ).toBeGreaterThan(bound)
            }
          }
        }
      })
    }

    it(`the depthwise kernels take dilations, to ${bound} on 60 shapes; control: without them`, async () => {
      const random = generator(33)
      let controls = 0
      for (let i = 0; i < 60; i++) {
        const given = problem(random, true, true)
        const due = depthwise(given)
        const [x, weights] = await numbersOn(device, () => {
          const { g, kernel, pad, x } = tensorsOf(given, true)
          const attrs = {
            strides: given.w.stride,
            dilations: given.w.dilation,
            pad
          } as unknown as tf.NamedAttrMap
          const run = (name: string, inputs: tf.NamedTensorMap, more: tf.NamedAttrMap) =>
            tf.engine().runKernel(name, inputs, { ...attrs, ...more }) as tf.Tensor
          return [
            run("DepthwiseConv2dNativeBackpropInput", { dy: g, filter: kernel }, { inputShape: x.shape }),
            run("DepthwiseConv2dNativeBackpropFilter", { x, dy: g }, { filterShape: kernel.shape })
          ]
        })
        if (Math.hypot(...due.x) === 0) continue
        expect(relativeError(x!, due.x)).toBeLessThan(bound)
        expect(relativeError(weights!, due.kernel)).toBeLessThan(bound)
        const near = depthwise({ ...given, w: { ...given.w, dilation: [1, 1] } })
        if (relativeError(x!, near.x) > bound) controls++
      }
      expect(controls).toBeGreaterThan(20)
    })

    it(`7 images of 40 x 38 x 4, which go in parts, with padding "same": as on cpu to ${bound}; control: of 6 of them`, async () => {
      const random = generator(34)
      const [x, kernel, g] = [7 * 40 * 38 * 4, 3 * 4 * 4 * 5, 7 * 20 * 38 * 5].map((n) =>
        Float32Array.from(random.normals(n))
      ) as [Float32Array, Float32Array, Float32Array]
      const of = (on: typeof device, images: number) =>
        numbersOn(on, () => {
          const some = (values: Float32Array, shape: [number, number, number, number]) =>
            tf.tensor4d(values.subarray(0, (values.length / 7) * images), shape)
          const cotangent = some(g, [images, 20, 38, 5])
          return tf.grads((x, kernel) =>
            tf.sum(tf.mul(tf.conv2d(x as tf.Tensor4D, kernel as tf.Tensor4D, [2, 1], "same"), cotangent))
          )([some(x, [images, 40, 38, 4]), tf.tensor4d(kernel, [3, 4, 4, 5])])
        })
      const [own, cpu, fewer] = [await of(device, 7), await of(devices["cpu"]!, 7), await of(device, 6)]
      expect(relativeError(own[0]!, cpu[0]!)).toBeLessThan(bound)
      expect(relativeError(own[1]!, cpu[1]!)).toBeLessThan(bound)
      expect(relativeError(fewer[1]!, cpu[1]!)).toBeGreaterThan(bound)
    })
  })
}
