/**
 * A `tf.LayersModel`, made, trained or loaded, as a conditional: its layers are read as a network of ours, its weights as parameters, and
 * parameters are written back to it.
 *
 * A last softmax is left out where the likelihood is categorical, and a last sigmoid where it is Bernoulli: z are then the logits that the model
 * has inside.
 */
import type * as tf from "@tensorflow/tfjs"
import { Effect, Schema } from "effect"
import { InvalidArgument, type NonFinite, ShapeMismatch, type UnsupportedLayer } from "../Errors.ts"
import { attempt, decode, shown } from "../Options.ts"
import * as LayerWeights from "../tensor/LayerWeights.ts"
import { type Conditional, make } from "./Conditional.ts"
import { freeze } from "./Freeze.ts"
import type { Node } from "./Graph.ts"
import { digest } from "./internal/digest.ts"
import type { Layer } from "./Layer.ts"
import type { SampledLikelihood } from "./Likelihood.ts"
import { type Chain, placeChain } from "./layers/chain.ts"
import { merge } from "./layers/registry.ts"
import { activationOf, type Converted, convert, type Given } from "./layersModel/converters.ts"
import { type KerasLayer, shapeOf, sourceOf, unsupported } from "./layersModel/keras.ts"
import { opaque } from "./layersModel/opaque.ts"
import { type BlockParts, gathered, joined, scatter } from "./layersModel/weights.ts"
import * as Network from "./Network.ts"
import { requireSame as requireSameSpace } from "./ParamSpace.ts"
import * as Params from "./Params.ts"
import { type Shape, shapeName } from "./Shape.ts"

/**
 * `frozen`: names of layers whose parameters are constants, or of models inside for all of their layers, besides those that the model itself
 * says are not trainable.
 */
export const LayersModelOptions = Schema.Struct({ frozen: Schema.optionalKey(Schema.Array(Schema.String)) })
export type LayersModelOptions = typeof LayersModelOptions.Type

