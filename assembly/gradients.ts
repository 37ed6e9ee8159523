/**
 * What the gradients of a layer with shared weights need besides products, in float32.
 */
import { addProduct, at } from "./vector"
import { copy } from "./windows"

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
