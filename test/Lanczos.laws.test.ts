/**
 * Lanczos: the three-term relation, exactness of its quadratures, and bounds on eigenvalues.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import {
  extremes,
  quadrature,
  radau,
  type Tridiagonal,
  tridiagonalise,
  tridiagonaliseAll
} from "../src/linalg/Lanczos.ts"
import type { Operator } from "../src/linalg/Operator.ts"
import { counted, diagonalOperator, matrixOperator } from "./support/operators.ts"
import {
  eps64,
  geometric,
  product,
  randomArray,
  ratio,
  rowNorm,
  scales,
  transpose,
  withSpectrum
} from "./support/ratio.ts"

const bound = 10

const run = (operator: Operator, start: Float64Array, steps: number): Tridiagonal =>
  Effect.runSync(tridiagonalise(operator, start, steps))

const norm = (v: ArrayLike<number>): number => {
  const unit = Math.max(...Array.from(v, Math.abs), 0)
  return unit === 0 ? 0 : unit * Math.hypot(...Array.from(v, (value) => value / unit))
}

interface Case {
  readonly n: number
  readonly steps: number
  readonly matrix: Float64Array
  readonly start: Float64Array
}

/** Well and ill conditioned, clustered and indefinite spectra. */
const kinds: ReadonlyArray<(n: number) => Float64Array> = [
  (n) => geometric(n, 10),
  (n) => geometric(n, 1e12),
  (n) => geometric(n, 1e3).map((value, i) => (i % 3 === 0 ? 1 : value)),
  (n) => geometric(n, 1e3).map((value, i) => (i % 2 === 0 ? value : -value))
]

const cases: ReadonlyArray<Case> = kinds.flatMap((kind) =>
  [1, 2, 3, 5, 10, 50].flatMap((n) =>
    scales.map((scale, s) => ({
      n,
      steps: [n, Math.ceil(n / 2), 2 * n][s]!,
      matrix: withSpectrum(kind(n), n, scale),
      start: randomArray(n, 77)
    }))
  )
)

/** V, n x m. */
const columnsOf = (n: number, { basis }: Tridiagonal): Float64Array =>
  Float64Array.from(
    { length: n * basis.length },
    (_, o) => basis[o % basis.length]![Math.floor(o / basis.length)]!
  )

const dense = ({ diagonal, offDiagonal }: Tridiagonal): Float64Array => {
  const m = diagonal.length
  return Float64Array.from({ length: m * m }, (_, o) => {
    const [i, j] = [Math.floor(o / m), o % m]
    if (i === j) return diagonal[i]!
    return Math.abs(i - j) === 1 ? offDiagonal[Math.min(i, j)]! : 0
  })
}

/** Worst of |V^T V - I| / (n eps) and of |A V - V T| / (n |A| eps) without its last column, which has the norm `next`. */
const worst = (lanczos: (c: Case) => Tridiagonal): number =>
  Math.max(
    ...cases.map((c) => {
      const t = lanczos(c)
      const m = t.diagonal.length
      const v = columnsOf(c.n, t)
      const gram = product(m, m, c.n, transpose(c.n, m, v), v).map(
        (value, o) => value - (o % (m + 1) === 0 ? 1 : 0)
      )
      const unit = c.n * eps64 * rowNorm(c.n, c.n, c.matrix)
      const vt = product(c.n, m, m, v, dense(t))
      const left = product(c.n, m, c.n, c.matrix, v).map((value, o) => value - vt[o]!)
      const last = norm(left.filter((_, o) => o % m === m - 1))
      const rest = left.map((value, o) => (o % m === m - 1 ? 0 : value))
      return Math.max(
        ratio(rowNorm(m, m, gram), c.n * eps64),
        ratio(rowNorm(c.n, m, rest), unit),
        ratio(Math.abs(last - t.next), unit)
      )
    })
  )

