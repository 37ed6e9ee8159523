/**
 * The innermost kernel: a tile of 3 rows by 64 bytes of C in twelve registers, over packed operands.
 *
 * *Source* Goto and van de Geijn, Anatomy of high-performance matrix multiplication, 2008. Twelve sums, four vectors of B and
 * one of A are what fits into the sixteen vector registers of x86.
 */
import { addProduct } from "./vector"

/** Rows of a tile. */
export const tileRows: i32 = 3

/** Bytes of a row of a tile: four vectors. */
export const tileBytes: i32 = 64

/** What becomes of C: C = A B, C += A B, C -= A B. */
export const assign: i32 = 0
export const add: i32 = 1
export const subtract: i32 = -1

/**
 * One tile of C, `stride` bytes from row to row.
 *
 * *Shapes* `a` is k x 3 and `b` k x (64 bytes), both without gaps. Each sum runs over k in order, from 0.
 */
export function tile<T>(k: i32, a: usize, b: usize, c: usize, stride: usize, mode: i32): void {
  let c00 = v128.splat<T>(0)
  let c01 = c00
  let c02 = c00
  let c03 = c00
  let c10 = c00
  let c11 = c00
  let c12 = c00
  let c13 = c00
  let c20 = c00
  let c21 = c00
  let c22 = c00
  let c23 = c00
  let b0: v128
  let b1: v128
  let b2: v128
  let b3: v128
  let x: v128
  // Four steps at a time: a loop costs the engine a check of its own at every turn.
  for (let p = k >> 2; p > 0; p--) {
    b0 = v128.load(b)
    b1 = v128.load(b, 16)
    b2 = v128.load(b, 32)
    b3 = v128.load(b, 48)
    x = v128.load_splat<T>(a)
    c00 = addProduct<T>(c00, x, b0)
    c01 = addProduct<T>(c01, x, b1)
    c02 = addProduct<T>(c02, x, b2)
    c03 = addProduct<T>(c03, x, b3)
    x = v128.load_splat<T>(a, sizeof<T>())
    c10 = addProduct<T>(c10, x, b0)
    c11 = addProduct<T>(c11, x, b1)
    c12 = addProduct<T>(c12, x, b2)
    c13 = addProduct<T>(c13, x, b3)
    x = v128.load_splat<T>(a, 2 * sizeof<T>())
    c20 = addProduct<T>(c20, x, b0)
    c21 = addProduct<T>(c21, x, b1)
    c22 = addProduct<T>(c22, x, b2)
    c23 = addProduct<T>(c23, x, b3)
    b0 = v128.load(b, 64)
    b1 = v128.load(b, 80)
    b2 = v128.load(b, 96)
    b3 = v128.load(b, 112)
    x = v128.load_splat<T>(a, 3 * sizeof<T>())
    c00 = addProduct<T>(c00, x, b0)
    c01 = addProduct<T>(c01, x, b1)
    c02 = addProduct<T>(c02, x, b2)
    c03 = addProduct<T>(c03, x, b3)
    x = v128.load_splat<T>(a, 4 * sizeof<T>())
    c10 = addProduct<T>(c10, x, b0)
    c11 = addProduct<T>(c11, x, b1)
    c12 = addProduct<T>(c12, x, b2)
    c13 = addProduct<T>(c13, x, b3)
    x = v128.load_splat<T>(a, 5 * sizeof<T>())
    c20 = addProduct<T>(c20, x, b0)
    c21 = addProduct<T>(c21, x, b1)
    c22 = addProduct<T>(c22, x, b2)
    c23 = addProduct<T>(c23, x, b3)
    b0 = v128.load(b, 128)
    b1 = v128.load(b, 144)
    b2 = v128.load(b, 160)
    b3 = v128.load(b, 176)
    x = v128.load_splat<T>(a, 6 * sizeof<T>())
    c00 = addProduct<T>(c00, x, b0)
    c01 = addProduct<T>(c01, x, b1)
    c02 = addProduct<T>(c02, x, b2)
    c03 = addProduct<T>(c03, x, b3)
    x = v128.load_splat<T>(a, 7 * sizeof<T>())
    c10 = addProduct<T>(c10, x, b0)
    c11 = addProduct<T>(c11, x, b1)
    c12 = addProduct<T>(c12, x, b2)
    c13 = addProduct<T>(c13, x, b3)
    x = v128.load_splat<T>(a, 8 * sizeof<T>())
    c20 = addProduct<T>(c20, x, b0)
    c21 = addProduct<T>(c21, x, b1)
    c22 = addProduct<T>(c22, x, b2)
    c23 = addProduct<T>(c23, x, b3)
    b0 = v128.load(b, 192)
    b1 = v128.load(b, 208)
    b2 = v128.load(b, 224)
    b3 = v128.load(b, 240)
    x = v128.load_splat<T>(a, 9 * sizeof<T>())
    c00 = addProduct<T>(c00, x, b0)
    c01 = addProduct<T>(c01, x, b1)
    c02 = addProduct<T>(c02, x, b2)
    c03 = addProduct<T>(c03, x, b3)
    x = v128.load_splat<T>(a, 10 * sizeof<T>())
    c10 = addProduct<T>(c10, x, b0)
    c11 = addProduct<T>(c11, x, b1)
    c12 = addProduct<T>(c12, x, b2)
    c13 = addProduct<T>(c13, x, b3)
    x = v128.load_splat<T>(a, 11 * sizeof<T>())
    c20 = addProduct<T>(c20, x, b0)
    c21 = addProduct<T>(c21, x, b1)
    c22 = addProduct<T>(c22, x, b2)
    c23 = addProduct<T>(c23, x, b3)
    b += 4 * tileBytes
    a += 12 * sizeof<T>()
  }
  for (let p = k & 3; p > 0; p--) {
    b0 = v128.load(b)
    b1 = v128.load(b, 16)
    b2 = v128.load(b, 32)
    b3 = v128.load(b, 48)
    x = v128.load_splat<T>(a)
    c00 = addProduct<T>(c00, x, b0)
    c01 = addProduct<T>(c01, x, b1)
    c02 = addProduct<T>(c02, x, b2)
    c03 = addProduct<T>(c03, x, b3)
    x = v128.load_splat<T>(a, sizeof<T>())
    c10 = addProduct<T>(c10, x, b0)
    c11 = addProduct<T>(c11, x, b1)
    c12 = addProduct<T>(c12, x, b2)
    c13 = addProduct<T>(c13, x, b3)
    x = v128.load_splat<T>(a, 2 * sizeof<T>())
    c20 = addProduct<T>(c20, x, b0)
    c21 = addProduct<T>(c21, x, b1)
    c22 = addProduct<T>(c22, x, b2)
    c23 = addProduct<T>(c23, x, b3)
    b += tileBytes
    a += 3 * sizeof<T>()
  }
  storeRow<T>(c, c00, c01, c02, c03, mode)
  storeRow<T>(c + stride, c10, c11, c12, c13, mode)
  storeRow<T>(c + 2 * stride, c20, c21, c22, c23, mode)
}

function storeRow<T>(c: usize, c0: v128, c1: v128, c2: v128, c3: v128, mode: i32): void {
  if (mode === add) {
    c0 = v128.add<T>(v128.load(c), c0)
    c1 = v128.add<T>(v128.load(c, 16), c1)
    c2 = v128.add<T>(v128.load(c, 32), c2)
    c3 = v128.add<T>(v128.load(c, 48), c3)
  } else if (mode === subtract) {
    c0 = v128.sub<T>(v128.load(c), c0)
    c1 = v128.sub<T>(v128.load(c, 16), c1)
    c2 = v128.sub<T>(v128.load(c, 32), c2)
    c3 = v128.sub<T>(v128.load(c, 48), c3)
  }
  v128.store(c, c0)
  v128.store(c, c1, 16)
  v128.store(c, c2, 32)
  v128.store(c, c3, 48)
}
