/**
 * Symmetric eigendecompositions: LAPACK's residuals over kinds of matrices, sizes and scales.
 */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { ShapeMismatch } from "../src/Errors.ts"
import type { Kernels } from "../src/kernels/Kernels.ts"
import { reference } from "../src/kernels/reference.ts"
import { decompose, eigenvalues, type SymmetricEigen } from "../src/linalg/SymmetricEigen.ts"
import { inUse } from "./support/kernels.ts"
import { lapackMatrices } from "./support/lapack.ts"
import {
  eigenRatio,
  eps64,
  geometric,
  identity,
  orthogonalityRatio,
  product,
  randomArray,
  ratio,
  rowNorm,
  scales,
  sizes,
  transpose,
  vectorRatio,
  withSpectrum
} from "./support/ratio.ts"

const bound = 10

const symmetric = (n: number, entry: (i: number, j: number) => number): Float64Array =>
  Float64Array.from({ length: n * n }, (_, o) =>
    entry(Math.max(o % n, Math.floor(o / n)), Math.min(o % n, Math.floor(o / n)))
  )

const rankOne = (n: number): Float64Array => {
  const u = randomArray(n, 7)
  return symmetric(n, (i, j) => u[i]! * u[j]!)
}

/**
 * What makes QL work: dense, clustered, singular, graded both ways, split, and couplings that decay to
 * nothing.
 */
const kinds: Readonly<Record<string, (n: number) => Float64Array>> = {
  zero: (n) => new Float64Array(n * n),
  identity,
  diagonal: (n) => symmetric(n, (i, j) => (i === j ? ((i * 7) % 5) - 2 : 0)),
  random: (n) => {
    const entries = randomArray(n * n, 11)
    return symmetric(n, (i, j) => entries[i * n + j]!)
  },
  condition12: (n) => withSpectrum(geometric(n, 1e12), 3),
  cluster: (n) =>
    withSpectrum(
      geometric(n, 1).map((value, i) => (i === 0 ? value : eps64)),
      4
    ),
  twins: (n) =>
    withSpectrum(
      geometric(n, 1).map((value, i) => (i % 2 === 0 ? value : -value)),
      5
    ),
  rankOne,
  ones: (n) => symmetric(n, () => 1),
  gram: (n) => product(n, n, 2, randomArray(2 * n, 5), transpose(n, 2, randomArray(2 * n, 5))),
  gradedDown: (n) => symmetric(n, (i, j) => 10 ** -(i + j)),
  gradedUp: (n) => symmetric(n, (i, j) => 10 ** (i + j - 2 * n)),
  split: (n) => symmetric(n, (i, j) => (i === j ? 1 + i : i - j === 1 && i % 3 !== 0 ? 0.5 : 0)),
  wilkinson: (n) => symmetric(n, (i, j) => (i === j ? Math.abs(i - (n - 1) / 2) : i - j === 1 ? 1 : 0)),
  mixed: (n) => symmetric(n, (i, j) => (i === j ? 1 : 1e-200 / (1 + i - j)))
}

interface Case {
  readonly name: string
  readonly n: number
  readonly matrix: Float64Array
}

const cases: ReadonlyArray<Case> = Object.entries(kinds).flatMap(([name, make]) =>
  sizes.flatMap((n) => scales.map((scale) => ({ name, n, matrix: make(n).map((value) => value * scale) })))
)

const decomposed = (kernels: Kernels, c: Case): SymmetricEigen =>
  Result.getOrThrow(decompose(kernels, { n: c.n, matrix: c.matrix, what: c.name }))

const valuesOf = (kernels: Kernels, c: Case): Float64Array =>
  Result.getOrThrow(eigenvalues(kernels, { n: c.n, matrix: c.matrix, what: c.name }))

/** How the two fail on a 4 x 4 matrix. */
const failuresOf = (kernels: Kernels, matrix: Float64Array) => [
  Result.getOrThrow(Result.flip(decompose(kernels, { n: 4, matrix, what: "it" }))),
  Result.getOrThrow(Result.flip(eigenvalues(kernels, { n: 4, matrix, what: "it" })))
]

