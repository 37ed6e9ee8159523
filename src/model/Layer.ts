/**
 * What a layer is to a network: a map of its input and its parameters, linearised by hand.
 *
 * A layer's file gives the map, the pullback of many cotangents at once, the pushforward of one tangent, and the score of its
 * parameters. Everything here runs inside a tensor program of the Device; nothing here makes or frees engine state.
 */
import type * as tf from "@tensorflow/tfjs"
import type { Key } from "../random/Key.ts"
import type { Graph, Node } from "./Graph.ts"
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
  /** What it can be given; absent where it can be anything. */
  readonly takes?: ReadonlyArray<Takes>
  /** What it gives; `"same"` is what it was given. */
  readonly gives?: Gives
  /** Adds its operations to a network. *Throws* `ShapeMismatch`, `InvalidArgument`. */
  readonly place: (graph: Graph, input: Node) => Node
}

/** A layer of one operation. */
export interface SingleLayer<
  Name extends string,
  Takes extends Form = Form,
  Gives extends Form | "same" = Form | "same"
> extends Layer<Name, Takes, Gives> {
  /** *Throws* `ShapeMismatch`, `InvalidArgument`. */
  readonly build: (input: Shape) => BuiltLayer
}

/** A layer of one operation, from what it is on an input of a known shape. */
export const single = <
  const Name extends string,
  Takes extends Form = Form,
  Gives extends Form | "same" = Form | "same"
>(
  layer: Omit<SingleLayer<Name, Takes, Gives>, "_tag" | "place">
): SingleLayer<Name, Takes, Gives> => ({
  _tag: "Layer",
  ...layer,
  place: (graph, input) => graph.add(layer.name, layer.build(input.shape), input)
})

/** The matrix of an operation's parameters. */
export type BlockShape = Pick<ParamBlock, "rows" | "columns" | "bias" | "form">

/**
 * What an operation does with masked positions. `"keeps"`: it maps position by position, and its output is masked alike. `"reads"`:
 * it is given the mask, and its output has none. `"ends"`, unless said: it is given 0 at masked positions, and its output has no mask.
 */
export type Masking = "keeps" | "reads" | "ends"

/** A layer of known sizes: an operation of one input. */
export interface BuiltLayer {
  readonly output: Shape
  /** The matrix that its parameters are, if it has any. */
  readonly shape?: BlockShape
  /** First values of its parameters, `[rows, columns]`; a pure function of the key. */
  readonly initialise?: (key: Key, init: Init) => Float32Array
  readonly masking?: Masking
  /** What is wrong with a row of x, for a layer that takes the network's own input: two sentences, or nothing. */
  readonly flaw?: (x: Float32Array) => string | undefined
  /** The output alone, where that is cheaper than linearising. Not of a layer that makes a mask. */
  readonly forward?: (weights: Weights | undefined, input: tf.Tensor2D) => tf.Tensor2D
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
  /** `[N, T]`, 1 where a position of the input counts and 0 where not; absent where all do. */
  readonly mask?: tf.Tensor2D | undefined
}

/** A layer as a linear map: tensors `[N, .]` of values, `[K, N, .]` of cotangents. */
export interface LinearizedLayer {
  readonly output: tf.Tensor2D
  /** The mask of the output `[N, T]`, of a layer that makes one. It is on the tape too. */
  readonly mask?: tf.Tensor2D
  /** Tensors besides input, output and weights that the two maps need: the network keeps them. */
  readonly tape: ReadonlyArray<tf.Tensor>
  /** The cotangents of the input, `[K, N, in]`, for those of the output, `[K, N, out]`. */
  readonly pullbackInput: (cotangent: tf.Tensor3D) => tf.Tensor3D
  /** The scores of its parameters, if it has any. */
  readonly score?: (cotangent: tf.Tensor3D) => Score
  /** The tangent of the output, for one of the input (none where nothing before it moves) and one of the parameters (none where
   * they are frozen). */
  readonly pushforward: (
    input: tf.Tensor2D | undefined,
    weights: Weights | undefined
  ) => tf.Tensor2D | undefined
}

/** An operation of several inputs, without parameters. */
export interface BuiltMerge {
  readonly output: Shape
  readonly masking?: Masking
  readonly linearize: (at: MergePoint) => LinearizedMerge
}

/** Where it is linearised: its inputs `[N, .]` and their masks. */
export interface MergePoint {
  readonly inputs: ReadonlyArray<tf.Tensor2D>
  readonly masks: ReadonlyArray<tf.Tensor2D | undefined>
}

/** An operation of several inputs as a linear map. */
export interface LinearizedMerge {
  readonly output: tf.Tensor2D
  /** The mask of the output, where it is another than the first of the inputs' masks. It is on the tape too. */
  readonly mask?: tf.Tensor2D
  readonly tape: ReadonlyArray<tf.Tensor>
  /** The cotangents of the inputs, one for each. */
  readonly pullback: (cotangent: tf.Tensor3D) => ReadonlyArray<tf.Tensor3D>
  /** The tangent of the output, for those of the inputs, of which at least one moves. */
  readonly pushforward: (inputs: ReadonlyArray<tf.Tensor2D | undefined>) => tf.Tensor2D
}