/** A model as a conditional. */
export interface ImportedModel {
  readonly conditional: Conditional<string>
  /** Its weights, without those that are frozen. */
  readonly params: Params.Params<string>
  /**
   * Sets the model's weights to these; frozen ones stay. *Fails*: `ShapeMismatch` for parameters of another network; `InvalidArgument`
   * where the model was disposed of.
   */
  readonly write: (params: Params.Params<string>) => Effect.Effect<void, ShapeMismatch | InvalidArgument>
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
 * the likelihood cannot take; `InvalidArgument` for a name in `frozen` that no layer has, or what is no model with its weights;
 * `NonFinite` for a weight that is no finite number.
 */
export const fromLayersModel = Effect.fn("Conditional.fromLayersModel")(function* (
  model: tf.LayersModel,
  likelihood: SampledLikelihood,
  options: LayersModelOptions = {}
): Effect.fn.Return<ImportedModel, UnsupportedLayer | ShapeMismatch | InvalidArgument | NonFinite> {
  const { frozen = [] } = yield* Effect.fromResult(decode(LayersModelOptions, options))
  const top = model as unknown as KerasLayer
  if (!Array.isArray(top?.layers)) return yield* noModel(model)
  const all = within(top, () => true)
  const stranger = frozen.find((name) => !all.some((layer) => layer.name === name))
  if (stranger !== undefined) return yield* noSuchLayer(stranger, all)
  const weights = new Map<KerasLayer, ReadonlyArray<Float32Array>>()
  for (const layer of all) {
    if (layer.layers === undefined) weights.set(layer, yield* weightsOf(layer))
  }
  const named = new Set(within(top, (layer) => frozen.includes(layer.name)))
  const fixedByModel = new Set(within(top, (layer) => !(top.trainable && layer.trainable)))
  const isFrozen = (layer: KerasLayer): boolean => named.has(layer) || fixedByModel.has(layer)
  const built = yield* Effect.fromResult(
    attempt<UnsupportedLayer | ShapeMismatch | InvalidArgument>()(() =>
      build(model, likelihood, weights, (layer) => named.has(layer))
    )
  )
  const { conditional, origins } = built
  const values = joined(origins.map(({ layer, parts }) => gathered(parts, weights.get(layer)!)))
  const fixed = [...origins.keys()].filter((i) => isFrozen(origins[i]!.layer))
  const { thaw, ...made } = yield* Effect.fromResult(
    attempt<ShapeMismatch | InvalidArgument | NonFinite>()(() =>
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
    ? { conditional, params, thaw: sameAs(params) }
    : (freeze(conditional, params, { blocks: fixed }) as unknown as ReturnType<typeof without>)

/** All parameters, from those that are not frozen. *Throws* `ShapeMismatch` for those of another network. */
type Thaw = (params: Params.Params<string>) => Params.Params<string>

/** Where none are frozen. */
const sameAs =
  ({ space }: Params.Params<string>): Thaw =>
  (moved) => {
    requireSameSpace("vector of parameters", space, moved.space)
    return moved
  }

const written = Effect.fnUntraced(function* (
  origins: ReadonlyArray<Origin>,
  thaw: Thaw,
  params: Params.Params<string>,
  isFrozen: (layer: KerasLayer) => boolean
): Effect.fn.Return<void, ShapeMismatch | InvalidArgument> {
  const { space, values } = yield* Effect.fromResult(attempt<ShapeMismatch>()(() => thaw(params)))
  const weights = new Map<KerasLayer, ReadonlyArray<Float32Array>>()
  for (const { layer } of origins) {
    if (!isFrozen(layer)) weights.set(layer, yield* weightsOf(layer))
  }
  for (const [i, { layer, parts }] of origins.entries()) {
    const { columns, offset, rows } = space.blocks[i]!
    const own = weights.get(layer)
    if (own !== undefined) scatter(parts, values.subarray(offset, offset + rows * columns), own)
  }
  // Once everything is read, in one go: an interruption leaves the model as it was or as it should be, and nothing between.
  for (const [layer, own] of weights) LayerWeights.write(layer, own)
})

/** The layers of a model that it holds for, those of the models in it too; for all of a model, where it holds for that. */
const within = (model: KerasLayer, holds: (layer: KerasLayer) => boolean): ReadonlyArray<KerasLayer> =>
  (model.layers ?? []).flatMap((layer) =>
    holds(layer) ? [layer, ...within(layer, () => true)] : within(layer, holds)
  )

/** *Fails*: `InvalidArgument` for a layer that was disposed of. */
const weightsOf = (layer: KerasLayer): Effect.Effect<ReadonlyArray<Float32Array>, InvalidArgument> =>
  Effect.tryPromise({
    try: () => LayerWeights.read(layer),
    catch: () =>
      new InvalidArgument({
        argument: "model",
        value: layer.name,
        message: `The weights of the layer ${layer.name} cannot be read: it was disposed of. Give a model that has its weights.`
      })
  })

const noModel = (value: unknown): InvalidArgument =>
  new InvalidArgument({
    argument: "model",
    value: shown(value),
    message: `model is ${shown(value)}, and has no layers. Give a tf.LayersModel, such as await tf.loadLayersModel(url) gives.`
  })

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

  const network = Network.graph(`layers model ${model.name}`, shape, (x, graph) => {
    /** The value of a symbolic tensor, given those of the inputs of its model; `last` where it is what the whole model gives. */
    const nodeOf = (tensor: tf.SymbolicTensor, values: Map<tf.SymbolicTensor, Node>, last: boolean): Node => {
      const found = values.get(tensor)
      if (found !== undefined) return found
      const { layer, takes } = sourceOf(tensor)
      const inputs = takes.map((input) => nodeOf(input, values, false))
      const made =
        layer.layers === undefined
          ? one(layer, inputs, tensor, last && hasLink(likelihood, layer))
          : inner(layer, inputs, tensor.outputTensorIndex ?? 0, last)
      values.set(tensor, made)
      return made
    }
    const inner = (
      container: KerasLayer,
      inputs: ReadonlyArray<Node>,
      index: number,
      last: boolean
    ): Node => {
      const values = new Map(container.inputs!.map((input, i) => [input, inputs[i]!]))
      return nodeOf(container.outputs![index]!, values, last)
    }
    const one = (
      layer: KerasLayer,
      inputs: ReadonlyArray<Node>,
      tensor: tf.SymbolicTensor,
      bare: boolean
    ): Node => {
      const output = requireShape(layer, shapeOf(tensor))
      const given = { layer, config: layer.getConfig(), inputs, output, weights: weights.get(layer) ?? [] }
      const converted = counterpart(given, bare)
      if (converted === undefined) {
        requireNoMask(layer)
        const name = `${layer.name} (${digestOf(given.config, given.weights)})`
        return graph.add(name, opaque(layer, inputs[0]!.shape, output), inputs[0]!)
      }
      if (!known.has(layer)) origins.push(...converted.blocks.map((parts) => ({ layer, parts })))
      known.add(layer)
      const node =
        converted.merge === undefined
          ? graph.share(String(layer.id), named(layer.name, converted.layers), inputs[0]!)
          : merge[converted.merge](graph, inputs)
      requireSame(layer, output, node.shape)
      return node
    }
    const counterpart = (given: Given, bare: boolean): Converted | undefined => {
      try {
        return convert(given, bare)
      } catch (cause) {
        if (isOpaque(given.layer) && given.inputs.length === 1) return undefined
        throw cause
      }
    }
    return nodeOf(output, new Map([[input, x]]), true)
  })
  return { conditional: make(network, likelihood) as unknown as Conditional<string>, origins }
}

/** The layers that a layer of the model is, under its name. */
const named = (name: string, layers: Chain): Layer<string> => ({
  _tag: "Layer",
  name,
  place: (graph, input) => placeChain(graph, input, layers)
})

/** What a constant map does, in its name: networks that differ in it are different functions. */
const digestOf = (config: Given["config"], weights: ReadonlyArray<Float32Array>): string =>
  digest(
    Float32Array.from([
      ...Array.from(JSON.stringify(config), (letter) => letter.charCodeAt(0)),
      ...weights.flatMap((values) => Array.from(values))
    ])
  )

/** tfjs gives masks to what follows, such as a recurrent layer, and a constant map would not. */
const requireNoMask = (layer: KerasLayer): void => {
  if (layer.getClassName() !== "Masking" && layer.getConfig()["maskZero"] !== true) return
  throw unsupported(layer, "that makes a mask, which a constant map cannot", "Use Conditional.fromFunction")
}

/** Whether the activation of a model's last layer is what the likelihood has in it. */
const hasLink = (likelihood: SampledLikelihood, layer: KerasLayer): boolean => {
  const last = layer.getClassName() === "Softmax" ? "softmax" : activationOf(layer)
  return likelihood.inverseLink !== undefined && last === likelihood.inverseLink
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
