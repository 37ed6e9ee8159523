/**
 * tfjs's WebGPU backend under a name of our own: in a browser by `navigator.gpu`, in Node by npm's `webgpu`, which is Dawn.
 *
 * Both packages are optional. The instance is ours alone, so that nothing of it depends on what else the process does with WebGPU.
 */
import * as tf from "@tensorflow/tfjs"
import type { Kernels } from "../../kernels/Kernels.ts"
import { reference } from "../../kernels/reference.ts"
import { compileKernels, fusedWorks, wasmKernels } from "../../kernels/wasm.ts"
import { type Faults, faultsOf, type Gpu } from "./faults.ts"
import { webgpuKernels } from "./webgpuKernels.ts"

/** The name of this backend in tfjs's registry. */
export const webgpuBackend = "natgrad-webgpu"

/** tfjs's own name for it. */
const shipped = "webgpu"

const backendPackage = "@tensorflow/tfjs-backend-webgpu"
const nodePackage = "webgpu"

/** Why there is no WebGPU, with what to do about it. */
export class NoWebgpu extends Error {}

/** The backend of this process: the kernels that go with it, and what goes wrong on its GPU. */
export interface Webgpu {
  readonly kernels: Kernels
  readonly faults: Faults
}

let activation: Promise<Webgpu> | undefined

/**
 * Registers the backend, once in a process until the GPU is lost. *Rejects*: `NoWebgpu`, or what WebGPU throws; the next call tries again.
 */
export const activateWebgpu = (): Promise<Webgpu> => {
  activation ??= start().catch((cause) => {
    activation = undefined
    throw cause
  })
  return activation
}

const start = async (): Promise<Webgpu> => {
  const adapter = await (gpuHere() ?? (await gpuOfNode())).requestAdapter()
  if (adapter === null) {
    throw new NoWebgpu(
      "WebGPU finds no GPU here that it can use. Install the GPU's driver (on Linux, one with Vulkan), or let the browser use it"
    )
  }
  const instance = await (await factory())()
  register(instance)
  const { device } = instance as unknown as { readonly device: Gpu }
  void device.lost.then(() => {
    activation = undefined
  })
  const module = await compileKernels(fusedWorks()).catch(() => undefined)
  return { kernels: module === undefined ? reference : wasmKernels(module), faults: faultsOf(device) }
}

const register = (instance: tf.KernelBackend): void => {
  // One whose GPU was lost.
  if (tf.findBackend(webgpuBackend) !== null) tf.removeBackend(webgpuBackend)
  if (tf.getKernelsForBackend(webgpuBackend).length === 0) registerKernels()
  tf.registerBackend(webgpuBackend, () => instance, 0)
}

const registerKernels = (): void => {
  tf.copyRegisteredKernels(shipped, webgpuBackend)
  for (const [kernelName, kernelFunc] of Object.entries(webgpuKernels)) {
    tf.unregisterKernel(kernelName, webgpuBackend)
    tf.registerKernel({ kernelName, backendName: webgpuBackend, kernelFunc })
  }
}

interface Navigated {
  readonly requestAdapter: () => Promise<object | null>
}

const gpuHere = (): Navigated | undefined =>
  (globalThis.navigator as { readonly gpu?: Navigated } | undefined)?.gpu

const isNode = (): boolean => globalThis.process?.versions?.["node"] !== undefined

/** Dawn, put where a browser has it: tfjs looks for it and for WebGPU's globals there. */
const gpuOfNode = async (): Promise<Navigated> => {
  if (!isNode()) {
    throw new NoWebgpu(
      "this browser has no navigator.gpu. Use one that has WebGPU, with a page from https or localhost"
    )
  }
  const { create, globals } = (await imported(nodePackage)) as {
    readonly create: (options: ReadonlyArray<string>) => Navigated
    readonly globals: Readonly<Record<string, unknown>>
  }
  const global = globalThis as unknown as Record<string, unknown>
  for (const [name, value] of Object.entries(globals)) global[name] ??= value
  const gpu = create([])
  Object.defineProperty(globalThis.navigator, "gpu", { value: gpu, configurable: true, enumerable: true })
  return gpu
}

const imported = async (name: string): Promise<unknown> => {
  try {
    // The name is no literal: bundlers must not look for a package that is optional.
    return await import(name)
  } catch (cause) {
    if (!isNode()) {
      throw new NoWebgpu(
        `the package ${name} was not imported. Run \`npm install ${name}\`, and import it where the program begins`
      )
    }
    if ((cause as { readonly code?: unknown }).code === "ERR_MODULE_NOT_FOUND") {
      throw new NoWebgpu(`the package ${name} is not installed. Run \`npm install ${name}\``)
    }
    throw new NoWebgpu(`the package ${name} does not load: ${String(cause)}. Install it for this platform`)
  }
}

type Factory = () => Promise<tf.KernelBackend>

/** What makes an instance of tfjs's backend. */
const factory = async (): Promise<Factory> => {
  const here = () => tf.engine().registryFactory[shipped]?.factory as Factory | undefined
  if (here() === undefined) await imported(backendPackage)
  const made = here()
  if (made !== undefined) return made
  // It registers itself where there is a navigator.gpu, and that when it is imported.
  throw new NoWebgpu(
    `the package ${backendPackage} was imported before there was a navigator.gpu. Start Device.webgpu first`
  )
}
