/**
 * Choices between float32, sixteen at a time: the larger, the smaller, comparisons, one or the other by a condition.
 *
 * An operand has a step of 4 bytes from number to number, or of 0: then it is one number for all.
 */
import { at } from "./vector"

/** Four numbers of an operand from number i on. */
function four(from: usize, step: i32, i: i32): v128 {
  if (step === 0) return v128.load_splat<f32>(from)
  return v128.load(at<f32>(from, i))
}

function one(from: usize, step: i32, i: i32): f32 {
  return load<f32>(from + <usize>(step * i))
}

/** out = max(a, b); NaN where one is. */
export function maximum32(n: i32, a: usize, stepA: i32, b: usize, stepB: i32, out: usize): void {
  let i = 0
  for (; i + 4 <= n; i += 4) v128.store(at<f32>(out, i), f32x4.max(four(a, stepA, i), four(b, stepB, i)))
  for (; i < n; i++) store<f32>(at<f32>(out, i), max<f32>(one(a, stepA, i), one(b, stepB, i)))
}

/** out = min(a, b); NaN where one is. */
export function minimum32(n: i32, a: usize, stepA: i32, b: usize, stepB: i32, out: usize): void {
  let i = 0
  for (; i + 4 <= n; i += 4) v128.store(at<f32>(out, i), f32x4.min(four(a, stepA, i), four(b, stepB, i)))
  for (; i < n; i++) store<f32>(at<f32>(out, i), min<f32>(one(a, stepA, i), one(b, stepB, i)))
}

/** The comparisons: a < b, a <= b, a = b, a != b. */
export const less: i32 = 0
export const lessEqual: i32 = 1
export const equal: i32 = 2
export const notEqual: i32 = 3

/** out = 1 where the comparison holds, else 0: a byte for each number. */
export function compare32(kind: i32, n: i32, a: usize, stepA: i32, b: usize, stepB: i32, out: usize): void {
  const yes = i8x16.splat(1)
  let i = 0
  for (; i + 16 <= n; i += 16) {
    const m0 = mask(kind, four(a, stepA, i), four(b, stepB, i))
    const m1 = mask(kind, four(a, stepA, i + 4), four(b, stepB, i + 4))
    const m2 = mask(kind, four(a, stepA, i + 8), four(b, stepB, i + 8))
    const m3 = mask(kind, four(a, stepA, i + 12), four(b, stepB, i + 12))
    const bytes = i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(m0, m1), i16x8.narrow_i32x4_s(m2, m3))
    v128.store(out + i, v128.and(bytes, yes))
  }
  for (; i < n; i++) {
    const m = mask(kind, f32x4.splat(one(a, stepA, i)), f32x4.splat(one(b, stepB, i)))
    store<u8>(out + i, <u8>(i32x4.extract_lane(m, 0) & 1))
  }
}

function mask(kind: i32, a: v128, b: v128): v128 {
  if (kind === less) return f32x4.lt(a, b)
  if (kind === lessEqual) return f32x4.le(a, b)
  if (kind === equal) return f32x4.eq(a, b)
  return f32x4.ne(a, b)
}

/** out = a where the byte of the condition is not 0, else b, bit for bit. */
export function select32(
  n: i32,
  condition: usize,
  a: usize,
  stepA: i32,
  b: usize,
  stepB: i32,
  out: usize
): void {
  const no = i32x4.splat(0)
  let i = 0
  for (; i + 4 <= n; i += 4) {
    const bytes = v128.load32_zero(condition + i)
    const wide = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes))
    v128.store(at<f32>(out, i), v128.bitselect(four(a, stepA, i), four(b, stepB, i), i32x4.ne(wide, no)))
  }
  for (; i < n; i++) {
    const from = load<u8>(condition + i) !== 0 ? a + <usize>(stepA * i) : b + <usize>(stepB * i)
    store<i32>(at<f32>(out, i), load<i32>(from))
  }
}
