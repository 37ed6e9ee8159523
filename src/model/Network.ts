/**
 * A network: layers in sequence from x to the parameters z of the distribution of y.
 *
 * *Math*: z = f(x, theta), with x in R^features and z in R^outputs. Linearised at a block of x it gives the output, the scores for
 * many cotangents at once (J^T, layer by layer) and the pushforward of one tangent (J).
 */
import type * as tf from "@tensorflow/tfjs"
import { Schema } from "effect"
import { InvalidArgument, ShapeMismatch } from "../Errors.ts"
import { decodeOrThrow, NonNegativeInt } from "../Options.ts"
import type { BuiltLayer, Layer, LinearizedLayer, Weights } from "./Layer.ts"
import type { Layout, ParamBlock, ParamSpace } from "./ParamSpace.ts"
import type { Score } from "./Score.ts"

export { gelu } from "./layers/gelu.ts"
export { identity } from "./layers/identity.ts"
export { activations, dense } from "./layers/registry.ts"
export { relu } from "./layers/relu.ts"
export { sigmoid } from "./layers/sigmoid.ts"
export { softplus } from "./layers/softplus.ts"
export { tanh } from "./layers/tanh.ts"

/** `S` is the signature, such as `"784 > dense(64) > tanh > dense(10)"`. */
export interface Network<S extends string> {
  readonly space: ParamSpace<S>
  /** How many numbers an x has; 0 for a density. */
  readonly features: number
  /** How many numbers z has: C. */
  readonly outputs: number
  readonly layers: ReadonlyArray<NetworkLayer>
}

/** One layer in its place. */
export interface NetworkLayer extends BuiltLayer {
  readonly name: string
  /** Index of its block in the space, or -1 where it has no parameters. */
  readonly block: number
}

/** 4 GiB of float32. */
const mostParameters = 2 ** 30

const isLayer = (value: unknown): value is Layer<string> =>
  typeof value === "object" && value !== null && "_tag" in value && value._tag === "Layer"

const Sizes = Schema.Struct({
  features: NonNegativeInt,
  layers: Schema.Array(
    Schema.Any.check(
      Schema.makeFilter((value) => isLayer(value) || "Give a layer of Network, such as Network.dense(10).")
    )
  )
})

/** The signature of a sequence of layers, for the compiler. */
export type Signature<Features extends number, Layers extends ReadonlyArray<Layer<string>>> = Joined<
  `${Features}`,
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

/**
 * Layers one after the other. `features` is the size of an x; 0 makes a density, whose z is the last bias alone.
 *
 * *Throws*: `InvalidArgument`; `ShapeMismatch` where no layer has a parameter.
 */
export const sequential = <const Features extends number, const Layers extends ReadonlyArray<Layer<string>>>(
  features: Features,
  layers: Layers
): Network<Signature<Features, Layers>> => {
  decodeOrThrow(Sizes, { features, layers })
  const blocks: Array<ParamBlock> = []
  const built: Array<NetworkLayer> = []
  let width: number = features
  let size = 0
  for (const [index, layer] of layers.entries()) {
    const made = layer.build(width)
    if (made.shape !== undefined) {
      blocks.push({ ...made.shape, layer: `${index} ${layer.name}`, offset: size })
      size += made.shape.rows * made.shape.columns
    }
    built.push({ ...made, name: layer.name, block: made.shape === undefined ? -1 : blocks.length - 1 })
    width = made.outputs
  }
  const signature = [String(features), ...layers.map((layer) => layer.name)].join(" > ")
  if (size > mostParameters) {
    throw new InvalidArgument({
      argument: "units",
      value: String(size),
      message: `The network ${signature} has ${size} parameters, over the ${mostParameters} that an array holds. Make its layers smaller.`
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
  return { space: { signature, blocks, size }, features, outputs: width, layers: built }
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
