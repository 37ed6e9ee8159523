/**
 * A network: layers from x to the parameters z of the distribution of y, in sequence or as any acyclic graph.
 *
 * *Math*: z = f(x, theta), with x in R^features and z in R^outputs. Linearised at a block of x it gives the output, the scores for
 * many cotangents at once (J^T, layer by layer) and the pushforward of one tangent (J).
 */
import type * as tf from "@tensorflow/tfjs"
import { Schema } from "effect"
import { InvalidArgument, ShapeMismatch } from "../Errors.ts"
import { decodeOrThrow, NonNegativeInt, PositiveInt } from "../Options.ts"
import type { Key } from "../random/Key.ts"
import { type Built, type Graph, isLayer, make as makeGraph, type NetworkLayer, type Node } from "./Graph.ts"
import type { Init } from "./Init.ts"
import type { LinearizedNetwork } from "./internal/walk.ts"
import type { Layer, Weights } from "./Layer.ts"
import type { Layout, ParamBlock, ParamSpace } from "./ParamSpace.ts"
import { described, type Form, type FormOf, type Shape, type ShapeName, shapeName, sizeOf } from "./Shape.ts"

export type { Graph, Node } from "./Graph.ts"
export * from "./layers/registry.ts"
export type { Image, Sequence } from "./Shape.ts"

/**
 * `S` is the signature, such as `"784 > dense(64) > tanh > dense(10)"` or
 * `"28x28x1 > conv2d(8, 5x5, stride 2x2) > relu > flatten > dense(10)"`.
 */
export interface Network<S extends string> {
  readonly space: ParamSpace<S>
  /** The shape of an x. */
  readonly input: Shape
  /** How many numbers an x has; 0 for a density, height x width x channels for an image. */
  readonly features: number
  /** The shape of a z. */
  readonly output: Shape
  /** How many numbers z has: C. */
  readonly outputs: number
  readonly layers: ReadonlyArray<NetworkLayer>
  /** What it does where no layers say it, of which it then has none: a function of one's own. */
  readonly own?: OwnMap
  /** Blocks that are constants of the network: no parameters of the space. */
  readonly frozen: ReadonlyArray<FrozenBlock>
}

/** A network without layers: what the stages of a conditional ask of it, inside a tensor program. */
export interface OwnMap {
  /** First values of a block, `[rows, columns]`; a pure function of the key. */
  readonly initialise: (key: Key, init: Init, block: ParamBlock) => Float32Array
  /** z `[N, C]` */
  readonly forward: (point: OwnPoint, x: tf.Tensor2D) => tf.Tensor2D
  readonly linearize: (point: OwnPoint, x: tf.Tensor2D) => LinearizedNetwork
}

/** Where it is taken: the blocks that move and those that do not, with the weights of the first and then of the others. */
export interface OwnPoint {
  readonly space: Layout
  readonly frozen: ReadonlyArray<ParamBlock>
  readonly weights: ReadonlyArray<Weights>
}

/** A block and its values, `[rows, columns]`. */
export interface FrozenBlock {
  readonly block: ParamBlock
  readonly values: Float32Array
}

/** 4 GiB of float32. */
const mostNumbers = 2 ** 30

const ImageInput = Schema.Struct({
  features: Schema.Struct({ height: PositiveInt, width: PositiveInt, channels: PositiveInt })
})

const SequenceInput = Schema.Struct({
  features: Schema.Struct({ length: PositiveInt, channels: PositiveInt })
})

const NumbersInput = Schema.Struct({ features: NonNegativeInt })

const Layers = Schema.Struct({
  layers: Schema.Array(
    Schema.Any.check(
      Schema.makeFilter((value) => isLayer(value) || "Give a layer of Network, such as Network.dense(10).")
    )
  )
})

const OfGraph = Schema.Struct({
  name: Schema.String,
  build: Schema.Any.check(
    Schema.makeFilter((build) => typeof build === "function" || "Give a function of the input and the graph.")
  )
})

/** The signature of a sequence of layers, for the compiler. */
export type Signature<Features extends Shape, Layers extends ReadonlyArray<Layer<string>>> = Joined<
  ShapeName<Features>,
  Layers
>

type Joined<Done extends string, Layers extends ReadonlyArray<Layer<string>>> = Layers extends readonly [
  Layer<infer Name>,
  ...infer Rest extends ReadonlyArray<Layer<string>>
]
  ? Joined<`${Done} > ${Name}`, Rest>
  : Layers extends readonly []
    ? Done
    : string

/** What all layers must be, for the compiler: anything, or where one is given what it does not take, what to do about it. */
export type Fitting<Features extends Shape, Layers extends ReadonlyArray<Layer<string>>> = From<
  FormOf<Features>,
  Layers
>

type From<Now extends Form, Layers extends ReadonlyArray<Layer<string>>> = Layers extends readonly [
  Layer<infer Name, infer Takes, infer Gives>,
  ...infer Rest extends ReadonlyArray<Layer<string>>
]
  ? [Now & Takes] extends [never]
    ? Misfit<Name, Takes, Now>
    : From<Then<Now, Gives>, Rest>
  : unknown

/** What to say of a layer that takes one form and is given another. */
type Misfit<Name extends string, Takes extends Form, Now extends Form> = "numbers" extends Takes
  ? `${Name} takes numbers and is given ${Article[Now]}: put Network.flatten before it`
  : Now extends "numbers"
    ? `${Name} takes ${Article[Takes]} and is given numbers: give sequential ${Article[Takes]}, and flatten after it`
    : `${Name} takes ${Article[Takes]} and is given ${Article[Now]}: put Network.reshape before it`

interface Article {
  readonly numbers: "numbers"
  readonly sequence: "a sequence"
  readonly image: "an image"
}

