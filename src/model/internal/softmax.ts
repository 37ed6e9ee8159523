import { zeros } from "./slab.ts"

/**
 * log softmax(z), `[C]`, to full relative precision: with m the largest logit, log sum_c exp(z_c - m) is log1p of the sum over the
 * others, so that a probability near 1 keeps the digits of its distance to 1.
 */
export const logSoftmax = (z: ArrayLike<number>): Float64Array => softmaxes(z).logP

/** log softmax(z) and softmax(z), `[C]` each, with one exponential for each class. */
export const softmaxes = (
  z: ArrayLike<number>
): { readonly logP: Float64Array; readonly p: Float64Array } => {
  const p = zeros(z.length)
  let top = 0
  for (let c = 1; c < z.length; c++) if (z[c]! > z[top]!) top = c
  let others = 0
  for (let c = 0; c < z.length; c++) {
    const odds = Math.exp(z[c]! - z[top]!)
    p[c] = odds
    if (c !== top) others += odds
  }
  const logSum = Math.log1p(others)
  const logP = zeros(z.length)
  for (let c = 0; c < z.length; c++) {
    logP[c] = z[c]! - z[top]! - logSum
    p[c] = p[c]! / (1 + others)
  }
  return { logP, p }
}
