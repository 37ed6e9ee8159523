/**
 * What the module exports; src/kernels/wasm.ts calls it.
 *
 * A product is one entry for each precision. Addresses are bytes, `work` has `workBytes` bytes of scratch.
 */
import { gemm, gemmWork, lower, whole } from "./gemm"
import { assign } from "./tile"
import { mirror } from "./triangle"

export { compare32, maximum32, minimum32, select32 } from "./choice"
export {
  cholesky32,
  cholesky64,
  choleskyInverse32,
  choleskyInverse64,
  choleskySolve32,
  choleskySolve64
} from "./cholesky"
export { fillConstants } from "./constants"
export { depthwiseImage32, depthwiseKernel32 } from "./depthwise"
export { eigenBytes, symmetricEigen } from "./eigen"
export { erf32 } from "./erf"
export { exp32, expm132, tanh32 } from "./exponential"
export { addSquares32, outerRows32, sideBySide32 } from "./gradients"
export { log1p32, log32, softplus32 } from "./logarithm"
export { gate32, maxPool32, maxPoolGradient32, pick32, unpool32 } from "./pooling"
export { maxColumns32, sumColumns32, sumRows32, transpose32 } from "./rows"
export { add32, fold32, patches32, pullBack32 } from "./windows"

export function workBytes(): i32 {
  return gemmWork
}

export function gemm64(
  m: i32,
  n: i32,
  k: i32,
  a: usize,
  ta: bool,
  b: usize,
  tb: bool,
  c: usize,
  work: usize
): void {
  gemm<f64>(m, n, k, a, ta ? 1 : k, ta ? m : 1, b, tb ? 1 : n, tb ? k : 1, c, n, assign, whole, work)
}

export function gemm32(
  m: i32,
  n: i32,
  k: i32,
  a: usize,
  ta: bool,
  b: usize,
  tb: bool,
  c: usize,
  work: usize
): void {
  gemm<f32>(m, n, k, a, ta ? 1 : k, ta ? m : 1, b, tb ? 1 : n, tb ? k : 1, c, n, assign, whole, work)
}

/** C (n x n) = A^T A for a k x n matrix A, or with `rows` A A^T for an n x k one. */
export function syrk64(n: i32, k: i32, a: usize, rows: bool, c: usize, work: usize): void {
  syrk<f64>(n, k, a, rows ? k : 1, rows ? 1 : n, c, work)
}

export function syrk32(n: i32, k: i32, a: usize, rows: bool, c: usize, work: usize): void {
  syrk<f32>(n, k, a, rows ? k : 1, rows ? 1 : n, c, work)
}

/** The tiles of the same A^T A that meet its lower triangle. */
export function lowerSyrk64(n: i32, k: i32, a: usize, c: usize, work: usize): void {
  lowerSyrk<f64>(n, k, a, 1, n, c, work)
}

export function lowerSyrk32(n: i32, k: i32, a: usize, c: usize, work: usize): void {
  lowerSyrk<f32>(n, k, a, 1, n, c, work)
}

function lowerSyrk<T>(n: i32, k: i32, a: usize, rs: i32, cs: i32, c: usize, work: usize): void {
  gemm<T>(n, n, k, a, rs, cs, a, cs, rs, c, n, assign, lower, work)
}

function syrk<T>(n: i32, k: i32, a: usize, rs: i32, cs: i32, c: usize, work: usize): void {
  lowerSyrk<T>(n, k, a, rs, cs, c, work)
  mirror<T>(0, n, c, n)
}
