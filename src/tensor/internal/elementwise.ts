/**
 * Kernels of the wasm device that work number by number, where tfjs ships none with vectors.
 *
 * As shipped exp takes 2.6 to 4 ns a number, log and log1p 4, expm1, softplus and powers 10, erf 17, tanh 21, the larger of two and
 * comparisons 4, a choice 3. What these do not cover goes to the shipped kernel.
 */
import * as tf from "@tensorflow/tfjs"
import { type Binary, comparisons, type ElementwiseKernels, type Unary } from "../../kernels/elementwise.ts"
import { broadcast } from "./broadcast.ts"
import { type Heap, outputOn, placeOf, shipped, sizeOf } from "./heap.ts"

/** The kernels by their names in tfjs. */
export const elementwiseKernels = (kernels: ElementwiseKernels): Readonly<Record<string, tf.KernelFunc>> => {
  const { compare, equal, less, lessEqual, notEqual } = { ...kernels, ...comparisons }
  return {
    Exp: unary("Exp", kernels.exp),
    Expm1: unary("Expm1", kernels.expm1),
    Log: unary("Log", kernels.log),
    Log1p: unary("Log1p", kernels.log1p),
    Softplus: unary("Softplus", kernels.softplus),
    Erf: unary("Erf", kernels.erf),
    Tanh: unary("Tanh", kernels.tanh),
    Maximum: binary("Maximum", kernels.maximum),
    Minimum: binary("Minimum", kernels.minimum),
    Less: comparison("Less", (n, ...rest) => compare(less, n, ...rest)),
    LessEqual: comparison("LessEqual", (n, ...rest) => compare(lessEqual, n, ...rest)),
    Greater: comparison("Greater", (n, a, stepA, b, stepB, out) => compare(less, n, b, stepB, a, stepA, out)),
    GreaterEqual: comparison("GreaterEqual", (n, a, stepA, b, stepB, out) =>
      compare(lessEqual, n, b, stepB, a, stepA, out)
    ),
    Equal: comparison("Equal", (n, ...rest) => compare(equal, n, ...rest)),
    NotEqual: comparison("NotEqual", (n, ...rest) => compare(notEqual, n, ...rest)),
    Select: select(kernels),
    Pow: power
  }
}

const unary =
  (name: string, f: Unary): tf.KernelFunc =>
  (params) => {
    const heap = params.backend as unknown as Heap
    const x = params.inputs["x"]!
    if (x.dtype !== "float32") return shipped(name, params)
    const out = outputOn(heap, x.shape, x.dtype)
    f(sizeOf(x.shape), placeOf(heap, x), placeOf(heap, out))
    return out
  }

const binary = (name: string, f: Binary): tf.KernelFunc => pairwise(name, f, "float32", 4)

const comparison = (name: string, f: Binary): tf.KernelFunc => pairwise(name, f, "bool", 1)

/** f of pairs of numbers; an operand that is wider than the other repeats it in rows, in columns or whole. */
const pairwise =
  (name: string, f: Binary, dtype: tf.DataType, bytes: number): tf.KernelFunc =>
  (params) => {
    const heap = params.backend as unknown as Heap
    const [a, b] = [params.inputs["a"]!, params.inputs["b"]!]
    const plan = a.dtype === "float32" && b.dtype === "float32" ? broadcast(a.shape, b.shape) : undefined
    if (plan === undefined) return shipped(name, params)
    const { inner, outer, shape, stepsA, stepsB } = plan
    const out = outputOn(heap, shape, dtype)
    const [left, right, to] = [a, b, out].map((tensor) => placeOf(heap, tensor)) as [number, number, number]
    for (let i = 0; i < outer; i++) {
      f(
        inner,
        left + 4 * i * stepsA.outer,
        4 * stepsA.inner,
        right + 4 * i * stepsB.outer,
        4 * stepsB.inner,
        to + bytes * i * inner
      )
    }
    return out
  }

/** Where the condition and both operands are of one shape, or have no numbers. */
const select =
  ({ select: choose }: ElementwiseKernels): tf.KernelFunc =>
  (params) => {
    const heap = params.backend as unknown as Heap
    const [condition, t, e] = [params.inputs["condition"]!, params.inputs["t"]!, params.inputs["e"]!]
    // tfjs does not broadcast to no numbers: as shipped, as many are written as the condition has.
    const empty = [condition, t, e].find(({ shape }) => sizeOf(shape) === 0)
    if (empty !== undefined) return outputOn(heap, empty.shape, t.dtype)
    const alike = [t, e].every(
      ({ dtype, shape }) => dtype === "float32" && tf.util.arraysEqual(shape, condition.shape)
    )
    if (!alike) return shipped("Select", params)
    const out = outputOn(heap, t.shape, t.dtype)
    const [from, left, right] = [condition, t, e].map((tensor) => placeOf(heap, tensor)) as [
      number,
      number,
      number
    ]
    choose(sizeOf(t.shape), from, left, 4, right, 4, placeOf(heap, out))
    return out
  }

/** x, x^2 and x^3 as products. */
const power: tf.KernelFunc = (params) => {
  const heap = params.backend as unknown as Heap
  const [x, exponent] = [params.inputs["a"]!, params.inputs["b"]!]
  const known =
    x.dtype === "float32" &&
    exponent.dtype === "float32" &&
    sizeOf(exponent.shape) === 1 &&
    exponent.shape.length <= x.shape.length
  const n = known ? heap.typedArrayFromHeap(exponent)[0]! : 0
  const times = (a: tf.TensorInfo, b: tf.TensorInfo): tf.TensorInfo =>
    shipped("Multiply", { ...params, inputs: { a, b } })
  if (n === 1) return shipped("Identity", { ...params, inputs: { x } })
  if (n === 2) return times(x, x)
  if (n !== 3) return shipped("Pow", params)
  const square = times(x, x)
  const cube = times(square, x)
  heap.disposeData(square.dataId)
  return cube
}
