/**
 * tfjs's wasm instance under a name for each number of threads, with the large products of tensors computed by a pool (../../kernels/pool.ts).
 *
 * tfjs's heap is not shared, so operands are copied to the pool's memory, and the product back. Bits are those of one thread.
 */
import * as tf from "@tensorflow/tfjs"
import type { Kernels } from "../../kernels/Kernels.ts"
import { openPool, type Pool } from "../../kernels/pool.ts"
import { activateWasm, type HeapProducts, productsOnHeap, registerWith, wasmKernels } from "./wasm.ts"

/** The name of the backend for so many threads. */
export const threadsBackend = (threads: number): string => `natgrad-wasm-${threads}`

interface Held {
  readonly opening: Promise<Pool>
  /** Once it is open. */
  pool?: Pool
  devices: number
}

/** The pools that Devices hold, by their number of threads. */
const held = new Map<number, Held>()

/** A share in the pool of so many threads. `start` rejects with `NoThreads`; `end` ends the workers if no other Device needs them. */
export const holdThreads = (threads: number) => {
  let own: Held | undefined
  const end = async (): Promise<void> => {
    const ending = own
    own = undefined
    if (ending === undefined || --ending.devices > 0) return
    held.delete(threads)
    await ending.opening.then(
      (pool) => pool.close(),
      () => undefined
    )
  }
  const start = async (): Promise<Kernels> => {
    await activateWasm()
    own = held.get(threads) ?? { opening: openPool({ threads, single: wasmKernels }), devices: 0 }
    held.set(threads, own)
    own.devices++
    try {
      const pool = await own.opening
      own.pool = pool
      if (tf.engine().registryFactory[threadsBackend(threads)] === undefined) register(threads)
      return pool.kernels
    } catch (cause) {
      await end()
      throw cause
    }
  }
  return { start, end }
}

const register = (threads: number): void => {
  const alone = productsOnHeap()
  const together = alone === undefined ? undefined : byPool(() => held.get(threads)?.pool, alone)
  registerWith(threadsBackend(threads), together)
}

/** By the pool where that is faster, else in place. */
const byPool = (pool: () => Pool | undefined, alone: HeapProducts): HeapProducts => ({
  multiply: (p) => {
    const { gram, k, m, n, transposeX, transposeY, x, y, z } = p
    const done =
      gram && transposeX
        ? pool()?.syrk({ rows: k, n, a: x, out: z })
        : !gram &&
          pool()?.gemm({ m, n, k, a: x, transposeA: transposeX, b: y, transposeB: transposeY, out: z })
    if (done !== true) alone.multiply(p)
  },
  gram: (n, k, x, out) => {
    if (pool()?.syrk({ rows: k, n, a: x, out }) !== true) alone.gram(n, k, x, out)
  }
})
