/**
 * Kernels of the wasm device that move numbers and compute none: gather, slice and concatenation, in runs on the wasm heap.
 *
 * As shipped, gather works out the coordinates of each number anew (23 to 30 ns a number), and within batches it reads beyond its
 * operand: a wrong number. Slice and concatenation first copy all of their operands out of the heap, so that a loop over slices is
 * quadratic. Here a run is moved from place to place, bit for bit.
 */
import * as tf from "@tensorflow/tfjs"
import { outputOn } from "./heap.ts"
import { type Attempt, isNumeric, move, orShipped, places, product } from "./moves.ts"
import { repeatKernels } from "./repeats.ts"
import { scatterKernels } from "./scatters.ts"

/** From this many numbers on a call moves them faster than `gatherShort`. */
const longRun = 33

/** Runs that a loop moves faster than calls: arrays of one type each, so that the engine compiles it for these. */
const gatherShort = (
  bits: Int32Array,
  wanted: Int32Array,
  first: number,
  last: number,
  start: number,
  to: number,
  run: number
): void => {
  let end = to
  if (run === 1) {
    for (let i = first; i < last; i++) bits[end++] = bits[start + wanted[i]!]!
    return
  }
  // Eight at a time take half the time of one at a time.
  const eights = run - (run % 8)
  for (let i = first; i < last; i++) {
    let from = start + wanted[i]! * run
    const stop = from + eights
    for (; from < stop; from += 8, end += 8) {
      bits[end] = bits[from]!
      bits[end + 1] = bits[from + 1]!
      bits[end + 2] = bits[from + 2]!
      bits[end + 3] = bits[from + 3]!
      bits[end + 4] = bits[from + 4]!
      bits[end + 5] = bits[from + 5]!
      bits[end + 6] = bits[from + 6]!
      bits[end + 7] = bits[from + 7]!
    }
    for (let j = eights; j < run; j++) bits[end++] = bits[from++]!
  }
}

const gather: Attempt = ({ attrs, inputs }, heap) => {
  const { indices, x } = inputs as { readonly x: tf.TensorInfo; readonly indices: tf.TensorInfo }
  if (!isNumeric(x)) return undefined
  const axis = tf.util.parseAxisParam(attrs?.["axis"] as number, x.shape)[0]!
  const batchDims = (attrs?.["batchDims"] as number | undefined) ?? 0
  const info = tf.backend_util.segment_util.collectGatherOpShapeInfo(x, indices, axis, batchDims)
  const { batchSize, dimSize, outerSize, outputShape, sliceSize } = info
  const wanted = heap.typedArrayFromHeap(indices).slice()
  for (let i = 0; i < wanted.length; i++) {
    if (!(wanted[i]! >= 0 && wanted[i]! < dimSize))
      throw new Error(`gather: index ${wanted[i]} is not in [0, ${dimSize - 1}]`)
  }
  const out = outputOn(heap, outputShape, x.dtype)
  const { bits, starts } = places(heap, [x, out])
  const [from, to] = starts as [number, number]
  const each = wanted.length / batchSize
  let end = to
  for (let row = 0; row < batchSize * outerSize; row++) {
    const start = from + row * dimSize * sliceSize
    const first = Math.floor(row / outerSize) * each
    if (bits instanceof Int32Array && wanted instanceof Int32Array && sliceSize < longRun) {
      gatherShort(bits, wanted, first, first + each, start, end, sliceSize)
      end += each * sliceSize
      continue
    }
    for (let i = first; i < first + each; i++, end += sliceSize) {
      move(bits, start + wanted[i]! * sliceSize, end, sliceSize)
    }
  }
  return out
}

const slice: Attempt = ({ attrs, inputs }, heap) => {
  const { x } = inputs as { readonly x: tf.TensorInfo }
  if (!isNumeric(x) || x.shape.length === 0) return undefined
  const [begin, size] = tf.slice_util.parseSliceParams(
    x as tf.Tensor,
    attrs?.["begin"] as number | Array<number>,
    attrs?.["size"] as number | Array<number>
  ) as [Array<number>, Array<number>]
  const out = outputOn(heap, size, x.dtype)
  if (product(size) === 0) return out
  const { bits, starts } = places(heap, [x, out])
  const [from, to] = starts as [number, number]
  const length = product(size)
  // Behind the last axis that is cut, everything is one run.
  let axis = x.shape.length - 1
  while (axis > 0 && size[axis] === x.shape[axis]) axis--
  const inner = product(x.shape.slice(axis + 1))
  const run = size[axis]! * inner
  for (let end = 0; end < length; end += run) {
    let rest = end / run
    let start = begin[axis]! * inner
    for (let k = axis - 1, stride = x.shape[axis]! * inner; k >= 0; stride *= x.shape[k]!, k--) {
      start += (begin[k]! + (rest % size[k]!)) * stride
      rest = Math.floor(rest / size[k]!)
    }
    move(bits, from + start, to + end, run)
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
    !parts.every((part) => isNumeric(part) && part.dtype === first.dtype)
  )
    return undefined
  const axis = tf.util.parseAxisParam(attrs?.["axis"] as number, first.shape)[0]!
  const shape = [...first.shape]
  shape[axis] = parts.reduce((sum, part) => sum + part.shape[axis]!, 0)
  const out = outputOn(heap, shape, first.dtype)
  const { bits, starts } = places(heap, [out, ...parts])
  const [to, ...froms] = starts as [number, ...Array<number>]
  const row = product(shape.slice(axis))
  let offset = to
  for (const [i, part] of parts.entries()) {
    const run = product(part.shape.slice(axis))
    const stop = froms[i]! + product(part.shape)
    for (let from = froms[i]!, end = offset; from < stop; from += run, end += row) move(bits, from, end, run)
    offset += run
  }
  return out
}

/** By the names under which tfjs knows them. */
export const copyKernels: Readonly<Record<string, tf.KernelFunc>> = {
  GatherV2: orShipped("GatherV2", gather),
  Slice: orShipped("Slice", slice),
  Concat: orShipped("Concat", concat),
  ...repeatKernels,
  ...scatterKernels
}
