/**
 * Convolutions and pooling on the wasm heap, under names of our own: src/tensor/Windows.ts calls them.
 *
 * The windows are runs of pixels (src/kernels/windows.ts), so a patch is copied in long pieces, and an image of cotangents is added up
 * in the first cache. What a device can multiply in place is its own: `Multiply`.
 */
import type * as tf from "@tensorflow/tfjs"
import type { HeapKernels } from "../../kernels/wasm.ts"
import { type Heap, sizeOf } from "./heap.ts"
import type { Multiply } from "./products.ts"
import { onHeap } from "./scratch.ts"

/** Their names in tfjs's registry: none of tfjs's own. */
export const windowKernelNames = {
  patches: "natgrad.Patches",
  pullBack: "natgrad.PullBack",
  largest: "natgrad.Largest",
  unpool: "natgrad.Unpool",
  pick: "natgrad.Pick",
  gate: "natgrad.Gate"
} as const

/** What the kernels of windows are told. */
export interface WindowSizes {
  readonly pixels: number
  readonly channels: number
  readonly positions: number
  readonly taps: number
}

/** How the device multiplies. */
export interface Arithmetic {
  readonly heap: HeapKernels
  readonly multiply: Multiply
  /** Up to how many numbers of a kernel the rows that count are picked out, and no product is taken. */
  readonly sparse: number
}

/** How many numbers of patches are written out at once, where they are made to be used: they stay in the second cache. */
export const patchesAtOnce = 2 ** 16

type Params = Parameters<tf.KernelFunc>[0]

/** The kernels by their names. */
export const windowKernels = (arithmetic: Arithmetic): Readonly<Record<string, tf.KernelFunc>> => {
  const { windows } = arithmetic.heap
  const [patches, pullBack, largest, unpool, pick, gate] = Object.values(windowKernelNames)
  return {
    [patches!]: (params) => {
      const { channels, pixels, positions, taps } = sizes(params)
      const { runs, x } = params.inputs as { readonly runs: tf.TensorInfo; readonly x: tf.TensorInfo }
      const count = countOf(x, pixels * channels)
      const shape = [count * positions, taps * channels]
      return onHeap(heapOf(params), [{ shape, dtype: "float32" }], [], ({ at, outputs: [out] }) =>
        windows.patches32(count, pixels, channels, at(runs), runs.shape[0]!, at(x), out!)
      )[0]!
    },
    [pullBack!]: pulledBack(arithmetic),
    [largest!]: (params) => {
      const { channels, pixels, positions, taps } = sizes(params)
      const { runs, x } = params.inputs as { readonly runs: tf.TensorInfo; readonly x: tf.TensorInfo }
      const count = countOf(x, pixels * channels)
      const shape = [count, positions * channels]
      return onHeap(
        heapOf(params),
        [
          { shape, dtype: "float32" },
          { shape, dtype: "int32" }
        ],
        [],
        ({ at, outputs: [value, place] }) =>
          windows.maxPool32(count, pixels, channels, positions, taps, at(runs), at(x), value!, place!)
      )
    },
    [unpool!]: (params) => {
      const { g, place } = params.inputs as { readonly g: tf.TensorInfo; readonly place: tf.TensorInfo }
      const [count, outputs] = place.shape as [number, number]
      const columns = g.shape[0]!
      const image = params.attrs?.["image"] as number
      const shape = [columns, count, image]
      return onHeap(heapOf(params), [{ shape, dtype: "float32" }], [], ({ at, outputs: [out] }) =>
        windows.unpool32(columns, count, image, outputs, at(g), at(place), out!)
      )[0]!
    },
    [pick!]: (params) => {
      const { place, x } = params.inputs as { readonly x: tf.TensorInfo; readonly place: tf.TensorInfo }
      const [count, outputs] = place.shape as [number, number]
      return onHeap(
        heapOf(params),
        [{ shape: [count, outputs], dtype: "float32" }],
        [],
        ({ at, outputs: [out] }) => windows.pick32(count, x.shape[1]!, outputs, at(x), at(place), out!)
      )[0]!
    },
    [gate!]: (params) => {
      const { g, y } = params.inputs as { readonly g: tf.TensorInfo; readonly y: tf.TensorInfo }
      const n = sizeOf(y.shape)
      const columns = n === 0 ? 0 : sizeOf(g.shape) / n
      return onHeap(heapOf(params), [{ shape: g.shape, dtype: "float32" }], [], ({ at, outputs: [out] }) =>
        windows.gate32(columns, n, at(g), at(y), out!)
      )[0]!
    }
  }
}

const heapOf = ({ backend }: Params): Heap => backend as unknown as Heap

const sizes = ({ attrs }: Params): WindowSizes => attrs as unknown as WindowSizes

/** How many images a tensor holds. */
const countOf = ({ shape }: tf.TensorInfo, image: number): number => (image === 0 ? 0 : sizeOf(shape) / image)

/**
 * The cotangents of images for those of a convolution's outputs: a product and the sum of its patches, for some images at a time; or with
 * a small kernel the sum of the rows of it that count.
 */
export const pulledBack =
  ({ heap: kernels, multiply, sparse }: Arithmetic): tf.KernelFunc =>
  (params) => {
    const { channels, pixels, positions, taps } = sizes(params)
    const { g, kernel, runs } = params.inputs as {
      readonly g: tf.TensorInfo
      readonly kernel: tf.TensorInfo
      readonly runs: tf.TensorInfo
    }
    const [inputs, filters] = kernel.shape as [number, number]
    const count = g.shape[0]!
    const out = { shape: [count, pixels, channels], dtype: "float32" } as const
    if (inputs * filters <= sparse) {
      return onHeap(heapOf(params), [out], [inputs * filters, 2 * filters], ({ at, outputs, scratch }) => {
        kernels.transpose(inputs, filters, at(kernel), scratch[0]!.byteOffset)
        kernels.windows.pullBack32(
          ...([count, pixels, channels, positions, taps, filters, at(runs)] as const),
          ...([at(g), scratch[0]!.byteOffset, outputs[0]!, scratch[1]!.byteOffset] as const)
        )
      })[0]!
    }
    const atOnce = Math.max(1, Math.min(count, Math.floor(patchesAtOnce / (positions * inputs))))
    return onHeap(heapOf(params), [out], [atOnce * positions * inputs], ({ at, outputs, scratch, view }) => {
      const [from, y, z] = [view(g), view(kernel), scratch[0]!]
      for (let n = 0; n < count; n += atOnce) {
        const some = Math.min(atOnce, count - n)
        multiply({
          m: some * positions,
          n: inputs,
          k: filters,
          x: from.subarray(n * positions * filters),
          transposeX: false,
          y,
          transposeY: true,
          z,
          gram: false
        })
        const to = outputs[0]! + 4 * n * pixels * channels
        kernels.windows.fold32(some, pixels, channels, at(runs), runs.shape[0]!, z.byteOffset, to)
      }
    })[0]!
  }
