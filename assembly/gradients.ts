/**
 * What the gradients of a layer need besides products, in float32.
 */
import { addProduct, at } from "./vector"
import { copy } from "./windows"

/**
 * The products abar g^T `[inputs (+ 1), outputs]` of each row of a `[rows, inputs]` with its row of g `[rows, outputs]`, `step` numbers
 * from one row to the next; abar has a 1 after the inputs where there is a bias.
 */
export function outerRows32(
  rows: i32,
  inputs: i32,
  outputs: i32,
  bias: bool,
  step: i32,
  a: usize,
  g: usize,
  to: usize
): void {
  for (let n = 0; n < rows; n++) {
    let out = to
    for (let i = 0; i < inputs; i++) {
      scaled(outputs, a, g, out)
      a += 4
      out = at<f32>(out, outputs)
    }
    if (bias) copy(outputs, g, out)
    g = at<f32>(g, outputs)
    to = at<f32>(to, step)
  }
}

/** out = x g, for one number x. */
function scaled(n: i32, x: usize, g: usize, out: usize): void {
  const value = v128.load_splat<f32>(x)
  for (; n >= 4; n -= 4) {
    v128.store(out, f32x4.mul(value, v128.load(g)))
    g += 16
    out += 16
  }
  for (; n > 0; n--) {
    store<f32>(out, load<f32>(x) * load<f32>(g))
    g += 4
    out += 4
  }
}

/** g `[columns, rows, width]`, columns `step` numbers apart, side by side: `[rows, columns, width]`. */
export function sideBySide32(columns: i32, step: i32, rows: i32, width: i32, g: usize, out: usize): void {
  const next = <usize>(columns * width) * 4
  for (let k = 0; k < columns; k++) {
    let from = at<f32>(g, k * step)
    let to = at<f32>(out, k * width)
    for (let t = 0; t < rows; t++) {
      copy(width, from, to)
      from = at<f32>(from, width)
      to += next
    }
  }
}

/** sum `[rows, width]` += the squares of d `[rows, columns, width]`, summed over its columns in order. */
export function addSquares32(rows: i32, columns: i32, width: i32, d: usize, sum: usize): void {
  for (let i = 0; i < rows; i++) {
    let j = 0
    for (; j + 4 <= width; j += 4) {
      let s = v128.load(at<f32>(sum, j))
      let from = at<f32>(d, j)
      for (let k = 0; k < columns; k++) {
        const x = v128.load(from)
        s = addProduct<f32>(s, x, x)
        from = at<f32>(from, width)
      }
      v128.store(at<f32>(sum, j), s)
    }
    for (; j < width; j++) {
      let s = v128.load_splat<f32>(at<f32>(sum, j))
      let from = at<f32>(d, j)
      for (let k = 0; k < columns; k++) {
        const x = v128.load_splat<f32>(from)
        s = addProduct<f32>(s, x, x)
        from = at<f32>(from, width)
      }
      v128.store_lane<f32>(at<f32>(sum, j), s, 0)
    }
    d = at<f32>(d, columns * width)
    sum = at<f32>(sum, width)
  }
}
