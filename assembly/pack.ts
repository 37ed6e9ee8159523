/**
 * Operands of a product in the order in which the tiles read them, so that a tile runs over memory without gaps.
 */
import { tileBytes, tileRows } from "./tile"
import { at, transposeSquare } from "./vector"

/** A block of A as panels of 3 rows, k by k; missing rows are 0. */
export function packRows<T>(rows: i32, d: i32, a: usize, rs: i32, cs: i32, to: usize): void {
  const next = <usize>tileRows * sizeof<T>()
  const step = <usize>cs * sizeof<T>()
  for (let i = 0; i < rows; i += tileRows) {
    const end = to + <usize>d * next
    let r0 = at<T>(a, i * rs)
    if (i + tileRows <= rows) {
      let r1 = at<T>(r0, rs)
      let r2 = at<T>(r1, rs)
      for (; to < end; to += next) {
        store<T>(to, load<T>(r0))
        store<T>(to, load<T>(r1), sizeof<T>())
        store<T>(to, load<T>(r2), 2 * sizeof<T>())
        r0 += step
        r1 += step
        r2 += step
      }
    } else {
      const two = i + 2 === rows
      for (; to < end; to += next) {
        store<T>(to, load<T>(r0))
        store<T>(to, two ? load<T>(at<T>(r0, rs)) : <T>0, sizeof<T>())
        store<T>(to, <T>0, 2 * sizeof<T>())
        r0 += step
      }
    }
  }
}

/** A block of B as panels of 64 bytes of columns, k by k; missing columns are 0. */
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
    v128.store(to, v128.load(from, 32), 32)
    v128.store(to, v128.load(from, 48), 48)
    from += step
  }
}

/** A panel whose columns lie in one piece: squares of one vector by one vector are transposed. */
function packAcross<T>(d: i32, from: usize, step: usize, to: usize): void {
  const lanes = 16 / sizeof<T>()
  for (let s = 0; s < 4; s++) {
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
