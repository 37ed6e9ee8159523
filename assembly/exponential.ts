/**
 * Exponentials of float32, four at a time: exp, expm1, tanh.
 *
 * x = p ln 2 + r with p whole and |r| <= ln 2 / 2, so that e^x = 2^p e^r. *Source* of the reduction: Cody and Waite, Software manual for
 * the elementary functions, 1980. Errors are under 1.1 units of the last place for exp, 1.8 for expm1 and 2.8 for tanh.
 *
 * The constants are globals, which `exponentialConstants` fills: an engine loads a global in one step, and makes a vector of a literal in
 * three, which would be two thirds of the time.
 */
import { addProduct, at, loadPart, storePart, subtractProduct } from "./vector"

const none: v128 = f32x4.splat(0)
let sign = none
let one = none
let half = none
/** 1.5 times 2^23: a number of at most 22 bits plus this is rounded to a whole one, which is then in the lowest bits. */
let shift = none
let log2e = none
/** ln 2 in two parts, the first of 9 bits: its product with p is exact. */
let ln2 = none
let ln2Rest = none
/** 127, where float32 has its exponent. */
let bias = none
let unit = none
/** Below the first e^x is 0, above the last it is infinity, and below the other e^x - 1 is -1. */
let least = none
let leastMinusOne = none
let most = none
/** Beyond half of this, tanh is 1. */
let mostDouble = none
/** 1/3!, 1/4!, ... */
let over3 = none
let over4 = none
let over5 = none
let over6 = none
let over7 = none

/** To be called once, before the others. */
export function exponentialConstants(): void {
  sign = i32x4.splat(0x80000000)
  one = f32x4.splat(1)
  half = f32x4.splat(0.5)
  shift = f32x4.splat(12582912)
  log2e = f32x4.splat(<f32>Math.LOG2E)
  ln2 = f32x4.splat(0.693359375)
  ln2Rest = f32x4.splat(-2.1219444e-4)
  bias = i32x4.splat(127 << 23)
  unit = i32x4.splat(1)
  least = f32x4.splat(-104)
  leastMinusOne = f32x4.splat(-18)
  most = f32x4.splat(89)
  mostDouble = f32x4.splat(40)
  over3 = f32x4.splat(1.0 / 6.0)
  over4 = f32x4.splat(1.0 / 24.0)
  over5 = f32x4.splat(1.0 / 120.0)
  over6 = f32x4.splat(1.0 / 720.0)
  over7 = f32x4.splat(1.0 / 5040.0)
}

/** p, a whole number next to x / ln 2, plus `shift`. */
function shiftedPower(x: v128): v128 {
  return addProduct<f32>(shift, x, log2e)
}

/** r = x - p ln 2. */
function restOf(x: v128, shifted: v128): v128 {
  const p = f32x4.sub(shifted, shift)
  return subtractProduct<f32>(subtractProduct<f32>(x, p, ln2), p, ln2Rest)
}

/** expm1(r) for |r| <= ln 2 / 2: the Taylor polynomial of degree 7, whose remainder is under 2^-25 of it. */
function expm1Rest(r: v128): v128 {
  let s = addProduct<f32>(over6, over7, r)
  s = addProduct<f32>(over5, s, r)
  s = addProduct<f32>(over4, s, r)
  s = addProduct<f32>(over3, s, r)
  s = addProduct<f32>(half, s, r)
  return addProduct<f32>(r, f32x4.mul(r, r), s)
}

/** 2^p for -126 <= p <= 127. The bits of `shift` leave with the shift to the left. */
function twoTo(shifted: v128): v128 {
  return i32x4.add(i32x4.shl(shifted, 23), bias)
}

/** e^x, gradually to 0 below 2^-126 and to infinity above the largest number. NaN stays NaN. */
export function expOf(x: v128): v128 {
  const t = f32x4.pmin(f32x4.pmax(x, least), most)
  const p = shiftedPower(t)
  const y = f32x4.add(expm1Rest(restOf(t, p)), one)
  // 2^p in two factors, of which neither overflows.
  const part = i32x4.shr_s(i32x4.shl(p, 9), 10)
  return f32x4.mul(f32x4.mul(y, twoTo(part)), twoTo(i32x4.sub(p, part)))
}

/** e^-|x|. */
export function decayOf(x: v128): v128 {
  return expOf(v128.or(x, sign))
}

/** e^x - 1 with its relative precision: 2^p expm1(r) + (2^p - 1). */
function expm1Of(x: v128): v128 {
  const t = f32x4.pmin(f32x4.pmax(x, leastMinusOne), most)
  const p = shiftedPower(t)
  const m = expm1Rest(restOf(t, p))
  // Half of it: 2^128 is none of float32.
  const power = twoTo(i32x4.sub(p, unit))
  const y = addProduct<f32>(f32x4.sub(power, half), power, m)
  const e = v128.bitselect(m, f32x4.add(y, y), f32x4.eq(p, shift))
  // It has the sign of x: so has a zero.
  return v128.or(e, v128.and(x, sign))
}

/** out = e^x for n numbers. */
export function exp32(n: i32, x: usize, out: usize): void {
  let i = 0
  for (; i + 4 <= n; i += 4) v128.store(at<f32>(out, i), expOf(v128.load(at<f32>(x, i))))
  if (i < n) storePart(at<f32>(out, i), n - i, expOf(loadPart(at<f32>(x, i), n - i, 0)))
}

/** out = e^x - 1. */
export function expm132(n: i32, x: usize, out: usize): void {
  let i = 0
  for (; i + 4 <= n; i += 4) v128.store(at<f32>(out, i), expm1Of(v128.load(at<f32>(x, i))))
  if (i < n) storePart(at<f32>(out, i), n - i, expm1Of(loadPart(at<f32>(x, i), n - i, 0)))
}

/**
 * out = tanh(x).
 *
 * *Math* tanh |x| = e / (e + 2) with e = expm1(2 |x|), so that small numbers keep their relative precision.
 */
export function tanh32(n: i32, x: usize, out: usize): void {
  let i = 0
  for (; i + 4 <= n; i += 4) v128.store(at<f32>(out, i), tanhOf(v128.load(at<f32>(x, i))))
  if (i < n) storePart(at<f32>(out, i), n - i, tanhOf(loadPart(at<f32>(x, i), n - i, 0)))
}

function tanhOf(x: v128): v128 {
  const t = f32x4.pmin(f32x4.add(f32x4.abs(x), f32x4.abs(x)), mostDouble)
  const p = shiftedPower(t)
  const power = twoTo(p)
  const e = addProduct<f32>(f32x4.sub(power, one), power, expm1Rest(restOf(t, p)))
  const y = f32x4.div(e, f32x4.add(f32x4.add(e, one), one))
  return v128.or(y, v128.and(x, sign))
}
