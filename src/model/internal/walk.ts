/**
 * A network of operations walked forwards and backwards, inside a tensor program.
 *
 * Values are walked in the order in which they were made; a value that several operations take has the sum of their cotangents. Below the
 * first parameters nothing needs a cotangent, and none is computed: not for x, and not for what frozen layers make of it.
 */
import * as tf from "@tensorflow/tfjs"
import type { InvalidArgument } from "../../Errors.ts"
import type { NetworkLayer } from "../Graph.ts"
import type { LinearizedLayer, LinearizedMerge, Weights } from "../Layer.ts"
import type { Layout } from "../ParamSpace.ts"
import { type Score, summed } from "../Score.ts"

type Mask = tf.Tensor2D | undefined

/** x with 0 at masked positions, for values `[N, T channels]` or cotangents `[K, N, T channels]`. */
const masked = <T extends tf.Tensor>(x: T, mask: Mask): T => {
  if (mask === undefined) return x
  const [examples, positions] = mask.shape
  const rows = x.reshape([-1, examples, positions, x.size === 0 ? 0 : x.shape.at(-1)! / positions])
  return tf.mul(rows, mask.reshape([1, examples, positions, 1])).reshape(x.shape) as T
}

interface Value {
  readonly tensor: tf.Tensor2D
  readonly mask: Mask
}

const maskOf = (values: ReadonlyArray<Value>): Mask => values.find(({ mask }) => mask !== undefined)?.mask

const maskingOf = ({ operation }: NetworkLayer) =>
  (operation._tag === "Layer" ? operation.layer.masking : operation.merge.masking) ?? "ends"

/** What an operation is given of its inputs: 0 at masked positions, where it knows of none. */
const given = (layer: NetworkLayer, values: ReadonlyArray<Value>): ReadonlyArray<Value> => {
  const own = layer.inputs.map((index) => values[index]!)
  return maskingOf(layer) === "ends"
    ? own.map(({ mask, tensor }) => ({ tensor: masked(tensor, mask), mask }))
    : own
}

/** z `[N, C]` for x `[N, features]`. `weights` are those of each block. */
export const forward = (
  layers: ReadonlyArray<NetworkLayer>,
  weights: ReadonlyArray<Weights>,
  x: tf.Tensor2D
): tf.Tensor2D => {
  const values: Array<Value> = [{ tensor: x, mask: undefined }]
  for (const layer of layers) {
    const inputs = given(layer, values)
    const mask = maskingOf(layer) === "keeps" ? maskOf(inputs) : undefined
    const own = weights[layer.block]
    if (layer.operation._tag === "Layer" && layer.operation.layer.forward !== undefined) {
      values.push({ tensor: layer.operation.layer.forward(own, inputs[0]!.tensor), mask })
      continue
    }
    const map = linearizeOne(layer, inputs, own, undefined)
    values.push({ tensor: map.output, mask: ("mask" in map ? map.mask : undefined) ?? mask })
  }
  const last = values.at(-1)!
  return masked(last.tensor, last.mask)
}

const linearizeOne = (
  { block, operation }: NetworkLayer,
  inputs: ReadonlyArray<Value>,
  weights: Weights | undefined,
  space: Layout | undefined
): LinearizedLayer | LinearizedMerge =>
  operation._tag === "Merge"
    ? operation.merge.linearize({
        inputs: inputs.map(({ tensor }) => tensor),
        masks: inputs.map(({ mask }) => mask)
      })
    : operation.layer.linearize({
        input: inputs[0]!.tensor,
        mask: inputs[0]!.mask,
        weights,
        block: space?.blocks[block]
      })

/** A network as a linear map at a block of x. Its tensors are those of the program that made it. */
export interface LinearizedNetwork {
  /** `[N, C]` */
  readonly output: tf.Tensor2D
  /** Everything that the maps below need when the program has ended. */
  readonly tape: ReadonlyArray<tf.Tensor>
  /** Numbers on the tape that say, once they are read, why this is no linearisation; absent where nothing can be wrong. */
  readonly verdict?: {
    readonly numbers: tf.Tensor1D
    readonly refusal: (numbers: Float32Array) => InvalidArgument | undefined
  }
  /** The scores of every block for the cotangents `[K, N, C]` of z. */
  readonly scores: (cotangent: tf.Tensor3D) => ReadonlyArray<Score>
  /** The gradient of every block, summed over examples, for one cotangent `[N, C]`: where that is cheaper than the scores. */
  readonly pullback?: (cotangent: tf.Tensor2D) => ReadonlyArray<tf.Tensor>
  /** The tangent `[N, C]` of z for a tangent of the parameters. */
  readonly pushforward: (direction: ReadonlyArray<Weights>) => tf.Tensor2D
}

