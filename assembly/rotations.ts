/**
 * Plane rotations, recorded and then applied to the rows of a matrix, many sweeps at a time and at half of the multiplications.
 *
 * *Math* Row i of the matrix is kept as w_i z_i with a weight of its own. Where c is not small, the rotation of rows x = w_i z_i and y =
 * w_{i+1} z_{i+1} to c x - s y and s x + c y is z_i - u z_{i+1} with weight c w_i, and z_{i+1} + t z_i with weight c w_{i+1}, for t = (s
 * w_i) / (c w_{i+1}) and u = (s w_{i+1}) / (c w_i). Where c is small, the two rows change places first, and s takes the place of c.
 * A rounding error is relative to its number, whatever the weight: only the range must be watched.
 *
 * A sweep touches every row twice; over 16 columns of all rows, which stay in the cache, dozens of sweeps follow each other before
 * the next 16 columns come. The row that two rotations share stays in its registers between them.
 * *Source* Gentleman, Least squares computations by Givens transformations without square roots, 1973; Van Zee, van de Geijn and
 * Quintana-Orti, Restructuring the tridiagonal and bidiagonal QR algorithms for performance, 2014.
 */
import { addProduct, at, subtractProduct } from "./vector"

/** Columns of a strip. */
export const strip: i32 = 16

/** Bytes of a run: its first row, its last row, and whether the two of it change places. */
const runBytes: usize = 12

/** Numbers of scratch for `rotations` rotations, which are at most as many runs. */
export function runWork(rotations: i32): i32 {
  return 2 * rotations
}

// Under this |c| the rows change places.
const small: f64 = 1.0 / 1048576.0

/** Under this weight a batch must be applied: one more sweep takes 2^-40 at most. */
export const least: f64 = 1e-100

/**
 * Turns the (c, s) of the rotations m - 1 .. first of one sweep into (t, u), and divides the sweep into runs: of rotations of one kind,
 * or of one exchange, which are written at `runs`. Returns where they end.
 */
export function weigh(first: i32, m: i32, pairs: usize, weights: usize, runs: usize): usize {
  let run = runs
  let from = m
  for (let i = m - 1; i >= first; i--) {
    const c = load<f64>(pairs)
    const s = load<f64>(pairs, 8)
    const above = at<f64>(weights, i)
    const x = load<f64>(above)
    const y = load<f64>(above, 8)
    if (abs(c) >= small) {
      const tangent = s / c
      const ratio = x / y
      store<f64>(pairs, tangent * ratio)
      store<f64>(pairs, tangent / ratio, 8)
      store<f64>(above, c * x)
      store<f64>(above, c * y, 8)
    } else {
      if (from > i + 1) run = storeRun(run, i + 1, from, 0)
      run = storeRun(run, i, i + 1, 1)
      from = i
      const cotangent = c / s
      const ratio = y / x
      store<f64>(pairs, cotangent * ratio)
      store<f64>(pairs, cotangent / ratio, 8)
      store<f64>(above, -s * y)
      store<f64>(above, s * x, 8)
    }
    pairs += 16
  }
  return from > first ? storeRun(run, first, from, 0) : run
}

function storeRun(run: usize, first: i32, m: i32, exchanged: i32): usize {
  store<i32>(run, first)
  store<i32>(run, m, 4)
  store<i32>(run, exchanged, 8)
  return run + runBytes
}

/**
 * Applies the runs from `runs` to `end`, and the weights, to columns `from` to `to` - 1 of the n rows of z; both are multiples of `strip`.
 */
export function rotate(
  n: i32,
  runs: usize,
  end: usize,
  pairs: usize,
  weights: usize,
  z: usize,
  ldz: i32,
  from: i32,
  to: i32
): void {
  const stride = <usize>ldz * 8
  for (let j = from; j < to; j += strip) {
    let next = pairs
    for (let run = runs; run < end; run += runBytes) {
      const first = load<i32>(run)
      const m = load<i32>(run, 4)
      const row = at<f64>(z, m * ldz + j)
      if (load<i32>(run, 8)) exchange(next, row, stride)
      else rotateStrip(m - first, next, row, stride)
      next += <usize>(m - first) * 16
    }
    for (let i = 0; i < n; i++) scaleStrip(at<f64>(weights, i), at<f64>(z, i * ldz + j))
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
    const t = v128.load_splat<f64>(pairs)
    const u = v128.load_splat<f64>(pairs, 8)
    const above = row - stride
    const x0 = v128.load(above)
    v128.store(row, addProduct<f64>(y0, t, x0))
    y0 = subtractProduct<f64>(x0, u, y0)
    const x1 = v128.load(above, 16)
    v128.store(row, addProduct<f64>(y1, t, x1), 16)
    y1 = subtractProduct<f64>(x1, u, y1)
    const x2 = v128.load(above, 32)
    v128.store(row, addProduct<f64>(y2, t, x2), 32)
    y2 = subtractProduct<f64>(x2, u, y2)
    const x3 = v128.load(above, 48)
    v128.store(row, addProduct<f64>(y3, t, x3), 48)
    y3 = subtractProduct<f64>(x3, u, y3)
    const x4 = v128.load(above, 64)
    v128.store(row, addProduct<f64>(y4, t, x4), 64)
    y4 = subtractProduct<f64>(x4, u, y4)
    const x5 = v128.load(above, 80)
    v128.store(row, addProduct<f64>(y5, t, x5), 80)
    y5 = subtractProduct<f64>(x5, u, y5)
    const x6 = v128.load(above, 96)
    v128.store(row, addProduct<f64>(y6, t, x6), 96)
    y6 = subtractProduct<f64>(x6, u, y6)
    const x7 = v128.load(above, 112)
    v128.store(row, addProduct<f64>(y7, t, x7), 112)
    y7 = subtractProduct<f64>(x7, u, y7)
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

/** One rotation whose rows change places, on 16 columns. */
function exchange(pair: usize, row: usize, stride: usize): void {
  const t = v128.load_splat<f64>(pair)
  const u = v128.load_splat<f64>(pair, 8)
  for (let end = row + strip * 8; row < end; row += 16) {
    const x = v128.load(row - stride)
    const y = v128.load(row)
    v128.store(row, addProduct<f64>(x, t, y))
    v128.store(row - stride, subtractProduct<f64>(y, u, x))
  }
}

function scaleStrip(weight: usize, row: usize): void {
  if (load<f64>(weight) === 1) return
  const w = v128.load_splat<f64>(weight)
  for (let end = row + strip * 8; row < end; row += 16) v128.store(row, f64x2.mul(w, v128.load(row)))
}
