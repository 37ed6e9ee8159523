/**
 * Gradients of convolutions that tfjs's wasm backend lacks, so that `tf.grad` of a convolution works on our devices: those of the kernel
 * of a convolution, and both of a depthwise one.
 *
 * *Math*: the gradient of the kernel is patches(x)^T dy, summed over some images at a time, which the cache holds. Dilations are taken
 * too, where tfjs's own kernels for the plain backend take none.
 */
import * as tf from "@tensorflow/tfjs"
import { tableOf, type Windows, windowsOf } from "../Windows.ts"
import type { Heap } from "./heap.ts"
import { onHeap } from "./scratch.ts"
import { type Arithmetic, patchesAtOnce } from "./windowKernels.ts"

/** What tfjs says of a convolution. */
interface Attributes {
  readonly strides: [number, number] | number
  readonly dilations?: [number, number] | number
  readonly pad: "valid" | "same" | number | tf.backend_util.ExplicitPadding
  readonly dataFormat?: "NHWC" | "NCHW"
  readonly dimRoundingMode?: "floor" | "round" | "ceil"
  readonly filterShape?: Four
  readonly inputShape?: Four
}

type Four = [number, number, number, number]
type Params = Parameters<tf.KernelFunc>[0]

/** The kernels by their names in tfjs. */
export const convolutionGradients = (arithmetic: Arithmetic): Readonly<Record<string, tf.KernelFunc>> => ({
  Conv2DBackpropFilter: ofKernel(arithmetic),
  DepthwiseConv2dNativeBackpropFilter: ofDepthwiseKernel(arithmetic),
  DepthwiseConv2dNativeBackpropInput: ofDepthwiseImage(arithmetic)
})

/** The sizes of a convolution of x with a kernel. */
const sized = (attributes: Attributes, x: Four, kernel: Four, depthwise: boolean) => {
  const { dataFormat = "NHWC", dilations = 1, dimRoundingMode, pad, strides } = attributes
  if (dataFormat !== "NHWC") {
    throw new Error(`the gradient of a convolution of format ${dataFormat} is not there. Use NHWC`)
  }
  return tf.backend_util.computeConv2DInfo(
    x,
    kernel,
    strides,
    dilations,
    pad,
    dimRoundingMode,
    depthwise,
    "channelsLast"
  )
}

const windowsIn = (info: tf.backend_util.Conv2DInfo): Windows => {
  const { dilationHeight, dilationWidth, inHeight, inWidth, padInfo, strideHeight, strideWidth } = info
  const stride = [strideHeight, strideWidth]
  const dilation = [dilationHeight, dilationWidth]
  const before = [padInfo.top, padInfo.left]
  const table = tableOf(
    {
      image: [inHeight, inWidth],
      output: [info.outHeight, info.outWidth],
      kernel: [info.filterHeight, info.filterWidth]
    },
    (of, position, tap) => position * stride[of]! - before[of]! + tap * dilation[of]!
  )
  return windowsOf(table, {
    pixels: inHeight * inWidth,
    channels: info.inChannels,
    taps: info.filterHeight * info.filterWidth
  })
}

/** Puts the runs where a kernel can read them. */
const write = ({ runs }: Windows, to: Float32Array): number => {
  new Int32Array(to.buffer, to.byteOffset, runs.length).set(runs)
  return to.byteOffset
}

const given = ({ attrs, backend, inputs }: Params) => ({
  attributes: attrs as unknown as Attributes,
  heap: backend as unknown as Heap,
  inputs: inputs as Readonly<Record<"x" | "dy" | "filter", tf.TensorInfo>>
})

const ofKernel =
  ({ heap: kernels, multiply }: Arithmetic): tf.KernelFunc =>
  (params) => {
    const {
      attributes,
      heap,
      inputs: { dy, x }
    } = given(params)
    // tfjs hands no dilations on: its gradient refuses others than 1.
    const info = sized(attributes, x.shape as Four, attributes.filterShape!, false)
    const windows = windowsIn(info)
    const { channels, pixels, positions, runs, taps } = windows
    const { batchSize, outChannels } = info
    const [inputs, size] = [taps * channels, taps * channels * outChannels]
    const atOnce = Math.max(1, Math.min(batchSize, Math.floor(patchesAtOnce / (positions * inputs))))
    const scratch = [atOnce * positions * inputs, size, runs.length]
    const output = { shape: info.filterShape, dtype: "float32" } as const
    return onHeap(heap, [output], scratch, ({ at, outputs, scratch, view }) => {
      const [patches, part, table] = scratch as [Float32Array, Float32Array, Float32Array]
      const list = write(windows, table)
      const g = view(dy)
      new Float32Array(g.buffer, outputs[0], size).fill(0)
      for (let n = 0; n < batchSize; n += atOnce) {
        const some = Math.min(atOnce, batchSize - n)
        const from = at(x) + 4 * n * pixels * channels
        kernels.windows.patches32(some, pixels, channels, list, runs.length / 2, from, patches.byteOffset)
        multiply({
          m: inputs,
          n: outChannels,
          k: some * positions,
          x: patches,
          transposeX: true,
          y: g.subarray(n * positions * outChannels),
          transposeY: false,
          z: part,
          gram: false
        })
        kernels.windows.add32(size, part.byteOffset, outputs[0]!)
      }
    })[0]!
  }

const ofDepthwiseKernel =
  ({ heap: { windows: kernels } }: Arithmetic): tf.KernelFunc =>
  (params) => {
    const {
      attributes,
      heap,
      inputs: { dy, x }
    } = given(params)
    const info = sized(attributes, x.shape as Four, attributes.filterShape!, true)
    const windows = windowsIn(info)
    const { channels, pixels, positions, runs, taps } = windows
    const output = { shape: info.filterShape, dtype: "float32" } as const
    const scratch = [taps * info.outChannels, runs.length]
    return onHeap(heap, [output], scratch, ({ at, outputs, scratch: [own, table] }) =>
      kernels.depthwiseKernel32(
        ...([info.batchSize, pixels, channels, info.outChannels / channels, positions, taps] as const),
        ...([write(windows, table!), at(x), at(dy), outputs[0]!, own!.byteOffset] as const)
      )
    )[0]!
  }

const ofDepthwiseImage =
  ({ heap: { windows: kernels } }: Arithmetic): tf.KernelFunc =>
  (params) => {
    const {
      attributes,
      heap,
      inputs: { dy, filter }
    } = given(params)
    const info = sized(attributes, attributes.inputShape!, filter.shape as Four, true)
    const windows = windowsIn(info)
    const { channels, pixels, positions, runs, taps } = windows
    const output = { shape: attributes.inputShape!, dtype: "float32" } as const
    return onHeap(heap, [output], [runs.length], ({ at, outputs, scratch: [table] }) =>
      kernels.depthwiseImage32(
        ...([info.batchSize, pixels, channels, info.outChannels / channels, positions, taps] as const),
        ...([write(windows, table!), at(dy), at(filter), outputs[0]!] as const)
      )
    )[0]!
  }
