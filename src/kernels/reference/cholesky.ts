/**
 * Cholesky factorisation, computed in float64.
 *
 * *Math* row by row of 4 x 4 tiles: L_IJ = (A_IJ - sum_{P<J} L_IP L_JP^T) L_JJ^-T, then L_II = chol(A_II -
 * sum_{P<I} L_IP L_IP^T). A pivot is met only after everything before it succeeded, so the first that fails
 * is reported exactly.
 * *Source* Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 10.1; blocked as in section
 * 13.
 */
import type { CholeskyFactor } from "../Kernels.ts"
import { multiplyPanels, panelCount, tile, width } from "./panels.ts"
import { requireLength, requireSizes } from "./require.ts"
import { forwardPanel, packTriangle, panelStart, unpackTriangle } from "./triangle.ts"

/** a = L L^T in place, see `Kernels.cholesky`. */
export const cholesky = (p: CholeskyFactor): number => {
  const { n, a } = p
  requireSizes("cholesky", { n })
  requireLength("cholesky", "a", a, n * n)
  const panels = packTriangle(n, a)
  for (let I = 0; I < panelCount(n); I++) {
    const row = panelStart(I)
    // Row I of L solves L_above x = (row I of A): the substitution of `choleskySolve`, on the panels
    // themselves.
    forwardPanel(panels, panels, row, 0, I)
    multiplyPanels(panels, row, panels, row, width * I)
    const failed = factorTile(panels, row + 16 * I)
    if (failed >= 0) return width * I + failed
  }
  unpackTriangle(n, panels, a)
  return -1
}

/**
 * Subtracts `tile` from the diagonal tile at `o` and factorises it; returns the failing row of the four, or
 * -1.
 */
const factorTile = (panels: Float64Array, o: number): number => {
  for (let r = 0; r < width; r++) {
    for (let s = 0; s <= r; s++) {
      let v = panels[o + width * s + r]! - tile[width * r + s]!
      for (let q = 0; q < s; q++) v -= panels[o + width * q + r]! * panels[o + width * q + s]!
      if (s < r) {
        panels[o + width * s + r] = v / panels[o + width * s + s]!
        continue
      }
      // Written so that NaN fails as well.
      if (!(v > 0 && v < Number.POSITIVE_INFINITY)) return r
      panels[o + width * r + r] = Math.sqrt(v)
    }
  }
  return -1
}
