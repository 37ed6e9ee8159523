/** Every implementation of `Kernels`, for the laws that run over all of them. */

import type { Kernels } from "../../src/kernels/Kernels.ts"
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

/** The reference and all others. */
export const implementations: ReadonlyArray<Kernels> = [reference, ...wasmBuilds]

/** The reference and the build that this engine would take: for laws that take long, and that one build stands for. */
export const inUse: ReadonlyArray<Kernels> = [reference, ...wasmBuilds.slice(-1)]