/** The textbook's three terms, without orthogonalisation against the rest. */
const threeTerms = ({ matrix, n, start, steps }: Case): Tridiagonal => {
  const [diagonal, offDiagonal, basis]: [Array<number>, Array<number>, Array<Float64Array>] = [[], [], []]
  let q = start.map((value) => value / norm(start))
  let before = new Float64Array(n)
  for (let k = 0; k < Math.min(n, steps); k++) {
    basis.push(q)
    const image = product(n, 1, n, matrix, q)
    const a = q.reduce((sum, value, i) => sum + value * image[i]!, 0)
    const next = image.map((value, i) => value - a * q[i]! - (offDiagonal[k - 1] ?? 0) * before[i]!)
    diagonal.push(a)
    offDiagonal.push(norm(next))
    before = q
    q = next.map((value) => value / norm(next))
  }
  const next = offDiagonal.pop()!
  return { diagonal: Float64Array.from(diagonal), offDiagonal: Float64Array.from(offDiagonal), next, basis }
}

describe("tridiagonalise", () => {
  const subject = (c: Case) => run(matrixOperator(c.n, c.matrix), c.start, c.steps)

  it(`|V^T V - I| / (n eps), |A V - V T| / (n |A| eps) <= ${bound} [${cases.length} matrices]`, () => {
    assert.isAtMost(worst(subject), bound)
  })

  it("the law rejects Lanczos without reorthogonalisation, and one that forgets what couples it to the rest", () => {
    assert.isAbove(worst(threeTerms), bound)
    assert.isAbove(
      worst((c) => ({ ...subject(c), next: 0 })),
      bound
    )
  })

  it("takes as many steps as asked, or as the Krylov space has dimensions: the distinct eigenvalues in the start", () => {
    const spectrum = Float64Array.from({ length: 30 }, (_, i) => 1 + (i % 4))
    const generic = randomArray(30, 5)
    const only = (few: ReadonlyArray<number>) => generic.map((value, i) => (few.includes(i % 4) ? value : 0))
    const operator = diagonalOperator(spectrum)
    for (const few of [[0], [1, 3], [0, 1, 2], [0, 1, 2, 3]]) {
      const t = run(operator, only(few), 20)
      assert.strictEqual(t.diagonal.length, few.length)
      assert.strictEqual(t.next, 0)
      const { nodes } = Result.getOrThrow(quadrature(t))
      few.forEach((value, i) => {
        assert.isAtMost(Math.abs(nodes[i]! - 1 - value), 10 * 30 * eps64 * 4)
      })
    }
    // The control: where there are more of them, the steps that were asked for are taken, and something is left.
    const t = run(operator, generic, 3)
    assert.strictEqual(t.diagonal.length, 3)
    assert.isAbove(t.next, 0.1)
    assert.strictEqual(run(diagonalOperator([0, 0, 0]), Float64Array.of(1, 2, 3), 2).diagonal.length, 1)
    assert.strictEqual(run(diagonalOperator(geometric(7, 10)), randomArray(7, 1), 100).diagonal.length, 7)
  })

  it("in float32 it goes on into rounding, and its eigenvalues stay those of the operator to 1e-6", () => {
    const spectrum = Float64Array.from({ length: 30 }, (_, i) => (i < 3 ? 3 - i : 0))
    const t = run(matrixOperator(30, withSpectrum(spectrum, 3), Math.fround), randomArray(30, 2), 12)
    const { nodes } = Result.getOrThrow(quadrature(t))
    for (const node of nodes) assert.isAtMost(Math.min(...[0, 1, 2, 3].map((l) => Math.abs(node - l))), 1e-6)
    assert.isAtMost(
      Math.max(...[0, 1, 2, 3].map((l) => Math.min(...nodes.map((x) => Math.abs(x - l))))),
      1e-6
    )
  })

  it("several starts share each walk and give the bits that they give alone; one that is done leaves the walks", () => {
    const spectrum = Float64Array.from({ length: 12 }, (_, i) => 1 + (i % 5))
    const { operator, walks } = counted(diagonalOperator(spectrum))
    const short = randomArray(12, 1).map((value, i) => (i % 5 < 2 ? value : 0))
    const starts = [randomArray(12, 2), short, randomArray(12, 3)]
    const before = starts.map((start) => start.slice())
    const together = Effect.runSync(tridiagonaliseAll(operator, starts, 4))
    assert.deepStrictEqual(walks, [3, 3, 2, 2])
    assert.deepStrictEqual(
      together,
      starts.map((start) => run(operator, start, 4))
    )
    assert.deepStrictEqual(starts, before)
  })

  it("bad input is a typed failure: steps, a start of zeros, NaN, another size; what the operator fails with comes through", () => {
    const operator = diagonalOperator([1, 2, 3])
    const failure = <E>(of: Operator<E>, start: Float64Array, steps: number) =>
      Effect.runSync(Effect.flip(tridiagonalise(of, start, steps)))
    const start = Float64Array.of(1, 1, 1)
    for (const steps of [0, -1, 1.5, Number.NaN]) {
      assert.deepInclude(failure(operator, start, steps), { _tag: "InvalidArgument", argument: "steps" })
    }
    const zeros = failure(operator, new Float64Array(3), 2)
    assert.deepInclude(zeros, { _tag: "InvalidArgument", argument: "start" })
    assert.deepInclude(failure(operator, Float64Array.of(1, Number.NaN, 1), 2), {
      _tag: "NonFinite",
      index: 1
    })
    assert.deepInclude(failure(operator, new Float64Array(4).fill(1), 2), { _tag: "ShapeMismatch" })
    const nan = diagonalOperator([1, Number.NaN, 1])
    assert.deepInclude(failure(nan, start, 2), { _tag: "NonFinite", what: "a product of the operator" })
    const failing = { size: 3, apply: () => Effect.fail("no data" as const) }
    assert.strictEqual(failure(failing, start, 2), "no data")
  })
})

