/**
 * A convolution over an image: s[t] = patch[t] W + b at every position t of the output.
 *
 * As tfjs and PyTorch have it, it is a cross-correlation: the kernel is not turned around. With groups it is one convolution for each,
 * of its own channels to its own filters.
 */
import * as tf from "@tensorflow/tfjs"
import {
  after,
  fitted,
  type Geometry,
  outputShape,
  patchTable,
  type Side,
  type Two
} from "../internal/convolution.ts"
import type { Layer } from "../Layer.ts"
import { type Conv2dName, type Conv2dOptions, decoded } from "./conv2dOptions.ts"
import { type Grouped, inGroups } from "./groups.ts"
import type { Only } from "./layerName.ts"
import { convolved, patchwise, type Turned } from "./patchwise.ts"

export type { Conv2dName, Conv2dOptions } from "./conv2dOptions.ts"
export type { Padding, Padding1d, Pair } from "./windowOptions.ts"

/**
 * A convolution of an image with `filters` kernels, an image of as many channels.
 *
 * *Shapes*: height floor((height + padding - dilation (kernel - 1) - 1) / stride) + 1, width alike; T is their product.
 * Parameters `[kernel height x kernel width x channels / groups (+1), filters / groups]` for each group: tfjs's HWIO kernel, then the
 * bias. Group i takes the i-th part of the channels and gives the i-th part of the filters.
 * *Cost*: 2 N T kernel channels filters / groups flops forwards, twice that for a cotangent. Linearised it keeps its patches,
 * N T kernel channels floats.
 * *Throws*: `InvalidArgument` for an option out of its range, groups that do not divide the filters, or patches of over 2^26 numbers an
 * example; `ShapeMismatch` where the output would be smaller than 1 pixel, or groups do not divide the channels.
 */
export const conv2d = <const Options extends Conv2dOptions>(
  options: Options & Only<Options, Conv2dOptions>
): Layer<Conv2dName<Options>, "image", "image"> => {
  const { bias, filters, groups, name, sides } = decoded(options)
  return {
    _tag: "Layer",
    name: name as Conv2dName<Options>,
    takes: ["image"],
    gives: "image",
    place: inGroups(name, { groups, filters, build: convolution(sides, bias) })
  }
}

/** A convolution of all channels of an image or a sequence. *Throws* as `conv2d`. */
export const convolution =
  (sides: Two<Side>, bias: boolean): Grouped["build"] =>
  (name, input, filters) => {
    const geometry = fitted(name, input, sides)
    return patchwise({
      geometry,
      table: patchTable(geometry),
      output: outputShape(input, geometry, filters),
      filters,
      bias,
      seen: geometry.kernel[0] * geometry.kernel[1],
      turned: turned(geometry, filters)
    })
  }

/** With a stride of 1 the pullback is a convolution with the kernel turned around, and tfjs has one that writes no patches. */
const turned = (g: Geometry, filters: number): Turned | undefined => {
  const [below, right] = after(g)
  const [down, across] = [g.dilation[0] * (g.kernel[0] - 1), g.dilation[1] * (g.kernel[1] - 1)]
  const padding: Two<Two<number>> = [
    [down - g.before[0], down - below],
    [across - g.before[1], across - right]
  ]
  if (g.stride.some((stride) => stride > 1) || padding.flat().some((pixels) => pixels < 0)) return
  const around = (kernel: tf.Tensor2D): tf.Tensor4D =>
    tf.transpose(
      tf.reverse(kernel.reshape<tf.Tensor4D>([...g.kernel, g.input.channels, filters]), [0, 1]),
      [0, 1, 3, 2]
    )
  return (cotangent, kernel) =>
    convolved(cotangent.reshape([-1, ...g.output, filters]), around(kernel), {
      padding,
      stride: [1, 1],
      dilation: g.dilation
    }).reshape([-1, g.input.height * g.input.width, g.input.channels])
}
