/** The network of a reference file in natgrad. */
import { Network } from "../../src/index.ts"
import { inputShape, type Module, modules } from "./architecture.ts"

const layer = (module: Module) => {
  switch (module.type) {
    case "Linear":
      return Network.dense(module.outputs, { bias: module.bias })
    case "Conv2d": {
      const { type: _, ...options } = module
      return Network.conv2d(options)
    }
    case "Pool": {
      const { by, size, stride, padding } = module
      const options = { size, stride, padding }
      return by === "max" ? Network.maxPool2d(options) : Network.averagePool2d(options)
    }
    case "Activation":
      return Network.activations[module.name]
    case "Flatten":
      return Network.flatten
  }
}

/** The network of modules as PyTorch prints them, for inputs of this shape. Its parameters are in natgrad's order. */
export const networkOf = (
  architecture: ReadonlyArray<string>,
  shape: ReadonlyArray<number>
): Network.Network<string> => Network.sequential(inputShape(shape), modules(architecture).map(layer))
