/**
 * A product of tensors on the wasm heap, in place: any transposes and batches, without a copy, by whoever can multiply two matrices.
 */
import * as tf from "@tensorflow/tfjs"
import { type Heap, outputOn, sizeOf } from "./heap.ts"

/** z = op(x) op(y), views of the heap; op(x) is m x k and op(y) k x n, none of them empty. */
export interface Multiplication {
  readonly m: number
  readonly n: number
  readonly k: number
  readonly x: Float32Array
  readonly transposeX: boolean
  readonly y: Float32Array
  readonly transposeY: boolean
  readonly z: Float32Array
  /** Whether x and y are one matrix, of which one side is transposed: z is then symmetric, and half of it is enough to compute. */
  readonly gram: boolean
}

/** Whoever can multiply two matrices. */
export type Multiply = (p: Multiplication) => void

/** tfjs's `BatchMatMul` by a multiplication of matrices. */
export const matMulBy =
  (multiply: Multiply): tf.KernelFunc =>
  ({ attrs, backend, inputs }) => {
    const { a, b } = inputs as { readonly a: tf.TensorInfo; readonly b: tf.TensorInfo }
    const [transposeX, transposeY] = [attrs?.["transposeA"] === true, attrs?.["transposeB"] === true]
    const [rows, inner] = transposeX ? a.shape.slice(-2).toReversed() : a.shape.slice(-2)
    const [depth, columns] = transposeY ? b.shape.slice(-2).toReversed() : b.shape.slice(-2)
    if (inner !== depth) {
      throw new Error(
        `a product of ${a.shape.join(" x ")} and ${b.shape.join(" x ")} with transposes ${transposeX}, ${transposeY}: ` +
          `the inner sides are ${inner} and ${depth}. Make them equal`
      )
    }
    if (a.dtype !== "float32" || b.dtype !== "float32") {
      throw new Error(`a product of ${a.dtype} and ${b.dtype} is not supported. Cast both to float32`)
    }
    const outer = tf.broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2))
    const [m, k, n] = [rows!, inner!, columns!]
    const heap = backend as unknown as Heap
    const out = outputOn(heap, [...outer, m, n], a.dtype)
    // Views, once everything is allocated: an allocation may move the heap.
    const [x, y, z] = [a, b, out].map((tensor) => heap.typedArrayFromHeap(tensor)) as [
      Float32Array,
      Float32Array,
      Float32Array
    ]
    if (k === 0) z.fill(0)
    if (m === 0 || n === 0 || k === 0) return out
    const batches = sizeOf(outer)
    const [perX, perY] = [m * k, k * n]
    for (let i = 0; i < batches; i++) {
      const at = batchOf(outer, a.shape, i)
      const bt = batchOf(outer, b.shape, i)
      multiply({
        m,
        n,
        k,
        x: batches === 1 ? x : x.subarray(at * perX),
        transposeX,
        y: batches === 1 ? y : y.subarray(bt * perY),
        transposeY,
        z: batches === 1 ? z : z.subarray(i * m * n),
        // Two shapes, or two batches, of the same numbers are not one matrix.
        gram: a.dataId === b.dataId && transposeX !== transposeY && m === n && at === bt
      })
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
