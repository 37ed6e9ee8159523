/**
 * A `tf.LayersModel`, made, trained or loaded, as a conditional: its layers are read as a network of ours, its weights as parameters, and
 * parameters are written back to it.
 *
 * A last softmax is left out where the likelihood is categorical, and a last sigmoid where it is Bernoulli: z are then the logits that the model
 * has inside.
 */
import type * as tf from "@tensorflow/tfjs"
import { Effect, Schema } from "effect"
import { InvalidArgument, ShapeMismatch, type UnsupportedLayer } from "../Errors.ts"
import { attempt, decode } from "../Options.ts"
import * as LayerWeights from "../tensor/LayerWeights.ts"
import { type Conditional, make } from "./Conditional.ts"
import { freeze } from "./Freeze.ts"
import type { Node } from "./Graph.ts"
import type { Layer } from "./Layer.ts"
import type { SampledLikelihood } from "./Likelihood.ts"
import { type Chain, placeChain } from "./layers/chain.ts"
import { merge } from "./layers/registry.ts"
import { activationOf, type Converted, convert } from "./layersModel/converters.ts"
import { type KerasLayer, shapeOf, sourceOf, unsupported } from "./layersModel/keras.ts"
import { opaque } from "./layersModel/opaque.ts"
import { type BlockParts, gathered, scatter } from "./layersModel/weights.ts"
import * as Network from "./Network.ts"
import * as Params from "./Params.ts"
import { type Shape, shapeName } from "./Shape.ts"

/** `frozen`: names of layers whose parameters are constants, besides those that the model itself says are not trainable. */
export const LayersModelOptions = Schema.Struct({ frozen: Schema.optionalKey(Schema.Array(Schema.String)) })
export type LayersModelOptions = typeof LayersModelOptions.Type

/** A model as a conditional. */
export interface ImportedModel {
  readonly conditional: Conditional<string>
  /** Its weights, without those that are frozen. */
  readonly params: Params.Params<string>
  /** Sets the model's weights to these; frozen ones stay. *Fails*: `ShapeMismatch` for parameters of another network. */
  readonly write: (params: Params.Params<string>) => Effect.Effect<void, ShapeMismatch>
}

/** A block of the network and where it comes from. */
interface Origin {
  readonly layer: KerasLayer
  readonly parts: BlockParts
}

/**
 * A Sequential or functional model of one input and one output.
 *
 * An x is a row of the input's numbers, channels last. A layer that is used twice has its parameters once. Layers without a counterpart
 * are an error, or where they are named in `frozen` constant maps that tfjs computes. Dropout and noise do nothing, and a batch
 * normalisation has the statistics that the model has: p(y|x) is that of the trained network.
 *
 * *Fails*: `UnsupportedLayer`; `ShapeMismatch` for a model of several inputs or outputs, of open sizes, without free parameters or that
 * the likelihood cannot take; `InvalidArgument` for a name in `frozen` that no layer has.
 */
export const fromLayersModel = Effect.fn("Conditional.fromLayersModel")(function* (
  model: tf.LayersModel,
  likelihood: SampledLikelihood,
  options: LayersModelOptions = {}
): Effect.fn.Return<ImportedModel, UnsupportedLayer | ShapeMismatch | InvalidArgument> {
  const { frozen = [] } = yield* Effect.fromResult(decode(LayersModelOptions, options))
  const all = layersOf(model as unknown as KerasLayer)
  const stranger = frozen.find((name) => !all.some((layer) => layer.name === name))
  if (stranger !== undefined) return yield* noSuchLayer(stranger, all)
  const weights = new Map<KerasLayer, ReadonlyArray<Float32Array>>()
  for (const layer of all) weights.set(layer, yield* Effect.promise(() => LayerWeights.read(layer)))
  const isFrozen = (layer: KerasLayer): boolean => !layer.trainable || frozen.includes(layer.name)
  const built = yield* Effect.fromResult(
    attempt<UnsupportedLayer | ShapeMismatch | InvalidArgument>()(() =>
      build(model, likelihood, weights, (layer) => frozen.includes(layer.name))
    )
  )
  const { conditional, origins } = built
  const values = origins.flatMap(({ layer, parts }) => Array.from(gathered(parts, weights.get(layer)!)))
  const fixed = [...origins.keys()].filter((i) => isFrozen(origins[i]!.layer))
  const { thaw, ...made } = yield* Effect.fromResult(
    attempt<ShapeMismatch | InvalidArgument>()(() =>
      without(conditional, Params.make(conditional.network.space, values), fixed)
    )
  )
  return { ...made, write: (params) => written(origins, thaw, params, isFrozen) }
})

