/**
 * tfjs's wasm backend under a name of our own, with its products mended.
 *
 * As shipped, a `matMul` with a transposed operand misses XNNPACK and runs at 1 to 2 GFLOPS instead of 30, and the fused product
 * is wrong when transposed or batched with an inner dimension over 48 (the bias is added once per 48-block). Here the kernels of
 * assembly/ multiply on tfjs's own heap, whatever is transposed, and the fused product is taken apart. Only our name is changed:
 * `wasm` stays as it was.
 */
import * as tf from "@tensorflow/tfjs"
import "@tensorflow/tfjs-backend-wasm"
import type { Kernels } from "../../kernels/Kernels.ts"
import { reference } from "../../kernels/reference.ts"
import {
  compileKernels,
  fusedWorks,
  type HeapKernels,
  heapKernels,
  wasmKernels as kernelsOf
} from "../../kernels/wasm.ts"
import { convolutionGradients } from "./convolutions.ts"
import { copyKernels } from "./copies.ts"
import { dilationKernels } from "./dilations.ts"
import { emptyReductions } from "./emptyReductions.ts"
import { outerRows, outerRowsKernel } from "./outerKernel.ts"
import { type LowerGram, packedGramBy, packedGramKernel } from "./packedGram.ts"
import { sizedKernels } from "./paddings.ts"
import { poolKernels } from "./pools.ts"
import { type Multiply, matMulBy } from "./products.ts"
import { squaredSums, squaredSumsKernel } from "./squareKernel.ts"
import { vectorKernels } from "./vectorKernels.ts"
import { windowKernels } from "./windowKernels.ts"

/** The name of our backend in tfjs's registry. */
export const wasmBackend = "natgrad-wasm"

let activation: Promise<void> | undefined
let underWay = false

/**
 * The start of wasm, while it is under way. tfjs refuses every operation of every backend until then, so whoever computes waits.
 * Rejections are the business of whoever started it.
 */
export const startUnderWay = (): Promise<void> | undefined =>
  underWay ? activation?.catch(() => undefined) : undefined

/** Registers the backend, once in a process. Rejects where WebAssembly cannot start; the next call tries again. */
export const activateWasm = (): Promise<void> => {
  activation ??= start().catch((cause) => {
    activation = undefined
    throw cause
  })
  return activation
}

const start = async (): Promise<void> => {
  underWay = true
  try {
    await register()
  } finally {
    underWay = false
  }
}

const register = async (): Promise<void> => {
  const module = await compileKernels(fusedWorks()).catch(() => undefined)
  if (module !== undefined) compiled = kernelsOf(module)
  if (!(await tf.setBackend("wasm"))) throw new Error("tfjs's wasm backend did not start")
  const instance = tf.backend()
  const heap = module === undefined ? undefined : kernelsOnHeapOf(module, instance)
  ours = heap === undefined ? {} : vectorKernels(heap)
  if (heap === undefined) registerAs(wasmBackend, instance, xnnpackProduct)
  else registerAs(wasmBackend, instance, matMulBy(multiplyBy(heap)), gramBy(heap))
  onHeap = heap
  if (heap !== undefined) registerWindows(wasmBackend, multiplyBy(heap), sparseUpTo)
}

/** Our kernels on tfjs's heap. Not where tfjs shares it between threads: XNNPACK and the shipped kernels serve there. */
const kernelsOnHeapOf = (module: WebAssembly.Module, instance: tf.KernelBackend): HeapKernels | undefined => {
  const { asm, _malloc } = (instance as unknown as Emscripten).wasm
  if (asm?.memory === undefined || _malloc === undefined) return undefined
  try {
    return heapKernels(module, asm.memory, _malloc)
  } catch {
    return undefined
  }
}

const multiplyBy =
  ({ gemm, syrk }: HeapKernels): Multiply =>
  ({ gram, m, n, k, x, transposeX, y, transposeY, z }) =>
    gram
      ? syrk(n, k, x.byteOffset, transposeY, z.byteOffset)
      : gemm(m, n, k, x.byteOffset, transposeX, y.byteOffset, transposeY, z.byteOffset)

const gramBy =
  ({ lowerSyrk }: HeapKernels): LowerGram =>
  (n, k, x, out) =>
    lowerSyrk(n, k, x.byteOffset, out.byteOffset)

/** What tfjs's wasm backend has of its module, in the versions that show it. */
interface Emscripten {
  readonly wasm: {
    readonly asm?: { readonly memory?: WebAssembly.Memory }
    readonly _malloc?: (bytes: number) => number
  }
}

