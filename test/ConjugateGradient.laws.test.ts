/**
 * Conjugate gradients: the solution of a factorisation, the residual that is there, and the refusal of everything else.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { reference } from "../src/kernels/reference.ts"
import * as Cholesky from "../src/linalg/Cholesky.ts"
import { type Solution, type SolveOptions, solve } from "../src/linalg/ConjugateGradient.ts"
import { fromMatrix, type Operator } from "../src/linalg/Operator.ts"
import { counted, diagonalOperator, matrixOperator } from "./support/operators.ts"
import {
  eps64,
  geometric,
  identity,
  product,
  randomArray,
  ratio,
  rowNorm,
  withSpectrum
} from "./support/ratio.ts"

const bound = 10

const norm = (v: ArrayLike<number>): number => Math.hypot(...Array.from(v))
const minus = (a: Float64Array, b: Float64Array): Float64Array => a.map((value, i) => value - b[i]!)

const run = <E>(operator: Operator<E>, b: Float64Array, options: Partial<SolveOptions> = {}) =>
  Effect.runSync(
    Effect.result(solve(operator, b, { damping: 0, tolerance: 1e-10, maxIterations: 1000, ...options }))
  )

const solved = <E>(operator: Operator<E>, b: Float64Array, options: Partial<SolveOptions> = {}): Solution =>
  Result.getOrThrow(run(operator, b, options))

const refused = <E>(operator: Operator<E>, b: Float64Array, options: Partial<SolveOptions> = {}) =>
  Result.getOrThrow(Result.flip(run(operator, b, options)))

interface Case {
  readonly n: number
  readonly condition: number
  readonly matrix: Float64Array
  readonly damping: number
  readonly b: Float64Array
  /** By Cholesky. */
  readonly x: Float64Array
  /** What a backward stable solver reaches: n eps |A| |x| / |b|. */
  readonly attainable: number
}

const cases: ReadonlyArray<Case> = [1, 2, 3, 5, 10, 50].flatMap((n) =>
  [1, 1e2, 1e4, 1e6].flatMap((condition) =>
    [1e-120, 1, 1e120].map((scale, s) => {
      const damping = s === 1 ? 0.3 / condition : 0
      const matrix = withSpectrum(geometric(n, condition), n, scale)
      const b = randomArray(n, n + 1).map((value) => value * scale)
      const factor = Result.getOrThrow(Cholesky.factor(reference, { n, matrix, damping, what: "it" }))
      const x = Cholesky.solve(factor, b, 1)
      return { n, condition, matrix, damping, b, x, attainable: (n * eps64 * scale * norm(x)) / norm(b) }
    })
  )
)

/** |x - x_Cholesky| / (n condition eps |x|), at worst. */
const worst = (solver: (c: Case) => Float64Array): number =>
  Math.max(...cases.map((c) => ratio(norm(minus(solver(c), c.x)), c.n * c.condition * eps64 * norm(c.x))))

const solver =
  (digits: number) =>
  ({ attainable, b, damping, matrix, n }: Case): Float64Array =>
    solved(matrixOperator(n, matrix), b, { damping, tolerance: digits * attainable }).solution

