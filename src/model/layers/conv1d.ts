/** A convolution along a sequence: s[t] = patch[t] W + b, with patch t what lies under the kernel at position t. */
import { Schema } from "effect"
import { decodeOrThrow, PositiveInt } from "../../Options.ts"
import type { Side } from "../internal/convolution.ts"
import type { Layer } from "../Layer.ts"
import { convolution } from "./conv2d.ts"
import { inGroups, requireGroups } from "./groups.ts"
import type { Only, Said } from "./layerName.ts"
import {
  across,
  type BiasText,
  ends1d,
  endsText,
  type Padding1d,
  type Padding1dText,
  type Part,
  padding1dOption,
  part
} from "./windowOptions.ts"

export interface Conv1dOptions {
  /** Channels of the output. */
  readonly filters: number
  readonly kernel: number
  /** 1 unless said. */
  readonly stride?: number
  /** `"valid"` unless said. `"causal"`: all of it before, so that no position sees a later one. */
  readonly padding?: Padding1d | "causal"
  /** Distance between two taps of the kernel; 1 unless said. */
  readonly dilation?: number
  /** Into how many groups channels and filters fall, each with a kernel of its own; 1 unless said. */
  readonly groups?: number
  /** Whether b is there; true unless said. */
  readonly bias?: boolean
}

const Conv1d = Schema.Struct({
  filters: PositiveInt,
  kernel: PositiveInt,
  stride: Schema.optionalKey(PositiveInt),
  padding: Schema.optionalKey(padding1dOption("valid", "same", "causal")),
  dilation: Schema.optionalKey(PositiveInt),
  groups: Schema.optionalKey(PositiveInt),
  bias: Schema.optionalKey(Schema.Boolean)
})

export type Conv1dName<Options extends Conv1dOptions> =
  `conv1d(${Options["filters"]}, ${Options["kernel"]}${Part<
    "stride",
    `${Said<Options, "stride", 1>}`,
    "1"
  >}${Part<"padding", Padding1dText<Said<Options, "padding", "valid">>, "0:0">}${Part<
    "dilation",
    `${Said<Options, "dilation", 1>}`,
    "1"
  >}${Part<"groups", `${Said<Options, "groups", 1>}`, "1">}${BiasText<Options>})`

/**
 * A convolution of a sequence with `filters` kernels, a sequence of as many channels. Masked positions are zeros to it.
 *
 * *Shapes*: T = floor((length + padding - dilation (kernel - 1) - 1) / stride) + 1 positions. Parameters
 * `[kernel x channels / groups (+1), filters / groups]` for each group: tfjs's kernel, then the bias.
 * *Cost*: 2 N T kernel channels filters / groups flops forwards, twice that for a cotangent. Linearised it keeps its patches.
 * *Throws*: as `conv2d`.
 */
export const conv1d = <const Options extends Conv1dOptions>(
  options: Options & Only<Options, Conv1dOptions>
): Layer<Conv1dName<Options>, "sequence", "sequence"> => {
  const made: Conv1dOptions = decodeOrThrow(Conv1d, options)
  const { bias = true, dilation = 1, filters, groups = 1, kernel, padding = "valid", stride = 1 } = made
  const causal = padding === "causal"
  const along: Side = {
    kernel,
    stride,
    dilation,
    padding: causal ? [dilation * (kernel - 1), 0] : ends1d(padding)
  }
  const name = [
    `conv1d(${filters}, ${kernel}`,
    part("stride", String(stride), "1"),
    part("padding", causal ? padding : endsText(along.padding), "0:0"),
    part("dilation", String(dilation), "1"),
    part("groups", String(groups), "1"),
    bias ? ")" : ", no bias)"
  ].join("")
  requireGroups(name, groups, filters)
  return {
    _tag: "Layer",
    name: name as Conv1dName<Options>,
    takes: ["sequence"],
    gives: "sequence",
    place: inGroups(name, { groups, filters, build: convolution([across, along], bias) })
  }
}
