/** The same program on backends of tfjs by their names: tfjs's own and ours. */
import * as tf from "@tensorflow/tfjs"
import { Effect } from "effect"
import { Device } from "../../src/index.ts"
import { checkEveryKernel } from "./tensors.ts"

/** tfjs's backends: the plain one, and the one whose kernels ours replace. */
export const plainBackend = "cpu"
export const shippedBackend = "wasm"

/** Starts the wasm backends. */
export const startBackends = async (): Promise<void> => {
  await checkEveryKernel()
  await Effect.runPromise(Device.use(() => Effect.void).pipe(Effect.provide(Device.wasm), Effect.scoped))
}

export interface Made {
  readonly shape: ReadonlyArray<number>
  readonly dtype: string
  readonly values: ReadonlyArray<number>
}

/** What a program makes on a backend, after a heap that is full of sevens. */
export const madeOn = async (
  backend: string,
  program: () => tf.Tensor | ReadonlyArray<tf.Tensor>
): Promise<ReadonlyArray<Made>> => {
  const found = tf.getBackend()
  await tf.setBackend(backend)
  try {
    tf.dispose([16, 64, 256, 1024, 4096].map((size) => tf.fill([size], 7)))
    return tf.tidy(() =>
      [program()].flat().map((out) => ({
        shape: out.shape,
        dtype: out.dtype,
        values: Array.from(out.dataSync())
      }))
    )
  } finally {
    await tf.setBackend(found)
  }
}
