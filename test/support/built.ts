/** A layer on an input of a known shape: the one operation that it is there. */
import { make } from "../../src/model/Graph.ts"
import type { BuiltLayer, Layer } from "../../src/model/Layer.ts"
import type { Shape } from "../../src/model/Shape.ts"

export const built = (layer: Layer<string>, shape: Shape): BuiltLayer => {
  const made = make(shape)
  const [only, ...others] = made.built(made.graph.place(layer, made.input)).layers
  if (only?.operation._tag !== "Layer" || others.length > 0)
    throw new RangeError(`${layer.name} is no one operation`)
  return only.operation.layer
}
