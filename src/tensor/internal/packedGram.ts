/** The kernel of `packedGram` on the wasm heap, by whoever can compute the lower triangle of x^T x there. */
import type * as tf from "@tensorflow/tfjs"
import { packedLength, packLower } from "../../kernels/packed.ts"
import type { Heap } from "./heap.ts"
import { onHeap } from "./scratch.ts"

/** Its name in tfjs's registry: none of tfjs's own. */
export const packedGramKernel = "natgrad.PackedGram"

/** The lower triangle of x^T x for a k x n matrix, to an n x n one; views of the heap, none of them empty. */
export type LowerGram = (n: number, k: number, x: Float32Array, out: Float32Array) => void

export const packedGramBy =
  (lowerGram: LowerGram): tf.KernelFunc =>
  ({ attrs, backend, inputs }) => {
    const x = inputs["x"]!
    const [k, n] = x.shape as [number, number]
    const { rowsAtOnce } = attrs as unknown as { readonly rowsAtOnce: number }
    const length = packedLength(n)
    const out = { shape: [length], dtype: "float32" } as const
    return onHeap(backend as unknown as Heap, [out], [n * n], ({ outputs, scratch, view }) => {
      const square = scratch[0]!
      const sum = new Float32Array(square.buffer, outputs[0], length)
      if (k === 0 || n === 0) {
        sum.fill(0)
        return
      }
      const rows = view(x)
      for (let first = 0; first < k; first += rowsAtOnce) {
        const part = rows.subarray(first * n, Math.min(k, first + rowsAtOnce) * n)
        lowerGram(n, part.length / n, part, square)
        if (first > 0) addLower(n, square, sum)
        else packLower(n, new Float32Array(square.buffer), square.byteOffset / 4, sum.byteOffset / 4)
      }
    })[0]!
  }

/** The lower triangle of an n x n matrix added to one, row by row. */
const addLower = (n: number, square: Float32Array, sum: Float32Array): void => {
  let at = 0
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) sum[at++]! += square[i * n + j]!
}
