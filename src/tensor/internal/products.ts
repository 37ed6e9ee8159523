/**
 * A product of tensors on the wasm heap, in place: any transposes and batches, without a copy, by whoever can multiply two matrices.
 */
import * as tf from "@tensorflow/tfjs"

/** What tfjs's wasm backend makes an output with, and where on the heap a tensor is: a view that is valid until the next allocation. */
interface Heap {
  readonly makeOutput: (shape: Array<number>, dtype: tf.DataType) => tf.TensorInfo
  readonly typedArrayFromHeap: (tensor: tf.TensorInfo) => Float32Array
}

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
}

const size = (shape: ReadonlyArray<number>): number => shape.reduce((product, side) => product * side, 1)

/** tfjs's `BatchMatMul` by a multiplication of matrices. */
export const matMulBy =
  (multiply: (p: Multiplication) => void): tf.KernelFunc =>
  ({ attrs, backend, inputs }) => {
    const { a, b } = inputs as { readonly a: tf.TensorInfo; readonly b: tf.TensorInfo }
    const [transposeX, transposeY] = [attrs?.["transposeA"] === true, attrs?.["transposeB"] === true]
    const [rows, inner] = transposeX ? a.shape.slice(-2).toReversed() : a.shape.slice(-2)
    const columns = transposeY ? b.shape.at(-2)! : b.shape.at(-1)!
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
    requireMemory(z, out.shape)
    if (k === 0) z.fill(0)
    if (m === 0 || n === 0 || k === 0) return out
    const batches = size(outer)
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
        z: batches === 1 ? z : z.subarray(i * m * n)
      })
    }
    return out
  }

/** Where the heap cannot grow, its allocator gives address 0, and tfjs takes it for a place like any other. */
const requireMemory = (z: Float32Array, shape: ReadonlyArray<number>): void => {
  if (z.length === 0 || z.byteOffset !== 0) return
  throw new Error(
    `out of memory: no room on the heap for a product of ${shape.join(" x ")}. Use smaller blocks or fewer draws`
  )
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
