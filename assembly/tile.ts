/**
 * The innermost kernel: a tile of 5 rows by 32 bytes of C in ten registers, over packed operands.
 *
 * Ten sums hide the latency of a multiply-add, and with two vectors of B, one of A and a product (where it is not fused) they fit into the
 * sixteen vector registers of x86, of which an engine keeps one. A turn of the loop is one step of k: over more, optimisers gather the
 * products of each sum into a chain, and the vectors that wait for theirs no longer fit.
 *
 * *Source* Goto and van de Geijn, Anatomy of high-performance matrix multiplication, 2008.
 */
import { addProduct } from "./vector"

/** Rows of a tile. */
export const tileRows: i32 = 5

/** Bytes of a row of a tile: two vectors. */
export const tileBytes: i32 = 32

/** What becomes of C: C = A B, C += A B, C -= A B. */
export const assign: i32 = 0
export const add: i32 = 1
export const subtract: i32 = -1

/**
 * One tile of C, `stride` bytes from row to row.
 *
 * *Shapes* `a` is k x 5 and `b` k x (32 bytes), both without gaps. Each sum runs over k in order, from 0.
 */
export function tile<T>(k: i32, a: usize, b: usize, c: usize, stride: usize, mode: i32): void {
  let c00 = v128.splat<T>(0)
  let c01 = c00
  let c10 = c00
  let c11 = c00
  let c20 = c00
  let c21 = c00
  let c30 = c00
  let c31 = c00
  let c40 = c00
  let c41 = c00
  for (; k > 0; k--) {
    const b0 = v128.load(b)
    const b1 = v128.load(b, 16)
    let x: v128
    x = v128.load_splat<T>(a)
    c00 = addProduct<T>(c00, x, b0)
    c01 = addProduct<T>(c01, x, b1)
    x = v128.load_splat<T>(a, sizeof<T>())
    c10 = addProduct<T>(c10, x, b0)
    c11 = addProduct<T>(c11, x, b1)
    x = v128.load_splat<T>(a, 2 * sizeof<T>())
    c20 = addProduct<T>(c20, x, b0)
    c21 = addProduct<T>(c21, x, b1)
    x = v128.load_splat<T>(a, 3 * sizeof<T>())
    c30 = addProduct<T>(c30, x, b0)
    c31 = addProduct<T>(c31, x, b1)
    x = v128.load_splat<T>(a, 4 * sizeof<T>())
    c40 = addProduct<T>(c40, x, b0)
    c41 = addProduct<T>(c41, x, b1)
    b += tileBytes
    a += tileRows * sizeof<T>()
  }
  storeRow<T>(c, c00, c01, mode)
  storeRow<T>(c + stride, c10, c11, mode)
  storeRow<T>(c + 2 * stride, c20, c21, mode)
  storeRow<T>(c + 3 * stride, c30, c31, mode)
  storeRow<T>(c + 4 * stride, c40, c41, mode)
}

function storeRow<T>(c: usize, c0: v128, c1: v128, mode: i32): void {
  if (mode === add) {
    c0 = v128.add<T>(v128.load(c), c0)
    c1 = v128.add<T>(v128.load(c, 16), c1)
  } else if (mode === subtract) {
    c0 = v128.sub<T>(v128.load(c), c0)
    c1 = v128.sub<T>(v128.load(c, 16), c1)
  }
  v128.store(c, c0)
  v128.store(c, c1, 16)
}
