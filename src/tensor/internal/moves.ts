/**
 * Moving numbers about on the heap of the wasm device, bit for bit.
 */
import * as tf from "@tensorflow/tfjs"

/** What these kernels use of tfjs's wasm backend. */
export interface Heap {
  /** A view of a tensor's numbers on the heap, valid until the next allocation. */
  readonly typedArrayFromHeap: (tensor: tf.TensorInfo) => Float32Array | Int32Array | Uint8Array
  readonly makeOutput: (shape: Array<number>, dtype: tf.DataType) => tf.TensorInfo
  readonly disposeData: (dataId: tf.DataId) => boolean
}

/** The whole heap as numbers of one size, bit for bit: as float32, some patterns of an int32 would not survive. */
export type Bits = Int32Array | Uint8Array

/** The heap, valid until the next allocation, and where on it each of some tensors of one type begins. */
export const places = (
  heap: Heap,
  tensors: ReadonlyArray<tf.TensorInfo>
): { readonly bits: Bits; readonly starts: ReadonlyArray<number> } => {
  const views = tensors.map((tensor) => heap.typedArrayFromHeap(tensor))
  const { buffer } = views[0]!
  const [bits, size] =
    tensors[0]!.dtype === "bool" ? [new Uint8Array(buffer), 1] : [new Int32Array(buffer), 4]
  return { bits, starts: views.map(({ byteOffset }) => byteOffset / size) }
}

export const isNumeric = ({ dtype }: tf.TensorInfo): boolean => ["float32", "int32", "bool"].includes(dtype)

export const product = (sizes: ReadonlyArray<number>): number =>
  sizes.reduce((total, size) => total * size, 1)

/** Below this many numbers a loop is faster than a call, which costs some 20 ns. */
const shortRun = 12

export const move = (bits: Bits, from: number, to: number, length: number): void => {
  if (length >= shortRun) {
    bits.copyWithin(to, from, from + length)
    return
  }
  for (let i = 0; i < length; i++) bits[to + i] = bits[from + i]!
}

/** A kernel that declines with `undefined` what is left to tfjs's own. */
export type Attempt = (p: Parameters<tf.KernelFunc>[0], heap: Heap) => tf.TensorInfo | undefined

export const orShipped =
  (kernelName: string, attempt: Attempt): tf.KernelFunc =>
  (p) =>
    attempt(p, p.backend as Heap) ?? tf.getKernel(kernelName, "wasm").kernelFunc(p)
