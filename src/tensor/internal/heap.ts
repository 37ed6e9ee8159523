/**
 * Tensors on the heap of tfjs's wasm backend, for kernels that work there in place.
 */
import * as tf from "@tensorflow/tfjs"

/** What these kernels use of tfjs's wasm backend. */
export interface Heap {
  readonly makeOutput: (shape: Array<number>, dtype: tf.DataType) => tf.TensorInfo
  /** A view of a tensor's numbers, valid until the next allocation, which may move the heap. */
  readonly typedArrayFromHeap: (tensor: tf.TensorInfo) => Float32Array
  readonly disposeData: (dataId: tf.DataId) => boolean
}

/** What making an output takes of it, whatever its numbers are. */
interface Allocator extends Pick<Heap, "makeOutput" | "disposeData"> {
  readonly typedArrayFromHeap: (tensor: tf.TensorInfo) => Pick<Float32Array, "byteOffset" | "length">
}

/** Room for an output. Where the heap cannot grow, its allocator gives address 0, and tfjs takes it for a place like any other. */
export const outputOn = (
  heap: Allocator,
  shape: ReadonlyArray<number>,
  dtype: tf.DataType
): tf.TensorInfo => {
  const out = heap.makeOutput([...shape], dtype)
  const { byteOffset, length } = heap.typedArrayFromHeap(out)
  if (length === 0 || byteOffset !== 0) return out
  heap.disposeData(out.dataId)
  throw new Error(
    `out of memory: no room on the heap for ${shape.join(" x ")} numbers. Use smaller blocks or fewer draws`
  )
}

/** Where on the heap a tensor begins, in bytes. */
export const placeOf = (heap: Heap, tensor: tf.TensorInfo): number =>
  heap.typedArrayFromHeap(tensor).byteOffset

/** The number of places of a shape. */
export const sizeOf = (shape: ReadonlyArray<number>): number =>
  shape.reduce((product, side) => product * side, 1)

export type Params = Parameters<tf.KernelFunc>[0]

/** What tfjs's own kernel of this name gives. */
export const shipped = (name: string, params: Params): tf.TensorInfo =>
  tf.getKernel(name, "wasm").kernelFunc(params) as tf.TensorInfo
