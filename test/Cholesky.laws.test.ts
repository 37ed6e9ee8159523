/**
 * Cholesky factors: LAPACK's residuals over sizes, condition numbers and scales.
 */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { ShapeMismatch } from "../src/Errors.ts"
import type { Kernels } from "../src/kernels/Kernels.ts"
import { reference } from "../src/kernels/reference.ts"
import { type Cholesky, factor, inverse, logDeterminant, solve } from "../src/linalg/Cholesky.ts"
import { inUse } from "./support/kernels.ts"
import { type LapackMatrix, lapackMatrices } from "./support/lapack.ts"
import {
  eps32,
  eps64,
  factorRatio,
  geometric,
  identity,
  randomArray,
  ratio,
  scales,
  sizes,
  solveRatio,
  withSpectrum
} from "./support/ratio.ts"

const bound = 10

interface Case {
  readonly n: number
  readonly condition: number
  readonly scale: number
  readonly matrix: Float64Array
}

const cases: ReadonlyArray<Case> = sizes.flatMap((n) =>
  [1, 1e4, 1e8, 1e12].flatMap((condition) =>
    scales.map((scale) => ({ n, condition, scale, matrix: withSpectrum(geometric(n, condition), n, scale) }))
  )
)

const factored = (kernels: Kernels, n: number, matrix: Float64Array, damping = 0): Cholesky =>
  Result.getOrThrow(factor(kernels, { n, matrix, damping, what: "the test matrix" }))

const worst = (check: (c: Case) => number): number => Math.max(...cases.map(check))

const withDiagonal = (n: number, a: Float64Array, damping: number): Float64Array =>
  a.map((value, o) => (o % (n + 1) === 0 ? value + damping : value))

/** Those that float32 can factorise, in float32. */
const singles: ReadonlyArray<Omit<Case, "matrix"> & { readonly matrix: Float32Array }> = cases
  .filter(({ condition, scale }) => condition <= 1e4 && scale === 1)
  .map((c) => ({ ...c, matrix: new Float32Array(c.matrix) }))

/** A ratio in units of float32's eps. */
const single = (ratioOf64: number): number => ratioOf64 * (eps64 / eps32)

/** Worst ratios, in units of float32's eps, of what comes of a Float32Array: of its factor, a solution and the inverse. */
const worstSingle = (kernels: Kernels, change: (array: Float32Array) => Float32Array): number =>
  Math.max(
    ...singles.map(({ matrix, n }) => {
      const made = Result.getOrThrow(factor(kernels, { n, matrix, damping: 0, what: "it" }))
      const changed = { ...made, l: change(made.l) }
      const a = new Float64Array(matrix)
      const b = new Float32Array(randomArray(n * 5, n))
      const [x, inverted] = [solve(changed, b, 5), inverse(changed)]
      assert.isTrue([made.l, x, inverted].every((array) => array instanceof Float32Array))
      return Math.max(
        single(factorRatio(n, a, new Float64Array(changed.l))),
        single(solveRatio(n, 5, a, new Float64Array(x), new Float64Array(b))),
        single(solveRatio(n, n, a, new Float64Array(inverted), identity(n)))
      )
    })
  )

/** Worst ratio of a solver over all cases, with one, three, four and seven right-hand sides. */
const worstSolve = (solver: (c: Case, b: Float64Array, columns: number) => Float64Array): number =>
  worst((c) =>
    Math.max(
      ...[1, 3, 4, 7].map((columns) => {
        const b = randomArray(c.n * columns, columns)
        return solveRatio(c.n, columns, c.matrix, solver(c, b, columns), b)
      })
    )
  )

/** |I - A X| / (n |A| |X| eps), at worst. */
const worstInverse = (invert: (c: Case) => Float64Array): number =>
  worst((c) => solveRatio(c.n, c.n, c.matrix, invert(c), identity(c.n)))

/** Error of log det A against the spectrum, in units of n eps (condition + |log det A|). */
const worstDeterminant = (logarithm: (c: Case) => number): number =>
  worst((c) => {
    const exact = geometric(c.n, c.condition).reduce(
      (sum, value) => sum + Math.log(value) + Math.log(c.scale),
      0
    )
    return ratio(Math.abs(logarithm(c) - exact), c.n * eps64 * (c.condition + Math.abs(exact)))
  })

const definite = lapackMatrices.filter(({ pivot }) => pivot < 0)
const singular = lapackMatrices.filter(({ pivot }) => pivot >= 0)

/** Worst factor ratio over LAPACK's definite matrices. */
const worstLapackFactor = (factorise: (c: LapackMatrix) => Float64Array): number =>
  Math.max(...definite.map((c) => factorRatio(c.n, c.matrix, factorise(c))))

