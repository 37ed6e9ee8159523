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
import type { Form, Shape } from "./Shape.ts"

/**
 * A layer as the user writes it: it learns the shape of its input from its place in the network.
 *
 * `Takes` and `Gives` let the compiler refuse a layer in the wrong place; where they are left open, only the network's constructor
 * does.
 */
export interface Layer<
  Name extends string,
  Takes extends Form = Form,
  Gives extends Form | "same" = Form | "same"
> {
  readonly _tag: "Layer"
  /**
   * What the network's signature says of it, such as `"dense(64)"`: all of its options that change the function. Snapshots and the
   * types tell networks apart by it.
   */
  readonly name: Name
  /** What it must be given; absent where it can be either. */
  readonly takes?: Takes
  /** What it gives; `"same"` is what it was given. */
  readonly gives?: Gives
  /** *Throws* `ShapeMismatch`, `InvalidArgument`. */
  readonly build: (input: Shape) => BuiltLayer
}

/** A layer of known sizes. */
export interface BuiltLayer {
  readonly output: Shape
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
