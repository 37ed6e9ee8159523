/**
 * Convolutions and mean pooling with padding in numbers, for the wasm device: refused where tfjs and XNNPACK differ in the size of the output.
 *
 * For padding given as one number tfjs takes the height of windows and steps for their width, and it rounds sizes as it is asked to. XNNPACK
 * does neither: it writes as many numbers as there are, beyond the output where tfjs expects fewer.
 */
import * as tf from "@tensorflow/tfjs"
import type { Params } from "./heap.ts"

interface Attributes {
  readonly strides: number | [number, number]
  readonly dilations?: number | [number, number]
  readonly filterSize?: [number, number]
  readonly pad: "valid" | "same" | number | tf.backend_util.ExplicitPadding
  readonly dataFormat?: "NHWC" | "NCHW"
  readonly dimRoundingMode?: "floor" | "round" | "ceil"
}

type Four = [number, number, number, number]
type Sizes = Pick<tf.backend_util.Conv2DInfo, "outHeight" | "outWidth">

const names = ["AvgPool", "Conv2D", "FusedConv2D", "DepthwiseConv2dNative", "FusedDepthwiseConv2D"]

/** The kernels by their names in tfjs, of those that `found` gives by theirs. */
export const sizedKernels = (
  found: (name: string) => tf.KernelFunc
): Readonly<Record<string, tf.KernelFunc>> =>
  Object.fromEntries(
    names.map((name) => {
      const kernel = found(name)
      return [
        name,
        (params: Params) => {
          requireSizes(name, params)
          return kernel(params)
        }
      ]
    })
  )

/** Refuses windows that have no place: for them XNNPACK writes beyond the output too. */
export const requirePlace = (name: string, { outHeight, outWidth }: Sizes): void => {
  if (outHeight > 0 && outWidth > 0) return
  throw new Error(`${name}: the windows are larger than the image with its padding. Use smaller windows`)
}

const requireSizes = (name: string, { attrs, inputs }: Params): void => {
  const { dataFormat = "NHWC", dimRoundingMode, pad, ...rest } = attrs as unknown as Attributes
  if (dataFormat !== "NHWC") return
  const explicit =
    typeof pad === "number"
      ? [
          [0, 0],
          [pad, pad],
          [pad, pad],
          [0, 0]
        ]
      : pad
  const x = inputs["x"]!.shape as Four
  const sizes = (by: Attributes["pad"], rounding?: Attributes["dimRoundingMode"]): Sizes => {
    const { dilations = 1, filterSize, strides } = rest
    return filterSize === undefined
      ? tf.backend_util.computeConv2DInfo(
          ...([x, inputs["filter"]!.shape as Four, strides, dilations, by, rounding] as const),
          name.includes("Depthwise")
        )
      : tf.backend_util.computePool2DInfo(x, filterSize, strides, 1, by, rounding)
  }
  const wanted = sizes(pad, dimRoundingMode)
  requirePlace(name, wanted)
  if (typeof pad === "string") return
  const made = sizes(explicit as Attributes["pad"])
  if (wanted.outHeight === made.outHeight && wanted.outWidth === made.outWidth) return
  throw new Error(
    `${name} with padding ${JSON.stringify(pad)} is said to give ${wanted.outHeight} x ${wanted.outWidth} places, and gives ${made.outHeight} x ${made.outWidth}. Give the padding of each side, [[0, 0], [top, bottom], [left, right], [0, 0]], without a rounding mode`
  )
}