/** The worst of orthogonality and residual over all cases. */
const worst = (solve: (c: Case) => SymmetricEigen, over: ReadonlyArray<Case> = cases): number =>
  Math.max(
    ...over.map((c) => {
      const { values, vectors } = solve(c)
      return Math.max(orthogonalityRatio(c.n, vectors), eigenRatio(c.n, c.matrix, values, vectors))
    })
  )

/** Against known spectra: the second difference, and prescribed ones. */
const worstSpectrum = (values: (c: Case) => Float64Array): number =>
  Math.max(
    ...sizes.flatMap((n) =>
      scales.flatMap((scale) => {
        const second = symmetric(n, (i, j) => scale * (i === j ? 2 : i - j === 1 ? -1 : 0))
        const exact = Float64Array.from(
          { length: n },
          (_, k) => scale * 4 * Math.sin(((k + 1) * Math.PI) / (2 * n + 2)) ** 2
        )
        const prescribed = geometric(n, 1e6).map((value) => value * scale)
        return [
          vectorRatio(exact, values({ name: "second difference", n, matrix: second })),
          vectorRatio(
            prescribed.toSorted(),
            values({ name: "prescribed", n, matrix: withSpectrum(geometric(n, 1e6), 8, scale) })
          )
        ]
      })
    )
  )

for (const kernels of inUse) {
  describe(kernels.name, () => {
    it(`decompose: |V^T V - I| / (n eps) and |A V - V D| / (n |A| eps) <= ${bound} [${cases.length} matrices]`, () => {
      assert.isAtMost(
        worst((c) => decomposed(kernels, c)),
        bound
      )
    })

    it(`decompose: LAPACK's nine types x 8 sizes, both ratios <= ${bound} [${lapackMatrices.length} matrices]`, () => {
      assert.isAtMost(
        worst((c) => decomposed(kernels, c), lapackMatrices),
        bound
      )
    })

    it(`decompose: a row of zeros in LAPACK's singular types has an eigenvalue within ${bound} n eps |A| of 0, and no other`, () => {
      for (const { matrix, n, name, pivot } of lapackMatrices) {
        if (pivot < 0 || n < 2) continue
        const [least, second] = decomposed(kernels, { name, n, matrix }).values
        assert.isAtMost(Math.abs(least!), bound * n * eps64 * rowNorm(n, n, matrix), name)
        assert.isAbove(second!, 0.4, name)
      }
    })

    it(`decompose: a matrix of denormals has the vectors of the integers it is a multiple of, ratio <= ${bound}`, () => {
      for (const n of sizes) {
        const integers = symmetric(n, (i, j) => (i * j) % 3)
        const { values } = decomposed(kernels, { name: "integers", n, matrix: integers })
        const denormal = { name: "denormal", n, matrix: integers.map((value) => value * 2 ** -1074) }
        const { vectors } = decomposed(kernels, denormal)
        assert.isAtMost(
          Math.max(orthogonalityRatio(n, vectors), eigenRatio(n, integers, values, vectors)),
          bound
        )
      }
    })

    it("decompose and eigenvalues: values ascend, and the matrix is left as it is", () => {
      for (const c of cases) {
        const before = c.matrix.slice()
        for (const values of [decomposed(kernels, c).values, valuesOf(kernels, c)]) {
          assert.strictEqual(values.length, c.n)
          assert.isTrue(
            values.every((value, i) => i === 0 || value >= values[i - 1]!),
            c.name
          )
        }
        assert.deepStrictEqual(c.matrix, before)
      }
    })

    it(`eigenvalues: those of decompose, within ${bound} n eps |A|`, () => {
      assert.isAtMost(
        Math.max(...cases.map((c) => vectorRatio(decomposed(kernels, c).values, valuesOf(kernels, c)))),
        bound
      )
    })

    it(`eigenvalues: the known spectrum, within ${bound} n eps |A|`, () => {
      assert.isAtMost(
        worstSpectrum((c) => valuesOf(kernels, c)),
        bound
      )
    })

    it("eigenvalues: a diagonal matrix has its own entries, bit for bit", () => {
      for (const scale of scales) {
        const entries = randomArray(50, 2).map((value) => value * scale)
        const matrix = symmetric(50, (i, j) => (i === j ? entries[i]! : 0))
        assert.deepStrictEqual(valuesOf(kernels, { name: "diagonal", n: 50, matrix }), entries.toSorted())
      }
    })

    it("decompose and eigenvalues: NaN and infinity fail with NonFinite at their place, in either triangle", () => {
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        for (const index of [0, 2, 6, 15]) {
          const matrix = identity(4)
          matrix[index] = value
          for (const failure of failuresOf(kernels, matrix)) {
            assert.deepInclude(failure, { _tag: "NonFinite", index, value: String(value), what: "it" })
          }
        }
      }
    })

    it("decompose and eigenvalues: eigenvalues beyond the range fail with NonFinite", () => {
      const matrix = symmetric(4, () => Number.MAX_VALUE)
      for (const failure of failuresOf(kernels, matrix)) {
        assert.deepInclude(failure, { _tag: "NonFinite", index: 3, value: "Infinity" })
      }
    })

    it("decompose: an array of another size throws ShapeMismatch", () => {
      assert.throws(
        () => decompose(kernels, { n: 3, matrix: new Float64Array(8), what: "it" }),
        ShapeMismatch
      )
    })
  })
}

