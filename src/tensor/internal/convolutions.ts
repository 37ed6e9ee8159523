/**
 * Gradients of convolutions that tfjs's wasm backend lacks, so that `tf.grad` of a convolution works on our devices: those of the kernel
 * of a convolution, and both of a depthwise one. And both of a convolution over three axes, which as shipped are added to whatever lay in
 * the place of the output.
 *
 * *Math*: the gradient of the kernel is patches(x)^T dy, summed over some images at a time, which the cache holds. Dilations are taken
 * too, where tfjs's own kernels for the plain backend take none.
 */
import * as tf from "@tensorflow/tfjs"
import type { Windows } from "../Windows.ts"
import { boxesOf2d, boxesOf3d, windowsOver, writeRuns } from "./boxes.ts"
import { type Heap, outputOn } from "./heap.ts"
import { onHeap } from "./scratch.ts"
import { type Arithmetic, patchesAtOnce, pulledBack } from "./windowKernels.ts"

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

/** What it says of one over three axes. */
interface Attributes3d {
  readonly strides: [number, number, number] | number
  readonly pad: "valid" | "same"
  readonly filterShape?: Five
  readonly inputShape?: Five
}

type Four = [number, number, number, number]
type Five = [...Four, number]
type Params = Parameters<tf.KernelFunc>[0]

/** The kernels by their names in tfjs. */
export const convolutionGradients = (arithmetic: Arithmetic): Readonly<Record<string, tf.KernelFunc>> => ({
  Conv2DBackpropFilter: ofKernel(arithmetic, (attributes: Attributes, x) =>
    // tfjs hands no dilations on: its gradient refuses others than 1.
    over2d(sized(attributes, x as Four, attributes.filterShape!, false))
  ),
  Conv3DBackpropFilterV2: ofKernel(arithmetic, ({ filterShape, pad, strides }: Attributes3d, x) =>
    over3d(tf.backend_util.computeConv3DInfo(x as Five, filterShape!, strides, 1, pad))
  ),
  Conv3DBackpropInputV2: ofImage3d(arithmetic),
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

const given = ({ attrs, backend, inputs }: Params) => ({
  attributes: attrs as unknown as Attributes,
  heap: backend as unknown as Heap,
  inputs: inputs as Readonly<Record<"x" | "dy" | "filter", tf.TensorInfo>>
})

/** A convolution as products take it. */
interface Convolution {
  readonly windows: Windows
  readonly images: number
  readonly filters: number
  readonly filterShape: ReadonlyArray<number>
}

const over2d = (info: tf.backend_util.Conv2DInfo): Convolution => ({
  windows: windowsOver(boxesOf2d(info)),
  images: info.batchSize,
  filters: info.outChannels,
  filterShape: info.filterShape
})

const over3d = (info: tf.backend_util.Conv3DInfo): Convolution => ({
  windows: windowsOver(boxesOf3d(info)),
  images: info.batchSize,
  filters: info.outChannels,
  filterShape: info.filterShape
})

const ofKernel =
  <A>(
    { heap: kernels, multiply }: Arithmetic,
    over: (attributes: A, x: ReadonlyArray<number>) => Convolution
  ): tf.KernelFunc =>
  (params) => {
    const {
      heap,
      inputs: { dy, x }
    } = given(params)
    const { filterShape, filters, images, windows } = over(params.attrs as unknown as A, x.shape)
    const { channels, pixels, positions, runs, taps } = windows
    const [inputs, size] = [taps * channels, taps * channels * filters]
    const atOnce = Math.max(1, Math.min(images, Math.floor(patchesAtOnce / (positions * inputs))))
    const scratch = [atOnce * positions * inputs, size, runs.length]
    const output = { shape: filterShape, dtype: "float32" } as const
    return onHeap(heap, [output], scratch, ({ at, outputs, scratch, view }) => {
      const [patches, part, table] = scratch as [Float32Array, Float32Array, Float32Array]
      const list = writeRuns(windows, table)
      const g = view(dy)
      new Float32Array(g.buffer, outputs[0], size).fill(0)
      for (let n = 0; n < images; n += atOnce) {
        const some = Math.min(atOnce, images - n)
        const from = at(x) + 4 * n * pixels * channels
        kernels.windows.patches32(some, pixels, channels, list, runs.length / 2, from, patches.byteOffset)
        multiply({
          m: inputs,
          n: filters,
          k: some * positions,
          x: patches,
          transposeX: true,
          y: g.subarray(n * positions * filters),
          transposeY: false,
          z: part,
          gram: false
        })
        kernels.windows.add32(size, part.byteOffset, outputs[0]!)
      }
    })[0]!
  }

const ofImage3d = (arithmetic: Arithmetic): tf.KernelFunc => {
  const pullBack = pulledBack(arithmetic)
  return ({ attrs, backend, inputs }) => {
    const heap = backend as unknown as Heap
    const { dy, filter } = inputs as Readonly<Record<"dy" | "filter", tf.TensorInfo>>
    const { inputShape, pad, strides } = attrs as unknown as Attributes3d
    const info = tf.backend_util.computeConv3DInfo(inputShape!, filter.shape as Five, strides, 1, pad)
    const { filters, images, windows } = over3d(info)
    const { channels, pixels, positions, runs, taps } = windows
    const list = outputOn(heap, [runs.length / 2, 2], "int32")
    try {
      writeRuns(windows, heap.typedArrayFromHeap(list))
      const operands = {
        g: { ...dy, shape: [images, positions, filters] },
        kernel: { ...filter, shape: [taps * channels, filters] },
        runs: list
      }
      const out = pullBack({ inputs: operands, backend, attrs: { channels, pixels, positions, taps } })
      return { ...(out as tf.TensorInfo), shape: inputShape! }
    } finally {
      heap.disposeData(list.dataId)
    }
  }
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
    const windows = windowsOver(boxesOf2d(info))
    const { channels, pixels, positions, runs, taps } = windows
    const output = { shape: info.filterShape, dtype: "float32" } as const
    const scratch = [taps * info.outChannels, runs.length]
    return onHeap(heap, [output], scratch, ({ at, outputs, scratch: [own, table] }) =>
      kernels.depthwiseKernel32(
        ...([info.batchSize, pixels, channels, info.outChannels / channels, positions, taps] as const),
        ...([writeRuns(windows, table!), at(x), at(dy), outputs[0]!, own!.byteOffset] as const)
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
    const windows = windowsOver(boxesOf2d(info))
    const { channels, pixels, positions, runs, taps } = windows
    const output = { shape: attributes.inputShape!, dtype: "float32" } as const
    return onHeap(heap, [output], [runs.length], ({ at, outputs, scratch: [table] }) =>
      kernels.depthwiseImage32(
        ...([info.batchSize, pixels, channels, info.outChannels / channels, positions, taps] as const),
        ...([writeRuns(windows, table!), at(dy), at(filter), outputs[0]!] as const)
      )
    )[0]!
  }