/** Worst solve ratio over them, with LAPACK's numbers of right-hand sides. */
const worstLapackSolve = (
  solver: (c: LapackMatrix, b: Float64Array, columns: number) => Float64Array
): number =>
  Math.max(
    ...definite.flatMap((c) =>
      [1, 2, 15].map((columns) => {
        const b = randomArray(c.n * columns, columns)
        return solveRatio(c.n, columns, c.matrix, solver(c, b, columns), b)
      })
    )
  )

/** Those of LAPACK's singular matrices whose zero row is not the pivot that is reported. */
const wrongPivots = (kernels: Kernels): ReadonlyArray<string> =>
  singular
    .filter(({ matrix, n, pivot }) => {
      const result = factor(kernels, { n, matrix, damping: 0, what: "it" })
      return Result.isSuccess(result) || result.failure.pivot !== pivot
    })
    .map(({ name }) => name)

for (const kernels of inUse) {
  describe(kernels.name, () => {
    it(`factor and solve: LAPACK's six definite types x 8 sizes, both ratios <= ${bound} [${definite.length} matrices]`, () => {
      assert.isAtMost(
        worstLapackFactor((c) => factored(kernels, c.n, c.matrix).l),
        bound
      )
      assert.isAtMost(
        worstLapackSolve((c, b, columns) => solve(factored(kernels, c.n, c.matrix), b, columns)),
        bound
      )
    })

    it(`factor: LAPACK's three types with a row of zeros fail at that pivot, and pass with damping [${singular.length} matrices]`, () => {
      assert.deepStrictEqual(wrongPivots(kernels), [])
      const damped = singular.map(({ matrix, n }) =>
        factorRatio(n, withDiagonal(n, matrix, 0.1), factored(kernels, n, matrix, 0.1).l)
      )
      assert.isAtMost(Math.max(...damped), bound)
    })

    it(`factor: |A - L L^T| / (n |A| eps) <= ${bound} [${cases.length} matrices]`, () => {
      assert.isAtMost(
        worst((c) => factorRatio(c.n, c.matrix, factored(kernels, c.n, c.matrix).l)),
        bound
      )
    })

    it(`factor: |A + damping I - L L^T| / (n |A + damping I| eps) <= ${bound}, and A is left as it is`, () => {
      const check = (c: Case): number => {
        const before = c.matrix.slice()
        const damping = c.scale * 0.1
        const { l } = factored(kernels, c.n, c.matrix, damping)
        assert.deepStrictEqual(c.matrix, before)
        return factorRatio(c.n, withDiagonal(c.n, c.matrix, damping), l)
      }
      assert.isAtMost(worst(check), bound)
    })

    it(`solve: |B - A X| / (n |A| |X| eps) <= ${bound}, 1, 3, 4 and 7 columns, and B is left as it is`, () => {
      const solver = (c: Case, b: Float64Array, columns: number): Float64Array => {
        const before = b.slice()
        const x = solve(factored(kernels, c.n, c.matrix), b, columns)
        assert.deepStrictEqual(b, before)
        return x
      }
      assert.isAtMost(worstSolve(solver), bound)
    })

    it(`inverse: |I - A X| / (n |A| |X| eps) <= ${bound}`, () => {
      assert.isAtMost(
        worstInverse((c) => inverse(factored(kernels, c.n, c.matrix))),
        bound
      )
    })

    it(`a Float32Array is factorised, solved and inverted in float32: all ratios <= ${bound} of its eps, and it is left as it is`, () => {
      const before = singles.map(({ matrix }) => matrix.slice())
      assert.isAtMost(
        worstSingle(kernels, (l) => l),
        bound
      )
      assert.deepStrictEqual(
        singles.map(({ matrix }) => matrix),
        before
      )
      const { matrix, n } = singles.at(-1)!
      const made = Result.getOrThrow(factor(kernels, { n, matrix, damping: 0.5, what: "it" }))
      const damped = withDiagonal(n, new Float64Array(matrix), 0.5)
      assert.isAtMost(single(factorRatio(n, damped, new Float64Array(made.l))), bound)
      const pivot = Result.flip(
        factor(kernels, { n: 2, matrix: Float32Array.of(1, 1, 1, 1), damping: 0, what: "it" })
      )
      assert.strictEqual(Result.getOrThrow(pivot).pivot, 1)
    })

    it(`logDeterminant: error / (n eps (condition + |log det|)) <= ${bound}`, () => {
      assert.isAtMost(
        worstDeterminant((c) => logDeterminant(factored(kernels, c.n, c.matrix))),
        bound
      )
    })

    it("factor: a matrix with a zero row fails at that row, and passes with damping", () => {
      for (const k of [0, 3, 9]) {
        const matrix = withDiagonal(10, new Float64Array(100), 2)
        matrix[k * 11] = 0
        const failure = Result.getOrThrow(
          Result.flip(factor(kernels, { n: 10, matrix, damping: 0, what: "the Fisher of block 3" }))
        )
        assert.strictEqual(failure._tag, "NotPositiveDefinite")
        assert.strictEqual(failure.pivot, k)
        assert.strictEqual(failure.damping, 0)
        assert.strictEqual(failure.what, "the Fisher of block 3")
        assert.isTrue(Result.isSuccess(factor(kernels, { n: 10, matrix, damping: 1e-300, what: "it" })))
      }
    })

    it("factor: NaN or infinity in the lower triangle or in the damping fails, at the row that has it", () => {
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        for (const [row, column] of [
          [0, 0],
          [4, 1],
          [6, 6]
        ] as const) {
          const matrix = identity(7)
          matrix[row * 7 + column] = bad
          const result = Result.flip(factor(kernels, { n: 7, matrix, damping: 1, what: "it" }))
          assert.strictEqual(Result.getOrThrow(result).pivot, row)
        }
        const damped = Result.flip(factor(kernels, { n: 7, matrix: identity(7), damping: bad, what: "it" }))
        assert.strictEqual(Result.getOrThrow(damped).pivot, 0)
      }
    })

    it("factor and solve: an array of another size throws ShapeMismatch", () => {
      const options = { n: 3, matrix: new Float64Array(8), damping: 1, what: "it" }
      assert.throws(() => factor(kernels, options), ShapeMismatch)
      assert.throws(() => solve(factored(kernels, 2, identity(2)), new Float64Array(3), 2), ShapeMismatch)
    })
  })
}

