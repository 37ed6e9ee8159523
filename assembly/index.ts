/**
 * What the module exports; src/kernels/wasm.ts calls it.
 *
 * A product is one entry for each precision. Addresses are bytes, `work` has `workBytes` bytes of scratch.
 */
import { gemm, gemmWork, lower, whole } from "./gemm"
import { assign } from "./tile"
import { mirror } from "./triangle"

export { cholesky, choleskyInverse, choleskySolve } from "./cholesky"
export { eigenBytes, symmetricEigen } from "./eigen"
export { sumRows32, tanh32, transpose32 } from "./rows"

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

export function syrk64(rows: i32, n: i32, a: usize, c: usize, work: usize): void {
  gemm<f64>(n, n, rows, a, 1, n, a, n, 1, c, n, assign, lower, work)
  mirror<f64>(n, c)
}

export function syrk32(rows: i32, n: i32, a: usize, c: usize, work: usize): void {
  gemm<f32>(n, n, rows, a, 1, n, a, n, 1, c, n, assign, lower, work)
  mirror<f32>(n, c)
}
