/**
 * log softmax(z), `[C]`, to full relative precision: with m the largest logit, log sum_c exp(z_c - m) is log1p of the sum over the
 * others, so that a probability near 1 keeps the digits of its distance to 1.
 */
export const logSoftmax = (z: ArrayLike<number>): Float64Array => {
  let top = 0
  for (let c = 1; c < z.length; c++) if (z[c]! > z[top]!) top = c
  let others = 0
  for (let c = 0; c < z.length; c++) if (c !== top) others += Math.exp(z[c]! - z[top]!)
  const logSum = Math.log1p(others)
  const out = new Float64Array(z.length)
  for (let c = 0; c < z.length; c++) out[c] = z[c]! - z[top]! - logSum
  return out
}
