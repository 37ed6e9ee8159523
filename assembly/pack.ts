/**
 * Operands of a product in the order in which the tiles read them, so that a tile runs over memory without gaps.
 */
import { tileBytes, tileRows } from "./tile"
import { at, transposeSquare } from "./vector"

/** A block of A as panels of 5 rows, k by k; missing rows are 0. */
export function packRows<T>(rows: i32, d: i32, a: usize, rs: i32, cs: i32, to: usize): void {
  for (let i = 0; i < rows; i += tileRows) {
    const from = at<T>(a, i * rs)
    const valid = min(tileRows, rows - i)
    if (valid < tileRows) packFew<T>(valid, d, from, rs, cs, to)
    else if (sizeof<T>() === 4 && cs === 1) packFive(d, from, <usize>rs * 4, to)
    else if (rs === 1) packBeside<T>(d, from, <usize>cs * sizeof<T>(), to)
    else packApart<T>(d, from, rs, cs, to)
    to += <usize>(d * tileRows) * sizeof<T>()
  }
}

/** Five rows of float32, each in one piece, `step` bytes apart: squares of the first four are transposed. */
function packFive(d: i32, from: usize, step: usize, to: usize): void {
  const fifth = from + 4 * step
  let p: usize = 0
  const squares = <usize>(d & ~3) * 4
  for (; p < squares; p += 16) {
    transposeSquare(from + p, step, to, 20)
    const last = v128.load(fifth + p)
    v128.store_lane<f32>(to, last, 0, 16)
    v128.store_lane<f32>(to, last, 1, 36)
    v128.store_lane<f32>(to, last, 2, 56)
    v128.store_lane<f32>(to, last, 3, 76)
    to += 80
  }
  for (const end = <usize>d * 4; p < end; p += 4) {
    // Counted, since a step may be negative.
    let row = from + p
    for (let i = 0; i < tileRows; i++) {
      store<f32>(to, load<f32>(row))
      row += step
      to += 4
    }
  }
}

/** Five rows that lie beside each other, `step` bytes from one k to the next. */
function packBeside<T>(d: i32, from: usize, step: usize, to: usize): void {
  for (; d > 0; d--) {
    v128.store(to, v128.load(from))
    if (sizeof<T>() === 8) v128.store(to, v128.load(from, 16), 16)
    store<T>(to, load<T>(from, 4 * sizeof<T>()), 4 * sizeof<T>())
    from += step
    to += tileRows * sizeof<T>()
  }
}

/** Five rows at any strides. */
function packApart<T>(d: i32, r0: usize, rs: i32, cs: i32, to: usize): void {
  const step = <usize>cs * sizeof<T>()
  let r1 = at<T>(r0, rs)
  let r2 = at<T>(r1, rs)
  let r3 = at<T>(r2, rs)
  let r4 = at<T>(r3, rs)
  for (; d > 0; d--) {
    store<T>(to, load<T>(r0))
    store<T>(to, load<T>(r1), sizeof<T>())
    store<T>(to, load<T>(r2), 2 * sizeof<T>())
    store<T>(to, load<T>(r3), 3 * sizeof<T>())
    store<T>(to, load<T>(r4), 4 * sizeof<T>())
    r0 += step
    r1 += step
    r2 += step
    r3 += step
    r4 += step
    to += tileRows * sizeof<T>()
  }
}

/** The last rows, fewer than five, and 0 for the others. */
function packFew<T>(valid: i32, d: i32, from: usize, rs: i32, cs: i32, to: usize): void {
  for (; d > 0; d--) {
    for (let i = 0; i < tileRows; i++) store<T>(at<T>(to, i), i < valid ? load<T>(at<T>(from, i * rs)) : <T>0)
    from = at<T>(from, cs)
    to += tileRows * sizeof<T>()
  }
}

/** A block of B as panels of 32 bytes of columns, k by k; missing columns are 0. */
export function packColumns<T>(d: i32, columns: i32, b: usize, rs: i32, cs: i32, to: usize): void {
  const tileColumns = tileBytes / sizeof<T>()
  for (let j = 0; j < columns; j += tileColumns) {
    const end = to + <usize>d * tileBytes
    const valid = min(tileColumns, columns - j)
    const from = at<T>(b, j * cs)
    if (valid < tileColumns) packRagged<T>(valid, from, rs, cs, to, end)
    else if (cs === 1) packAlong(from, <usize>rs * sizeof<T>(), to, end)
    else if (rs === 1) packAcross<T>(d, from, <usize>cs * sizeof<T>(), to)
    else packRagged<T>(valid, from, rs, cs, to, end)
    to = end
  }
}

/** A panel whose rows lie in one piece. */
function packAlong(from: usize, step: usize, to: usize, end: usize): void {
  for (; to < end; to += tileBytes) {
    v128.store(to, v128.load(from))
    v128.store(to, v128.load(from, 16), 16)
    from += step
  }
}

/** A panel whose columns lie in one piece: squares of one vector by one vector are transposed. */
function packAcross<T>(d: i32, from: usize, step: usize, to: usize): void {
  const lanes = 16 / sizeof<T>()
  for (let s = 0; s < 2; s++) {
    let column = from
    let square = to + s * 16
    let p = 0
    for (; p + lanes <= d; p += lanes) {
      if (sizeof<T>() === 4) transposeSquare(column, step, square, tileBytes)
      else transposeTwo(column, step, square)
      column += 16
      square += lanes * tileBytes
    }
    for (; p < d; p++) {
      for (let q = 0; q < lanes; q++) store<T>(at<T>(square, q), load<T>(column + <usize>q * step))
      column += sizeof<T>()
      square += tileBytes
    }
    from += <usize>lanes * step
  }
}

function transposeTwo(from: usize, step: usize, to: usize): void {
  const a = v128.load(from)
  const b = v128.load(from + step)
  v128.store(to, v128.shuffle<f64>(a, b, 0, 2))
  v128.store(to, v128.shuffle<f64>(a, b, 1, 3), tileBytes)
}

function packRagged<T>(valid: i32, from: usize, rs: i32, cs: i32, to: usize, end: usize): void {
  const tileColumns = tileBytes / sizeof<T>()
  for (; to < end; to += tileBytes) {
    let column = from
    for (let s = 0; s < valid; s++) {
      store<T>(at<T>(to, s), load<T>(column))
      column = at<T>(column, cs)
    }
    for (let s = valid; s < tileColumns; s++) store<T>(at<T>(to, s), <T>0)
    from = at<T>(from, rs)
  }
}