describe("controls", () => {
  it("LAPACK's matrices reject a factor and a solution of float32's precision, and a pivot counted from 1", () => {
    const single = (a: Float64Array): Float64Array => {
      const unit = Math.max(...a.map(Math.abs))
      return unit === 0 ? a : a.map((value) => Math.fround(value / unit) * unit)
    }
    assert.isAbove(
      worstLapackFactor((c) => single(factored(reference, c.n, c.matrix).l)),
      bound
    )
    assert.isAbove(
      worstLapackSolve((c, b, columns) => single(solve(factored(reference, c.n, c.matrix), b, columns))),
      bound
    )
    const fromOne: Kernels = {
      ...reference,
      cholesky: (p) => {
        const pivot = reference.cholesky(p)
        return pivot < 0 ? pivot : pivot + 1
      }
    }
    assert.strictEqual(wrongPivots(fromOne).length, singular.length)
  })

  it("the factor law rejects a factor rounded to float32", () => {
    const rounded = (c: Case) =>
      factored(reference, c.n, c.matrix).l.map((value) => c.scale * Math.fround(value / c.scale))
    assert.isAbove(
      worst((c) => (c.scale === 1 ? factorRatio(c.n, c.matrix, rounded(c)) : 0)),
      bound
    )
  })

  it("the law of float32 rejects a factor of 16 bits", () => {
    const coarse = (l: Float32Array) => l.map((value) => Math.round(value * 2 ** 16) / 2 ** 16)
    assert.isAbove(worstSingle(reference, coarse), bound)
  })

  it("the damping law rejects a factor of the undamped matrix", () => {
    const forgotten = (c: Case) => factored(reference, c.n, c.matrix).l
    assert.isAbove(
      worst((c) => factorRatio(c.n, withDiagonal(c.n, c.matrix, c.scale * 0.1), forgotten(c))),
      bound
    )
  })

  it("the solve law rejects float32, and a solve without the backward substitution", () => {
    const single = (c: Case, b: Float64Array, columns: number) =>
      solve(factored(reference, c.n, c.matrix), b, columns).map((x) => Math.fround(x * c.scale) / c.scale)
    const forward = (c: Case, b: Float64Array, columns: number) => {
      const { n, l } = factored(reference, c.n, c.matrix)
      const y = b.slice()
      for (let i = 0; i < n; i++) {
        for (let s = 0; s < columns; s++) {
          for (let p = 0; p < i; p++)
            y[i * columns + s] = y[i * columns + s]! - l[i * n + p]! * y[p * columns + s]!
          y[i * columns + s] = y[i * columns + s]! / l[i * n + i]!
        }
      }
      return y
    }
    assert.isAbove(worstSolve(single), bound)
    assert.isAbove(worstSolve(forward), bound)
  })

  it("the inverse law rejects an inverse rounded to float32", () => {
    const single = (c: Case) =>
      inverse(factored(reference, c.n, c.matrix)).map((x) => Math.fround(x * c.scale) / c.scale)
    assert.isAbove(worstInverse(single), bound)
  })

  it("the determinant law rejects the logarithm of the product of the pivots, which underflows", () => {
    const naive = (c: Case) => {
      const { n, l } = factored(reference, c.n, c.matrix)
      let determinant = 1
      for (let i = 0; i < n; i++) determinant *= l[i * n + i]! ** 2
      return Math.log(determinant)
    }
    assert.isAbove(worstDeterminant(naive), bound)
  })
})