/** The conditional without its frozen blocks: of a signature that is known at run time alone, like the model's own. */
const without = (
  conditional: Conditional<string>,
  params: Params.Params<string>,
  fixed: ReadonlyArray<number>
): {
  readonly conditional: Conditional<string>
  readonly params: Params.Params<string>
  readonly thaw: Thaw
} =>
  fixed.length === 0
    ? { conditional, params, thaw: (moved) => moved }
    : (freeze(conditional, params, { blocks: fixed }) as unknown as ReturnType<typeof without>)

/** All parameters, from those that are not frozen. */
type Thaw = (params: Params.Params<string>) => Params.Params<string>

const written = Effect.fnUntraced(function* (
  origins: ReadonlyArray<Origin>,
  thaw: Thaw,
  params: Params.Params<string>,
  isFrozen: (layer: KerasLayer) => boolean
): Effect.fn.Return<void, ShapeMismatch> {
  const { space, values } = yield* Effect.fromResult(attempt<ShapeMismatch>()(() => thaw(params)))
  const layers = new Set(origins.map(({ layer }) => layer).filter((layer) => !isFrozen(layer)))
  for (const layer of layers) {
    const weights = yield* Effect.promise(() => LayerWeights.read(layer))
    for (const [i, origin] of origins.entries()) {
      const { columns, offset, rows } = space.blocks[i]!
      if (origin.layer === layer)
        scatter(origin.parts, values.subarray(offset, offset + rows * columns), weights)
    }
    LayerWeights.write(layer, weights)
  }
})

/** Every layer of a model, and of the models in it. */
const layersOf = (model: KerasLayer): ReadonlyArray<KerasLayer> =>
  "layers" in model
    ? (model.layers as ReadonlyArray<KerasLayer>).flatMap((layer) =>
        "layers" in layer ? [layer, ...layersOf(layer)] : [layer]
      )
    : []

const noSuchLayer = (name: string, layers: ReadonlyArray<KerasLayer>): InvalidArgument =>
  new InvalidArgument({
    argument: "frozen",
    value: name,
    message: `frozen names ${name}, and the model has the layers ${layers.map((layer) => layer.name).join(", ")}. Give one of them.`
  })

