/**
 * Logarithms of float32, four at a time: log, log1p, softplus.
 *
 * x = 2^k (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2), so that log x = k ln 2 + log(1 + f). With s = f / (2 + f), log(1 + f) = 2 atanh(s) =
 * 2 s + s R with R = 2 (s^2 / 3 + s^4 / 5 + ...), and 2 s = f - s f = f - (f^2 / 2 - s f^2 / 2): so it is f - f^2 / 2 + s (f^2 / 2 + R), whose
 * first term is exact. Errors are under 1 unit of the last place for log and log1p and 1.9 for softplus.
 *
 * The constants are globals for the reason that exponential.ts gives.
 */
import { decayOf } from "./exponential"
import { addProduct, at, loadPart, storePart } from "./vector"

const none: v128 = f32x4.splat(0)
let one = none
let half = none
let infinity = none
let nan = none
/** The bits of sqrt(1/2), and those of a sign and an exponent. */
let rootOfHalf = none
let powers = none
/** The smallest number that has all digits, 2^23, and 23 as bits of an exponent. */
let smallest = none
let lift = none
let lifted = none
/** ln 2 in two parts, the first of 9 bits: its product with k is exact. */
let ln2 = none
let ln2Rest = none
/** 2/3, 2/5, ... */
let over3 = none
let over5 = none
let over7 = none
let over9 = none
let over11 = none
let over13 = none
let over15 = none

/** To be called once, before the others. */
export function logarithmConstants(): void {
  one = f32x4.splat(1)
  half = f32x4.splat(0.5)
  infinity = f32x4.splat(Infinity)
  nan = f32x4.splat(NaN)
  rootOfHalf = i32x4.splat(0x3f3504f3)
  powers = i32x4.splat(0xff800000)
  smallest = f32x4.splat(1.1754944e-38)
  lift = f32x4.splat(8388608)
  lifted = i32x4.splat(23 << 23)
  ln2 = f32x4.splat(0.693359375)
  ln2Rest = f32x4.splat(-2.1219444e-4)
  over3 = f32x4.splat(2.0 / 3.0)
  over5 = f32x4.splat(2.0 / 5.0)
  over7 = f32x4.splat(2.0 / 7.0)
  over9 = f32x4.splat(2.0 / 9.0)
  over11 = f32x4.splat(2.0 / 11.0)
  over13 = f32x4.splat(2.0 / 13.0)
  over15 = f32x4.splat(2.0 / 15.0)
}

/** k as bits of a power: what is to be subtracted from the bits of x for those of 1 + f. */
function powerBits(x: v128): v128 {
  return v128.and(i32x4.sub(x, rootOfHalf), powers)
}

/** log(1 + f) + k ln 2 + c for k as bits, where |c| is small. */
function logOfParts(bits: v128, f: v128, c: v128): v128 {
  const k = f32x4.convert_i32x4_s(i32x4.shr_s(bits, 23))
  const s = f32x4.div(f, f32x4.add(f32x4.add(f, one), one))
  const z = f32x4.mul(s, s)
  // s^2 is under 0.0295: the term that follows is under 2^-28 of the whole.
  let r = addProduct<f32>(over7, over9, z)
  r = addProduct<f32>(over5, r, z)
  r = addProduct<f32>(over3, r, z)
  const square = f32x4.mul(f32x4.mul(f, f), half)
  const small = addProduct<f32>(c, s, addProduct<f32>(square, r, z))
  const tail = addProduct<f32>(f32x4.sub(small, square), k, ln2Rest)
  return f32x4.add(f32x4.mul(k, ln2), f32x4.add(f, tail))
}

function logOf(x: v128): v128 {
  const tiny = f32x4.lt(x, smallest)
  const scaled = v128.bitselect(f32x4.mul(x, lift), x, tiny)
  const bits = powerBits(scaled)
  const f = f32x4.sub(i32x4.sub(scaled, bits), one)
  return limits(x, logOfParts(i32x4.sub(bits, v128.and(tiny, lifted)), f, none))
}

/** y where 0 < x < infinity; -infinity at 0, NaN below and at NaN, infinity at infinity. */
function limits(x: v128, y: v128): v128 {
  const finite = v128.bitselect(y, x, f32x4.lt(x, infinity))
  const low = v128.bitselect(f32x4.neg(infinity), nan, f32x4.eq(x, none))
  return v128.bitselect(finite, low, f32x4.gt(x, none))
}

/** log(1 + x): with u = 1 + x rounded it is log u + c / u to first order, where c is what was rounded away. */
function log1pOf(x: v128): v128 {
  const u = f32x4.add(one, x)
  const part = f32x4.sub(u, one)
  // Exact, whichever of 1 and x is larger.
  const c = f32x4.add(f32x4.sub(one, f32x4.sub(u, part)), f32x4.sub(x, part))
  const bits = powerBits(u)
  const y = logOfParts(bits, f32x4.sub(i32x4.sub(u, bits), one), f32x4.div(c, u))
  // A zero keeps its sign.
  return v128.bitselect(x, limits(u, y), f32x4.eq(x, none))
}

export function log32(n: i32, x: usize, out: usize): void {
  let i = 0
  for (; i + 4 <= n; i += 4) v128.store(at<f32>(out, i), logOf(v128.load(at<f32>(x, i))))
  if (i < n) storePart(at<f32>(out, i), n - i, logOf(loadPart(at<f32>(x, i), n - i, 1)))
}

export function log1p32(n: i32, x: usize, out: usize): void {
  let i = 0
  for (; i + 4 <= n; i += 4) v128.store(at<f32>(out, i), log1pOf(v128.load(at<f32>(x, i))))
  if (i < n) storePart(at<f32>(out, i), n - i, log1pOf(loadPart(at<f32>(x, i), n - i, 0)))
}

/** out = log(1 + e^x) = max(x, 0) + log1p(e^-|x|): neither overflows, and the tail keeps its relative precision. */
export function softplus32(n: i32, x: usize, out: usize): void {
  let i = 0
  for (; i + 4 <= n; i += 4) v128.store(at<f32>(out, i), softplusOf(v128.load(at<f32>(x, i))))
  if (i < n) storePart(at<f32>(out, i), n - i, softplusOf(loadPart(at<f32>(x, i), n - i, 0)))
}

/** For e from 0 to 1, log(1 + e) is 2 atanh(s) with s = e / (2 + e) up to 1/3: seven terms of its series are enough. */
function softplusOf(x: v128): v128 {
  const e = decayOf(x)
  const s = f32x4.div(e, f32x4.add(f32x4.add(e, one), one))
  const z = f32x4.mul(s, s)
  let r = addProduct<f32>(over13, over15, z)
  r = addProduct<f32>(over11, r, z)
  r = addProduct<f32>(over9, r, z)
  r = addProduct<f32>(over7, r, z)
  r = addProduct<f32>(over5, r, z)
  r = addProduct<f32>(over3, r, z)
  // 2 s = e - s e, whose first term is exact.
  const tail = addProduct<f32>(e, s, f32x4.sub(f32x4.mul(z, r), e))
  return f32x4.add(f32x4.pmax(x, none), tail)
}
