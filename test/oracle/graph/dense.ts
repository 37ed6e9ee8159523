/**
 * Dense: s = x K + b on plain numbers, or at each position of a sequence. The block is [K; b], [inputs (+ 1), units].
 *
 * A transposed use makes x K^T of a block whose kernel is [units, inputs], that of another dense operation or of an embedding; a bias
 * row of that block is left out.
 */
import { transpose } from "../linear.ts"
import { affine, type Operation, type Shared, withOnes } from "./operation.ts"
import { channelsOf, fromRows, positionsOf, rowsOf, type Shape, withChannels } from "./values.ts"

export interface DenseOp extends Shared {
  readonly kind: "dense"
  readonly units: number
  /** True unless said; a transposed use has none. */
  readonly bias?: boolean
  readonly transposed?: boolean
}

export const dense = (op: DenseOp, input: Shape): Operation => {
  if (typeof input !== "number" && !("length" in input)) throw new RangeError("dense wants no image")
  const { transposed = false, units } = op
  const inputs = channelsOf(input)
  const bias = op.bias ?? !transposed
  const positions = positionsOf(input)
  const shape = withChannels(input, units)
  if (transposed) {
    if (bias) throw new RangeError("a transposed use of a kernel has no bias")
    return {
      shape,
      slots: [{ part: "", rows: units, columns: inputs, bias, form: "written", positions }],
      seesMasks: true,
      apply: ([x], context) => {
        const kernel = context.parameters(0).slice(0, units)
        return fromRows(shape, affine(rowsOf(x!), transpose(kernel), false), x!.mask)
      }
    }
  }
  return {
    shape,
    slots: [{ part: "", rows: inputs + (bias ? 1 : 0), columns: units, bias, form: "outer", positions }],
    seesMasks: true,
    apply: ([x], context) => {
      const rows = rowsOf(x!)
      const s = affine(rows, context.parameters(0), bias)
      return fromRows(shape, context.outer(0, withOnes(rows, bias), s, x!.mask), x!.mask)
    }
  }
}
