/**
 * Eigenvalues and eigenvectors of a symmetric matrix: scale, reduce to tridiagonal form, QL, sort.
 */
import { gemmWork } from "./gemm"
import { orthogonalRows, orthogonalWork } from "./orthogonal"
import { applyBatch, begin, diagonalise, failed, more, record, rotationWork } from "./ql"
import { strip } from "./rotations"
import { tridiagonalise, tridiagonalWork } from "./tridiagonal"
import { at } from "./vector"

/** The distance of the rows of Z: whole strips, and not a multiple of 512 bytes, whose rows would share their place in the cache. */
export function rowDistance(n: i32): i32 {
  const whole = (n + strip - 1) & -strip
  return whole & 63 ? whole : whole + strip
}

/** Bytes that `symmetricEigen` needs at `work`. A float, since it may pass 2^31. */
export function eigenBytes(n: i32, vectors: bool): f64 {
  const numbers = <f64>(4 + tridiagonalWork) * n
  if (!vectors) return <f64>gemmWork + 8 * numbers
  const rows = <f64>n * rowDistance(n)
  return <f64>gemmWork + 8 * (numbers + rows + <f64>orthogonalWork(n) + <f64>rotationWork(n))
}

// Where things are at `work`: the scratch of products, d, e, h, the scratch of the reduction, the order, Z, then what the rest needs.

export function diagonalAt(work: usize): usize {
  return work + gemmWork
}

export function couplingsAt(n: i32, work: usize): usize {
  return at<f64>(work + gemmWork, n)
}

export function normsAt(n: i32, work: usize): usize {
  return at<f64>(work + gemmWork, 2 * n)
}

export function orderAt(n: i32, work: usize): usize {
  return at<f64>(work + gemmWork, (3 + tridiagonalWork) * n)
}

export function vectorsAt(n: i32, work: usize): usize {
  return at<f64>(work + gemmWork, (4 + tridiagonalWork) * n)
}

export function restAt(n: i32, work: usize): usize {
  return at<f64>(vectorsAt(n, work), n * rowDistance(n))
}

export function rotationsAt(n: i32, work: usize): usize {
  return at<f64>(restAt(n, work), orthogonalWork(n))
}

/**
 * The eigenvalues, ascending, and with `vectors` orthonormal eigenvectors as the columns of a. Only the lower triangle is read.
 * Returns false where QL did not converge or the matrix has NaN or infinity.
 */
export function symmetricEigen(n: i32, a: usize, values: usize, vectors: bool, work: usize): bool {
  if (n === 0) return true
  const scale = reduce(n, a, work)
  if (scale === 0) return false
  if (!vectors) {
    if (!diagonalise(n, diagonalAt(work), couplingsAt(n, work))) return false
    finish(n, scale, values, work)
    return true
  }
  const z = vectorsAt(n, work)
  const ldz = rowDistance(n)
  orthogonalRows(n, a, normsAt(n, work), z, ldz, restAt(n, work), work)
  const state = rotationsAt(n, work)
  begin(n, state)
  let did = more
  while (did === more) {
    did = record(n, diagonalAt(work), couplingsAt(n, work), state)
    if (did === failed) return false
    applyBatch(n, state, z, ldz, 0, ldz)
  }
  finish(n, scale, values, work)
  scatterColumns(n, 0, n, z, ldz, orderAt(n, work), a)
  return true
}

/** To tridiagonal form; returns the scale of it, or 0 where the matrix has NaN or infinity. */
export function reduce(n: i32, a: usize, work: usize): f64 {
  const scale = scaleToOne(n, a)
  if (scale === 0) return 0
  const h = normsAt(n, work)
  tridiagonalise(n, a, diagonalAt(work), couplingsAt(n, work), h, at<f64>(h, n))
  return scale
}

/** The values in order. */
export function finish(n: i32, scale: f64, values: usize, work: usize): void {
  const d = diagonalAt(work)
  const order = orderAt(n, work)
  sort(n, d, order)
  for (let i = 0; i < n; i++) {
    store<f64>(at<f64>(values, i), load<f64>(at<f64>(d, load<i32>(order + <usize>i * 4))) / scale)
  }
}

/**
 * Multiplies the lower triangle by the power of two that brings its largest entry into [1/2, 1), so that squares neither overflow
 * nor vanish, and returns that power. Returns 0 when an entry is NaN or infinite.
 */
function scaleToOne(n: i32, a: usize): f64 {
  let largest: f64 = 0
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const x = abs(load<f64>(at<f64>(a, i * n + j)))
      // Written so that NaN is caught as well.
      if (!(x < f64.POSITIVE_INFINITY)) return 0
      largest = max(largest, x)
    }
  }
  if (largest === 0) return 1
  // Beyond 2^1000 the power itself, or its inverse, would leave the range; denormals grow enough.
  const exponent = <i32>((reinterpret<u64>(largest) >> 52) & 2047) - 1022
  const scale = reinterpret<f64>((<u64>(1023 + max(-1000, min(1000, -exponent)))) << 52)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const to = at<f64>(a, i * n + j)
      store<f64>(to, load<f64>(to) * scale)
    }
  }
  return scale
}

/** The indices of d in ascending order of its values; equal values keep theirs. QL leaves them almost sorted. */
function sort(n: i32, d: usize, order: usize): void {
  for (let i = 0; i < n; i++) {
    const x = load<f64>(at<f64>(d, i))
    let p = order + <usize>i * 4
    for (; p > order && load<f64>(at<f64>(d, load<i32>(p - 4))) > x; p -= 4) store<i32>(p, load<i32>(p - 4))
    store<i32>(p, i)
  }
}

/**
 * Rows `from` to `to` - 1 of a, whose column i is row order_i of z; in blocks of rows, which would otherwise leave the cache between two
 * columns.
 */
export function scatterColumns(n: i32, from: i32, to: i32, z: usize, ldz: i32, order: usize, a: usize): void {
  for (let k0 = from; k0 < to; k0 += 32) {
    const end = min(k0 + 32, to)
    for (let i = 0; i < n; i++) {
      const row = at<f64>(z, load<i32>(order + <usize>i * 4) * ldz)
      for (let k = k0; k < end; k++) store<f64>(at<f64>(a, k * n + i), load<f64>(at<f64>(row, k)))
    }
  }
}
