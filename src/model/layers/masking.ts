/** A mask from the data: positions all of whose channels have one value do not count. */
import * as tf from "@tensorflow/tfjs"
import { Schema } from "effect"
import { decodeOrThrow, Finite } from "../../Options.ts"
import { type BuiltLayer, type SingleLayer, single } from "../Layer.ts"
import { channelsOf, positionsOf, type Shape } from "../Shape.ts"
import type { Only } from "./layerName.ts"

export interface MaskingOptions {
  /** What all channels of a position that does not count are, as of float32. */
  readonly value: number
}

const MaskingSchema = Schema.Struct({ value: Finite })

/**
 * Masks the positions of a sequence all of whose channels equal `value`, besides those that are masked already. They are 0 from
 * here on, whatever the value was.
 *
 * *Shapes*: a mask `[N, T]`. *Throws*: `InvalidArgument`.
 */
export const masking = <const Options extends MaskingOptions>(
  options: Options & Only<Options, MaskingOptions>
): SingleLayer<`masking(${Options["value"]})`, "sequence", "sequence"> => {
  const { value } = decodeOrThrow(MaskingSchema, options)
  return single({
    name: `masking(${value})` as `masking(${Options["value"]})`,
    takes: ["sequence"],
    gives: "sequence",
    build: (input) => build(input, Math.fround(value))
  })
}

const build = (input: Shape, value: number): BuiltLayer => {
  const [positions, channels] = [positionsOf(input), channelsOf(input)]
  return {
    output: input,
    masking: "reads",
    linearize: ({ input: x, mask: before }) => {
      const rows = x.reshape<tf.Tensor3D>([-1, positions, channels])
      const others = tf.max<tf.Tensor2D>(tf.cast(tf.notEqual(rows, value), "float32"), 2)
      const mask = before === undefined ? others : tf.mul<tf.Tensor2D>(others, before)
      const counted = <T extends tf.Tensor>(values: T): T =>
        tf
          .mul(values.reshape([-1, x.shape[0], positions, channels]), tf.expandDims(mask, 2))
          .reshape(values.shape)
      return {
        output: counted(x),
        mask,
        tape: [mask],
        pullbackInput: counted,
        pushforward: (tangent) => tangent && counted(tangent)
      }
    }
  }
}
