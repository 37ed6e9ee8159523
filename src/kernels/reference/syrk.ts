/**
 * out = a^T a, summed in float64: the panels are both operands, and only tiles on or below the diagonal are
 * computed.
 */
import type { Syrk } from "../Kernels.ts"
import { packLower } from "../packed.ts"
import { depth, mirrorLower, multiplyPanels, pack, panelCount, storeTile, width } from "./panels.ts"
import { requireSyrk } from "./require.ts"

/** out = a^T a, see `Kernels.syrk`. */
export const syrk = (p: Syrk): void => {
  const { rows, n, a, out } = p
  const length = requireSyrk(p)
  const packed = p.storage === "packed"
  const sums = out instanceof Float64Array && !packed ? out : new Float64Array(n * n)
  if (rows === 0) sums.fill(0, 0, n * n)
  const panels = new Float64Array(width * Math.min(depth, rows) * panelCount(n))
  const columns = { source: a, origin: 0, rowStride: 1, stride: n }
  for (let from = 0; from < rows; from += depth) {
    const count = Math.min(depth, rows - from)
    for (let i = 0; i < n; i += width) {
      pack({ ...columns, row: i, valid: n - i, from, count, target: panels, to: i * count })
    }
    for (let i = 0; i < n; i += width) {
      // The tile on the diagonal is symmetric by itself: its products commute and are summed in the same
      // order.
      for (let j = 0; j <= i; j += width) {
        multiplyPanels(panels, i * count, panels, j * count, count)
        storeTile(sums, n, n, i, j, from > 0)
      }
    }
  }
  if (packed) packLower(n, sums, 0, 0)
  else mirrorLower(n, sums)
  if (sums !== out) out.set(sums.subarray(0, length))
}