/** The kernels of assembly/ that replace others, by their names in tfjs; none before the start. */
let ours: Readonly<Record<string, tf.KernelFunc>> = {}

/** Registers tfjs's wasm instance under a name of ours, with this product for its own, and the half of one where there is such a kernel. */
export const registerAs = (
  backendName: string,
  instance: tf.KernelBackend,
  product: tf.KernelFunc,
  lowerGram?: LowerGram
): void => {
  tf.copyRegisteredKernels("wasm", backendName)
  const kernels = {
    BatchMatMul: product,
    _FusedMatMul: fused(product),
    ...copyKernels,
    ...dilationKernels,
    ...ours
  }
  for (const [name, kernel] of Object.entries(kernels)) replace(backendName, name, kernel)
  const registered = (name: string) => tf.getKernel(name, backendName).kernelFunc
  const mended = { ...emptyReductions(registered), ...sizedKernels(registered) }
  for (const [name, kernel] of Object.entries(mended)) replace(backendName, name, kernel)
  if (lowerGram !== undefined) replace(backendName, packedGramKernel, packedGramBy(lowerGram))
  tf.registerBackend(backendName, () => instance, 0)
}

/** Registers a kernel in place of the one that is there, if any. */
const replace = (backendName: string, kernelName: string, kernelFunc: tf.KernelFunc): void => {
  const found = tf.getKernel(kernelName, backendName)
  if (found !== undefined) tf.unregisterKernel(kernelName, backendName)
  tf.registerKernel({ ...found, kernelName, backendName, kernelFunc: withOperands(kernelFunc) })
}

/** With all operands on the heap: one of another backend comes when it is asked for, and where the heap grows for it views are lost. */
const withOperands =
  (kernelFunc: tf.KernelFunc): tf.KernelFunc =>
  (params) => {
    const { dataIdMap } = params.backend as unknown as { readonly dataIdMap: tf.DataStorage<unknown> }
    for (const operand of Object.values(params.inputs)) if (operand) dataIdMap.get(operand.dataId)
    return kernelFunc(params)
  }

/** The kernels of assembly/ on tfjs's heap; none before the start, and where they have no place there. */
let onHeap: HeapKernels | undefined

/** A kernel of a convolution of 32 KiB stays in the first cache. */
const sparseUpTo = 2 ** 13

/** Registers the kernels of convolutions and pools under a name of ours, where there are any, with these products. */
export const registerWindows = (backendName: string, multiply: Multiply, sparse: number): void => {
  if (onHeap === undefined) return
  const arithmetic = { heap: onHeap, multiply, sparse }
  const kernels = {
    ...windowKernels(arithmetic),
    ...convolutionGradients(arithmetic),
    ...poolKernels(onHeap.windows),
    [outerRowsKernel]: outerRows(onHeap.windows),
    [squaredSumsKernel]: squaredSums(arithmetic)
  }
  for (const [name, kernel] of Object.entries(kernels)) replace(backendName, name, kernel)
}

/** Products on tfjs's heap. */
export interface HeapProducts {
  readonly multiply: Multiply
  readonly gram: LowerGram
}

/** By our kernels, in place; none before the start, and where XNNPACK serves. */
export const productsOnHeap = (): HeapProducts | undefined =>
  onHeap && { multiply: multiplyBy(onHeap), gram: gramBy(onHeap) }

/** Registers tfjs's wasm instance under another name of ours, with these products, or XNNPACK's. */
export const registerWith = (backendName: string, by: HeapProducts | undefined): void => {
  const instance = tf.engine().findBackend("wasm")
  if (by === undefined) registerAs(backendName, instance, xnnpackProduct)
  else {
    registerAs(backendName, instance, matMulBy(by.multiply), by.gram)
    registerWindows(backendName, by.multiply, sparseUpTo)
  }
}

type KernelParams = Parameters<tf.KernelFunc>[0]

const runKernel = (
  kernelName: string,
  backend: KernelParams["backend"],
  inputs: tf.NamedTensorInfoMap,
  attrs: tf.NamedAttrMap = {},
  backendName = wasmBackend
): tf.TensorInfo =>
  tf.getKernel(kernelName, backendName).kernelFunc({ inputs, backend, attrs }) as tf.TensorInfo

export const free = (backend: KernelParams["backend"], ...tensors: ReadonlyArray<tf.TensorInfo>): void => {
  for (const { dataId } of tensors) (backend as tf.KernelBackend).disposeData(dataId)
}

const transposed = (backend: KernelParams["backend"], x: tf.TensorInfo): tf.TensorInfo => {
  const rank = x.shape.length
  const perm = [...Array(rank - 2).keys(), rank - 1, rank - 2]
  return runKernel("Transpose", backend, { x }, { perm })
}

