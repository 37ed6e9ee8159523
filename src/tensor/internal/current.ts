import * as tf from "@tensorflow/tfjs"
import { webgpuBackend } from "./webgpu.ts"

/** Makes an initialised backend tfjs's current one. */
export const makeCurrent = (backend: string): void => {
  // setBackend is asynchronous in its type only: an initialised backend is current when the call returns.
  if (tf.getBackend() !== backend) void tf.setBackend(backend)
}

/** Whether the current backend gives a tensor's numbers at once: those on a GPU are waited for. */
export const readsAtOnce = (): boolean => ![webgpuBackend, "webgpu"].includes(tf.getBackend())