describe("solution", () => {
  it(`solve: |x - x of Cholesky| / (n condition eps |x|) <= ${bound} [${cases.length} matrices]`, () => {
    assert.isAtMost(worst(solver(3)), bound)
  })

  it("the law rejects a solver that stops at 1000 times the residual, and one that forgets the damping", () => {
    assert.isAbove(worst(solver(1000)), bound)
    assert.isAbove(
      worst((c) => solver(3)({ ...c, damping: 0 })),
      bound
    )
  })

  it("solve: as many iterations as distinct eigenvalues, and one more for rounding", () => {
    const spectrum = (distinct: number) => Float64Array.from({ length: 40 }, (_, i) => 1 + (i % distinct))
    const iterations = (distinct: number) =>
      solved(matrixOperator(40, withSpectrum(spectrum(distinct), 9)), randomArray(40, 3)).iterations
    for (const distinct of [1, 2, 3, 5, 7]) assert.isAtMost(iterations(distinct), distinct + 1)
    // The control: eigenvalues that differ are not done in the steps of fewer.
    assert.isAbove(iterations(7), 3 + 1)
  })

  it("solve: with the exact inverse as preconditioner at most 2 iterations, without it more", () => {
    for (const { b, condition, damping, matrix, n } of cases.filter((c) => c.n >= 10 && c.condition > 1)) {
      const factor = Result.getOrThrow(Cholesky.factor(reference, { n, matrix, damping, what: "it" }))
      const precondition = (r: Float64Array) => Cholesky.solve(factor, r, 1)
      const operator = matrixOperator(n, matrix)
      const tolerance = 1e-8
      const plain = solved(operator, b, { damping, tolerance }).iterations
      assert.isAtMost(solved(operator, b, { damping, tolerance, precondition }).iterations, 2)
      assert.isAbove(plain, 2, `${condition}`)
    }
  })

  it("solve: b = 0 gives 0 in 0 iterations and without a walk, and size 0 an empty solution", () => {
    const { operator, walks } = counted(diagonalOperator([1, 2, 3]))
    assert.deepStrictEqual(solved(operator, new Float64Array(3)), {
      solution: new Float64Array(3),
      residual: 0,
      iterations: 0
    })
    assert.deepStrictEqual(walks, [])
    assert.strictEqual(solved(diagonalOperator([]), new Float64Array(0)).solution.length, 0)
    assert.isAbove(solved(operator, Float64Array.of(0, 1e-300, 0)).iterations, 0)
  })

  it("solve: a power of 2 times b gives that power times x bit for bit, from 2^-960 to 2^960, and b stays as it is", () => {
    const { b, matrix, n } = cases.find((c) => c.n === 10 && c.condition === 1e4 && c.damping > 0)!
    const operator = matrixOperator(n, matrix)
    const plain = solved(operator, b).solution
    for (const power of [2 ** -960, 2 ** 960]) {
      const scaled = b.map((value) => value * power)
      const before = scaled.slice()
      const { solution } = solved(operator, scaled)
      assert.deepStrictEqual(
        solution,
        plain.map((value) => value * power)
      )
      assert.deepStrictEqual(scaled, before)
    }
  })

  it.effect("solve: with an operator from a matrix, as with any other", () =>
    Effect.gen(function* () {
      const { b, matrix, n } = cases.find((c) => c.n === 5 && c.condition === 1e2)!
      const options = { damping: 1, tolerance: 1e-10, maxIterations: 20 }
      const one = yield* solve(fromMatrix(n, matrix), b, options)
      assert.deepStrictEqual(one, yield* solve(matrixOperator(n, matrix), b, options))
    })
  )
})

