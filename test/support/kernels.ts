/** Every implementation of `Kernels`, for the laws that run over all of them. */

import type { Kernels } from "../../src/kernels/Kernels.ts"
import { open } from "../../src/kernels/native/library.ts"
import { native } from "../../src/kernels/native.ts"
import { openPool, type Pool, type PoolOptions } from "../../src/kernels/pool.ts"
import { reference } from "../../src/kernels/reference.ts"
import { compileKernels, fusedWorks, wasmKernels } from "../../src/kernels/wasm.ts"

const compiled = async (name: string, fused: boolean): Promise<Kernels> => ({
  ...wasmKernels(await compileKernels(fused)),
  name
})

/** The WebAssembly kernels in every build that this engine runs. */
export const wasmBuilds: ReadonlyArray<Kernels> = [
  await compiled("wasm", false),
  ...(fusedWorks() ? [await compiled("wasm, fused", true)] : [])
]

/** A pool that cuts every operation into tasks, however small, beside the build that it shares bits with. */
export const smallPool = (
  threads: number,
  fused: boolean,
  options: Partial<PoolOptions> = {}
): Promise<Pool> => openPool({ threads, single: wasmBuilds[fused ? 1 : 0]!, fused, grain: 1, ...options })

/** The builds for a shared memory, on two threads. Their workers end with the process. */
export const pooledBuilds: ReadonlyArray<Kernels> = await Promise.all(
  wasmBuilds.map(async ({ name }, i) => ({
    ...(await smallPool(2, i === 1)).kernels,
    name: `${name}, 2 threads`
  }))
)

/** The BLAS of this machine, if there is one and koffi to reach it. */
export const nativeLibrary: ReadonlyArray<Kernels> = await open().then(
  (library) => [native(library)],
  () => []
)

/** The reference and all others. */
export const implementations: ReadonlyArray<Kernels> = [
  reference,
  ...wasmBuilds,
  ...pooledBuilds,
  ...nativeLibrary
]

/** All but the reference: for laws that compare with it. */
export const others: ReadonlyArray<Kernels> = implementations.slice(1)

/** The reference and the build that this engine would take: for laws that take long, and that one build stands for. */
export const inUse: ReadonlyArray<Kernels> = [reference, ...wasmBuilds.slice(-1)]
