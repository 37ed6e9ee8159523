/** Operations without parameters on one value: activations, softmax, dropout (the identity), flatten and reshape. */
import { type ActivationName, activations, sigmoid } from "../activations.ts"
import type { Operation } from "./operation.ts"
import { fromRows, rowsOf, type Shape, sizeOf } from "./values.ts"

const more = {
  elu: (x: number) => (x > 0 ? x : Math.expm1(x)),
  selu: activations.selu.f,
  silu: (x: number) => x * sigmoid(x),
  /** Slope 0.2 below 0. */
  leakyRelu: (x: number) => (x > 0 ? x : 0.2 * x),
  softsign: (x: number) => x / (1 + Math.abs(x)),
  relu6: (x: number) => Math.min(Math.max(x, 0), 6)
}

const functions: Readonly<Record<GraphActivation, (x: number) => number>> = {
  tanh: activations.tanh.f,
  relu: activations.relu.f,
  sigmoid: activations.sigmoid.f,
  gelu: activations.gelu.f,
  softplus: activations.softplus.f,
  identity: activations.identity.f,
  ...more
}

export type GraphActivation = ActivationName | keyof typeof more

export interface ActivationOp {
  readonly kind: "activation"
  readonly name: GraphActivation
}

/** Over the channels of each position. */
export interface SoftmaxOp {
  readonly kind: "softmax"
}

export interface DropoutOp {
  readonly kind: "dropout"
}

export interface FlattenOp {
  readonly kind: "flatten"
}

export interface ReshapeOp {
  readonly kind: "reshape"
  readonly shape: Shape
}

/** e^v_i / sum_j e^v_j. */
export const softmaxOf = (values: ReadonlyArray<number>): ReadonlyArray<number> => {
  const largest = Math.max(...values)
  const powers = values.map((v) => Math.exp(v - largest))
  const sum = powers.reduce((total, power) => total + power, 0)
  return powers.map((power) => power / sum)
}

export const activation = ({ name }: ActivationOp, input: Shape): Operation => ({
  shape: input,
  slots: [],
  seesMasks: true,
  apply: ([x]) => ({ ...x!, data: x!.data.map((v) => functions[name](v)) })
})

export const softmax = (input: Shape): Operation => ({
  shape: input,
  slots: [],
  seesMasks: true,
  apply: ([x]) => {
    const rows = rowsOf(x!).map((row) => Float64Array.from(softmaxOf(Array.from(row))))
    return fromRows(input, rows, x!.mask)
  }
})

export const dropout = (input: Shape): Operation => ({
  shape: input,
  slots: [],
  seesMasks: true,
  apply: ([x]) => x!
})

export const reshape = (shape: Shape, input: Shape): Operation => {
  if (sizeOf(shape) !== sizeOf(input))
    throw new RangeError(`reshape of ${sizeOf(input)} numbers to ${sizeOf(shape)}`)
  return { shape, slots: [], seesMasks: false, apply: ([x]) => ({ shape, data: x!.data }) }
}

export const flatten = (input: Shape): Operation => reshape(sizeOf(input), input)
