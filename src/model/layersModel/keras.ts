/** What this folder reads of a tfjs layers model: its graph of symbolic tensors, and the configurations of its layers. */
import type * as tf from "@tensorflow/tfjs"
import { UnsupportedLayer } from "../../Errors.ts"
import type { Shape } from "../Shape.ts"

/** The options of a layer, as `getConfig` has them. */
export interface Config {
  readonly [name: string]: unknown
}

/** A layer; a model is one too, with inputs and outputs of its own. */
export interface KerasLayer {
  readonly id: number
  readonly name: string
  readonly trainable: boolean
  readonly inboundNodes: ReadonlyArray<{ readonly inputTensors: ReadonlyArray<tf.SymbolicTensor> }>
  readonly getClassName: () => string
  readonly getConfig: () => Config
  readonly getWeights: () => Array<tf.Tensor>
  readonly setWeights: (weights: Array<tf.Tensor>) => void
  readonly inputs?: ReadonlyArray<tf.SymbolicTensor>
  readonly outputs?: ReadonlyArray<tf.SymbolicTensor>
  /** Of a model. */
  readonly layers?: ReadonlyArray<KerasLayer>
  /** Of a wrapper, such as TimeDistributed. */
  readonly layer?: KerasLayer
}

/** The layer that gives a tensor, and the tensors that it takes for it. */
export const sourceOf = (tensor: tf.SymbolicTensor) => {
  const layer = tensor.sourceLayer as unknown as KerasLayer
  return { layer, takes: layer.inboundNodes[tensor.nodeIndex]?.inputTensors ?? [] }
}

/** The error for a layer that is not read, and what to do instead: it can be a constant map, if it has one input. */
export const unsupported = (
  layer: KerasLayer,
  why: string,
  remedy = mayBeConstant(layer)
    ? "Name it in frozen, or use Conditional.fromFunction"
    : "Use Conditional.fromFunction"
): UnsupportedLayer =>
  new UnsupportedLayer({
    layer: layer.name,
    className: layer.getClassName(),
    message: `The layer ${layer.name} is a ${layer.getClassName()} ${why}. ${remedy}.`
  })

const mayBeConstant = (layer: KerasLayer): boolean =>
  layer.getClassName() !== "InputLayer" &&
  layer.inboundNodes.every(({ inputTensors }) => inputTensors.length === 1)

/** The shape of a symbolic tensor, or why it has none of ours. */
export const shapeOf = (tensor: tf.SymbolicTensor): Shape | string => {
  const sizes = tensor.shape.slice(1)
  const unknown = sizes.some((size) => size === null)
  if (unknown)
    return `of shape [${tensor.shape.map((size) => size ?? "?").join(", ")}], which leaves a size open`
  const [a, b, c] = sizes as ReadonlyArray<number>
  switch (sizes.length) {
    case 1:
      return a!
    case 2:
      return { length: a!, channels: b! }
    case 3:
      return { height: a!, width: b!, channels: c! }
    default:
      return `of ${sizes.length} dimensions, and at most 3 are supported`
  }
}
