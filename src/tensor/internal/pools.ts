/**
 * Maximum pooling of tfjs and its gradient on the wasm heap, over images of two and of three axes.
 *
 * As shipped, the gradient drops the cotangents of windows that hold no positive number; so does the index of the largest number, and in
 * three axes the largest number itself is then 1.2e-38. With padding given as a number tfjs takes the height of windows and steps for their
 * width, and XNNPACK, which does not, writes beyond the output; with "valid" and "same" it is right where no number is NaN, and faster than
 * what is here.
 *
 * *Math*: the cotangent of a maximum goes to the first of the largest numbers of its window, over three axes to the last, as on tfjs's
 * plain backend; of NaN to one that is NaN. A window of -Infinity alone has one too, which the plain backend drops over two axes.
 */
import * as tf from "@tensorflow/tfjs"
import type { WindowKernels } from "../../kernels/windows.ts"
import type { Windows } from "../Windows.ts"
import { boxesOf2d, boxesOf3d, windowsOver, writeRuns } from "./boxes.ts"
import { type Heap, type Params, shipped, sizeOf } from "./heap.ts"
import { requirePlace } from "./paddings.ts"
import { onHeap } from "./scratch.ts"

/** What tfjs says of a pool. */
interface Attributes {
  readonly filterSize: number | Two | Three
  readonly strides: number | Two | Three
  readonly pad: "valid" | "same" | number | tf.backend_util.ExplicitPadding
  readonly dimRoundingMode?: "floor" | "round" | "ceil"
  readonly includeBatchInIndex?: boolean
}

type Two = [number, number]
type Three = [number, number, number]
type Four = [...Two, ...Two]
type Five = [...Two, ...Three]

/** The kernels by their names in tfjs. */
export const poolKernels = (kernels: WindowKernels): Readonly<Record<string, tf.KernelFunc>> => {
  const float32 =
    (name: string, kernel: (params: Params) => tf.TensorInfo | Array<tf.TensorInfo>): tf.KernelFunc =>
    (params) =>
      params.inputs["x"]!.dtype === "float32" ? kernel(params) : shipped(name, params)
  return {
    MaxPool: float32("MaxPool", (params) =>
      typeof params.attrs?.["pad"] === "string" ? shippedMaximum(params) : maximum(kernels, params, over2d)
    ),
    MaxPoolGrad: (params) => gradient(kernels, params, over2d),
    MaxPoolWithArgmax: float32("MaxPoolWithArgmax", (params) => withPlaces(kernels, params)),
    MaxPool3D: (params) => {
      const { dtype } = params.inputs["x"]!
      if (dtype === "float32") return maximum(kernels, params, over3d)
      throw new Error(`MaxPool3D of ${dtype} is not supported. Cast it to float32`)
    },
    MaxPool3DGrad: (params) => gradient(kernels, params, over3d)
  }
}

/** What lies under the windows of images of this shape, and the shape of the maxima. */
type Over = (
  shape: ReadonlyArray<number>,
  attributes: Attributes,
  backwards: boolean,
  output?: ReadonlyArray<number>
) => { readonly windows: Windows; readonly outShape: ReadonlyArray<number> }

const over2d: Over = (shape, { dimRoundingMode, filterSize, pad, strides }, _, output) => {
  const [size, stride] = [filterSize as Two, strides as Two]
  const info = tf.backend_util.computePool2DInfo(shape as Four, size, stride, 1, pad, dimRoundingMode)
  requirePlace("a maximum pool", info)
  const [, outHeight, outWidth] = (output ?? info.outShape) as Four
  return { windows: windowsOver(boxesOf2d({ ...info, outHeight, outWidth })), outShape: info.outShape }
}

