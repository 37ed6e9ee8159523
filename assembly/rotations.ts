/**
 * Recorded plane rotations, applied to the rows of a matrix many sweeps at a time.
 *
 * A sweep touches every row twice; over 16 columns of all rows, which stay in the cache, dozens of sweeps follow each other before
 * the next 16 columns come. The row that two rotations share stays in its registers between them.
 * *Source* Van Zee, van de Geijn and Quintana-Orti, Restructuring the tridiagonal and bidiagonal QR algorithms for performance, 2014.
 */
import { addProduct, at, subtractProduct } from "./vector"

/** Columns of a strip. */
export const strip: i32 = 16

/**
 * Applies `sweeps` sweeps to the rows of z. Sweep (first, m) has the rotations m - 1 .. first; rotation i takes z_{i+1} to s z_i + c
 * z_{i+1} and z_i to c z_i - s z_{i+1}.
 *
 * *Shapes* `bounds` holds (first, m) of every sweep as i32, `pairs` the (c, s) of all rotations in their order; `columns` is a
 * multiple of `strip`.
 */
export function rotate(sweeps: i32, bounds: usize, pairs: usize, z: usize, ldz: i32, columns: i32): void {
  const stride = <usize>ldz * 8
  for (let j = 0; j < columns; j += strip) {
    let next = pairs
    for (let s = 0; s < sweeps; s++) {
      const first = load<i32>(bounds + <usize>s * 8)
      const m = load<i32>(bounds + <usize>s * 8, 4)
      rotateStrip(m - first, next, at<f64>(z, m * ldz + j), stride)
      next += <usize>(m - first) * 16
    }
  }
}

/** `count` rotations on 16 columns, from the row at `row` upwards. */
function rotateStrip(count: i32, pairs: usize, row: usize, stride: usize): void {
  let y0 = v128.load(row)
  let y1 = v128.load(row, 16)
  let y2 = v128.load(row, 32)
  let y3 = v128.load(row, 48)
  let y4 = v128.load(row, 64)
  let y5 = v128.load(row, 80)
  let y6 = v128.load(row, 96)
  let y7 = v128.load(row, 112)
  for (let end = pairs + <usize>count * 16; pairs < end; pairs += 16) {
    const c = v128.load_splat<f64>(pairs)
    const s = v128.load_splat<f64>(pairs, 8)
    const above = row - stride
    const x0 = v128.load(above)
    v128.store(row, addProduct<f64>(f64x2.mul(s, x0), c, y0))
    y0 = subtractProduct<f64>(f64x2.mul(c, x0), s, y0)
    const x1 = v128.load(above, 16)
    v128.store(row, addProduct<f64>(f64x2.mul(s, x1), c, y1), 16)
    y1 = subtractProduct<f64>(f64x2.mul(c, x1), s, y1)
    const x2 = v128.load(above, 32)
    v128.store(row, addProduct<f64>(f64x2.mul(s, x2), c, y2), 32)
    y2 = subtractProduct<f64>(f64x2.mul(c, x2), s, y2)
    const x3 = v128.load(above, 48)
    v128.store(row, addProduct<f64>(f64x2.mul(s, x3), c, y3), 48)
    y3 = subtractProduct<f64>(f64x2.mul(c, x3), s, y3)
    const x4 = v128.load(above, 64)
    v128.store(row, addProduct<f64>(f64x2.mul(s, x4), c, y4), 64)
    y4 = subtractProduct<f64>(f64x2.mul(c, x4), s, y4)
    const x5 = v128.load(above, 80)
    v128.store(row, addProduct<f64>(f64x2.mul(s, x5), c, y5), 80)
    y5 = subtractProduct<f64>(f64x2.mul(c, x5), s, y5)
    const x6 = v128.load(above, 96)
    v128.store(row, addProduct<f64>(f64x2.mul(s, x6), c, y6), 96)
    y6 = subtractProduct<f64>(f64x2.mul(c, x6), s, y6)
    const x7 = v128.load(above, 112)
    v128.store(row, addProduct<f64>(f64x2.mul(s, x7), c, y7), 112)
    y7 = subtractProduct<f64>(f64x2.mul(c, x7), s, y7)
    row = above
  }
  v128.store(row, y0)
  v128.store(row, y1, 16)
  v128.store(row, y2, 32)
  v128.store(row, y3, 48)
  v128.store(row, y4, 64)
  v128.store(row, y5, 80)
  v128.store(row, y6, 96)
  v128.store(row, y7, 112)
}
