/** A kernel's outputs and scratch on the wasm heap: all of them are there before one is used, since an allocation may move the heap. */
import type * as tf from "@tensorflow/tfjs"
import { type Heap, outputOn, placeOf } from "./heap.ts"

/** The sizes of an output. */
export interface Output {
  readonly shape: ReadonlyArray<number>
  readonly dtype: "float32" | "int32"
}

/** Where everything is, valid until the next allocation. */
export interface Places {
  /** Where a tensor begins, in bytes. */
  readonly at: (tensor: tf.TensorInfo) => number
  /** The numbers of a tensor. */
  readonly view: (tensor: tf.TensorInfo) => Float32Array
  /** Where each output begins, in bytes. */
  readonly outputs: ReadonlyArray<number>
  /** The numbers of each piece of scratch. */
  readonly scratch: ReadonlyArray<Float32Array>
}

/** The outputs that `run` wrote, with scratch of so many numbers each, which is freed. When it throws, nothing is left. */
export const onHeap = (
  heap: Heap,
  outputs: ReadonlyArray<Output>,
  scratch: ReadonlyArray<number>,
  run: (places: Places) => void
): Array<tf.TensorInfo> => {
  const made: Array<tf.TensorInfo> = []
  const pieces: Array<tf.TensorInfo> = []
  try {
    for (const { dtype, shape } of outputs) made.push(outputOn(heap, shape, dtype))
    for (const numbers of scratch) pieces.push(outputOn(heap, [numbers], "float32"))
    run({
      at: (tensor) => placeOf(heap, tensor),
      view: (tensor) => heap.typedArrayFromHeap(tensor),
      outputs: made.map((tensor) => placeOf(heap, tensor)),
      scratch: pieces.map((tensor) => heap.typedArrayFromHeap(tensor))
    })
    return made
  } catch (cause) {
    for (const { dataId } of made) heap.disposeData(dataId)
    throw cause
  } finally {
    for (const { dataId } of pieces) heap.disposeData(dataId)
  }
}
