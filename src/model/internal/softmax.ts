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
  softmaxRow(z, 0, z.length, p)
  const top = last[0]!
  const logSum = last[1]!
  const logP = zeros(z.length)
  for (let c = 0; c < z.length; c++) logP[c] = z[c]! - top - logSum
  return { logP, p }
}

/** The largest logit of the last row, and the logarithm of its sum. One array serves all calls, so that nothing is allocated. */
const last = new Float64Array(2)

/** softmax of the logits from `from` on, to the same places of p. */
const softmaxRow = (z: ArrayLike<number>, from: number, classes: number, p: Float64Array): void => {
  let at = from
  for (let i = from + 1; i < from + classes; i++) if (z[i]! > z[at]!) at = i
  const top = z[at]!
  let others = 0
  for (let i = from; i < from + classes; i++) {
    const odds = Math.exp(z[i]! - top)
    p[i] = odds
    if (i !== at) others += odds
  }
  const sum = 1 + others
  for (let i = from; i < from + classes; i++) p[i] = p[i]! / sum
  last[0] = top
  last[1] = Math.log1p(others)
}

/** softmax of many rows: p `[N, C]`, and log p_c = z_c - top - logSum. */
export interface SoftmaxRows {
  readonly p: Float64Array
  /** `[N]` */
  readonly tops: Float64Array
  /** `[N]` */
  readonly logSums: Float64Array
}

/** What `softmaxes` gives of each row of z `[N, C]`, to the bit. */
export const softmaxRows = (z: Float32Array, rows: number, classes: number): SoftmaxRows => {
  const p = new Float64Array(rows * classes)
  const tops = new Float64Array(rows)
  const logSums = new Float64Array(rows)
  for (let n = 0; n < rows; n++) {
    softmaxRow(z, n * classes, classes, p)
    tops[n] = last[0]!
    logSums[n] = last[1]!
  }
  return { p, tops, logSums }
}
