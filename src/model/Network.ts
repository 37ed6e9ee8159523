/**
 * A network: layers in sequence from x to the parameters z of the distribution of y.
 *
 * *Math*: z = f(x, theta), with x in R^features and z in R^outputs. Linearised at a block of x it gives the output, the scores for
 * many cotangents at once (J^T, layer by layer) and the pushforward of one tangent (J).
 */
import type * as tf from "@tensorflow/tfjs"
import { Schema } from "effect"
import { InvalidArgument, ShapeMismatch } from "../Errors.ts"
import { decodeOrThrow, NonNegativeInt, PositiveInt } from "../Options.ts"
import type { BuiltLayer, Layer, LinearizedLayer, Weights } from "./Layer.ts"
import type { Layout, ParamBlock, ParamSpace } from "./ParamSpace.ts"
import type { Score } from "./Score.ts"
import { type Form, formOf, type Image, type Shape, type ShapeName, shapeName, sizeOf } from "./Shape.ts"

export { gelu } from "./layers/gelu.ts"
export { identity } from "./layers/identity.ts"
export { activations, conv2d, dense, flatten } from "./layers/registry.ts"
export { relu } from "./layers/relu.ts"
export { sigmoid } from "./layers/sigmoid.ts"
export { softplus } from "./layers/softplus.ts"
export { tanh } from "./layers/tanh.ts"
export type { Image } from "./Shape.ts"

/**
 * `S` is the signature, such as `"784 > dense(64) > tanh > dense(10)"` or
 * `"28x28x1 > conv2d(8, 5x5, stride 2x2) > relu > flatten > dense(10)"`.
 */
export interface Network<S extends string> {
  readonly space: ParamSpace<S>
  /** How many numbers an x has; 0 for a density, height x width x channels for an image. */
  readonly features: number
  /** How many numbers z has: C. */
  readonly outputs: number
  readonly layers: ReadonlyArray<NetworkLayer>
}

/** One layer in its place. */
export interface NetworkLayer extends BuiltLayer {
  readonly name: string
  /** How many numbers its output has. */
  readonly outputs: number
  /** Index of its block in the space, or -1 where it has no parameters. */
  readonly block: number
}

/** 4 GiB of float32. */
const mostNumbers = 2 ** 30

const isLayer = (value: unknown): value is Layer<string> =>
  typeof value === "object" && value !== null && "_tag" in value && value._tag === "Layer"

const Inputs = Schema.Struct({
  features: Schema.Struct({ height: PositiveInt, width: PositiveInt, channels: PositiveInt })
})

