/** The kernel of `outerRows` (src/tensor/Outer.ts) on the wasm heap. */
import type * as tf from "@tensorflow/tfjs"
import type { WindowKernels } from "../../kernels/windows.ts"
import { type Heap, outputOn, placeOf } from "./heap.ts"

/** Its name in tfjs's registry: none of tfjs's own. */
export const outerRowsKernel = "natgrad.OuterRows"

interface Attributes {
  readonly from: number
  readonly to: number
  readonly inputs: ReadonlyArray<number>
  readonly biases: ReadonlyArray<boolean>
}

export const outerRows =
  ({ outerRows32 }: Pick<WindowKernels, "outerRows32">): tf.KernelFunc =>
  ({ attrs, backend, inputs: tensors }) => {
    const heap = backend as unknown as Heap
    const { biases, from, inputs, to } = attrs as unknown as Attributes
    const parts = inputs.map((width, i) => {
      const [a, g] = [tensors[`a${i}`]!, tensors[`g${i}`]!]
      const outputs = g.shape[2]!
      return { a, g, width, outputs, bias: biases[i]!, size: (width + (biases[i]! ? 1 : 0)) * outputs }
    })
    const examples = parts[0]!.g.shape[1]!
    const step = parts.reduce((sum, { size }) => sum + size, 0)
    const out = outputOn(heap, [(to - from) * examples, step], "float32")
    let start = placeOf(heap, out)
    for (const { a, bias, g, outputs, size, width } of parts) {
      const [inputAt, cotangentAt] = [placeOf(heap, a), placeOf(heap, g)]
      for (let k = from; k < to; k++) {
        const column = cotangentAt + 4 * k * examples * outputs
        outerRows32(
          examples,
          width,
          outputs,
          bias,
          step,
          inputAt,
          column,
          start + 4 * (k - from) * examples * step
        )
      }
      start += 4 * size
    }
    return out
  }