/** An operation linearised in its place. */
interface Step {
  readonly layer: NetworkLayer
  readonly map: LinearizedLayer | LinearizedMerge
  /** Where the operation is not told of a mask, that of each input. */
  readonly ended: ReadonlyArray<Mask>
}

/** Linearises at x `[N, features]`. `weights` are those of each block, the frozen ones after those of the space. */
export const linearize = (
  layers: ReadonlyArray<NetworkLayer>,
  space: Layout,
  weights: ReadonlyArray<Weights>,
  x: tf.Tensor2D
): LinearizedNetwork => {
  const steps: Array<Step> = []
  const tape: Array<tf.Tensor> = [x]
  const values: Array<Value> = [{ tensor: x, mask: undefined }]
  /** Which values depend on a parameter of the space. */
  const moves: Array<boolean> = [false]
  for (const layer of layers) {
    const inputs = given(layer, values)
    const map = linearizeOne(layer, inputs, weights[layer.block], space)
    const kept = maskingOf(layer) === "keeps" ? maskOf(inputs) : undefined
    const ended = maskingOf(layer) === "ends" ? inputs.map(({ mask }) => mask) : []
    values.push({ tensor: map.output, mask: ("mask" in map ? map.mask : undefined) ?? kept })
    moves.push(isOfSpace(layer, space) || layer.inputs.some((index) => moves[index]))
    tape.push(...inputs.map(({ tensor }) => tensor), map.output, ...map.tape)
    steps.push({ layer, map, ended })
  }
  const { mask, tensor } = values.at(-1)!
  const output = masked(tensor, mask)
  return {
    output,
    tape: [...tape, output],
    scores: (cotangent) => scoresOf(steps, space, moves, masked(cotangent, mask)),
    pushforward: (direction) => masked(pushed(steps, space, direction), mask)
  }
}

const isOfSpace = ({ block }: NetworkLayer, { blocks }: Layout): boolean =>
  block >= 0 && block < blocks.length

/** The cotangents of an operation's inputs. */
const pulled = ({ ended, map }: Step, cotangent: tf.Tensor3D): ReadonlyArray<tf.Tensor3D> => {
  const inputs = "pullback" in map ? map.pullback(cotangent) : [map.pullbackInput(cotangent)]
  return inputs.map((input, i) => masked(input, ended[i]))
}

const scoresOf = (
  steps: ReadonlyArray<Step>,
  space: Layout,
  moves: ReadonlyArray<boolean>,
  cotangent: tf.Tensor3D
): ReadonlyArray<Score> => {
  const cotangents = new Map([[steps.length, cotangent]])
  const scores: Array<Array<Score>> = space.blocks.map(() => [])
  for (const [i, step] of [...steps.entries()].toReversed()) {
    const { layer, map } = step
    const own = cotangents.get(i + 1)
    if (own === undefined) continue
    if (isOfSpace(layer, space) && "pullbackInput" in map) scores[layer.block]!.unshift(map.score!(own))
    if (!layer.inputs.some((index) => moves[index])) continue
    for (const [at, part] of pulled(step, own).entries()) {
      const index = layer.inputs[at]!
      if (!moves[index]) continue
      const before = cotangents.get(index)
      cotangents.set(index, before === undefined ? part : tf.add(before, part))
    }
  }
  return scores.map(summed)
}

const pushed = (
  steps: ReadonlyArray<Step>,
  space: Layout,
  direction: ReadonlyArray<Weights>
): tf.Tensor2D => {
  const tangents: Array<tf.Tensor2D | undefined> = [undefined]
  for (const { ended, layer, map } of steps) {
    const inputs = layer.inputs.map((index, at) => {
      const tangent = tangents[index]
      return tangent === undefined ? undefined : masked(tangent, ended[at])
    })
    if ("pullback" in map) {
      tangents.push(inputs.some((tangent) => tangent !== undefined) ? map.pushforward(inputs) : undefined)
    } else {
      tangents.push(map.pushforward(inputs[0], isOfSpace(layer, space) ? direction[layer.block] : undefined))
    }
  }
  return tangents.at(-1)!
}