describe("residual", () => {
  /** |reported - computed| / (n eps |A| |x| / |b|), at worst; at most the tolerance, too. */
  const discrepancy = (report: (c: Case, tolerance: number) => Solution) =>
    Math.max(
      ...cases.flatMap((c) =>
        [1e-1, 1e-3, 1e-6].map((tolerance) => {
          const { residual, solution } = report(c, tolerance)
          assert.isAtMost(residual, tolerance)
          const image = product(c.n, 1, c.n, c.matrix, solution)
          const left = c.b.map((value, i) => value - image[i]! - c.damping * solution[i]!)
          const computed = norm(left) / norm(c.b)
          const rounding = (c.n * eps64 * (rowNorm(c.n, c.n, c.matrix) * norm(solution))) / norm(c.b)
          return ratio(Math.abs(residual - computed), rounding)
        })
      )
    )

  it(`solve: |reported - computed residual| / (n eps |A| |x| / |b|) <= ${bound}`, () => {
    const honest = (c: Case, tolerance: number) =>
      solved(matrixOperator(c.n, c.matrix), c.b, { damping: c.damping, tolerance })
    assert.isAtMost(discrepancy(honest), bound)
  })

  it("the law rejects an operator whose products are 1e-9 too large, and a residual with the damping forgotten", () => {
    const lie = (c: Case, tolerance: number) =>
      solved(
        matrixOperator(c.n, c.matrix, (value) => value * (1 + 1e-9)),
        c.b,
        { damping: c.damping, tolerance }
      )
    assert.isAbove(discrepancy(lie), bound)
    const forgotten = (c: Case, tolerance: number) =>
      solved(matrixOperator(c.n, c.matrix), c.b, { damping: 0, tolerance })
    assert.isAbove(discrepancy(forgotten), bound)
  })

  const single = (condition: number) => {
    const matrix = withSpectrum(geometric(50, condition), 5)
    const { operator, walks } = counted(matrixOperator(50, matrix, Math.fround))
    const b = randomArray(50, 8)
    const exactly = (x: Float64Array) => norm(minus(b, product(50, 1, 50, matrix, x))) / norm(b)
    return { operator, walks, b, exactly }
  }

  it("solve: in float32 it reaches 1e-4 at condition 100, by the float64 matrix too", () => {
    const { b, exactly, operator } = single(100)
    const { residual, solution } = solved(operator, b, { tolerance: 1e-4 })
    assert.isAtMost(residual, 1e-4)
    assert.isAtMost(exactly(solution), 1e-4 * 1.1)
  })

  it("solve: in float32 a tolerance of 1e-12 is a NotConverged that stagnated, in under 1000 walks", () => {
    for (const condition of [2, 100, 1e4]) {
      const { b, operator, walks } = single(condition)
      const failure = refused(operator, b, { tolerance: 1e-12, maxIterations: 100_000 })
      assert.strictEqual(failure._tag, "NotConverged")
      assert.match(
        failure.message,
        /stagnated at a relative residual of \S+e-\d+ after \d+ .*Give a larger tolerance/
      )
      assert.isAtMost(walks.length, 1000)
    }
  })

  it("the recurrence alone would have claimed 1e-12 in float32, with 1e-8 there: conjugate gradients without the check", () => {
    const { b, exactly, operator } = single(100)
    const x = new Float64Array(50)
    const r = b.slice()
    let p = r.slice()
    for (let step = 0; step < 400 && norm(r) > 1e-12 * norm(b); step++) {
      const [q] = Effect.runSync(operator.apply([p]))
      const rr = norm(r) ** 2
      const alpha = rr / p.reduce((sum, value, i) => sum + value * q![i]!, 0)
      for (let i = 0; i < 50; i++) {
        x[i] = x[i]! + alpha * p[i]!
        r[i] = r[i]! - alpha * q![i]!
      }
      p = p.map((value, i) => r[i]! + (norm(r) ** 2 / rr) * value)
    }
    assert.isAtMost(norm(r), 1e-12 * norm(b))
    assert.isAbove(exactly(x), 1e-8)
  })

  it("solve: in float64 below its rounding too", () => {
    const { b, matrix } = cases.find((c) => c.n === 50 && c.condition === 1e4 && c.damping > 0)!
    const failure = refused(matrixOperator(50, matrix), b, { tolerance: 1e-18, maxIterations: 100_000 })
    assert.match(failure.message, /stagnated/)
  })
})