describe("quadrature", () => {
  const n = 40
  const start = randomArray(n, 21)
  const u = start.map((value) => value / norm(start))
  const spectrum = geometric(n, 1e4)
  const runs = [1, 2, 3, 6, 11].map((m) => ({ m, t: run(diagonalOperator(spectrum), start, m) }))

  const exactly = (f: (x: number) => number) => spectrum.reduce((sum, x, i) => sum + u[i]! ** 2 * f(x), 0)
  const by = (
    { nodes, weights }: { readonly nodes: Float64Array; readonly weights: Float64Array },
    f: (x: number) => number
  ) => nodes.reduce((sum, x, j) => sum + weights[j]! * f(x), 0)

  /** The polynomial of Chebyshev on [-1/8, 1]: of size 1 however high its degree. */
  const chebyshev = (degree: number) => (x: number) =>
    Math.cos(degree * Math.acos(Math.max(-1, Math.min(1, (16 * x - 7) / 9))))

  /** |w f(nodes) - u^T f(A) u| / (n degree^2 eps), at worst over the degrees up to the last. */
  const worstDegree = (
    rule: (t: Tridiagonal) => ReturnType<typeof quadrature>,
    last: (m: number) => number
  ) =>
    Math.max(
      ...runs.flatMap(({ m, t }) => {
        const made = Result.getOrThrow(rule(t))
        return Array.from({ length: last(m) + 1 }, (_, degree) => {
          const f = chebyshev(degree)
          return ratio(Math.abs(by(made, f) - exactly(f)), n * Math.max(1, degree ** 2) * eps64)
        })
      })
    )

  const radauAt = (node: number) => (t: Tridiagonal) => Result.mapError(radau(t, node), (e) => e as never)

  it(`Gauss with m nodes is exact to degree 2 m - 1, ratio <= ${bound}, and not to 2 m`, () => {
    assert.isAtMost(
      worstDegree(quadrature, (m) => 2 * m - 1),
      bound
    )
    assert.isAbove(
      worstDegree(quadrature, (m) => 2 * m),
      bound
    )
  })

  it(`Gauss-Radau with m + 1 nodes is exact to degree 2 m, ratio <= ${bound}, not to 2 m + 1, and has its node`, () => {
    const rule = radauAt(-0.125)
    assert.isAtMost(
      worstDegree(rule, (m) => 2 * m),
      bound
    )
    assert.isAbove(
      worstDegree(rule, (m) => 2 * m + 1),
      bound
    )
    for (const { m, t } of runs) {
      const { nodes } = Result.getOrThrow(rule(t))
      assert.strictEqual(nodes.length, m + 1)
      assert.isAtMost(Math.abs(nodes[0]! + 0.125), bound * m * eps64)
    }
  })

  it("weights are not negative and sum to 1 to m eps, nodes ascend", () => {
    for (const { m, t } of runs) {
      for (const rule of [quadrature(t), radau(t, 0)]) {
        const { nodes, weights } = Result.getOrThrow(rule)
        assert.isAtMost(Math.abs(weights.reduce((a, b) => a + b, 0) - 1), bound * m * eps64)
        assert.isTrue(weights.every((w) => w >= 0))
        assert.isTrue(nodes.every((x, i) => i === 0 || x >= nodes[i - 1]!))
      }
    }
  })

  it("of a logarithm Gauss gives too much and Gauss-Radau from below too little, by less with every step", () => {
    const f = (x: number) => Math.log(x + 1e-3)
    const gaps = runs.map(({ t }) => {
      const [upper, lower] = [by(Result.getOrThrow(quadrature(t)), f), by(Result.getOrThrow(radau(t, 0)), f)]
      assert.isAtMost(lower, exactly(f))
      assert.isAtLeast(upper, exactly(f))
      return upper - lower
    })
    assert.isTrue(gaps.every((gap, i) => gap > 0 && (i === 0 || gap < gaps[i - 1]!)))
    // The control: of a function whose derivatives have other signs, Gauss gives too little.
    assert.isBelow(
      by(Result.getOrThrow(quadrature(runs[1]!.t)), (x) => x ** 4),
      exactly((x) => x ** 4)
    )
  })

  it("a node that is not below the spectrum of T fails with NotPositiveDefinite; an invariant space needs no node", () => {
    for (const node of [0.5, 2]) {
      const failure = Result.getOrThrow(Result.flip(radau(runs[3]!.t, node)))
      assert.deepInclude(failure, { _tag: "NotPositiveDefinite", damping: -node })
    }
    const whole = run(diagonalOperator([1, 2, 3]), Float64Array.of(1, 1, 1), 3)
    assert.deepStrictEqual(radau(whole, 0), quadrature(whole))
  })
})

