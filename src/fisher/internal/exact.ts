/**
 * Sums that do not depend on where they are cut.
 *
 * A sum is kept as two float64 numbers, the rounded sum and what rounding took from it. Together they are exact while every partial
 * sum stays under 2^105 times the last bit of the smallest term: for a million float32 numbers, while their sizes differ by less than
 * 2^60. So adding is associative to the last bit, and parts that were summed apart give the bits of one long sum. Terms farther apart
 * leave an error of 2^-105 of the largest partial sum, in the second number.
 *
 * *Source*: Dekker 1971; Knuth, The Art of Computer Programming, volume 2, section 4.2.2, theorem B.
 */

/**
 * sum + rest += term + more, where both pairs are as this function leaves them; an empty `more` is zeros. What is not finite makes both NaN.
 *
 * *Cost*: 2 ns a number. A test of each for what is not finite would double it: whoever looks at the sums tests them once.
 */
export const addExactly = (
  sum: Float64Array,
  rest: Float64Array,
  term: Float32Array | Float64Array,
  more: Float64Array | undefined
): void => {
  if (more !== undefined) for (let i = 0; i < rest.length; i++) rest[i]! += more[i]!
  for (let i = 0; i < sum.length; i++) {
    const a = sum[i]!
    const b = term[i]!
    const s = a + b
    const bb = s - a
    // The rounding error of a + b, and with it what was left of both.
    const low = a - (s - bb) + (b - bb) + rest[i]!
    const t = s + low
    const back = t - s
    sum[i] = t
    rest[i] = s - (t - back) + (low - back)
  }
}
