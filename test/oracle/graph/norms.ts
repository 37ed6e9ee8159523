/**
 * Normalisations. Each makes y = (x - mean) / sqrt(variance + epsilon) and then y scale + shift; they differ in what the statistics
 * are over, and variances are the biased ones. Blocks: the first row is the scale, if any, and the last the shift, if any.
 */
import type { Rows } from "../linear.ts"
import type { Context, Operation, Shared } from "./operation.ts"
import { channelsOf, fromRows, positionsOf, rowsOf, type Shape } from "./values.ts"

/** Both are true unless said. */
interface ScaleAndShift extends Shared {
  readonly epsilon: number
  readonly scale?: boolean
  readonly shift?: boolean
}

/** Statistics of each position over its channels. */
export interface LayerNormOp extends ScaleAndShift {
  readonly kind: "layerNorm"
}

/** x / sqrt(mean x^2 + epsilon) scale, the mean over the channels of each position. */
export interface RmsNormOp extends Shared {
  readonly kind: "rmsNorm"
  readonly epsilon: number
}

/** Statistics over all positions and the channels of a group, which are consecutive. */
export interface GroupNormOp extends ScaleAndShift {
  readonly kind: "groupNorm"
  readonly groups: number
}

/** Given statistics of each channel. */
export interface BatchNormOp extends ScaleAndShift {
  readonly kind: "batchNorm"
  readonly mean: ReadonlyArray<number>
  readonly variance: ReadonlyArray<number>
}

const mean = (values: ReadonlyArray<number>): number => values.reduce((sum, v) => sum + v, 0) / values.length

/** The values less their mean over the root of their variance plus epsilon. */
const standardised = (values: ReadonlyArray<number>, epsilon: number): ReadonlyArray<number> => {
  const centre = mean(values)
  const variance = mean(values.map((v) => (v - centre) ** 2))
  return values.map((v) => (v - centre) / Math.sqrt(variance + epsilon))
}

/** The operation that normalises by `normalise` and then scales and shifts every channel. */
const norm = (
  input: Shape,
  scale: boolean,
  shift: boolean,
  seesMasks: boolean,
  normalise: (rows: Rows) => Rows
): Operation => {
  const rows = (scale ? 1 : 0) + (shift ? 1 : 0)
  const columns = channelsOf(input)
  const positions = positionsOf(input)
  const affine = (y: Rows, context: Context): Rows => {
    if (rows === 0) return y
    const block = context.parameters(0)
    return y.map((row) =>
      row.map((v, c) => v * (scale ? block[0]![c]! : 1) + (shift ? block[rows - 1]![c]! : 0))
    )
  }
  return {
    shape: input,
    slots: rows === 0 ? [] : [{ part: "", rows, columns, bias: shift, form: "elementwise", positions }],
    seesMasks,
    apply: ([x], context) => fromRows(input, affine(normalise(rowsOf(x!)), context), x!.mask)
  }
}

export const layerNorm = ({ epsilon, scale = true, shift = true }: LayerNormOp, input: Shape): Operation =>
  norm(input, scale, shift, true, (rows) =>
    rows.map((row) => Float64Array.from(standardised(Array.from(row), epsilon)))
  )

export const rmsNorm = ({ epsilon }: RmsNormOp, input: Shape): Operation =>
  norm(input, true, false, true, (rows) =>
    rows.map((row) => {
      const square = mean(Array.from(row, (v) => v * v))
      return row.map((v) => v / Math.sqrt(square + epsilon))
    })
  )

export const groupNorm = (op: GroupNormOp, input: Shape): Operation => {
  const { epsilon, groups, scale = true, shift = true } = op
  const channels = channelsOf(input)
  if (channels % groups !== 0) throw new RangeError(`${channels} channels do not make ${groups} groups`)
  const size = channels / groups
  return norm(input, scale, shift, false, (rows) => {
    const result = rows.map((row) => new Float64Array(row.length))
    for (let group = 0; group < groups; group++) {
      const members = rows.flatMap((row) => Array.from(row.slice(group * size, (group + 1) * size)))
      for (const [k, value] of standardised(members, epsilon).entries())
        result[Math.floor(k / size)]![group * size + (k % size)] = value
    }
    return result
  })
}

export const batchNorm = (op: BatchNormOp, input: Shape): Operation => {
  const { epsilon, scale = true, shift = true, variance } = op
  const channels = channelsOf(input)
  if (op.mean.length !== channels || variance.length !== channels)
    throw new RangeError(`batchNorm wants statistics of ${channels} channels`)
  return norm(input, scale, shift, true, (rows) =>
    rows.map((row) => row.map((v, c) => (v - op.mean[c]!) / Math.sqrt(variance[c]! + epsilon)))
  )
}
