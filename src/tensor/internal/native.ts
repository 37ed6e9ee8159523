/**
 * tfjs's wasm instance under a second name of ours, with its products computed by a BLAS of this machine, in place on the wasm heap.
 *
 * Everything else is as on wasm, bit for bit. A product takes any transposes and batches, without a copy.
 */
import * as tf from "@tensorflow/tfjs"
import type { Kernels } from "../../kernels/Kernels.ts"
import { type Library, open } from "../../kernels/native/library.ts"
import { native } from "../../kernels/native.ts"
import { mirrorLower } from "../../kernels/reference/panels.ts"
import type { LowerGram } from "./packedGram.ts"
import { type Multiply, matMulBy } from "./products.ts"
import { activateWasm, registerAs, registerWindows } from "./wasm.ts"

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
  registerAs(
    nativeBackend,
    tf.engine().findBackend("wasm"),
    matMulBy(multiplyThrough(library)),
    gramThrough(library)
  )
  registerWindows(nativeBackend, multiplyThrough(library), 0)
  return library
}

/** The CBLAS's numbers for row-major order, and for an operand as it is or transposed. */
const [rowMajor, plain, transposed] = [101, 111, 112]

const lower = 122

/** From this side on, half a product and the mirror image cost less than a whole one. */
const worthHalf = 64

const multiplyThrough =
  ({ sgemm, ssyrk }: Library): Multiply =>
  ({ gram, m, n, k, x, transposeX, y, transposeY, z }) => {
    if (gram && m >= worthHalf) {
      ssyrk(rowMajor!, lower, transposeX ? transposed! : plain!, m, k, 1, x, transposeX ? m : k, 0, z, m)
      mirrorLower(m, z)
      return
    }
    sgemm(
      rowMajor!,
      transposeX ? transposed! : plain!,
      transposeY ? transposed! : plain!,
      m,
      n,
      k,
      1,
      x,
      transposeX ? m : k,
      y,
      transposeY ? k : n,
      0,
      z,
      n
    )
  }

const gramThrough =
  ({ ssyrk }: Library): LowerGram =>
  (n, k, x, out) =>
    ssyrk(rowMajor!, lower, transposed!, n, k, 1, x, n, 0, out, n)
