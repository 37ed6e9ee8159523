/** All operations of the graph oracle: the union of their descriptions, and from a description and input shapes the operation. */
import { type SelfAttentionOp, selfAttention } from "./attention.ts"
import {
  type Conv1dOp,
  type Conv2dOp,
  type Conv2dTransposeOp,
  conv1d,
  conv2d,
  conv2dTranspose,
  type DepthwiseConv2dOp,
  depthwiseConv2d
} from "./convolution.ts"
import { type DenseOp, dense } from "./dense.ts"
import {
  type EmbeddingOp,
  embedding,
  type MaskingOp,
  masking,
  type PositionalEmbeddingOp,
  positionalEmbedding
} from "./embedding.ts"
import { type MergeOp, merge } from "./merge.ts"
import {
  type BatchNormOp,
  batchNorm,
  type GroupNormOp,
  groupNorm,
  type LayerNormOp,
  layerNorm,
  type RmsNormOp,
  rmsNorm
} from "./norms.ts"
import type { Operation } from "./operation.ts"
import {
  type ActivationOp,
  activation,
  type DropoutOp,
  dropout,
  type FlattenOp,
  flatten,
  type ReshapeOp,
  reshape,
  type SoftmaxOp,
  softmax
} from "./pointwise.ts"
import { type GlobalPoolOp, globalPool, type Pool1dOp, type Pool2dOp, pool1d, pool2d } from "./pooling.ts"
import type { Shape } from "./values.ts"

export type OracleOp =
  | DenseOp
  | Conv1dOp
  | Conv2dOp
  | DepthwiseConv2dOp
  | Conv2dTransposeOp
  | EmbeddingOp
  | PositionalEmbeddingOp
  | MaskingOp
  | LayerNormOp
  | RmsNormOp
  | GroupNormOp
  | BatchNormOp
  | Pool1dOp
  | Pool2dOp
  | GlobalPoolOp
  | ActivationOp
  | SoftmaxOp
  | DropoutOp
  | FlattenOp
  | ReshapeOp
  | SelfAttentionOp
  | MergeOp

const ofOne = (op: Exclude<OracleOp, MergeOp>, input: Shape): Operation => {
  switch (op.kind) {
    case "dense":
      return dense(op, input)
    case "conv1d":
      return conv1d(op, input)
    case "conv2d":
      return conv2d(op, input)
    case "depthwiseConv2d":
      return depthwiseConv2d(op, input)
    case "conv2dTranspose":
      return conv2dTranspose(op, input)
    case "embedding":
      return embedding(op, input)
    case "positionalEmbedding":
      return positionalEmbedding(input)
    case "masking":
      return masking(op, input)
    case "layerNorm":
      return layerNorm(op, input)
    case "rmsNorm":
      return rmsNorm(op, input)
    case "groupNorm":
      return groupNorm(op, input)
    case "batchNorm":
      return batchNorm(op, input)
    case "maxPool1d":
    case "averagePool1d":
      return pool1d(op, input)
    case "maxPool2d":
    case "averagePool2d":
      return pool2d(op, input)
    case "globalAveragePool":
    case "globalMaxPool":
      return globalPool(op, input)
    case "activation":
      return activation(op, input)
    case "softmax":
      return softmax(input)
    case "dropout":
      return dropout(input)
    case "flatten":
      return flatten(input)
    case "reshape":
      return reshape(op.shape, input)
    case "selfAttention":
      return selfAttention(op, input)
  }
}

const isMerge = (op: OracleOp): op is MergeOp =>
  op.kind === "add" || op.kind === "multiply" || op.kind === "concatenate"

export const operation = (op: OracleOp, inputs: ReadonlyArray<Shape>): Operation => {
  if (isMerge(op)) return merge(op, inputs)
  if (inputs.length !== 1) throw new RangeError(`${op.kind} wants one input, not ${inputs.length}`)
  return ofOne(op, inputs[0]!)
}

/** The name that the operation gives its block, if it gives one. */
export const sharedName = (op: OracleOp): string | undefined => ("block" in op ? op.block : undefined)
