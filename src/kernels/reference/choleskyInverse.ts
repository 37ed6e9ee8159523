/**
 * The inverse from a Cholesky factor.
 */
import type { CholeskyInverse } from "../Kernels.ts"
import { mirrorLower, multiplyPanels, panelCount, storeTile, width } from "./panels.ts"
import { requireLength, requireOnePrecision, requireSizes } from "./require.ts"
import { forwardPanel, packTriangle } from "./triangle.ts"

/**
 * out = (L L^T)^-1, see `Kernels.choleskyInverse`.
 *
 * *Math* W = L^-1 column by column, then W^T W; both along p in panels of W^T, of which only p >= row is
 * stored.
 */
export const choleskyInverse = (p: CholeskyInverse): void => {
  const { n, l, out } = p
  requireSizes("choleskyInverse", { n })
  requireLength("choleskyInverse", "l", l, n * n)
  requireLength("choleskyInverse", "out", out, n * n)
  requireOnePrecision("choleskyInverse", { l, out })
  const lower = packTriangle(n, l)
  const tiles = panelCount(n)
  const start = (J: number): number => 16 * J * tiles - 8 * J * (J - 1)
  const w = new Float64Array(start(tiles))
  for (let J = 0; J < tiles; J++) {
    for (let s = 0; s < width; s++) w[start(J) + 5 * s] = 1
    forwardPanel(lower, w, start(J), J, tiles)
  }
  for (let I = 0; I < tiles; I++) {
    for (let J = 0; J <= I; J++) {
      multiplyPanels(w, start(I), w, start(J) + 16 * (I - J), width * (tiles - I))
      storeTile(out, n, n, width * I, width * J, false)
    }
  }
  mirrorLower(n, out)
}