const Sizes = Schema.Struct({
  features: NonNegativeInt,
  layers: Schema.Array(
    Schema.Any.check(
      Schema.makeFilter((value) => isLayer(value) || "Give a layer of Network, such as Network.dense(10).")
    )
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
  [Features] extends [number] ? "numbers" : [Features] extends [Image] ? "image" : Form,
  Layers
>

type From<Now extends Form, Layers extends ReadonlyArray<Layer<string>>> = Layers extends readonly [
  Layer<infer Name, infer Takes, infer Gives>,
  ...infer Rest extends ReadonlyArray<Layer<string>>
]
  ? [Now & Takes] extends [never]
    ? Takes extends "numbers"
      ? `${Name} takes numbers and is given an image: put Network.flatten before it`
      : `${Name} takes an image and is given numbers: give sequential an image, and flatten after it`
    : From<Then<Now, Gives>, Rest>
  : unknown

/** What is given after a layer: either, where its type leaves it open. */
type Then<Now extends Form, Gives extends Form | "same"> = [Gives] extends ["same"]
  ? Now
  : [Gives] extends [Form]
    ? Gives
    : Form

/**
 * Layers one after the other. `features` is the size of an x, or for an image its height, width and channels: x is then a row of
 * these numbers all the same, NHWC. 0 makes a density, whose z is the last bias alone.
 *
 * *Throws*: `InvalidArgument`; `ShapeMismatch` where no layer has a parameter, or one is given an image for numbers or the reverse.
 */
export const sequential = <const Features extends Shape, const Layers extends ReadonlyArray<Layer<string>>>(
  features: Features,
  layers: Layers & Fitting<Features, Layers>
): Network<Signature<Features, Layers>> => {
  const { input, sequence } = decodedInput(features, layers)
  const blocks: Array<ParamBlock> = []
  const built: Array<NetworkLayer> = []
  let shape = input
  let size = 0
  for (const [index, layer] of sequence.entries()) {
    requireForm(layer, shape, built.at(-1)?.name)
    const made = layer.build(shape)
    if (made.shape !== undefined) {
      blocks.push({ ...made.shape, layer: `${index} ${layer.name}`, offset: size })
      size += made.shape.rows * made.shape.columns
    }
    const block = made.shape === undefined ? -1 : blocks.length - 1
    built.push({ ...made, name: layer.name, outputs: sizeOf(made.output), block })
    shape = made.output
  }
  const signature = [shapeName(input), ...sequence.map((layer) => layer.name)].join(" > ")
  requireParameters(signature, size)
  return {
    space: { signature, blocks, size },
    features: sizeOf(input),
    outputs: sizeOf(shape),
    layers: built
  }
}

const decodedInput = (features: Shape, layers: ReadonlyArray<Layer<string>>) => {
  if (typeof features !== "object" || features === null) {
    decodeOrThrow(Sizes, { features, layers })
    return { input: features, sequence: layers }
  }
  const { height, width, channels } = decodeOrThrow(Inputs, { features }).features
  const input = { height, width, channels }
  if (sizeOf(input) > mostNumbers) {
    throw new InvalidArgument({
      argument: "features",
      value: shapeName(input),
      message: `An image of ${shapeName(input)} is ${sizeOf(input)} numbers, over the ${mostNumbers} that an array holds. Give a smaller one.`
    })
  }
  decodeOrThrow(Sizes, { features: sizeOf(input), layers })
  return { input, sequence: layers }
}

const described = (shape: Shape): string =>
  typeof shape === "number" ? `${shape} numbers` : `an image of ${shapeName(shape)}`

const requireForm = ({ name, takes }: Layer<string>, given: Shape, before: string | undefined): void => {
  if (takes === undefined || takes === formOf(given)) return
  const due = takes === "image" ? "an image" : "numbers"
  const remedy =
    takes === "numbers"
      ? "Put Network.flatten before it."
      : before === undefined
        ? "Give the network { height, width, channels } in place of a number."
        : "Put it before the image is flattened."
  throw new ShapeMismatch({
    what: name,
    expected: due,
    actual: described(given),
    message: `${name} takes ${due}, and ${before === undefined ? "the input is" : `${before} before it gives`} ${described(given)}. ${remedy}`
  })
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

/** The values of one vector of the space as tensors, block by block. */
export const weightsOf = (
  space: Layout,
  values: Float32Array,
  tensor: (values: Float32Array, shape: ReadonlyArray<number>) => tf.Tensor
): ReadonlyArray<Weights> =>
  space.blocks.map(({ bias, columns, offset, rows }) => {
    const inputs = bias ? rows - 1 : rows
    const end = offset + inputs * columns
    const kernel = tensor(values.subarray(offset, end), [inputs, columns]) as tf.Tensor2D
    return bias
      ? { kernel, bias: tensor(values.subarray(end, end + columns), [columns]) as tf.Tensor1D }
      : { kernel }
  })

/** z `[N, C]` for x `[N, features]`. Inside a tensor program. */
export const forward = (
  layers: ReadonlyArray<NetworkLayer>,
  weights: ReadonlyArray<Weights>,
  x: tf.Tensor2D
): tf.Tensor2D => layers.reduce((a, layer) => layer.forward(weights[layer.block], a), x)

/** A network as a linear map at a block of x. Its tensors are those of the program that made it. */
export interface LinearizedNetwork {
  /** `[N, C]` */
  readonly output: tf.Tensor2D
  /** Everything that the maps below need when the program has ended. */
  readonly tape: ReadonlyArray<tf.Tensor>
  /** The scores of every block for the cotangents `[K, N, C]` of z. */
  readonly scores: (cotangent: tf.Tensor3D) => ReadonlyArray<Score>
  /** The tangent `[N, C]` of z for a tangent of the parameters. */
  readonly pushforward: (direction: ReadonlyArray<Weights>) => tf.Tensor2D
}

/** Linearises at x `[N, features]`. Inside a tensor program. */
export const linearize = (
  layers: ReadonlyArray<NetworkLayer>,
  { blocks }: Layout,
  weights: ReadonlyArray<Weights>,
  x: tf.Tensor2D
): LinearizedNetwork => {
  const maps: Array<LinearizedLayer> = []
  let input = x
  for (const layer of layers) {
    const map = layer.linearize({ input, weights: weights[layer.block], block: blocks[layer.block] })
    maps.push(map)
    input = map.output
  }
  // Below the first layer with parameters nothing needs a cotangent: the input's own is never computed.
  const first = layers.findIndex((layer) => layer.block >= 0)
  return {
    output: input,
    tape: [x, ...maps.flatMap((map) => [map.output, ...map.tape])],
    scores: (cotangent) => {
      const scores: Array<Score> = []
      let g = cotangent
      for (let i = layers.length - 1; i >= first; i--) {
        const score = maps[i]!.score?.(g)
        if (score !== undefined) scores.unshift(score)
        if (i > first) g = maps[i]!.pullbackInput(g)
      }
      return scores
    },
    pushforward: (direction) => {
      let tangent: tf.Tensor2D | undefined
      for (const [i, map] of maps.entries()) tangent = map.pushforward(tangent, direction[layers[i]!.block])
      return tangent!
    }
  }
}
