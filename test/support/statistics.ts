/** Quantiles and goodness of fit: what a statistic of a fixed sample size may be, from theory. */

/** The standard normal quantile at 1 - 10^-6. */
export const z6 = 4.753424308822899

/** The chi-square quantile at normal quantile z. Wilson and Hilferty, 1931. */
export const chiSquareQuantile = (degrees: number, z: number): number =>
  degrees * (1 - 2 / (9 * degrees) + z * Math.sqrt(2 / (9 * degrees))) ** 3

/**
 * Whether counts fit probabilities by Pearson's chi-square, between its quantiles at 10^-6 and 1 - 10^-6: what fits too
 * well is wrong too. A class of probability 0 must stay empty.
 */
export const fits = (counts: ArrayLike<number>, probabilities: ArrayLike<number>): boolean => {
  const cells = Array.from(counts, (count, i) => ({ count, p: probabilities[i]! }))
  if (cells.some(({ count, p }) => p === 0 && count > 0)) return false
  const total = cells.reduce((sum, { count }) => sum + count, 0)
  const live = cells.filter(({ p }) => p > 0)
  const statistic = live.reduce((sum, { count, p }) => sum + (count - total * p) ** 2 / (total * p), 0)
  const degrees = live.length - 1
  return statistic > chiSquareQuantile(degrees, -z6) && statistic < chiSquareQuantile(degrees, z6)
}

export const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((a, b) => a + b, 0) / values.length

/** The correlation of two samples in units of its standard error: standard normal where they are independent. */
export const correlation = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  const [ma, mb] = [mean(a), mean(b)]
  let [ab, aa, bb] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    ab += (a[i]! - ma) * (b[i]! - mb)
    aa += (a[i]! - ma) ** 2
    bb += (b[i]! - mb) ** 2
  }
  return (ab / Math.sqrt(aa * bb)) * Math.sqrt(a.length)
}