/** What is given after a layer: any, where its type leaves it open. */
type Then<Now extends Form, Gives extends Form | "same"> = [Gives] extends ["same"]
  ? Now
  : [Gives] extends [Form]
    ? Gives
    : Form

/**
 * Layers one after the other. `features` is the size of an x, or the shape of a sequence or an image: x is then a row of
 * these numbers all the same, channels last. 0 makes a density, whose z is the last bias alone.
 *
 * *Throws*: `InvalidArgument`; `ShapeMismatch` where no layer has a parameter, or one is given what it does not take.
 */
export const sequential = <const Features extends Shape, const Layers extends ReadonlyArray<Layer<string>>>(
  features: Features,
  layers: Layers & Fitting<Features, Layers>
): Network<Signature<Features, Layers>> => {
  const shape = decodedInput(features)
  const sequence: ReadonlyArray<Layer<string>> = decodeOrThrow(Layers, { layers }).layers
  const { built, graph, input } = makeGraph(shape)
  const output = sequence.reduce((node, layer) => graph.place(layer, node), input)
  const signature = [shapeName(shape), ...sequence.map((layer) => layer.name)].join(" > ")
  return finished<Signature<Features, Layers>>(signature, shape, output, built(output))
}

/**
 * Any acyclic network: `build` places layers on the input and on what earlier ones gave, and returns the output.
 *
 * `name` is its type's signature; the one of its space says every operation too. Parameters lie in the order in which layers are placed.
 *
 * *Throws*: as `sequential`; `InvalidArgument` where `build` returns no value of this network; `ShapeMismatch` for an operation that the
 * output does not depend on.
 */
export const graph = <const Name extends string>(
  name: Name,
  features: Shape,
  build: (input: Node, graph: Graph) => Node
): Network<Name> => {
  const shape = decodedInput(features)
  decodeOrThrow(OfGraph, { name, build })
  const { built, graph, input } = makeGraph(shape)
  const output = build(input, graph)
  const { layers, ...rest } = built(output)
  const value = (index: number) => (index === 0 ? "x" : String(index))
  /** Networks that share other blocks are other functions. */
  const sharing = (block: number, i: number): string => {
    const first = block < 0 ? i : layers.findIndex((layer) => layer.block === block)
    return first === i ? "" : ` with the parameters of ${first + 1}`
  }
  const operations = layers.map(
    ({ block, inputs, name }, i) =>
      `${i + 1} = ${name} of ${inputs.map(value).join(" and ")}${sharing(block, i)}`
  )
  return finished<Name>(`${name}: ${shapeName(shape)} > ${operations.join(", ")}`, shape, output, {
    layers,
    ...rest
  })
}

const finished = <S extends string>(
  signature: string,
  input: Shape,
  output: Node,
  { blocks, layers }: Built
): Network<S> => {
  requireReached(layers, output)
  const size = blocks.reduce((sum, { columns, rows }) => sum + rows * columns, 0)
  requireParameters(signature, size)
  return {
    space: { signature, blocks, size },
    input,
    features: sizeOf(input),
    output: output.shape,
    outputs: sizeOf(output.shape),
    layers,
    frozen: []
  }
}

/** What does not reach the output has no gradient: more likely a slip than a wish. */
const requireReached = (layers: ReadonlyArray<NetworkLayer>, output: Node): void => {
  const reached = new Set([output.index])
  for (const [i, { inputs }] of [...layers.entries()].toReversed()) {
    if (reached.has(i + 1)) for (const index of inputs) reached.add(index)
  }
  const lost = layers.findIndex((_, i) => !reached.has(i + 1))
  if (lost < 0) return
  throw new ShapeMismatch({
    what: layers[lost]!.name,
    expected: "an operation that the output depends on",
    actual: `operation ${lost + 1}, which it does not`,
    message: `The output does not depend on operation ${lost + 1} of the network, ${layers[lost]!.name}. Use what it gives, or leave it out.`
  })
}

const decodedInput = (features: Shape): Shape => {
  if (typeof features !== "object" || features === null) {
    return decodeOrThrow(NumbersInput, { features }).features
  }
  const input =
    "length" in features
      ? decodeOrThrow(SequenceInput, { features }).features
      : decodeOrThrow(ImageInput, { features }).features
  if (sizeOf(input) > mostNumbers) {
    throw new InvalidArgument({
      argument: "features",
      value: shapeName(input),
      message: `An input of ${described(input)} is ${sizeOf(input)} numbers, over the ${mostNumbers} that an array holds. Give a smaller one.`
    })
  }
  return input
}

const requireParameters = (signature: string, size: number): void => {
  if (size > mostNumbers) {
    throw new InvalidArgument({
      argument: "units",
      value: String(size),
      message: `The network ${signature} has ${size} parameters, over the ${mostNumbers} that an array holds. Make its layers smaller.`
    })
  }
  if (size === 0) {
    throw new ShapeMismatch({
      what: "network",
      expected: "at least one parameter",
      actual: signature,
      message: `The network ${signature} has no parameters. Add a dense layer.`
    })
  }
}

/** The matrix of a block as tensors. */
export const blockWeights = (
  { bias, columns, rows }: ParamBlock,
  values: Float32Array,
  tensor: (values: Float32Array, shape: ReadonlyArray<number>) => tf.Tensor
): Weights => {
  const inputs = bias ? rows - 1 : rows
  const end = inputs * columns
  const kernel = tensor(values.subarray(0, end), [inputs, columns]) as tf.Tensor2D
  return bias
    ? { kernel, bias: tensor(values.subarray(end, end + columns), [columns]) as tf.Tensor1D }
    : { kernel }
}
