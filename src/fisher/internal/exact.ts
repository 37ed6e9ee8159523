/**
 * Sums that do not depend on where they are cut.
 *
 * A sum is kept as two float64 numbers, the rounded sum and what rounding took from it. Together they are exact as long as the
 * terms span fewer than 2^100 (terms of float32 that matter span far fewer), so adding is associative to the last bit: parts that
 * were summed apart give the bits of one long sum.
 *
 * *Source*: Dekker 1971; Knuth, The Art of Computer Programming, volume 2, section 4.2.2, theorem B.
 */

/** sum + rest += term + more, where both pairs are as this function leaves them; an empty rest is zeros. */
export const addExactly = (
  sum: Float64Array,
  rest: Float64Array,
  term: Float64Array,
  more: Float64Array | undefined
): void => {
  for (let i = 0; i < sum.length; i++) {
    const a = sum[i]!
    const b = term[i]!
    const s = a + b
    const bb = s - a
    // The rounding error of a + b, and with it what was left of both.
    const low = a - (s - bb) + (b - bb) + (rest[i]! + (more === undefined ? 0 : more[i]!))
    const t = s + low
    const back = t - s
    sum[i] = t
    rest[i] = s - (t - back) + (low - back)
  }
}
