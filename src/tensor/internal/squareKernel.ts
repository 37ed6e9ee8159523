/** The kernel of `squaredSums` (src/tensor/Squares.ts) on the wasm heap. */
import type * as tf from "@tensorflow/tfjs"
import { type Heap, sizeOf } from "./heap.ts"
import { onHeap } from "./scratch.ts"
import type { Arithmetic } from "./windowKernels.ts"

/** Its name in tfjs's registry: none of tfjs's own. */
export const squaredSumsKernel = "natgrad.SquaredSums"

/** How many numbers of gradients of one example are on the heap at once, where one of them is not more: 4 MiB. */
const gradientsAtOnce = 2 ** 20

interface Inputs {
  /** `[N T, in]` */
  readonly a: tf.TensorInfo
  /** `[K, N T, out]` */
  readonly g: tf.TensorInfo
  /** `[rows, rows]` and `[out, out]`, or none of both. */
  readonly left?: tf.TensorInfo
  readonly right?: tf.TensorInfo
}

export const squaredSums =
  ({ heap: kernels, multiply }: Arithmetic): tf.KernelFunc =>
  ({ attrs, backend, inputs }) => {
    const heap = backend as unknown as Heap
    const { a, g, left, right } = inputs as unknown as Inputs
    const { bias, positions } = attrs as unknown as { readonly bias: boolean; readonly positions: number }
    const [columns, terms, out] = g.shape as [number, number, number]
    const width = a.shape[1]!
    const rows = width + (bias ? 1 : 0)
    const atOnce = Math.max(1, Math.min(columns, Math.floor(gradientsAtOnce / (rows * out))))
    const scratch = [positions * atOnce * out, rows * atOnce * out, rows * atOnce * out]
    return onHeap(
      heap,
      [{ shape: [rows, out], dtype: "float32" }],
      scratch,
      ({ at, outputs, scratch, view }) => {
        const [side, gradient, turned] = scratch as [Float32Array, Float32Array, Float32Array]
        const from = at(g)
        const x = view(a)
        const [u, v] = left && right ? [view(left), view(right)] : []
        new Float32Array(x.buffer, outputs[0], rows * out).fill(0)
        /** The gradients of some columns of example n, `[rows, some, out]`, and their squares. */
        const example = (n: number, first: number, some: number): void => {
          const all = some * out
          const begin = from + 4 * out * (first * terms + n * positions)
          kernels.windows.sideBySide32(some, terms * out, positions, out, begin, side.byteOffset)
          const own = x.subarray(n * positions * width, (n + 1) * positions * width)
          if (width > 0) multiply({ ...across, m: width, n: all, k: positions, x: own, y: side, z: gradient })
          if (bias) kernels.sumRows(positions, all, side.byteOffset, gradient.byteOffset + 4 * width * all)
          if (u !== undefined && v !== undefined) {
            multiply({ ...across, m: rows, n: all, k: rows, x: u, y: gradient, z: turned })
            multiply({ ...along, m: rows * some, n: out, k: out, x: turned, y: v, z: gradient })
          }
          kernels.windows.addSquares32(rows, some, out, gradient.byteOffset, outputs[0]!)
        }
        if (sizeOf(g.shape) === 0) return
        for (let first = 0; first < columns; first += atOnce) {
          for (let n = 0; n < terms / positions; n++) example(n, first, Math.min(atOnce, columns - first))
        }
      }
    )[0]!
  }

/** A product whose left operand is transposed, and one of which none is. */
const across = { transposeX: true, transposeY: false, gram: false } as const
const along = { transposeX: false, transposeY: false, gram: false } as const
