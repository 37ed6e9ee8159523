/**
 * Kernels of the wasm device that put numbers where indices say: sums by segment, which is the gradient of a gather, and one-hot rows.
 *
 * tfjs has no sum by segment on wasm, so that an embedding has no gradient there; and its one-hot rows of float32 are the bits of
 * integers.
 */
import type * as tf from "@tensorflow/tfjs"
import { outputOn } from "./heap.ts"
import { type Heap, product } from "./moves.ts"

/** out_s = the sum of x_i over the i whose id is s, in their order. An id that is no segment adds to none. */
const segmentSum: tf.KernelFunc = ({ attrs, backend, inputs }) => {
  const heap = backend as unknown as Heap
  const { segmentIds, x } = inputs as { readonly x: tf.TensorInfo; readonly segmentIds: tf.TensorInfo }
  const segments = attrs?.["numSegments"] as number
  if (x.dtype !== "float32" && x.dtype !== "int32") {
    throw new Error(`a sum of ${x.dtype} by segment is not supported. Cast it to float32`)
  }
  if (segmentIds.shape.length !== 1 || segmentIds.shape[0] !== x.shape[0]) {
    throw new Error(
      `ids of ${segmentIds.shape.join(" x ")} for a sum of ${x.shape.join(" x ")} by segment. Give one id for each of its rows`
    )
  }
  const run = product(x.shape.slice(1))
  const out = outputOn(heap, [segments, ...x.shape.slice(1)], x.dtype)
  const [terms, ids, sums] = [x, segmentIds, out].map((tensor) => heap.typedArrayFromHeap(tensor)) as [
    Float32Array,
    Int32Array,
    Float32Array
  ]
  sums.fill(0)
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!
    if (!(id >= 0 && id < segments)) continue
    for (let from = i * run, to = id * run, end = from + run; from < end; from++, to++)
      sums[to]! += terms[from]!
  }
  return out
}

const oneHot: tf.KernelFunc = ({ attrs, backend, inputs }) => {
  const heap = backend as unknown as Heap
  const indices = inputs["indices"]!
  const { depth, dtype, offValue, onValue } = attrs as unknown as tf.OneHotAttrs
  const out = outputOn(heap, [...indices.shape, depth], dtype)
  const [wanted, rows] = [indices, out].map((tensor) => heap.typedArrayFromHeap(tensor)) as [
    Int32Array,
    Float32Array
  ]
  rows.fill(offValue)
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i]! >= 0 && wanted[i]! < depth) rows[i * depth + wanted[i]!] = onValue
  }
  return out
}

/** By the names under which tfjs knows them. */
export const scatterKernels: Readonly<Record<string, tf.KernelFunc>> = {
  UnsortedSegmentSum: segmentSum,
  OneHot: oneHot
}
