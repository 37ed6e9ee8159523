/**
 * Eigenvectors of symmetric matrices in float32 and float64, on every implementation, in arrays that are longer than their matrices.
 *
 * In units of n eps, with the eps of the arrays: |A V - V S| over |A|, |V^T V - I|, and how far each value is from that of the reference in
 * float64 over |A| (Weyl's inequality makes the first of them a bound of the last).
 */
import { assert, describe, it } from "@effect/vitest"
import type { Kernels, Real } from "../src/kernels/Kernels.ts"
import { reference } from "../src/kernels/reference.ts"
import { implementations } from "./support/kernels.ts"
import { eps32, eps64, noise, product, ratio, rowNorm, transpose } from "./support/ratio.ts"

type Kind = Float32ArrayConstructor | Float64ArrayConstructor

interface Problem {
  readonly n: number
  readonly Type: Kind
  /** Symmetric, in the precision of the arrays. */
  readonly matrix: Float64Array
}

/** Random ones, some of them of low rank, as factors of few examples are, and sizes around the blocks of the kernels. */
const problems = (Type: Kind): ReadonlyArray<Problem> => {
  const next = noise(29)
  return [0, 1, 2, 3, 7, 16, 31, 32, 33, 65, 90].flatMap((n) =>
    [n + 2, Math.ceil(n / 3)].map((rows) => {
      const x = Float64Array.from({ length: rows * n }, next)
      const matrix = Float64Array.from(Type.from(product(n, n, rows, transpose(rows, n, x), x)))
      return { n, Type, matrix }
    })
  )
}

const behind = 77

interface Found {
  readonly values: Float64Array
  readonly vectors: Float64Array
}

/** NaN above the diagonal, which is not read; undefined where it fails, or writes behind the matrix. */
const decomposed = (kernels: Kernels, { matrix, n, Type }: Problem): Found | undefined => {
  const a: Real = new Type(n * n + 3).fill(behind)
  a.set(matrix.map((value, o) => (o % n > Math.floor(o / n) ? Number.NaN : value)))
  const values = new Float64Array(n)
  if (!kernels.symmetricEigen({ n, a, values, vectors: true })) return undefined
  if (!a.subarray(n * n).every((value) => value === behind)) return undefined
  return { values, vectors: Float64Array.from(a.subarray(0, n * n)) }
}

/** The worst of the three errors. */
const errorOf = (problem: Problem, found: Found | undefined): number => {
  if (found === undefined) return Number.POSITIVE_INFINITY
  const { matrix, n, Type } = problem
  const { values, vectors } = found
  const unit = Math.max(n, 1) * (Type === Float32Array ? eps32 : eps64)
  const size = rowNorm(n, n, matrix)
  const residual = product(n, n, n, matrix, vectors).map((value, o) => value - vectors[o]! * values[o % n]!)
  const gap = product(n, n, n, transpose(n, n, vectors), vectors).map((value, o) =>
    o % (n + 1) === 0 ? value - 1 : value
  )
  const due = decomposed(reference, { ...problem, Type: Float64Array })!.values
  const away = values.reduce((most, value, i) => Math.max(most, Math.abs(value - due[i]!)), 0)
  return Math.max(
    ratio(rowNorm(n, n, residual), unit * size),
    ratio(rowNorm(n, n, gap), unit),
    ratio(away, unit * size)
  )
}

const worst = (all: ReadonlyArray<Problem>, of: (problem: Problem) => Found | undefined): number =>
  all.reduce((most, problem) => Math.max(most, errorOf(problem, of(problem))), 0)

/** Of each wrong way at least one problem must be off. */
const wrong: Readonly<Record<string, (found: Found, problem: Problem) => Found>> = {
  "vectors in rows": ({ values, vectors }, { n }) => ({ values, vectors: transpose(n, n, vectors) }),
  "values in descending order": ({ values, vectors }) => ({ values: values.toReversed(), vectors }),
  "vectors of length 1 + 2^-12": ({ values, vectors }) => ({
    values,
    vectors: vectors.map((value) => value * (1 + 2 ** -12))
  })
}

for (const Type of [Float32Array, Float64Array]) {
  const all = problems(Type)
  describe(`symmetricEigen in ${Type.name}`, () => {
    for (const kernels of implementations) {
      it(`${kernels.name}: residual, orthogonality and values, ratio <= 8; controls: ${Object.keys(wrong).join(", ")}`, () => {
        assert.isAtMost(
          worst(all, (problem) => decomposed(kernels, problem)),
          8
        )
        for (const [name, spoil] of Object.entries(wrong)) {
          const spoilt = worst(all, (problem) => spoil(decomposed(kernels, problem)!, problem))
          assert.isAbove(spoilt, 8, name)
        }
      })
    }
  })
}
