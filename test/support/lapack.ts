/**
 * The symmetric positive definite matrices of LAPACK's test of Cholesky: nine types over sizes. *Source* dlatb4 and dchkpo
 * of LAPACK's TESTING/LIN, in words; the matrices are our own.
 */
import { eps64, geometric, randomArray } from "./ratio.ts"

/** Its sizes and one past all blocks of the kernels. */
export const lapackSizes = [0, 1, 2, 3, 5, 10, 50, 200] as const

/** A symmetric matrix with the given eigenvalues: three reflections of their diagonal, as updates of rank two. */
const reflected = (spectrum: Float64Array, seed: number): Float64Array => {
  const n = spectrum.length
  const a = new Float64Array(n * n)
  for (let i = 0; i < n; i++) a[i * n + i] = spectrum[i]!
  for (let round = 0; round < 3; round++) {
    const v = randomArray(n, seed + round)
    const length = Math.sqrt(v.reduce((sum, value) => sum + value * value, 0))
    const u = v.map((value) => value / length)
    const w = u.map((_, i) => u.reduce((sum, value, j) => sum + a[i * n + j]! * value, 0))
    const inner = u.reduce((sum, value, i) => sum + value * w[i]!, 0)
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) {
        a[i * n + j] = a[i * n + j]! - 2 * (u[i]! * w[j]! + w[i]! * u[j]!) + 4 * inner * u[i]! * u[j]!
        a[j * n + i] = a[i * n + j]!
      }
    }
  }
  return a
}

const random = (n: number, condition: number): Float64Array => reflected(geometric(n, condition), 1988 + n)

const withoutRow = (n: number, k: number): Float64Array =>
  random(n, 2).map((value, o) => (Math.floor(o / n) === k || o % n === k ? 0 : value))

/** A quarter of the least normal number over eps, and its inverse. */
const small = 2 ** -1022 / eps64 / 4

interface Type {
  readonly name: string
  readonly make: (n: number) => Float64Array
  /** The row and column of zeros, if there is one: the pivot that fails. */
  readonly zero?: (n: number) => number
}

const singular = (name: string, zero: (n: number) => number): Type => ({
  name,
  zero,
  make: (n) => withoutRow(n, zero(n))
})

const types: ReadonlyArray<Type> = [
  {
    name: "diagonal",
    make: (n) => geometric(n * n, 2).map((_, o) => (o % (n + 1) === 0 ? geometric(n, 2)[o % n]! : 0))
  },
  { name: "condition 2", make: (n) => random(n, 2) },
  singular("first row zero", () => 0),
  singular("last row zero", (n) => n - 1),
  singular("middle row zero", (n) => Math.floor(n / 2)),
  { name: "condition sqrt(0.1 / eps)", make: (n) => random(n, Math.sqrt(0.1 / eps64)) },
  { name: "condition 0.1 / eps", make: (n) => random(n, 0.1 / eps64) },
  { name: "near underflow", make: (n) => random(n, 2).map((value) => value * small) },
  { name: "near overflow", make: (n) => random(n, 2).map((value) => value / small) }
]

export interface LapackMatrix {
  readonly name: string
  readonly n: number
  readonly matrix: Float64Array
  /** The pivot that fails, or -1. */
  readonly pivot: number
}

export const lapackMatrices: ReadonlyArray<LapackMatrix> = types.flatMap(({ make, name, zero }) =>
  lapackSizes.map((n) => ({
    name: `${name}, n = ${n}`,
    n,
    matrix: make(n),
    pivot: zero === undefined || n === 0 ? -1 : zero(n)
  }))
)
