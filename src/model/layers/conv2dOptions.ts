/** What a convolution can be told, and the name that says all of it. */
import { Schema } from "effect"
import { decodeOrThrow, PositiveInt } from "../../Options.ts"
import type { Side, Two } from "../internal/convolution.ts"

/** The same number for both sides, or one for the height and one for the width. */
export type Pair = number | readonly [height: number, width: number]

/**
 * `"valid"`: none. `"same"`: what makes the output ceil(size / stride) pixels, half of it before and the odd one after, as
 * TensorFlow has it. Or pixels of zeros: on both ends of each side, or `[[top, bottom], [left, right]]`.
 */
export type Padding =
  | "valid"
  | "same"
  | Pair
  | readonly [height: readonly [top: number, bottom: number], width: readonly [left: number, right: number]]

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
  /** Whether b is there; true unless said. */
  readonly bias?: boolean
}

/** For the compiler: an option that is not one, such as `strides`. */
export type NoOther<Options> = { readonly [Key in Exclude<keyof Options, keyof Conv2dOptions>]: never }

const isCount = (least: number) => (value: unknown) =>
  Number.isSafeInteger(value) && (value as number) >= least
const isTwo = (value: unknown, holds: (entry: unknown) => boolean): boolean =>
  Array.isArray(value) && value.length === 2 && value.every(holds)
const checked = (remedy: string, holds: (value: unknown) => boolean) =>
  Schema.Any.check(Schema.makeFilter((value: unknown) => holds(value) || remedy))
const pair = (least: number) =>
  checked(
    `Give a whole number of at least ${least}, or [height, width].`,
    (value) => isCount(least)(value) || isTwo(value, isCount(least))
  )
const padding = checked(
  'Give "valid", "same", pixels, [height, width] or [[top, bottom], [left, right]].',
  (value) =>
    value === "valid" ||
    value === "same" ||
    isCount(0)(value) ||
    isTwo(value, isCount(0)) ||
    isTwo(value, (side) => isTwo(side, isCount(0)))
)

const Conv2d = Schema.Struct({
  filters: PositiveInt,
  kernel: pair(1),
  stride: Schema.optionalKey(pair(1)),
  padding: Schema.optionalKey(padding),
  dilation: Schema.optionalKey(pair(1)),
  bias: Schema.optionalKey(Schema.Boolean)
})

const both = (value: Pair): Two<number> => (typeof value === "number" ? [value, value] : value)

/** The padding of both sides in one form; `"valid"` is 0 pixels. */
const ends = (value: Padding): Two<Side["padding"]> => {
  if (value === "same") return ["same", "same"]
  if (value === "valid") return ends(0)
  const [height, width] = typeof value === "number" ? [value, value] : value
  const side = (pixels: typeof height): Side["padding"] =>
    typeof pixels === "number" ? [pixels, pixels] : pixels
  return [side(height), side(width)]
}

type PairText<P> = P extends readonly [infer H extends number, infer W extends number]
  ? `${H}x${W}`
  : P extends number
    ? `${P}x${P}`
    : string

type Ends<B extends number, A extends number> = `${B}:${A}`

type PaddingText<P> = P extends "valid"
  ? "0:0x0:0"
  : P extends "same"
    ? "same"
    : P extends number
      ? `${Ends<P, P>}x${Ends<P, P>}`
      : P extends readonly [infer H extends number, infer W extends number]
        ? `${Ends<H, H>}x${Ends<W, W>}`
        : P extends readonly [
              readonly [infer T extends number, infer B extends number],
              readonly [infer L extends number, infer R extends number]
            ]
          ? `${Ends<T, B>}x${Ends<L, R>}`
          : string

type Option<Options, Key extends string, Default> = Key extends keyof Options
  ? Exclude<Options[Key], undefined> | (undefined extends Options[Key] ? Default : never)
  : Default

/** Nothing where it is the default, anything where that is known at run time alone. */
type Part<Label extends string, Text extends string, Default extends string> = Text extends Default
  ? ""
  : Default extends Text
    ? string
    : `, ${Label} ${Text}`

/** A convolution's name in a signature, with everything in it that changes the function and is not the default. */
export type Conv2dName<Options extends Conv2dOptions> =
  `conv2d(${Options["filters"]}, ${PairText<Options["kernel"]>}${Part<
    "stride",
    PairText<Option<Options, "stride", 1>>,
    "1x1"
  >}${Part<"padding", PaddingText<Option<Options, "padding", "valid">>, "0:0x0:0">}${Part<
    "dilation",
    PairText<Option<Options, "dilation", 1>>,
    "1x1"
  >}${Option<Options, "bias", true> extends infer Bias ? (Bias extends false ? ", no bias" : "") : never})`

const nameOf = (filters: number, [rows, columns]: Two<Side>, bias: boolean): string => {
  const text = ({ padding }: Side) => (padding === "same" ? padding : padding.join(":"))
  const padding = rows.padding === "same" ? "same" : `${text(rows)}x${text(columns)}`
  const part = (label: string, value: string, unsaid: string) =>
    value === unsaid ? "" : `, ${label} ${value}`
  return [
    `conv2d(${filters}, ${rows.kernel}x${columns.kernel}`,
    part("stride", `${rows.stride}x${columns.stride}`, "1x1"),
    part("padding", padding, "0:0x0:0"),
    part("dilation", `${rows.dilation}x${columns.dilation}`, "1x1"),
    bias ? ")" : ", no bias)"
  ].join("")
}

/** The options in one form, with their defaults. *Throws* `InvalidArgument`. */
export const decoded = (options: Conv2dOptions) => {
  const made: Conv2dOptions = decodeOrThrow(Conv2d, options)
  const { bias = true, dilation = 1, filters, kernel, padding = "valid", stride = 1 } = made
  const side = (of: 0 | 1): Side => ({
    kernel: both(kernel)[of],
    stride: both(stride)[of],
    dilation: both(dilation)[of],
    padding: ends(padding)[of]
  })
  const sides: Two<Side> = [side(0), side(1)]
  return { bias, filters, name: nameOf(filters, sides, bias), sides }
}
