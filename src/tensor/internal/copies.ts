/**
 * Kernels of the wasm device that move numbers and compute none: gather, slice and concatenation, in runs on the wasm heap.
 *
 * As shipped, gather works out the coordinates of each number anew (23 to 30 ns a number), and slice and concatenation first copy
 * all of their operands out of the heap: a loop over slices is quadratic. Here a run is moved from place to place, bit for bit.
 */
import * as tf from "@tensorflow/tfjs"

/** What these kernels use of tfjs's wasm backend. */
interface Heap {
  /** A view of a tensor's numbers on the heap, valid until the next allocation. */
  readonly typedArrayFromHeap: (tensor: tf.TensorInfo) => ArrayBufferView
  readonly makeOutput: (shape: Array<number>, dtype: tf.DataType) => tf.TensorInfo
}

/** Numbers of both kinds as their bits: as float32, some patterns of an int32 would not survive. */
const words = (heap: Heap, tensor: tf.TensorInfo): Int32Array => {
  const { buffer, byteLength, byteOffset } = heap.typedArrayFromHeap(tensor)
  return new Int32Array(buffer, byteOffset, byteLength / 4)
}

const isWord = ({ dtype }: tf.TensorInfo): boolean => dtype === "float32" || dtype === "int32"

const product = (sizes: ReadonlyArray<number>): number => sizes.reduce((total, size) => total * size, 1)

/** Below this many numbers a loop is faster than a call that copies. */
const shortRun = 16

const move = (from: Int32Array, at: number, to: Int32Array, out: number, length: number): void => {
  if (length >= shortRun) to.set(from.subarray(at, at + length), out)
  else for (let i = 0; i < length; i++) to[out + i] = from[at + i]!
}

/** A kernel that declines with `undefined` what is left to tfjs's own. */
type Attempt = (p: Parameters<tf.KernelFunc>[0], heap: Heap) => tf.TensorInfo | undefined

const gather: Attempt = ({ attrs, inputs }, heap) => {
  const { indices, x } = inputs as { readonly x: tf.TensorInfo; readonly indices: tf.TensorInfo }
  if (attrs?.["batchDims"] || !isWord(x) || product(x.shape) === 0) return undefined
  const axis = tf.util.parseAxisParam(attrs?.["axis"] as number, x.shape)[0]!
  const [outer, length, inner] = [
    product(x.shape.slice(0, axis)),
    x.shape[axis]!,
    product(x.shape.slice(axis + 1))
  ]
  const out = heap.makeOutput(
    [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)],
    x.dtype
  )
  const [from, to, places] = [words(heap, x), words(heap, out), words(heap, indices)]
  for (const place of places) {
    if (!(place >= 0 && place < length))
      throw new Error(`gather: index ${place} is not in [0, ${length - 1}]`)
  }
  let end = 0
  for (let row = 0; row < outer; row++) {
    const start = row * length * inner
    for (let i = 0; i < places.length; i++, end += inner)
      move(from, start + places[i]! * inner, to, end, inner)
  }
  return out
}

const slice: Attempt = ({ attrs, inputs }, heap) => {
  const { x } = inputs as { readonly x: tf.TensorInfo }
  if (!isWord(x) || x.shape.length === 0) return undefined
  const [begin, size] = tf.slice_util.parseSliceParams(
    x as tf.Tensor,
    attrs?.["begin"] as number | Array<number>,
    attrs?.["size"] as number | Array<number>
  ) as [Array<number>, Array<number>]
  const out = heap.makeOutput(size, x.dtype)
  if (product(size) === 0) return out
  const [from, to] = [words(heap, x), words(heap, out)]
  // Behind the last axis that is cut, everything is one run.
  let axis = x.shape.length - 1
  while (axis > 0 && size[axis] === x.shape[axis]) axis--
  const inner = product(x.shape.slice(axis + 1))
  const run = size[axis]! * inner
  for (let end = 0; end < to.length; end += run) {
    let rest = end / run
    let start = begin[axis]! * inner
    for (let k = axis - 1, stride = x.shape[axis]! * inner; k >= 0; stride *= x.shape[k]!, k--) {
      start += (begin[k]! + (rest % size[k]!)) * stride
      rest = Math.floor(rest / size[k]!)
    }
    move(from, start, to, end, run)
  }
  return out
}

const concat: Attempt = ({ attrs, inputs }, heap) => {
  const parts = Object.values(inputs as Record<string, tf.TensorInfo>).filter(
    ({ shape }) => product(shape) > 0
  )
  const [first] = parts
  if (
    first === undefined ||
    parts.length === 1 ||
    !parts.every((part) => isWord(part) && part.dtype === first.dtype)
  )
    return undefined
  const axis = tf.util.parseAxisParam(attrs?.["axis"] as number, first.shape)[0]!
  const shape = [...first.shape]
  shape[axis] = parts.reduce((sum, part) => sum + part.shape[axis]!, 0)
  const out = heap.makeOutput(shape, first.dtype)
  const to = words(heap, out)
  const row = product(shape.slice(axis))
  let offset = 0
  for (const part of parts) {
    const from = words(heap, part)
    const run = product(part.shape.slice(axis))
    for (let at = 0, end = offset; at < from.length; at += run, end += row) move(from, at, to, end, run)
    offset += run
  }
  return out
}

const orShipped =
  (kernelName: string, attempt: Attempt): tf.KernelFunc =>
  (p) =>
    attempt(p, p.backend as Heap) ?? tf.getKernel(kernelName, "wasm").kernelFunc(p)

/** By the names under which tfjs knows them. */
export const copyKernels: Readonly<Record<string, tf.KernelFunc>> = {
  GatherV2: orShipped("GatherV2", gather),
  Slice: orShipped("Slice", slice),
  Concat: orShipped("Concat", concat)
}
