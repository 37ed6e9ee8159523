/** Every layer that a network can be made of: one row each. The laws of the tests run over these. */
import { gelu } from "./gelu.ts"
import { identity } from "./identity.ts"
import { relu } from "./relu.ts"
import { sigmoid } from "./sigmoid.ts"
import { softplus } from "./softplus.ts"
import { tanh } from "./tanh.ts"

export { conv2d } from "./conv2d.ts"
export { dense } from "./dense.ts"
export { flatten } from "./flatten.ts"
export { gelu, identity, relu, sigmoid, softplus, tanh }

export const activations = { gelu, identity, relu, sigmoid, softplus, tanh } as const
