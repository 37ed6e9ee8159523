import * as tf from "@tensorflow/tfjs"

/** Makes an initialised backend tfjs's current one. */
export const makeCurrent = (backend: string): void => {
  // setBackend is asynchronous in its type only: an initialised backend is current when the call returns.
  if (tf.getBackend() !== backend) void tf.setBackend(backend)
}
