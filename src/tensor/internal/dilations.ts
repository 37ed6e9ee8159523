/**
 * Greyscale dilation and its two gradients, for the wasm device: as shipped, sums that are not positive do not count, nor do their
 * cotangents.
 *
 * *Math*: y[t, c] = max over taps k of x[t + k, c] + filter[k, c]. A cotangent goes to the first of the largest sums, as on tfjs's plain
 * backend; which passes over NaN, where here it is the largest.
 */
import * as tf from "@tensorflow/tfjs"
import type { Windows } from "../Windows.ts"
import { boxesOf2d, windowsOver } from "./boxes.ts"
import { type Heap, outputOn } from "./heap.ts"

type Inputs = Readonly<Record<"x" | "filter" | "dy", tf.TensorInfo>>

/** The kernels by their names in tfjs. */
export const dilationKernels: Readonly<Record<string, tf.KernelFunc>> = {
  Dilation2D: (params) => written(params, undefined, (y, output, value) => (y[output] = value)),
  Dilation2DBackpropInput: (params) =>
    written(params, "x", (dx, output, _, dy, from) => from >= 0 && (dx[from]! += dy[output]!)),
  Dilation2DBackpropFilter: (params) =>
    written(params, "filter", (dw, output, _, dy, from, tap) => from >= 0 && (dw[tap]! += dy[output]!))
}

/** What a kernel does with the largest sum of an output: x[from] + filter[tap], or from = -1 where a window sees no image. */
type Visit = (
  out: Float32Array,
  output: number,
  value: number,
  dy: Float32Array,
  from: number,
  tap: number
) => void

/** A tensor like an input, or like the maxima, that starts with zeros, after a visit of every output. */
const written = (
  { attrs, backend, inputs }: Parameters<tf.KernelFunc>[0],
  like: "x" | "filter" | undefined,
  visit: Visit
): tf.TensorInfo => {
  const heap = backend as unknown as Heap
  const { dy, filter, x } = inputs as Inputs
  const { dilations, pad, strides } = attrs as unknown as tf.Dilation2DAttrs
  const shape = x.shape as [number, number, number, number]
  const info = tf.backend_util.computeDilation2DInfo(
    shape,
    filter.shape as [number, number, number],
    strides,
    pad,
    "NHWC",
    dilations
  )
  const out = outputOn(heap, like === undefined ? info.outShape : inputs[like]!.shape, x.dtype)
  const [image, kernel, to] = [x, filter, out].map((tensor) => heap.typedArrayFromHeap(tensor)) as [
    Float32Array,
    Float32Array,
    Float32Array
  ]
  const cotangents = dy === undefined ? to : heap.typedArrayFromHeap(dy)
  to.fill(0)
  eachLargest(windowsOver(boxesOf2d(info)), info.batchSize, image, kernel, (output, value, from, tap) =>
    visit(to, output, value, cotangents, from, tap)
  )
  return out
}

const eachLargest = (
  { channels, pixels, positions, runs, taps }: Windows,
  count: number,
  x: Float32Array,
  filter: Float32Array,
  visit: (output: number, value: number, from: number, tap: number) => void
): void => {
  const value = new Float64Array(channels)
  const [from, weight] = [new Int32Array(channels), new Int32Array(channels)]
  for (let n = 0; n < count; n++) {
    for (let position = 0, r = 0; position < positions; position++) {
      value.fill(Number.NEGATIVE_INFINITY)
      from.fill(-1)
      for (let tap = 0; tap < taps; r += 2) {
        const [pixel, length] = [runs[r]!, runs[r + 1]!]
        const first = (n * pixels + pixel) * channels
        for (let i = 0; pixel >= 0 && i < length * channels; i++) {
          const [at, own, c] = [first + i, tap * channels + i, i % channels]
          const sum = x[at]! + filter[own]!
          if (!(sum > value[c]! || Number.isNaN(sum))) continue
          value[c] = sum
          from[c] = at
          weight[c] = own
        }
        tap += length
      }
      const output = (n * positions + position) * channels
      for (let c = 0; c < channels; c++) visit(output + c, value[c]!, from[c]!, weight[c]!)
    }
  }
}
