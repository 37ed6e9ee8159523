/**
 * Kernels of the webgpu device that tfjs ships wrong.
 *
 * A cast to float32 calls the same buffer by another type and converts nothing. The programs that read a buffer as it is, such as a
 * transpose, do not compile on it.
 */
import * as tf from "@tensorflow/tfjs"

const cast: tf.KernelFunc = (params) => {
  const { attrs, backend, inputs } = params
  const shipped = (name: string) => tf.getKernel(name, "webgpu").kernelFunc
  const x = inputs["x"]!
  const given = shipped("Cast")(params) as tf.TensorInfo
  if (attrs?.["dtype"] !== "float32" || given.dataId !== x.dataId || x.dtype === "float32") return given
  // A product reads its operands as numbers of float32, whatever they are, and writes such numbers.
  const one = shipped("Fill")({ backend, inputs: {}, attrs: { shape: [], value: 1, dtype: "float32" } })
  const made = shipped("Multiply")({ backend, inputs: { a: given, b: one as tf.TensorInfo } })
  for (const { dataId } of [given, one as tf.TensorInfo]) (backend as tf.KernelBackend).disposeData(dataId)
  return made
}

/** By the names under which tfjs knows them. */
export const webgpuKernels: Readonly<Record<string, tf.KernelFunc>> = { Cast: cast }
