/**
 * Multiply-add on vectors of 128 bits: one rounding where relaxed SIMD is on, two otherwise.
 *
 * Every kernel goes through these two functions, its ragged edges too, so that an entry has the same bits
 * wherever in a matrix it lies.
 */

/** c + a b, lane by lane. */
export function addProduct<T>(c: v128, a: v128, b: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_madd<T>(a, b, c)
  return v128.add<T>(c, v128.mul<T>(a, b))
}

/** c - a b, lane by lane. */
export function subtractProduct<T>(c: v128, a: v128, b: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_nmadd<T>(a, b, c)
  return v128.sub<T>(c, v128.mul<T>(a, b))
}

/** The address of element i of an array of T at `from`; i may be negative. */
export function at<T>(from: usize, i: i32): usize {
  return from + <usize>i * sizeof<T>()
}
