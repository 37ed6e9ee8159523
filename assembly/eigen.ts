/**
 * Eigenvalues and eigenvectors of a symmetric matrix: scale, reduce to tridiagonal form, QL, sort.
 */
import { gemmWork } from "./gemm"
import { orthogonalRows, orthogonalWork } from "./orthogonal"
import { diagonalise, rotationWork } from "./ql"
import { strip } from "./rotations"
import { tridiagonalise, tridiagonalWork } from "./tridiagonal"
import { at } from "./vector"

/** The distance of the rows of Z: whole strips, and not a multiple of 512 bytes, whose rows would share their place in the cache. */
function rowDistance(n: i32): i32 {
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

/**
 * The eigenvalues, ascending, and with `vectors` orthonormal eigenvectors as the columns of a. Only the lower triangle is read.
 * Returns false where QL did not converge or the matrix has NaN or infinity.
 */
export function symmetricEigen(n: i32, a: usize, values: usize, vectors: bool, work: usize): bool {
  if (n === 0) return true
  const scale = scaleToOne(n, a)
  if (scale === 0) return false
  const d = work + gemmWork
  const e = at<f64>(d, n)
  const h = at<f64>(e, n)
  const spare = at<f64>(h, n)
  tridiagonalise(n, a, d, e, h, spare)
  const order = at<f64>(spare, tridiagonalWork * n)
  const z = at<f64>(order, n)
  const ldz = vectors ? rowDistance(n) : 0
  const rest = at<f64>(z, n * ldz)
  if (vectors) orthogonalRows(n, a, h, z, ldz, rest, work)
  const pairs = at<f64>(rest, orthogonalWork(n))
  if (!diagonalise(n, d, e, z, ldz, ldz, pairs)) return false
  sort(n, d, order)
  for (let i = 0; i < n; i++) {
    store<f64>(at<f64>(values, i), load<f64>(at<f64>(d, load<i32>(order + <usize>i * 4))) / scale)
  }
  if (vectors) scatterColumns(n, z, ldz, order, a)
  return true
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

/** Column i of a <- row order_i of z; in blocks of rows of a, which would otherwise leave the cache between two columns. */
function scatterColumns(n: i32, z: usize, ldz: i32, order: usize, a: usize): void {
  for (let k0 = 0; k0 < n; k0 += 32) {
    const end = min(k0 + 32, n)
    for (let i = 0; i < n; i++) {
      const row = at<f64>(z, load<i32>(order + <usize>i * 4) * ldz)
      for (let k = k0; k < end; k++) store<f64>(at<f64>(a, k * n + i), load<f64>(at<f64>(row, k)))
    }
  }
}