describe("extremes", () => {
  /** Distance to the nearest eigenvalue over (bound + n eps |A|), at worst. */
  const worstBound = (shrink: number) =>
    Math.max(
      ...kinds.flatMap((kind) =>
        [5, 10, 50].flatMap((n) =>
          [1, 2, 4, 9, n].map((steps) => {
            const spectrum = kind(n)
            const operator = matrixOperator(n, withSpectrum(spectrum, n))
            const { largest, smallest } = Result.getOrThrow(extremes(run(operator, randomArray(n, 4), steps)))
            assert.isAtMost(largest.value, Math.max(...spectrum) + n * eps64)
            assert.isAtLeast(smallest.value, Math.min(...spectrum) - n * eps64)
            return Math.max(
              ...[largest, smallest].map(({ bound, value }) => {
                const nearest = Math.min(...spectrum.map((x) => Math.abs(x - value)))
                return ratio(nearest, shrink * bound + n * eps64)
              })
            )
          })
        )
      )
    )

  it("an eigenvalue is within the bound of each, to 10 n eps |A|, and both are inside the spectrum", () => {
    assert.isAtMost(worstBound(1), 10)
  })

  it("the law rejects a bound a hundred times smaller", () => {
    assert.isAbove(worstBound(0.01), 10)
  })

  it("the largest of a spectrum that decays is found in 12 of 60 steps, to 1e-10", () => {
    const { largest } = Result.getOrThrow(
      extremes(run(diagonalOperator(geometric(60, 1e6)), randomArray(60, 9), 12))
    )
    assert.isAtMost(Math.abs(largest.value - 1), 1e-10)
    assert.isAtMost(largest.bound, 1e-5)
  })
})
