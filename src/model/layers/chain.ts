/** Layers one after the other inside another layer: what they are called, what they take and give, and how they are placed. */
import { InvalidArgument } from "../../Errors.ts"
import { shown } from "../../Options.ts"
import { type Graph, isLayer, type Node } from "../Graph.ts"
import type { Layer } from "../Layer.ts"
import type { Form } from "../Shape.ts"

/** Layers one after the other; none are the identity. */
export type Chain = ReadonlyArray<Layer<string>>

/** A chain's name, such as `"dense(3) > tanh"`; `"identity"` for none. */
export type ChainName<Layers extends Chain> = Layers extends readonly []
  ? "identity"
  : Layers extends readonly [Layer<infer Name>]
    ? Name
    : Layers extends readonly [Layer<infer Name>, ...infer Rest extends Chain]
      ? `${Name} > ${ChainName<Rest>}`
      : string

/** The form that a chain ends in where it begins with `Now`; never, where one of its layers does not take what it is given. */
export type Ending<Now extends Form, Layers extends Chain> = Layers extends readonly []
  ? Now
  : Layers extends readonly [Layer<string, infer Takes, infer Gives>, ...infer Rest extends Chain]
    ? [Now & Takes] extends [never]
      ? never
      : Ending<Given<Now, Gives>, Rest>
    : Form

/** What is given after a layer: any form, where its type leaves it open. */
type Given<Now extends Form, Gives extends Form | "same"> = [Gives] extends ["same"]
  ? Now
  : [Gives] extends [Form]
    ? Gives
    : Form

export const chainName = (layers: Chain): string =>
  layers.length === 0 ? "identity" : layers.map(({ name }) => name).join(" > ")

/** *Throws* `InvalidArgument` for what is no array of layers. */
export const requireChain = (argument: string, layers: unknown): void => {
  if (!Array.isArray(layers)) throw noChain(argument, layers)
  const wrong = layers.findIndex((layer) => !isLayer(layer))
  if (wrong >= 0) throw noChain(`${argument}.${wrong}`, layers[wrong])
}

const noChain = (argument: string, value: unknown): InvalidArgument => {
  const what = isLayer(value) ? `the layer ${value.name}` : shown(value)
  const remedy = isLayer(value)
    ? `Give an array of layers, such as [${value.name}].`
    : "Give layers of Network, such as [Network.dense(10)]."
  return new InvalidArgument({ argument, value: what, message: `${argument} is ${what}. ${remedy}` })
}

/** Places the layers one after the other. */
export const placeChain = (graph: Graph, input: Node, layers: Chain): Node =>
  layers.reduce((node, layer) => graph.place(layer, node), input)
