/** What a convolution can be told, and the name that says all of it. */
import { Schema } from "effect"
import { decodeOrThrow, PositiveInt } from "../../Options.ts"
import type { Two } from "../internal/convolution.ts"
import { requireGroups } from "./groups.ts"
import type { Said } from "./layerName.ts"
import {
  type BiasText,
  type Padding,
  type PaddingText,
  type Pair,
  type PairText,
  type Part,
  paddingOption,
  paddingText,
  pair,
  pairText,
  part,
  sidesOf
} from "./windowOptions.ts"

export interface Conv2dOptions {
  /** Channels of the output. */
  readonly filters: number
  readonly kernel: Pair
  /** 1 unless said. */
  readonly stride?: Pair
  /** `"valid"` unless said. */
  readonly padding?: Padding
  /** Distance between two taps of the kernel; 1 unless said. */
  readonly dilation?: Pair
  /** Into how many groups channels and filters fall, each with a kernel of its own; 1 unless said. */
  readonly groups?: number
  /** Whether b is there; true unless said. */
  readonly bias?: boolean
}

const Conv2d = Schema.Struct({
  filters: PositiveInt,
  kernel: pair(1),
  stride: Schema.optionalKey(pair(1)),
  padding: Schema.optionalKey(paddingOption),
  dilation: Schema.optionalKey(pair(1)),
  groups: Schema.optionalKey(PositiveInt),
  bias: Schema.optionalKey(Schema.Boolean)
})

/** A convolution's name in a signature, with everything in it that changes the function and is not the default. */
export type Conv2dName<Options extends Conv2dOptions> =
  `conv2d(${Options["filters"]}, ${PairText<Options["kernel"]>}${Part<
    "stride",
    PairText<Said<Options, "stride", 1>>,
    "1x1"
  >}${Part<"padding", PaddingText<Said<Options, "padding", "valid">>, "0:0x0:0">}${Part<
    "dilation",
    PairText<Said<Options, "dilation", 1>>,
    "1x1"
  >}${Part<"groups", `${Said<Options, "groups", 1>}`, "1">}${BiasText<Options>})`

/** The options in one form, with their defaults. *Throws* `InvalidArgument`. */
export const decoded = (options: Conv2dOptions) => {
  const made: Conv2dOptions = decodeOrThrow(Conv2d, options)
  const { bias = true, dilation = 1, filters, groups = 1, kernel, padding = "valid", stride = 1 } = made
  const sides = sidesOf({ kernel, stride, padding, dilation })
  const both = <A>(of: (side: (typeof sides)[0]) => A): Two<A> => [of(sides[0]), of(sides[1])]
  const name = [
    `conv2d(${filters}, ${pairText(both((side) => side.kernel))}`,
    part("stride", pairText(both((side) => side.stride)), "1x1"),
    part("padding", paddingText(both((side) => side.padding)), "0:0x0:0"),
    part("dilation", pairText(both((side) => side.dilation)), "1x1"),
    part("groups", String(groups), "1"),
    bias ? ")" : ", no bias)"
  ].join("")
  requireGroups(name, groups, filters)
  return { bias, filters, groups, name, sides }
}
