/**
 * What a layer is to a network: a map of its input and its parameters, linearised by hand.
 *
 * A layer's file gives the forward map, the pullback of many cotangents at once, the pushforward of one tangent, and the score
 * form of its parameters. Everything here runs inside a tensor program of the Device; nothing here makes or frees engine state.
 */
import type * as tf from "@tensorflow/tfjs"
import type { Key } from "../random/Key.ts"
import type { Init } from "./Init.ts"
import type { ParamBlock } from "./ParamSpace.ts"
import type { Score } from "./Score.ts"

/** A layer as the user writes it: it learns its input size from its place in the network. */
export interface Layer<Name extends string> {
  readonly _tag: "Layer"
  /** What the network's signature says of it, such as `"dense(64)"`. */
  readonly name: Name
  /** *Throws* `ShapeMismatch`, `InvalidArgument`. */
  readonly build: (inputs: number) => BuiltLayer
}

/** A layer of known sizes. */
export interface BuiltLayer {
  readonly outputs: number
  /** The matrix that its parameters are, if it has any. */
  readonly shape?: Pick<ParamBlock, "rows" | "columns" | "bias">
  /** First values of its parameters, `[rows, columns]`; a pure function of the key. */
  readonly initialise?: (key: Key, init: Init) => Float32Array
  readonly forward: (weights: Weights | undefined, input: tf.Tensor2D) => tf.Tensor2D
  readonly linearize: (at: LayerPoint) => LinearizedLayer
}

/** The parameters of one layer as tensors. */
export interface Weights {
  /** `[in, out]` */
  readonly kernel: tf.Tensor2D
  /** `[out]` */
  readonly bias?: tf.Tensor1D
}

/** Where a layer is linearised. */
export interface LayerPoint {
  /** `[N, in]` */
  readonly input: tf.Tensor2D
  readonly weights: Weights | undefined
  readonly block: ParamBlock | undefined
}

/** A layer as a linear map: tensors `[N, .]` of values, `[K, N, .]` of cotangents. */
export interface LinearizedLayer {
  readonly output: tf.Tensor2D
  /** Tensors besides input, output and weights that the two maps need: the network keeps them. */
  readonly tape: ReadonlyArray<tf.Tensor>
  /** The cotangents of the input, `[K, N, in]`, for those of the output, `[K, N, out]`. */
  readonly pullbackInput: (cotangent: tf.Tensor3D) => tf.Tensor3D
  /** The scores of its parameters, if it has any. */
  readonly score?: (cotangent: tf.Tensor3D) => Score
  /** The tangent of the output, for one of the input (none at the first layer) and one of the parameters. */
  readonly pushforward: (
    input: tf.Tensor2D | undefined,
    weights: Weights | undefined
  ) => tf.Tensor2D | undefined
}
