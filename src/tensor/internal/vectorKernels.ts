/**
 * Kernels of the wasm device that tfjs ships without vectors: elementwise functions, reductions and transposes, which take 3.0 ns a number as
 * shipped and 0.3 to 0.8 here. What they do not cover goes to the shipped kernel.
 */
import type * as tf from "@tensorflow/tfjs"
import type { HeapKernels } from "../../kernels/wasm.ts"
import { elementwiseKernels } from "./elementwise.ts"
import { type Heap, outputOn, placeOf, shipped, sizeOf } from "./heap.ts"
import { reductionKernels } from "./reductions.ts"

/** The kernels by their names in tfjs. */
export const vectorKernels = (kernels: HeapKernels): Readonly<Record<string, tf.KernelFunc>> => ({
  ...elementwiseKernels(kernels),
  ...reductionKernels(kernels),
  Transpose: (params) => {
    const { attrs, backend, inputs } = params
    const heap = backend as unknown as Heap
    const x = inputs["x"]!
    const perm = attrs?.["perm"] as ReadonlyArray<number>
    const shape = perm.map((axis) => x.shape[axis]!)
    // As shipped it divides by the sides.
    if (sizeOf(shape) === 0) return outputOn(heap, shape, x.dtype)
    const matrices = asMatrices(x.shape, perm)
    if (x.dtype === "bool" || matrices === undefined) return shipped("Transpose", params)
    const { count, rows, columns } = matrices
    const out = outputOn(heap, shape, x.dtype)
    const [from, to] = [placeOf(heap, x), placeOf(heap, out)]
    for (let i = 0; i < count; i++) {
      kernels.transpose(rows, columns, from + 4 * i * rows * columns, to + 4 * i * rows * columns)
    }
    return out
  }
})

/**
 * A permutation that keeps the first axes and swaps two neighbouring groups of the others is a transpose of `count` matrices, rows x
 * columns. `undefined` for any other, and for one that moves nothing.
 */
const asMatrices = (
  shape: ReadonlyArray<number>,
  perm: ReadonlyArray<number>
): { readonly count: number; readonly rows: number; readonly columns: number } | undefined => {
  const kept = perm.findIndex((axis, i) => axis !== i)
  if (kept < 0) return undefined
  const split = perm[kept]!
  const rank = perm.length
  const swapped = perm.every(
    (axis, i) => i < kept || axis === kept + ((i - kept + split - kept) % (rank - kept))
  )
  if (!swapped) return undefined
  return {
    count: sizeOf(shape.slice(0, kept)),
    rows: sizeOf(shape.slice(kept, split)),
    columns: sizeOf(shape.slice(split))
  }
}
