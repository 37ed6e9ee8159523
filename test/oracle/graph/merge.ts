/**
 * Merges of two or more values: sum, product, and the channels of the same position one after the other (plain numbers one after the
 * other). Sums and concatenations of values with equal masks keep the mask; otherwise masks are forgotten.
 */
import type { Operation } from "./operation.ts"
import {
  channelsOf,
  equalMasks,
  forgetMask,
  fromRows,
  rowsOf,
  type Shape,
  sameShape,
  withChannels
} from "./values.ts"

export interface MergeOp {
  readonly kind: "add" | "multiply" | "concatenate"
}

const combined = {
  add: (entries: ReadonlyArray<number>) => entries.reduce((sum, v) => sum + v, 0),
  multiply: (entries: ReadonlyArray<number>) => entries.reduce((product, v) => product * v, 1)
}

export const merge = ({ kind }: MergeOp, inputs: ReadonlyArray<Shape>): Operation => {
  const [first] = inputs
  if (first === undefined || inputs.length < 2) throw new RangeError(`${kind} wants two inputs or more`)
  const positionsOnly = inputs.map((shape) =>
    withChannels(shape, kind === "concatenate" ? 1 : channelsOf(shape))
  )
  if (!positionsOnly.every((shape) => sameShape(shape, positionsOnly[0]!)))
    throw new RangeError(`${kind} of unlike shapes`)
  const channels = inputs.reduce<number>((sum, shape) => sum + channelsOf(shape), 0)
  const shape = kind === "concatenate" ? withChannels(first, channels) : first
  return {
    shape,
    slots: [],
    seesMasks: kind !== "multiply",
    apply: (given) => {
      const equal = equalMasks(given.map(({ mask }) => mask))
      const rows = (equal ? given : given.map(forgetMask)).map(rowsOf)
      const result = rows[0]!.map((row, t) =>
        kind === "concatenate"
          ? Float64Array.from(rows.flatMap((value) => Array.from(value[t]!)))
          : row.map((_, c) => combined[kind](rows.map((value) => value[t]![c]!)))
      )
      return fromRows(shape, result, equal ? given[0]!.mask : undefined)
    }
  }
}
