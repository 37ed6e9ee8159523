/** Every layer that a network can be made of: one row each. The laws of the tests run over these. */
import { elu } from "./elu.ts"
import { gelu } from "./gelu.ts"
import { identity } from "./identity.ts"
import { relu } from "./relu.ts"
import { relu6 } from "./relu6.ts"
import { selu } from "./selu.ts"
import { sigmoid } from "./sigmoid.ts"
import { silu } from "./silu.ts"
import { softplus } from "./softplus.ts"
import { softsign } from "./softsign.ts"
import { tanh } from "./tanh.ts"

export { averagePool1d, averagePool2d } from "./averagePool.ts"
export { batchNorm } from "./batchNorm.ts"
export { add, concatenate, multiply, residual } from "./compose.ts"
export { conv1d } from "./conv1d.ts"
export { conv2d } from "./conv2d.ts"
export { conv2dTranspose } from "./conv2dTranspose.ts"
export { dense } from "./dense.ts"
export { depthwiseConv2d } from "./depthwiseConv2d.ts"
export { dropout } from "./dropout.ts"
export { embedding } from "./embedding.ts"
export { flatten } from "./flatten.ts"
export { globalAveragePool, globalMaxPool } from "./globalPool.ts"
export { groupNorm } from "./groupNorm.ts"
export { layerNorm } from "./layerNorm.ts"
export { leakyRelu } from "./leakyRelu.ts"
export { masking } from "./masking.ts"
export { maxPool1d, maxPool2d } from "./maxPool.ts"
export { merge } from "./merge.ts"
export { positionalEmbedding } from "./positionalEmbedding.ts"
export { reshape } from "./reshape.ts"
export { rmsNorm } from "./rmsNorm.ts"
export { selfAttention } from "./selfAttention.ts"
export { shared, transposed } from "./shared.ts"
export { softmax } from "./softmax.ts"
export { elu, gelu, identity, relu, relu6, selu, sigmoid, silu, softplus, softsign, tanh }

export const activations = {
  elu,
  gelu,
  identity,
  relu,
  relu6,
  selu,
  sigmoid,
  silu,
  softplus,
  softsign,
  tanh
} as const
