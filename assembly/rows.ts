/**
 * What a network does besides products, on float32: tanh, sums over rows, transposes.
 */
import { addProduct, at, subtractProduct, transposeSquare } from "./vector"

/**
 * out = tanh(x), number by number, in place or not.
 *
 * *Math* tanh |x| = e / (e + 2) with e = expm1(2 |x|), so that small numbers keep their relative precision. 2 |x| = p ln 2 + r, |r| <=
 * ln 2 / 2, and e = 2^p expm1(r) + (2^p - 1) with the Taylor polynomial of degree 7, whose remainder is under 2^-25 of expm1(r).
 */
export function tanh32(n: i32, x: usize, out: usize): void {
  let i = 0
  for (; i + 4 <= n; i += 4) v128.store(at<f32>(out, i), tanhOf(v128.load(at<f32>(x, i))))
  for (; i < n; i++) v128.store_lane<f32>(at<f32>(out, i), tanhOf(v128.load_splat<f32>(at<f32>(x, i))), 0)
}

function tanhOf(x: v128): v128 {
  // Beyond 20, tanh is 1 in float32. NaN stays NaN.
  const t = f32x4.min(f32x4.add(f32x4.abs(x), f32x4.abs(x)), f32x4.splat(40))
  const p = f32x4.nearest(f32x4.mul(t, f32x4.splat(<f32>Math.LOG2E)))
  // ln 2 in two parts, the first of 9 bits: its product with p is exact.
  let r = subtractProduct<f32>(t, p, f32x4.splat(0.693359375))
  r = subtractProduct<f32>(r, p, f32x4.splat(-2.1219444e-4))
  let s = f32x4.splat(1.0 / 5040.0)
  s = addProduct<f32>(f32x4.splat(1.0 / 720.0), s, r)
  s = addProduct<f32>(f32x4.splat(1.0 / 120.0), s, r)
  s = addProduct<f32>(f32x4.splat(1.0 / 24.0), s, r)
  s = addProduct<f32>(f32x4.splat(1.0 / 6.0), s, r)
  s = addProduct<f32>(f32x4.splat(0.5), s, r)
  const m = addProduct<f32>(r, f32x4.mul(r, r), s)
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(p), i32x4.splat(127)), 23)
  const e = addProduct<f32>(f32x4.sub(power, f32x4.splat(1)), power, m)
  const y = f32x4.div(e, f32x4.add(e, f32x4.splat(2)))
  return v128.or(y, v128.and(x, i32x4.splat(0x80000000)))
}

/** out_j = sum over i of x_ij, each sum in the order of the rows. */
export function sumRows32(rows: i32, columns: i32, x: usize, out: usize): void {
  let j = 0
  for (; j + 16 <= columns; j += 16) sumSixteen(rows, columns, at<f32>(x, j), at<f32>(out, j))
  for (; j < columns; j++) {
    let from = at<f32>(x, j)
    let sum: f32 = 0
    for (let i = 0; i < rows; i++) {
      sum += load<f32>(from)
      from = at<f32>(from, columns)
    }
    store<f32>(at<f32>(out, j), sum)
  }
}

function sumSixteen(rows: i32, columns: i32, x: usize, out: usize): void {
  let s0 = f32x4.splat(0)
  let s1 = s0
  let s2 = s0
  let s3 = s0
  for (let i = 0; i < rows; i++) {
    s0 = f32x4.add(s0, v128.load(x))
    s1 = f32x4.add(s1, v128.load(x, 16))
    s2 = f32x4.add(s2, v128.load(x, 32))
    s3 = f32x4.add(s3, v128.load(x, 48))
    x = at<f32>(x, columns)
  }
  v128.store(out, s0)
  v128.store(out, s1, 16)
  v128.store(out, s2, 32)
  v128.store(out, s3, 48)
}

/** out (columns x rows) = x^T, of numbers of 32 bits, bit for bit. */
export function transpose32(rows: i32, columns: i32, x: usize, out: usize): void {
  const step = <usize>columns * 4
  const to = <usize>rows * 4
  let i = 0
  for (; i + 4 <= rows; i += 4) {
    let j = 0
    for (; j + 4 <= columns; j += 4)
      transposeSquare(at<f32>(x, i * columns + j), step, at<f32>(out, j * rows + i), to)
    for (; j < columns; j++) {
      for (let r = i; r < i + 4; r++)
        store<i32>(at<f32>(out, j * rows + r), load<i32>(at<f32>(x, r * columns + j)))
    }
  }
  for (; i < rows; i++) {
    for (let j = 0; j < columns; j++)
      store<i32>(at<f32>(out, j * rows + i), load<i32>(at<f32>(x, i * columns + j)))
  }
}
