/**
 * The orthogonal matrix of a tridiagonal reduction, from blocks of its Householder vectors.
 *
 * *Math* Q^T = H_1 ... H_{n-1}. A block of them is H_k ... H_{k+b-1} = I - V^T T V, with the vectors as the rows of V and T upper
 * triangular: T_jj = 1 / h_j, and above it column j is - T (V u_j) / h_j. Multiplied from the right in ascending order, a block
 * meets the leading rows and columns alone, since u_i ends before i.
 * *Source* Schreiber and Van Loan, A storage-efficient WY representation for products of Householder transformations, 1989.
 */
import { gemm, whole } from "./gemm"
import { assign, subtract } from "./tile"
import { at } from "./vector"

const block: i32 = 32

/** Numbers of scratch that `orthogonalRows` needs for n rows. */
export function orthogonalWork(n: i32): i32 {
  return 3 * block * n + 2 * block * block
}

/** z (n rows, `ldz` apart) becomes Q^T. Row i of `a` holds u_i in its first i places. */
export function orthogonalRows(
  n: i32,
  a: usize,
  h: usize,
  z: usize,
  ldz: i32,
  spare: usize,
  work: usize
): void {
  memory.fill(z, 0, <usize>(n * ldz) * 8)
  for (let r = 0; r < n; r++) store<f64>(at<f64>(z, r * (ldz + 1)), 1)
  const t = spare
  const g = at<f64>(t, block * block)
  const v = at<f64>(g, block * block)
  const zv = at<f64>(v, block * n)
  const zvt = at<f64>(zv, block * n)
  for (let first = 1; first < n; first += block) {
    const count = min(block, n - first)
    // The last vector of the block has this many places.
    const size = first + count - 1
    for (let r = 0; r < count; r++) {
      const length = first + r
      memory.copy(at<f64>(v, r * size), at<f64>(a, length * n), <usize>length * 8)
      memory.fill(at<f64>(v, r * size + length), 0, <usize>(size - length) * 8)
    }
    gemm<f64>(count, count, size, v, size, 1, v, 1, size, g, count, assign, whole, work)
    triangular(count, g, at<f64>(h, first), t)
    gemm<f64>(size, count, size, z, ldz, 1, v, 1, size, zv, count, assign, whole, work)
    gemm<f64>(size, count, count, zv, count, 1, t, count, 1, zvt, count, assign, whole, work)
    gemm<f64>(size, size, count, zvt, count, 1, v, size, 1, z, ldz, subtract, whole, work)
  }
}

/** T from G = V V^T and the norms. */
function triangular(count: i32, g: usize, h: usize, t: usize): void {
  memory.fill(t, 0, <usize>(count * count) * 8)
  for (let j = 0; j < count; j++) {
    const hj = load<f64>(at<f64>(h, j))
    if (hj === 0) continue
    for (let i = 0; i < j; i++) {
      let s: f64 = 0
      for (let p = i; p < j; p++)
        s += load<f64>(at<f64>(t, i * count + p)) * load<f64>(at<f64>(g, p * count + j))
      store<f64>(at<f64>(t, i * count + j), -s / hj)
    }
    store<f64>(at<f64>(t, j * count + j), 1 / hj)
  }
}