/** Where the taps go backwards, the first of several largest is the last of them. */
const over3d: Over = (shape, { dimRoundingMode, filterSize, pad, strides }, backwards, output) => {
  const [size, stride] = [filterSize as Three, strides as Three]
  const border = pad as "valid" | "same" | number
  const info = tf.backend_util.computePool3DInfo(shape as Five, size, stride, 1, border, dimRoundingMode)
  const [, outDepth, outHeight, outWidth] = (output ?? info.outShape) as Five
  const boxes = boxesOf3d({ ...info, outDepth, outHeight, outWidth })
  return { windows: windowsOver(boxes, backwards), outShape: info.outShape }
}

const given = ({ attrs, backend, inputs }: Params) => ({
  attributes: attrs as unknown as Attributes,
  heap: backend as unknown as Heap,
  inputs: inputs as Readonly<Record<"x" | "input" | "dy", tf.TensorInfo>>
})

const sizes = ({ channels, pixels, positions, taps }: Windows, count: number) =>
  [count, pixels, channels, positions, taps] as const

const maximum = (kernels: WindowKernels, params: Params, over: Over): tf.TensorInfo => {
  const {
    attributes,
    heap,
    inputs: { x }
  } = given(params)
  const { outShape, windows } = over(x.shape, attributes, false)
  const scratch = [windows.runs.length, sizeOf(outShape)]
  const value = { shape: outShape, dtype: "float32" } as const
  return onHeap(heap, [value], scratch, ({ at, outputs, scratch: [runs, place] }) =>
    kernels.maxPool32(
      ...sizes(windows, x.shape[0]!),
      ...([writeRuns(windows, runs!), at(x), outputs[0]!, place!.byteOffset] as const)
    )
  )[0]!
}

const shippedMaximum = (params: Params): tf.TensorInfo => {
  const { filterSize, pad, strides } = given(params).attributes
  const [shape, size, stride] = [params.inputs["x"]!.shape as Four, filterSize as Two, strides as Two]
  requirePlace("MaxPool", tf.backend_util.computePool2DInfo(shape, size, stride, 1, pad))
  return shipped("MaxPool", params)
}

const withPlaces = (kernels: WindowKernels, params: Params): Array<tf.TensorInfo> => {
  const {
    attributes,
    heap,
    inputs: { x }
  } = given(params)
  const { outShape, windows } = over2d(x.shape, attributes, false)
  const made = [
    { shape: outShape, dtype: "float32" },
    { shape: outShape, dtype: "int32" }
  ] as const
  const [value, place] = onHeap(heap, made, [windows.runs.length], ({ at, outputs, scratch: [runs] }) =>
    kernels.maxPool32(
      ...sizes(windows, x.shape[0]!),
      ...([writeRuns(windows, runs!), at(x), outputs[0]!, outputs[1]!] as const)
    )
  ) as [tf.TensorInfo, tf.TensorInfo]
  if (attributes.includeBatchInIndex) {
    const places = heap.typedArrayFromHeap(place)
    const [image, outputs] = [windows.pixels * windows.channels, windows.positions * windows.channels]
    for (let i = 0; i < places.length; i++) if (places[i]! >= 0) places[i]! += image * Math.floor(i / outputs)
  }
  return [value, place]
}

const gradient = (kernels: WindowKernels, params: Params, over: Over): tf.TensorInfo => {
  const {
    attributes,
    heap,
    inputs: { dy, input }
  } = given(params)
  // Over two axes tfjs does not hand on how the size of the maxima was rounded: theirs is that of the cotangents.
  const { windows } = over(input.shape, attributes, true, dy.shape)
  const scratch = [windows.runs.length, windows.channels, windows.channels]
  const image = { shape: input.shape, dtype: "float32" } as const
  return onHeap(heap, [image], scratch, ({ at, outputs, scratch: [runs, value, place] }) =>
    kernels.maxPoolGradient32(
      ...sizes(windows, input.shape[0]!),
      ...([writeRuns(windows, runs!), at(input), at(dy), outputs[0]!] as const),
      ...([value!.byteOffset, place!.byteOffset] as const)
    )
  )[0]!
}