/** Products by XNNPACK, a transposed operand transposed first. */
export const xnnpackProduct: tf.KernelFunc = ({ inputs, backend, attrs }) => {
  const operand = (name: "a" | "b", flag: "transposeA" | "transposeB") =>
    attrs?.[flag] ? transposed(backend, inputs[name]!) : inputs[name]!
  const a = operand("a", "transposeA")
  const b = operand("b", "transposeB")
  const out = runKernel("BatchMatMul", backend, { a, b }, { transposeA: false, transposeB: false }, "wasm")
  try {
    requireProduct(backend as WasmBackend, a, b, out)
  } finally {
    free(backend, ...[a, b].filter((x) => x !== inputs["a"] && x !== inputs["b"]))
  }
  return out
}

/** A view of a tensor's numbers on the wasm heap, valid until the next allocation. */
export interface WasmBackend {
  readonly typedArrayFromHeap: (tensor: tf.TensorInfo) => Float32Array
}

/**
 * Where XNNPACK cannot allocate, tfjs prints a line and hands back memory that nothing was written to. So the last entry of every
 * product is computed once more here: k multiplications against m n k.
 */
const requireProduct = (
  backend: WasmBackend,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  out: tf.TensorInfo
): void => {
  const k = a.shape.at(-1)!
  const n = b.shape.at(-1)!
  const [left, right, product] = [a, b, out].map((tensor) => backend.typedArrayFromHeap(tensor)) as [
    Float32Array,
    Float32Array,
    Float32Array
  ]
  if (product.length === 0 || k === 0) return
  let due = 0
  let size = 0
  for (let i = 0; i < k; i++) {
    const term = left[left.length - k + i]! * right[right.length - 1 - (k - 1 - i) * n]!
    due += term
    size += Math.abs(term)
  }
  const entry = product[product.length - 1]!
  // A sum that overflows in float32, or is NaN, has no size to compare with; the smallest numbers of float32 are flushed to 0.
  if (!(size < 1e38) || Math.abs(entry - due) <= 1e-3 * size + 1e-30) return
  throw new Error(
    `out of memory: XNNPACK did not compute a product of ${a.shape.join(" x ")} and ${b.shape.join(" x ")}. Use smaller blocks or fewer draws`
  )
}

/** tfjs's names of fused activations, and the kernels that compute them. */
const activationKernels: Readonly<Record<string, string>> = {
  relu: "Relu",
  relu6: "Relu6",
  elu: "Elu",
  sigmoid: "Sigmoid",
  leakyrelu: "LeakyRelu",
  prelu: "Prelu"
}

/** The fused product, taken apart: the product, the bias, then the activation. */
const fused =
  (matMul: tf.KernelFunc): tf.KernelFunc =>
  ({ inputs, backend, attrs }) => {
    const activation = attrs?.["activation"] as string | null | undefined
    const product = matMul({ inputs, backend, attrs: attrs ?? {} }) as tf.TensorInfo
    const replaceBy = (previous: tf.TensorInfo, next: tf.TensorInfo): tf.TensorInfo => {
      free(backend, previous)
      return next
    }
    const biased = inputs["bias"]
      ? replaceBy(product, runKernel("Add", backend, { a: product, b: inputs["bias"] }))
      : product
    if (!activation || activation === "linear") return biased
    const kernel = activationKernels[activation]
    if (kernel === undefined) throw new Error(`fused activation ${activation} is not supported`)
    const operands =
      kernel === "Prelu" ? { x: biased, alpha: inputs["preluActivationWeights"]! } : { x: biased }
    return replaceBy(
      biased,
      runKernel(kernel, backend, operands, { alpha: attrs?.["leakyreluAlpha"] as number })
    )
  }

/** Compiled when the backend starts; where the engine has no vectors of 128 bits, the reference. */
let compiled: Kernels = reference

/**
 * The kernels of assembly/ for every operation: from 16 rows on they take a half to a sixth of the reference's time, and in float32
 * they are level with XNNPACK, without its copies of transposed operands.
 */
export const wasmKernels: Kernels = {
  name: "wasm",
  gemm: (p) => compiled.gemm(p),
  syrk: (p) => compiled.syrk(p),
  cholesky: (p) => compiled.cholesky(p),
  choleskySolve: (p) => compiled.choleskySolve(p),
  choleskyInverse: (p) => compiled.choleskyInverse(p),
  symmetricEigen: (p) => compiled.symmetricEigen(p)
}
