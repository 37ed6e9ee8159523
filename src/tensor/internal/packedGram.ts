/** The kernel of `packedGram` on the wasm heap, by whoever can compute the lower triangle of x^T x there. */
import type * as tf from "@tensorflow/tfjs"
import { packedLength, packLower } from "../../kernels/packed.ts"
import { type Heap, outputOn } from "./heap.ts"

/** Its name in tfjs's registry: none of tfjs's own. */
export const packedGramKernel = "natgrad.PackedGram"

/** The lower triangle of x^T x for a k x n matrix, to an n x n one; views of the heap, none of them empty. */
export type LowerGram = (n: number, k: number, x: Float32Array, out: Float32Array) => void

export const packedGramBy =
  (lowerGram: LowerGram): tf.KernelFunc =>
  ({ backend, inputs }) => {
    const heap = backend as unknown as Heap
    const x = inputs["x"]!
    const [k, n] = x.shape as [number, number]
    const out = outputOn(heap, [packedLength(n)], "float32")
    if (n === 0) return out
    if (k === 0) {
      heap.typedArrayFromHeap(out).fill(0)
      return out
    }
    const square = outputOn(heap, [n, n], "float32")
    const [from, whole, to] = [x, square, out].map((tensor) => heap.typedArrayFromHeap(tensor)) as [
      Float32Array,
      Float32Array,
      Float32Array
    ]
    lowerGram(n, k, from, whole)
    packLower(n, new Float32Array(whole.buffer), whole.byteOffset / 4, to.byteOffset / 4)
    heap.disposeData(square.dataId)
    return out
  }
