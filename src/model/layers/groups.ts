/** A layer in groups: each takes its own part of the channels, with parameters of its own, and gives its own part of the output's. */
import * as tf from "@tensorflow/tfjs"
import { InvalidArgument, ShapeMismatch } from "../../Errors.ts"
import type { BuiltLayer, Layer } from "../Layer.ts"
import { channelsOf, described, type Shape, sizeOf, withChannels } from "../Shape.ts"
import { merged } from "./merge.ts"

export interface Grouped {
  readonly groups: number
  readonly filters: number
  /** What one group does with its channels. */
  readonly build: (name: string, input: Shape, filters: number) => BuiltLayer
}

/** *Throws* `InvalidArgument`. */
export const requireGroups = (name: string, groups: number, filters: number): void => {
  if (filters % groups === 0) return
  throw new InvalidArgument({
    argument: "groups",
    value: String(groups),
    message: `${name} has ${filters} filters, which do not fall into ${groups} groups of one size. Give groups that divide the filters.`
  })
}

/** How such a layer is placed. *Throws* `ShapeMismatch` where groups do not divide the channels. */
export const inGroups =
  (name: string, { build, filters, groups }: Grouped): Layer<string>["place"] =>
  (graph, input) => {
    if (groups === 1) return graph.add(name, build(name, input.shape, filters), input)
    const channels = channelsOf(input.shape)
    if (channels % groups !== 0) {
      throw new ShapeMismatch({
        what: name,
        expected: `channels in ${groups} groups of one size`,
        actual: described(input.shape),
        message: `${name} is given ${described(input.shape)}, whose ${channels} channels do not fall into ${groups} groups of one size. Give groups that divide the channels.`
      })
    }
    const width = channels / groups
    const group = (i: number): Layer<string> => ({
      _tag: "Layer",
      name: `group ${i}`,
      place: (graph, node) => {
        const own = graph.add(
          `channels ${i * width} to ${(i + 1) * width - 1}`,
          channelsFrom(input.shape, i * width, width),
          node
        )
        return graph.add(`${name}, group ${i}`, build(name, own.shape, filters / groups), own)
      }
    })
    const parts = Array.from({ length: groups }, (_, i) => graph.place(group(i), input))
    return merged("concatenate", name, graph, parts)
  }

/** `width` channels of every position, beginning with channel `from`. */
const channelsFrom = (input: Shape, from: number, width: number): BuiltLayer => {
  const channels = channelsOf(input)
  const output = withChannels(input, width)
  const own = (x: tf.Tensor2D): tf.Tensor2D =>
    tf.slice(x.reshape([-1, channels]), [0, from], [-1, width]).reshape([-1, sizeOf(output)])
  return {
    output,
    forward: (_, x) => own(x),
    linearize: ({ input: x }) => ({
      output: own(x),
      tape: [],
      pullbackInput: (cotangent) => {
        const ends: [number, number] = [from, channels - from - width]
        return tf
          .pad(cotangent.reshape<tf.Tensor2D>([-1, width]), [[0, 0], ends])
          .reshape([cotangent.shape[0], cotangent.shape[1], sizeOf(input)])
      },
      pushforward: (tangent) => tangent && own(tangent)
    })
  }
}
