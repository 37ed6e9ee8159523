/**
 * What goes along or across the rows of a matrix of float32: sums, maxima, transposes.
 */
import { at, transposeSquare } from "./vector"

/** out_j = sum over i of x_ij, each sum in the order of the rows. */
export function sumRows32(rows: i32, columns: i32, x: usize, out: usize): void {
  let j = 0
  for (; j + 16 <= columns; j += 16) sumSixteen(rows, columns, at<f32>(x, j), at<f32>(out, j))
  for (; j + 4 <= columns; j += 4) {
    let from = at<f32>(x, j)
    let sums = f32x4.splat(0)
    for (let i = 0; i < rows; i++) {
      sums = f32x4.add(sums, v128.load(from))
      from = at<f32>(from, columns)
    }
    v128.store(at<f32>(out, j), sums)
  }
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

/** out_i = sum over j of x_ij: sixteen sums side by side and then their sum, the same for every row. */
export function sumColumns32(rows: i32, columns: i32, x: usize, out: usize): void {
  for (let i = 0; i < rows; i++) {
    store<f32>(at<f32>(out, i), sumOf(columns, x))
    x = at<f32>(x, columns)
  }
}

function sumOf(n: i32, x: usize): f32 {
  let s0 = f32x4.splat(0)
  let s1 = s0
  let s2 = s0
  let s3 = s0
  let j = 0
  for (; j + 16 <= n; j += 16) {
    const from = at<f32>(x, j)
    s0 = f32x4.add(s0, v128.load(from))
    s1 = f32x4.add(s1, v128.load(from, 16))
    s2 = f32x4.add(s2, v128.load(from, 32))
    s3 = f32x4.add(s3, v128.load(from, 48))
  }
  s0 = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3))
  for (; j + 4 <= n; j += 4) s0 = f32x4.add(s0, v128.load(at<f32>(x, j)))
  s0 = f32x4.add(s0, v128.shuffle<f32>(s0, s0, 2, 3, 0, 1))
  let sum = f32x4.extract_lane(s0, 0) + f32x4.extract_lane(s0, 1)
  for (; j < n; j++) sum += load<f32>(at<f32>(x, j))
  return sum
}

/** out_i = the largest of x_ij over j, NaN where one is. There is at least one column. */
export function maxColumns32(rows: i32, columns: i32, x: usize, out: usize): void {
  for (let i = 0; i < rows; i++) {
    store<f32>(at<f32>(out, i), maxOf(columns, x))
    x = at<f32>(x, columns)
  }
}

function maxOf(n: i32, x: usize): f32 {
  let m0 = f32x4.splat(-Infinity)
  let m1 = m0
  let j = 0
  for (; j + 8 <= n; j += 8) {
    const from = at<f32>(x, j)
    m0 = f32x4.max(m0, v128.load(from))
    m1 = f32x4.max(m1, v128.load(from, 16))
  }
  m0 = f32x4.max(m0, m1)
  for (; j + 4 <= n; j += 4) m0 = f32x4.max(m0, v128.load(at<f32>(x, j)))
  for (; j < n; j++) m0 = f32x4.max(m0, v128.load_splat<f32>(at<f32>(x, j)))
  m0 = f32x4.max(m0, v128.shuffle<f32>(m0, m0, 2, 3, 0, 1))
  return f32x4.extract_lane(f32x4.max(m0, v128.shuffle<f32>(m0, m0, 1, 0, 3, 2)), 0)
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