it("decompose: kernels that do not converge are a NotConverged with the iterations granted, 30 n", () => {
  const stuck: Kernels = { ...reference, symmetricEigen: () => false }
  const failure = Result.getOrThrow(Result.flip(decompose(stuck, { n: 5, matrix: identity(5), what: "it" })))
  assert.deepInclude(failure, { _tag: "NotConverged", iterations: 150, what: "it" })
})

describe("controls", () => {
  it("LAPACK's matrices reject vectors rounded to float32, and values in the wrong order", () => {
    const single = (c: Case) => ({
      ...decomposed(reference, c),
      vectors: decomposed(reference, c).vectors.map(Math.fround)
    })
    const reversed = (c: Case) => {
      const made = decomposed(reference, c)
      return { ...made, values: made.values.toReversed() }
    }
    assert.isAbove(worst(single, lapackMatrices), bound)
    assert.isAbove(worst(reversed, lapackMatrices), bound)
  })

  it("the residual law rejects vectors rounded to float32", () => {
    const single = (c: Case) => ({
      ...decomposed(reference, c),
      vectors: decomposed(reference, c).vectors.map(Math.fround)
    })
    assert.isAbove(worst(single), bound)
  })

  it("the residual law rejects vectors as rows, and the values of a matrix whose squares underflowed", () => {
    const rows = (c: Case) => {
      const { n, values, vectors } = decomposed(reference, c)
      return { n, values, vectors: transpose(n, n, vectors) }
    }
    const flushed = (c: Case) => ({ n: c.n, values: new Float64Array(c.n), vectors: identity(c.n) })
    assert.isAbove(worst(rows), bound)
    assert.isAbove(worst(flushed), bound)
  })

  it("the spectrum law rejects values rounded to float32", () => {
    const single = (c: Case) =>
      valuesOf(reference, c).map((value) => {
        const power = 2 ** Math.round(Math.log2(Math.abs(value) || 1))
        return Math.fround(value / power) * power
      })
    assert.isAbove(worstSpectrum(single), bound)
  })

  it("a ratio of 0 / 0 is 0, and one with NaN or infinity is infinite", () => {
    assert.strictEqual(ratio(0, 0), 0)
    assert.strictEqual(ratio(1, 0), Number.POSITIVE_INFINITY)
    assert.strictEqual(ratio(Number.NaN, 1), Number.POSITIVE_INFINITY)
    assert.strictEqual(orthogonalityRatio(1, Float64Array.of(Number.NaN)), Number.POSITIVE_INFINITY)
  })
})
