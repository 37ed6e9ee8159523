/**
 * Reductions over no numbers, for the wasm device: as shipped they are whatever lay in the place of the output.
 *
 * *Math*: what changes nothing: 0 for a sum, 1 for a product, -Infinity for the largest number, true for "all". tfjs's plain backend has NaN
 * for the largest and the smallest, and false for "all". The mean of nothing is 0, as there.
 */
import * as tf from "@tensorflow/tfjs"
import { type Heap, outputOn, sizeOf } from "./heap.ts"

const ofNothing: Readonly<Record<string, number>> = {
  Sum: 0,
  Mean: 0,
  Prod: 1,
  Max: Number.NEGATIVE_INFINITY,
  Min: Number.POSITIVE_INFINITY,
  Any: 0,
  All: 1
}

/** The kernels by their names in tfjs, for those that `found` gives by theirs. */
export const emptyReductions = (
  found: (name: string) => tf.KernelFunc
): Readonly<Record<string, tf.KernelFunc>> =>
  Object.fromEntries(
    Object.entries(ofNothing).map(([name, value]) => [name, withEmpty(name, value, found(name))])
  )

const withEmpty =
  (name: string, value: number, otherwise: tf.KernelFunc): tf.KernelFunc =>
  (params) => {
    const { attrs, backend, inputs } = params
    const x = inputs["x"]!
    const given = (attrs?.["axis"] ?? attrs?.["reductionIndices"]) as number | Array<number>
    const axes = tf.util.parseAxisParam(given, x.shape)
    if (sizeOf(x.shape) > 0) return otherwise(params)
    const shape = x.shape.flatMap((side, axis) =>
      !axes.includes(axis) ? [side] : attrs?.["keepDims"] ? [1] : []
    )
    const heap = backend as unknown as Heap
    const out = outputOn(heap, shape, name === "Mean" ? "float32" : x.dtype)
    heap
      .typedArrayFromHeap(out)
      .fill(x.dtype === "int32" ? Math.max(-(2 ** 31), Math.min(value, 2 ** 31 - 1)) : value)
    return out
  }
