/** Group normalisation: mean 0 and variance 1 over all positions and the channels of a group. */
import * as tf from "@tensorflow/tfjs"
import { Schema } from "effect"
import { ShapeMismatch } from "../../Errors.ts"
import { decodeOrThrow, PositiveInt } from "../../Options.ts"
import { type SingleLayer, single } from "../Layer.ts"
import { channelsOf, type Form, positionsOf, type Shape } from "../Shape.ts"
import type { Only } from "./layerName.ts"
import {
  type NormName,
  type NormOptions,
  named,
  normalisation,
  normFields,
  type Sets,
  standardised
} from "./normalisation.ts"

export interface GroupNormOptions extends NormOptions {
  /** Of how many groups of consecutive channels; as many as there are channels is instance normalisation. */
  readonly groups: number
}

export type GroupNormName<Options extends GroupNormOptions> = NormName<
  "groupNorm",
  [number extends Options["groups"] ? string : `${Options["groups"]}`],
  Options
>

const GroupNorm = Schema.Struct({ groups: PositiveInt, ...normFields })

/**
 * y = (x - mean) / sqrt(variance + epsilon) scale + shift, mean and variance over all positions and the channels of a group.
 *
 * Masked positions count as zeros. *Shapes*: parameters `[2, channels]`, scale (1 at first) and shift (0 at first); one row or none where
 * an option leaves it out. *Cost*: about 10 N T channels flops forwards. *Throws*: `InvalidArgument`; `ShapeMismatch` where the groups
 * do not divide the channels. *Source*: Wu and He 2018, section 3.
 */
export const groupNorm = <const Options extends GroupNormOptions>(
  options: Options & Only<Options, GroupNormOptions>
): SingleLayer<GroupNormName<Options>, Form, "same"> => {
  const decoded: GroupNormOptions = decodeOrThrow(GroupNorm, options)
  const { groups } = decoded
  const { epsilon, ...rest } = named("groupNorm", [String(groups)], decoded)
  return single({
    name: rest.name as GroupNormName<Options>,
    gives: "same",
    build: (input) => {
      const sets = perGroup(rest.name, groups, input)
      return normalisation(
        { ...rest, masking: "ends", normalise: (x) => standardised(x, sets, epsilon, true) },
        input
      )
    }
  })
}

/** `[B, N, T groups c]` as `[B, N groups, T c]`. */
const perGroup = (name: string, groups: number, input: Shape): Sets => {
  const channels = channelsOf(input)
  const positions = positionsOf(input)
  if (channels % groups !== 0) {
    throw new ShapeMismatch({
      what: name,
      expected: `channels that are a multiple of ${groups}`,
      actual: `${channels} channels`,
      message: `${name} cannot cut ${channels} channels into ${groups} groups of one size. Give groups that divide ${channels}.`
    })
  }
  const size = channels / groups
  const swapped = (x: tf.Tensor3D, first: number, second: number): tf.Tensor =>
    positions === 1 || groups === 1 ? x : tf.transpose(x.reshape([-1, first, second, size]), [0, 2, 1, 3])
  return {
    sets: (x) => swapped(x, positions, groups).reshape([x.shape[0], -1, positions * size]),
    whole: (x, examples) =>
      swapped(x, groups, positions).reshape([x.shape[0], examples, positions * channels])
  }
}
