/**
 * tfjs's wasm instance under a second name of ours, with its products computed by a BLAS of this machine, in place on the wasm heap.
 *
 * Everything else is as on wasm, bit for bit. A product takes any transposes and batches, without a copy.
 */
import * as tf from "@tensorflow/tfjs"
import type { Kernels } from "../../kernels/Kernels.ts"
import { type Library, open } from "../../kernels/native/library.ts"
import { native } from "../../kernels/native.ts"
import { activateWasm, registerAs, type WasmBackend } from "./wasm.ts"

/** The name of this backend in tfjs's registry. */
export const nativeBackend = "natgrad-native"

let opening: Promise<Library> | undefined

/**
 * Registers the backend, once in a process, and gives its kernels. The number of threads is the process's: the last Device to start says it.
 * Rejects where there is no koffi or no BLAS; the next call tries again.
 */
export const activateNative = async (threads: number): Promise<Kernels> => {
  opening ??= start().catch((cause) => {
    opening = undefined
    throw cause
  })
  const library = await opening
  library.setThreads(threads)
  return native(library)
}

const start = async (): Promise<Library> => {
  const library = await open()
  await activateWasm()
  registerAs(nativeBackend, tf.engine().findBackend("wasm"), matMulThrough(library))
  return library
}

/** What tfjs's wasm backend makes an output with. */
interface Heap extends WasmBackend {
  readonly makeOutput: (shape: Array<number>, dtype: tf.DataType) => tf.TensorInfo
}

const size = (shape: ReadonlyArray<number>): number => shape.reduce((product, side) => product * side, 1)

/** The CBLAS's numbers for row-major order, and for an operand as it is or transposed. */
const [rowMajor, plain, transposed] = [101, 111, 112]

const matMulThrough =
  ({ sgemm }: Library): tf.KernelFunc =>
  ({ attrs, backend, inputs }) => {
    const { a, b } = inputs as { readonly a: tf.TensorInfo; readonly b: tf.TensorInfo }
    const [left, right] = [attrs?.["transposeA"] === true, attrs?.["transposeB"] === true]
    const [rows, inner] = left ? a.shape.slice(-2).toReversed() : a.shape.slice(-2)
    const columns = right ? b.shape.at(-2)! : b.shape.at(-1)!
    const outer = tf.broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2))
    const [m, k, n] = [rows!, inner!, columns]
    const heap = backend as unknown as Heap
    const out = heap.makeOutput([...outer, m, n], a.dtype)
    // Views, once everything is allocated: an allocation may move the heap.
    const [x, y, z] = [a, b, out].map((tensor) => heap.typedArrayFromHeap(tensor)) as [
      Float32Array,
      Float32Array,
      Float32Array
    ]
    if (k === 0) z.fill(0)
    if (m === 0 || n === 0 || k === 0) return out
    const batches = size(outer)
    const [perX, perY] = [m * k, k * n]
    for (let i = 0; i < batches; i++) {
      const at = batchOf(outer, a.shape, i)
      const bt = batchOf(outer, b.shape, i)
      sgemm(
        rowMajor!,
        left ? transposed! : plain!,
        right ? transposed! : plain!,
        m,
        n,
        k,
        1,
        batches === 1 ? x : x.subarray(at * perX),
        left ? m : k,
        batches === 1 ? y : y.subarray(bt * perY),
        right ? k : n,
        0,
        batches === 1 ? z : z.subarray(i * m * n),
        n
      )
    }
    return out
  }

/** Which batch of an operand belongs to batch i of the product: an operand of one batch, or a side of 1, goes with all. */
const batchOf = (outer: ReadonlyArray<number>, shape: ReadonlyArray<number>, i: number): number => {
  const own = shape.slice(0, -2)
  let [rest, at, step] = [i, 0, 1]
  for (let axis = 1; axis <= outer.length; axis++) {
    const side = outer.at(-axis)!
    const place = rest % side
    rest = Math.floor(rest / side)
    const ownSide = own.at(-axis) ?? 1
    if (axis > own.length) continue
    if (ownSide > 1) at += place * step
    step *= ownSide
  }
  return at
}
