/**
 * Merges of values of the same positions: their sum, their product, and their channels one after the other.
 *
 * *Masks*: a position of the output counts where it counts in every input; an input without a mask counts everywhere.
 */
import * as tf from "@tensorflow/tfjs"
import { InvalidArgument, ShapeMismatch } from "../../Errors.ts"
import { shown } from "../../Options.ts"
import type { Graph, Node } from "../Graph.ts"
import type { BuiltMerge, LinearizedMerge, MergePoint } from "../Layer.ts"
import { channelsOf, described, positionsOf, type Shape, shapeName, withChannels } from "../Shape.ts"

export type MergeKind = "add" | "concatenate" | "multiply"

/** A value of the network, of a list of them. */
export type Merge = (graph: Graph, inputs: ReadonlyArray<Node>) => Node

/** Merges values, in the name of `what`. *Throws*: `ShapeMismatch`, `InvalidArgument`. */
export const merged = (kind: MergeKind, what: string, graph: Graph, inputs: ReadonlyArray<Node>): Node => {
  if (!Array.isArray(inputs) || inputs.length < 2) {
    const given = Array.isArray(inputs) ? `an array of ${inputs.length}` : shown(inputs)
    throw new InvalidArgument({
      argument: "inputs",
      value: given,
      message: `inputs of ${what} is ${given}. Give two values of the network or more.`
    })
  }
  return graph.merge(kind, () => kinds[kind](requireFitting(kind, what, inputs)), inputs)
}

const kinds: Readonly<Record<MergeKind, (shapes: ReadonlyArray<Shape>) => BuiltMerge>> = {
  add: ([shape]) => ({ output: shape!, masking: "keeps", linearize: sum }),
  multiply: ([shape]) => ({ output: shape!, masking: "keeps", linearize: product }),
  concatenate: (shapes) => {
    const channels = shapes.map(channelsOf)
    const positions = positionsOf(shapes[0]!)
    return {
      output: withChannels(
        shapes[0]!,
        channels.reduce((all, own) => all + own, 0)
      ),
      masking: "keeps",
      linearize: concatenation(positions, channels)
    }
  }
}

/** What must be the same of all inputs, and how it is said. */
const requireFitting = (kind: MergeKind, what: string, inputs: ReadonlyArray<Node>): ReadonlyArray<Shape> => {
  const due = ({ shape }: Node): string => shapeName(kind === "concatenate" ? withChannels(shape, 0) : shape)
  const [first] = inputs
  const other = inputs.find((node) => due(node) !== due(first!))
  if (other === undefined) return inputs.map(({ shape }) => shape)
  const said = ({ index, name, shape }: Node): string =>
    `${name} ${index === 0 ? "is" : "gives"} ${described(shape)}`
  const alike = kind === "concatenate" ? "the same positions" : "one shape"
  throw new ShapeMismatch({
    what,
    expected: described(first!.shape),
    actual: described(other.shape),
    message: `${what} takes values of ${alike}, and ${said(first!)} where ${said(other)}. Give them ${alike}.`
  })
}

/** The mask of the output where the inputs have several: a position counts where it does in all of them. */
const maskOf = (masks: MergePoint["masks"]): Pick<LinearizedMerge, "mask"> => {
  const several = new Set(masks.filter((mask) => mask !== undefined))
  return several.size < 2 ? {} : { mask: [...several].reduce((all, mask) => tf.mul(all, mask)) }
}

const total = <T extends tf.Tensor>(terms: ReadonlyArray<T>): T =>
  terms.reduce((sum, term) => tf.add(sum, term) as T)

const moving = (tangents: ReadonlyArray<tf.Tensor2D | undefined>): ReadonlyArray<tf.Tensor2D> =>
  tangents.filter((tangent) => tangent !== undefined)

const withMask = (masks: MergePoint["masks"], map: LinearizedMerge): LinearizedMerge => {
  const own = maskOf(masks)
  return own.mask === undefined ? map : { ...map, ...own, tape: [...map.tape, own.mask] }
}

const sum = ({ inputs, masks }: MergePoint): LinearizedMerge =>
  withMask(masks, {
    output: total(inputs),
    tape: [],
    pullback: (cotangent) => inputs.map(() => cotangent),
    pushforward: (tangents) => total(moving(tangents))
  })

const product = ({ inputs, masks }: MergePoint): LinearizedMerge => {
  const all = (factors: ReadonlyArray<tf.Tensor2D>): tf.Tensor2D => factors.reduce((a, b) => tf.mul(a, b))
  /** What each input is multiplied by: not the product over the input, which may be 0. */
  const slopes = inputs.map((_, i) => all(inputs.filter((_, j) => j !== i)))
  return withMask(masks, {
    output: tf.mul(inputs[0]!, slopes[0]!),
    tape: slopes,
    pullback: (cotangent) => slopes.map((slope) => tf.mul(cotangent, slope)),
    pushforward: (tangents) =>
      total(moving(tangents.map((tangent, i) => tangent && tf.mul(tangent, slopes[i]!))))
  })
}

const concatenation =
  (positions: number, channels: ReadonlyArray<number>) =>
  ({ inputs, masks }: MergePoint): LinearizedMerge => {
    const all = channels.reduce((sum, own) => sum + own, 0)
    const examples = inputs[0]!.shape[0]
    const joined = (parts: ReadonlyArray<tf.Tensor2D>): tf.Tensor2D =>
      tf
        .concat(
          parts.map((part, i) => part.reshape<tf.Tensor2D>([examples * positions, channels[i]!])),
          1
        )
        .reshape([examples, positions * all])
    const starts = channels.map((_, i) => channels.slice(0, i).reduce((sum, own) => sum + own, 0))
    return withMask(masks, {
      output: joined(inputs),
      tape: [],
      pullback: (cotangent) => {
        const columns = cotangent.shape[0]
        const rows = columns * examples * positions
        const flat = cotangent.reshape<tf.Tensor2D>([rows, all])
        return channels.map((own, i) =>
          tf.slice(flat, [0, starts[i]!], [rows, own]).reshape([columns, examples, positions * own])
        )
      },
      pushforward: (tangents) =>
        joined(tangents.map((tangent, i) => tangent ?? tf.zeros([examples, positions * channels[i]!])))
    })
  }

/**
 * Merges of values in `Network.graph`, such as `Network.merge.add(graph, [a, b])`: `add` and `multiply` values of one shape, entry by
 * entry; `concatenate` the channels of each position, which for numbers is one value after the other.
 *
 * *Throws*: `ShapeMismatch` for values that do not fit; `InvalidArgument` for fewer than two, or what is no value of this network.
 */
export const merge: Readonly<Record<MergeKind, Merge>> = {
  add: (graph, inputs) => merged("add", "add", graph, inputs),
  concatenate: (graph, inputs) => merged("concatenate", "concatenate", graph, inputs),
  multiply: (graph, inputs) => merged("multiply", "multiply", graph, inputs)
}
