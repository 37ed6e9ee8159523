/** Keras's activations by the names that its configurations have for them. */
import type { Layer } from "../Layer.ts"
import * as Layers from "../layers/registry.ts"

/** None for `"linear"`, nothing for one that is not known. */
export const activationNamed = (name: unknown): ReadonlyArray<Layer<string>> | undefined => {
  switch (name) {
    case "linear":
    case undefined:
    case null:
      return []
    case "elu":
      return [Layers.elu]
    case "gelu":
      return [Layers.gelu]
    case "relu":
      return [Layers.relu]
    case "relu6":
      return [Layers.relu6]
    case "selu":
      return [Layers.selu]
    case "sigmoid":
      return [Layers.sigmoid]
    case "softmax":
      return [Layers.softmax]
    case "softplus":
      return [Layers.softplus]
    case "softsign":
      return [Layers.softsign]
    case "swish":
      return [Layers.silu]
    case "tanh":
      return [Layers.tanh]
    default:
      return undefined
  }
}
