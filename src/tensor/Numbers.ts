/** The numbers of tensors, taken from where they lie. */
import * as tf from "@tensorflow/tfjs"

/** What tfjs's wasm backend has: a view of a tensor's numbers, valid until the next allocation. */
interface OnHeap {
  readonly typedArrayFromHeap?: (tensor: tf.TensorInfo) => Float32Array
}

/**
 * Inside a tensor program: copies the numbers of a float32 tensor to `out`, from `at` on, with no copy between. False, and nothing done, where
 * they are not in this process's memory, as on a GPU: they have to be read once the program has ended.
 */
export const copyNumbers = (tensor: tf.Tensor, out: Float32Array, at: number): boolean => {
  if (tensor.dtype !== "float32") return false
  if (tensor.size === 0) return true
  const backend = tf.backend() as OnHeap
  if (backend.typedArrayFromHeap !== undefined) {
    out.set(backend.typedArrayFromHeap(tensor), at)
    return true
  }
  if (tf.getBackend() !== "cpu") return false
  out.set(tensor.dataSync(), at)
  return true
}