/** The model as a network, and where each of its blocks comes from. */
const build = (
  model: tf.LayersModel,
  likelihood: SampledLikelihood,
  weights: ReadonlyMap<KerasLayer, ReadonlyArray<Float32Array>>,
  isOpaque: (layer: KerasLayer) => boolean
): { readonly conditional: Conditional<string>; readonly origins: ReadonlyArray<Origin> } => {
  const top = model as unknown as KerasLayer
  const [input, output] = [theOnly(top, "input", top.inputs), theOnly(top, "output", top.outputs)]
  const shape = requireShape(sourceOf(input).layer, shapeOf(input))
  const origins: Array<Origin> = []
  const known = new Set<KerasLayer>()
  const bare = outermost(likelihood, output)

  const network = Network.graph(`layers model ${model.name}`, shape, (x, graph) => {
    /** The value of a symbolic tensor, given those of the inputs of its model. */
    const nodeOf = (tensor: tf.SymbolicTensor, values: Map<tf.SymbolicTensor, Node>): Node => {
      const found = values.get(tensor)
      if (found !== undefined) return found
      const { layer, takes } = sourceOf(tensor)
      const inputs = takes.map((input) => nodeOf(input, values))
      const made =
        "layers" in layer ? inner(layer, inputs, tensor.outputTensorIndex ?? 0) : one(layer, inputs, tensor)
      values.set(tensor, made)
      return made
    }
    const inner = (container: KerasLayer, inputs: ReadonlyArray<Node>, index: number): Node =>
      nodeOf(container.outputs![index]!, new Map(container.inputs!.map((input, i) => [input, inputs[i]!])))
    const one = (layer: KerasLayer, inputs: ReadonlyArray<Node>, tensor: tf.SymbolicTensor): Node => {
      const output = requireShape(layer, shapeOf(tensor))
      const given = { layer, config: layer.getConfig(), inputs, output, weights: weights.get(layer) ?? [] }
      const converted = counterpart(given, tensor === bare)
      if (converted === undefined)
        return graph.add(layer.name, opaque(layer, inputs[0]!.shape, output), inputs[0]!)
      if (!known.has(layer)) origins.push(...converted.blocks.map((parts) => ({ layer, parts })))
      known.add(layer)
      const node =
        converted.merge === undefined
          ? graph.share(String(layer.id), named(layer.name, converted.layers), inputs[0]!)
          : merge[converted.merge](graph, inputs)
      requireSame(layer, output, node.shape)
      return node
    }
    const counterpart = (given: Parameters<typeof convert>[0], bare: boolean): Converted | undefined => {
      try {
        return convert(given, bare)
      } catch (cause) {
        if (isOpaque(given.layer) && given.inputs.length === 1) return undefined
        throw cause
      }
    }
    return nodeOf(output, new Map([[input, x]]))
  })
  return { conditional: make(network, likelihood) as unknown as Conditional<string>, origins }
}

/** The layers that a layer of the model is, under its name. */
const named = (name: string, layers: Chain): Layer<string> => ({
  _tag: "Layer",
  name,
  place: (graph, input) => placeChain(graph, input, layers)
})

/** The tensor whose activation the likelihood has in it, if that is the model's last. */
const outermost = (
  likelihood: SampledLikelihood,
  output: tf.SymbolicTensor
): tf.SymbolicTensor | undefined => {
  const { layer } = sourceOf(output)
  if ("layers" in layer) return outermost(likelihood, layer.outputs![output.outputTensorIndex ?? 0]!)
  const last = layer.getClassName() === "Softmax" ? "softmax" : activationOf(layer)
  const link = /^(positions\()?categorical/.test(likelihood.name)
    ? "softmax"
    : /^(positions\()?bernoulli/.test(likelihood.name)
      ? "sigmoid"
      : undefined
  return link !== undefined && last === link ? output : undefined
}

const theOnly = (
  model: KerasLayer,
  what: "input" | "output",
  tensors: ReadonlyArray<tf.SymbolicTensor> | undefined
): tf.SymbolicTensor => {
  const count = tensors?.length ?? 0
  if (count === 1) return tensors![0]!
  throw new ShapeMismatch({
    what: `${what}s of the model`,
    expected: "1",
    actual: String(count),
    message:
      count === 0
        ? `The model ${model.name} has no ${what} yet. Give its first layer an inputShape.`
        : `The model ${model.name} has ${count} ${what}s. Give one of a single ${what}, such as the concatenation of these.`
  })
}

const requireShape = (layer: KerasLayer, shape: Shape | string): Shape => {
  if (typeof shape === "string") throw unsupported(layer, shape)
  return shape
}

/** What natgrad makes of a layer must be what Keras says that it gives. */
const requireSame = (layer: KerasLayer, due: Shape, actual: Shape): void => {
  if (shapeName(due) === shapeName(actual)) return
  throw unsupported(layer, `that gives ${shapeName(due)}, where natgrad makes ${shapeName(actual)} of it`)
}
