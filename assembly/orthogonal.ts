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

/** Vectors of a block. */
export const block: i32 = 32

/** Numbers of scratch that `orthogonalRows` needs for n rows. */
export function orthogonalWork(n: i32): i32 {
  return blockWork(n) + rowWork * n
}

/** Numbers of what `prepare` makes of a block for n rows: V, T and G. */
export function blockWork(n: i32): i32 {
  return block * n + 2 * block * block
}

/** Numbers of scratch that `apply` needs for each row. */
export const rowWork: i32 = 2 * block

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
  identity(0, n, z, ldz)
  const rest = at<f64>(spare, blockWork(n))
  for (let first = 1; first < n; first += block) {
    prepare(n, first, a, h, spare, work)
    apply(n, first, 0, n, spare, z, ldz, rest, work)
  }
}

/** Rows `from` to `end` - 1 of the identity. */
export function identity(from: i32, end: i32, z: usize, ldz: i32): void {
  memory.fill(at<f64>(z, from * ldz), 0, <usize>((end - from) * ldz) * 8)
  for (let r = from; r < end; r++) store<f64>(at<f64>(z, r * (ldz + 1)), 1)
}

/** V, T and G of the block of vectors from `first` on, at `to`. */
export function prepare(n: i32, first: i32, a: usize, h: usize, to: usize, work: usize): void {
  const count = min(block, n - first)
  // The last vector of the block has this many places.
  const size = first + count - 1
  const v = to
  const t = at<f64>(v, block * n)
  const g = at<f64>(t, block * block)
  for (let r = 0; r < count; r++) {
    const length = first + r
    memory.copy(at<f64>(v, r * size), at<f64>(a, length * n), <usize>length * 8)
    memory.fill(at<f64>(v, r * size + length), 0, <usize>(size - length) * 8)
  }
  gemm<f64>(count, count, size, v, size, 1, v, 1, size, g, count, assign, whole, work)
  triangular(count, g, at<f64>(h, first), t)
}

/** Rows `from` to `end` - 1 of z times a block that `prepare` made; `rowWork` numbers at `spare` for each of these rows. */
export function apply(
  n: i32,
  first: i32,
  from: i32,
  end: i32,
  prepared: usize,
  z: usize,
  ldz: i32,
  spare: usize,
  work: usize
): void {
  const count = min(block, n - first)
  const size = first + count - 1
  const rows = min(end, size) - from
  if (rows <= 0) return
  const v = prepared
  const t = at<f64>(v, block * n)
  const zv = spare
  const zvt = at<f64>(zv, block * rows)
  const to = at<f64>(z, from * ldz)
  gemm<f64>(rows, count, size, to, ldz, 1, v, 1, size, zv, count, assign, whole, work)
  gemm<f64>(rows, count, count, zv, count, 1, t, count, 1, zvt, count, assign, whole, work)
  gemm<f64>(rows, size, count, zvt, count, 1, v, size, 1, to, ldz, subtract, whole, work)
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