describe("refusals", () => {
  const b = Float64Array.of(1, 2, 3)
  const operator = diagonalOperator([1, 2, 4])

  it("solve: too few iterations are a NotConverged with their number and the residual reached", () => {
    const failure = refused(operator, b, { maxIterations: 2 })
    assert.deepInclude(failure, { _tag: "NotConverged", iterations: 2, what: "conjugate gradients" })
    const reached = Number(/relative residual of (\S+) in 2 iterations/.exec(failure.message)?.[1])
    assert.isTrue(reached > 1e-10 && reached < 1)
    assert.match(failure.message, /Give more iterations, more damping, a better preconditioner or a larger/)
    assert.strictEqual(solved(operator, b, { maxIterations: 3 }).iterations, 3)
  })

  it("solve: an indefinite operator is NotPositiveDefinite at one of its first n steps, and passes with damping", () => {
    const indefinite = matrixOperator(5, withSpectrum([4, 3, 2, 1, -0.5], 2))
    const rhs = randomArray(5, 1)
    const failure = refused(indefinite, rhs, { damping: 0.25 })
    assert.deepInclude(failure, { _tag: "NotPositiveDefinite", what: "the operator", damping: 0.25 })
    assert.isTrue(failure._tag === "NotPositiveDefinite" && failure.pivot >= 0 && failure.pivot < 5)
    assert.isAtMost(solved(indefinite, rhs, { damping: 0.75 }).residual, 1e-10)
    assert.strictEqual(refused(diagonalOperator([0, 0, 0]), b)._tag, "NotPositiveDefinite")
  })

  it("solve: a preconditioner with the wrong sign, or that gives zeros, is NotPositiveDefinite at residual 0", () => {
    for (const sign of [-1, 0]) {
      const precondition = (r: Float64Array) => r.map((value) => sign * value)
      assert.deepInclude(refused(operator, b, { precondition }), {
        _tag: "NotPositiveDefinite",
        what: "the preconditioner",
        pivot: 0
      })
    }
  })

  it("solve: NaN and infinity in b, in a product or from the preconditioner are NonFinite, at their place", () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const found = { _tag: "NonFinite", value: String(bad), index: 1 } as const
      assert.deepInclude(refused(operator, Float64Array.of(1, bad, 2)), {
        ...found,
        what: "the right-hand side"
      })
      assert.deepInclude(refused(operator, b, { precondition: () => Float64Array.of(1, bad, 2) }), {
        ...found,
        what: "the preconditioned residual"
      })
      const broken = { size: 3, apply: () => Effect.succeed([Float64Array.of(1, bad, 2)]) }
      assert.deepInclude(refused(broken, b), { ...found, what: "a product of the operator" })
    }
    const large = b.map((value) => value * 1e300)
    assert.strictEqual(refused(diagonalOperator([1e-300, 1, 1]), large)._tag, "NonFinite")
    assert.strictEqual(refused(diagonalOperator([1e308, 1e308, 1e308]), b)._tag, "NonFinite")
  })

  it("solve: vectors of another size, and too many products, are a ShapeMismatch", () => {
    assert.strictEqual(refused(operator, new Float64Array(4).fill(1))._tag, "ShapeMismatch")
    const precondition = () => Float64Array.of(1, 2)
    assert.strictEqual(refused(operator, b, { precondition })._tag, "ShapeMismatch")
    for (const out of [[], [b, b], [Float64Array.of(1)]]) {
      assert.strictEqual(refused({ size: 3, apply: () => Effect.succeed(out) }, b)._tag, "ShapeMismatch")
    }
    assert.throws(() => fromMatrix(3, identity(2)), /3 x 3 is due/)
  })

  it("solve: options outside their range are an InvalidArgument that names them", () => {
    const wrong: ReadonlyArray<readonly [string, unknown]> = [
      ...[-1, Number.NaN, Number.POSITIVE_INFINITY].map((v) => ["damping", v] as const),
      ...[0, -1, Number.NaN].map((v) => ["tolerance", v] as const),
      ...[0, 1.5, Number.NaN].map((v) => ["maxIterations", v] as const),
      ["precondition", 3],
      ["iterations", 3]
    ]
    for (const [argument, value] of wrong) {
      const failure = refused(operator, b, { [argument]: value } as Partial<SolveOptions>)
      assert.strictEqual(failure._tag, "InvalidArgument")
      assert.include(failure.message, argument)
    }
  })

  it("solve: what the operator fails with comes through", () => {
    const failing: Operator<"no data"> = { size: 3, apply: () => Effect.fail("no data" as const) }
    assert.strictEqual(refused(failing, b), "no data")
  })
})
