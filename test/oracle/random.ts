/**
 * A small seeded generator for test inputs: mulberry32, two words to a uniform. It is not the library's
 * generator.
 */
import type { Rows } from "./linear.ts"

export interface Generator {
  /** A multiple of 2^-53 in (0, 1). */
  readonly uniform: () => number
  /** Standard normal (Box and Muller). */
  readonly normal: () => number
  /** One of 0, ..., below - 1. */
  readonly integer: (below: number) => number
  readonly normals: (n: number) => Float64Array
  readonly normalMatrix: (rows: number, columns: number) => Rows
  /** A direction uniform on the unit sphere of R^n. */
  readonly direction: (n: number) => Float64Array
}

export const generator = (seed: number): Generator => {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0
  const word = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }
  const uniform = (): number => ((word() >>> 6) * 2 ** 27 + (word() >>> 5) || 1) / 2 ** 53
  const normal = (): number => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
  const normals = (n: number): Float64Array => Float64Array.from({ length: n }, normal)
  return {
    uniform,
    normal,
    integer: (below) => Math.floor(uniform() * below),
    normals,
    normalMatrix: (rows, columns) => Array.from({ length: rows }, () => normals(columns)),
    direction: (n) => {
      const v = normals(n)
      const length = Math.hypot(...v)
      return v.map((entry) => entry / length)
    }
  }
}
