/**
 * The error function of float32, four numbers at a time: erf x = 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.
 *
 * Up to 1 it is x + x P(x^2), and above 1 - e^Q(x), with the polynomials that interpolate erf(sqrt z) / sqrt z - 1 on [0, 1] and
 * log erfc on [1, 3.95] at the Chebyshev nodes, in degree 6 and 8: they are within 0.11 and 0.14 of 2^-24 erf x. From 3.95 on it is 1.
 * The error is under 1.4 units of the last place. The constants are globals for the reason that exponential.ts gives.
 */
import { expOf } from "./exponential"
import { addProduct, at, loadPart, storePart } from "./vector"

const none: v128 = f32x4.splat(0)
let sign = none
let one = none
let most = none
let p0 = none
let p1 = none
let p2 = none
let p3 = none
let p4 = none
let p5 = none
let p6 = none
let q0 = none
let q1 = none
let q2 = none
let q3 = none
let q4 = none
let q5 = none
let q6 = none
let q7 = none
let q8 = none

/** To be called once, before the others. */
export function erfConstants(): void {
  sign = i32x4.splat(0x80000000)
  one = f32x4.splat(1)
  most = f32x4.splat(3.95)
  p0 = f32x4.splat(0.12837917)
  p1 = f32x4.splat(-0.37612627)
  p2 = f32x4.splat(0.112835947)
  p3 = f32x4.splat(-0.026854212)
  p4 = f32x4.splat(0.0051890874)
  p5 = f32x4.splat(-0.00080168643)
  p6 = f32x4.splat(0.00007875875)
  q0 = f32x4.splat(0.00032935724)
  q1 = f32x4.splat(-1.130272)
  q2 = f32x4.splat(-0.63175755)
  q3 = f32x4.splat(-0.11014718)
  q4 = f32x4.splat(0.02646088)
  q5 = f32x4.splat(-0.0047741912)
  q6 = f32x4.splat(0.0006000555)
  q7 = f32x4.splat(-0.00004645993)
  q8 = f32x4.splat(0.0000016583208)
}

function erfOf(x: v128): v128 {
  // NaN stays NaN.
  const t = f32x4.pmin(f32x4.abs(x), most)
  const y = v128.bitselect(inner(t), outer(t), f32x4.lt(t, one))
  return v128.or(y, v128.and(x, sign))
}

/** erf t for t up to 1. */
function inner(t: v128): v128 {
  const z = f32x4.mul(t, t)
  let s = addProduct<f32>(p5, p6, z)
  s = addProduct<f32>(p4, s, z)
  s = addProduct<f32>(p3, s, z)
  s = addProduct<f32>(p2, s, z)
  s = addProduct<f32>(p1, s, z)
  s = addProduct<f32>(p0, s, z)
  return addProduct<f32>(t, t, s)
}

/** erf t for t from 1 on. */
function outer(t: v128): v128 {
  let s = addProduct<f32>(q7, q8, t)
  s = addProduct<f32>(q6, s, t)
  s = addProduct<f32>(q5, s, t)
  s = addProduct<f32>(q4, s, t)
  s = addProduct<f32>(q3, s, t)
  s = addProduct<f32>(q2, s, t)
  s = addProduct<f32>(q1, s, t)
  s = addProduct<f32>(q0, s, t)
  return f32x4.sub(one, expOf(s))
}

export function erf32(n: i32, x: usize, out: usize): void {
  let i = 0
  for (; i + 4 <= n; i += 4) v128.store(at<f32>(out, i), erfOf(v128.load(at<f32>(x, i))))
  if (i < n) storePart(at<f32>(out, i), n - i, erfOf(loadPart(at<f32>(x, i), n - i, 0)))
}
