/** The operations on addresses, as one instance has them, by the threads of a crew. Every thread has scratch of its own. */
import type { Operations } from "../internal/arena.ts"
import { cholesky, choleskyInverse, choleskySolve } from "./cholesky.ts"
import type { Crew } from "./crew.ts"
import { symmetricEigen } from "./eigen.ts"
import { assign, lower, multiply, square, whole } from "./products.ts"

export const operations = (crew: Crew): Operations => ({
  gemm32: gemm(crew, 4),
  gemm64: gemm(crew, 8),
  syrk32: (n, k, a, rows, c) => square(crew, 4, n, k, a, rows, c),
  syrk64: (n, k, a, rows, c) => square(crew, 8, n, k, a, rows, c),
  lowerSyrk32: lowerSyrk(crew, 4),
  lowerSyrk64: lowerSyrk(crew, 8),
  cholesky32: (n, a) => cholesky({ crew, size: 4 }, n, a),
  cholesky64: (n, a) => cholesky({ crew, size: 8 }, n, a),
  choleskySolve32: (n, l, columns, b) => choleskySolve({ crew, size: 4 }, n, l, columns, b),
  choleskySolve64: (n, l, columns, b) => choleskySolve({ crew, size: 8 }, n, l, columns, b),
  choleskyInverse32: (n, l, out) => choleskyInverse({ crew, size: 4 }, n, l, out),
  choleskyInverse64: (n, l, out) => choleskyInverse({ crew, size: 8 }, n, l, out),
  symmetricEigen: (n, a, values, vectors, scratch) => symmetricEigen(crew, n, a, values, vectors, scratch)
})

const gemm =
  (crew: Crew, size: 4 | 8): Operations["gemm32"] =>
  (m, n, k, a, transposeA, b, transposeB, c) => {
    const [ars, acs] = transposeA ? [1, m] : [k, 1]
    const [brs, bcs] = transposeB ? [1, k] : [n, 1]
    multiply(crew, { size, m, n, k, a, ars, acs, b, brs, bcs, c, ldc: n, mode: assign, part: whole })
  }

const lowerSyrk =
  (crew: Crew, size: 4 | 8): Operations["lowerSyrk32"] =>
  (n, k, a, c) => {
    const [left, right] = [
      { a, ars: 1, acs: n },
      { b: a, brs: n, bcs: 1 }
    ]
    multiply(crew, { size, m: n, n, k, ...left, ...right, c, ldc: n, mode: assign, part: lower })
  }
