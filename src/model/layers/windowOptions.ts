/** What a layer with a window is told of it (kernel, stride, padding, dilation), and how its name says so. */
import { Schema } from "effect"
import type { Side, Two } from "../internal/convolution.ts"
import type { Said } from "./layerName.ts"

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

/** The same along a sequence: positions of zeros on both ends, or `[before, after]`. */
export type Padding1d = "valid" | "same" | number | readonly [before: number, after: number]

const isCount = (least: number) => (value: unknown) =>
  Number.isSafeInteger(value) && (value as number) >= least
const isTwo = (value: unknown, holds: (entry: unknown) => boolean): boolean =>
  // A hole is an entry too.
  Array.isArray(value) && value.length === 2 && Array.from(value).every(holds)
const checked = (remedy: string, holds: (value: unknown) => boolean) =>
  Schema.Any.check(Schema.makeFilter((value: unknown) => holds(value) || remedy))

export const pair = (least: number) =>
  checked(
    `Give a whole number of at least ${least}, or [height, width].`,
    (value) => isCount(least)(value) || isTwo(value, isCount(least))
  )

export const paddingOption = checked(
  'Give "valid", "same", pixels, [height, width] or [[top, bottom], [left, right]].',
  (value) =>
    value === "valid" ||
    value === "same" ||
    isCount(0)(value) ||
    isTwo(value, isCount(0)) ||
    isTwo(value, (side) => isTwo(side, isCount(0)))
)

/** `others`: what may be said besides positions. */
export const padding1dOption = (...others: ReadonlyArray<string>) =>
  checked(
    `Give ${others.map((other) => `"${other}"`).join(", ")}, positions or [before, after].`,
    (value) => others.includes(value as string) || isCount(0)(value) || isTwo(value, isCount(0))
  )

/** A copy, as all that is made of options here: who gave an array may change it. */
export const both = (value: Pair): Two<number> =>
  typeof value === "number" ? [value, value] : [value[0], value[1]]

/** The padding of both sides in one form; `"valid"` is 0 pixels. */
export const ends = (value: Padding): Two<Side["padding"]> => {
  if (value === "same") return ["same", "same"]
  if (value === "valid") return ends(0)
  const [height, width] = typeof value === "number" ? [value, value] : value
  return [both(height), both(width)]
}

export const ends1d = (value: Padding1d): Side["padding"] =>
  value === "same" ? value : both(value === "valid" ? 0 : value)

/** Both sides from what is said of them. */
export const sidesOf = (said: {
  readonly kernel: Pair
  readonly stride: Pair
  readonly padding: Padding
  readonly dilation: Pair
}): Two<Side> => {
  const side = (of: 0 | 1): Side => ({
    kernel: both(said.kernel)[of],
    stride: both(said.stride)[of],
    dilation: both(said.dilation)[of],
    padding: ends(said.padding)[of]
  })
  return [side(0), side(1)]
}

/** The side of an image across a sequence: a height of 1. */
export const across: Side = { kernel: 1, stride: 1, dilation: 1, padding: [0, 0] }

export type PairText<P> = P extends readonly [infer H extends number, infer W extends number]
  ? `${H}x${W}`
  : P extends number
    ? `${P}x${P}`
    : string

type Ends<B extends number, A extends number> = `${B}:${A}`

export type PaddingText<P> = P extends "valid"
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

export type Padding1dText<P> = P extends "valid"
  ? "0:0"
  : P extends string
    ? P
    : P extends number
      ? Ends<P, P>
      : P extends readonly [infer B extends number, infer A extends number]
        ? Ends<B, A>
        : string

/** Nothing where it is the default, anything where that is known at run time alone. */
export type Part<Label extends string, Text extends string, Default extends string> = Text extends Default
  ? Default extends Text
    ? ""
    : string
  : Default extends Text
    ? string
    : `, ${Label} ${Text}`

/** `", no bias"`, or nothing. */
export type BiasText<Options> =
  Said<Options, "bias", true> extends infer Bias ? (Bias extends false ? ", no bias" : "") : never

export const pairText = ([height, width]: Two<number>): string => `${height}x${width}`

export const endsText = (padding: Side["padding"]): string =>
  padding === "same" ? padding : padding.join(":")

export const paddingText = ([rows, columns]: Two<Side["padding"]>): string =>
  rows === "same" ? rows : `${endsText(rows)}x${endsText(columns)}`

/** One option in a name: nothing where it is the default. */
export const part = (label: string, value: string, unsaid: string): string =>
  value === unsaid ? "" : `, ${label} ${value}`
