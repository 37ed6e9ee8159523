/** Counts of what tfjs holds: tensors and data buffers of the engine, and the data of every backend that has started. */
import * as tf from "@tensorflow/tfjs"

export interface TensorCounts {
  readonly tensors: number
  readonly buffers: number
  /** What the backends themselves hold, such as blocks of the wasm heap. */
  readonly data: number
}

/** tfjs checks every kernel for data that it leaves behind, and throws. To be called before the first tensor. */
export const checkEveryKernel = async (): Promise<void> => {
  tf.env().set("IS_TEST", true)
  // `tf.memory` needs a backend, and a Device restores the one that was current before it.
  await tf.setBackend("cpu")
}

export const tensorCounts = (): TensorCounts => {
  const { numDataBuffers, numTensors } = tf.memory()
  // Two names may stand for one backend.
  const backends = new Set(Object.values(tf.engine().registry))
  let data = 0
  for (const backend of backends) data += backend.numDataIds()
  return { tensors: numTensors, buffers: numDataBuffers, data }
}

/** Bytes of the wasm heap; 0 before it has started. It never shrinks. */
export const wasmBytes = (): number => {
  const backend: unknown = tf.engine().registry["wasm"]
  return (
    (backend as { readonly wasm: { readonly HEAPU8: Uint8Array } } | undefined)?.wasm.HEAPU8.byteLength ?? 0
  )
}
