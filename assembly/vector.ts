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

/** One number in the first lane, 0 in the others. */
export function loadFirst<T>(from: usize): v128 {
  if (sizeof<T>() === 4) return v128.load32_zero(from)
  return v128.load64_zero(from)
}

/** The address of element i of an array of T at `from`; i may be negative. */
export function at<T>(from: usize, i: i32): usize {
  return from + <usize>i * sizeof<T>()
}

/** A square of 4 by 4 numbers of 32 bits, its rows `step` bytes apart, to its transpose, whose rows are `next` bytes apart. */
export function transposeSquare(from: usize, step: usize, to: usize, next: usize): void {
  const a = v128.load(from)
  const b = v128.load(from + step)
  const c = v128.load(from + 2 * step)
  const d = v128.load(from + 3 * step)
  const ab = v128.shuffle<f32>(a, b, 0, 4, 1, 5)
  const cd = v128.shuffle<f32>(c, d, 0, 4, 1, 5)
  const ba = v128.shuffle<f32>(a, b, 2, 6, 3, 7)
  const dc = v128.shuffle<f32>(c, d, 2, 6, 3, 7)
  v128.store(to, v128.shuffle<f64>(ab, cd, 0, 2))
  v128.store(to + next, v128.shuffle<f64>(ab, cd, 1, 3))
  v128.store(to + 2 * next, v128.shuffle<f64>(ba, dc, 0, 2))
  v128.store(to + 3 * next, v128.shuffle<f64>(ba, dc, 1, 3))
}

/** The first `count` numbers of 32 bits at `from`, 1 to 3, and `rest` for the others. */
export function loadPart(from: usize, count: i32, rest: f32): v128 {
  let x = v128.load_lane<f32>(from, f32x4.splat(rest), 0)
  if (count > 1) x = v128.load_lane<f32>(from, x, 1, 4)
  if (count > 2) x = v128.load_lane<f32>(from, x, 2, 8)
  return x
}

/** The first `count` numbers of x, 1 to 3, to `to`. */
export function storePart(to: usize, count: i32, x: v128): void {
  v128.store_lane<f32>(to, x, 0)
  if (count > 1) v128.store_lane<f32>(to, x, 1, 4)
  if (count > 2) v128.store_lane<f32>(to, x, 2, 8)
}
