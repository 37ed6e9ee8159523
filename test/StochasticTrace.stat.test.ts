/**
 * Stochastic estimates: exact where theory has them exact, and intervals at 95 % that cover in 93 to 97 of 100 draws.
 *
 * Sample sizes and seeds are fixed beforehand. Of 2000 draws 95 % +- 2 % is four standard errors.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Operator } from "../src/linalg/Operator.ts"
import {
  diagonal,
  type Estimate,
  type Estimates,
  logDeterminant,
  spectralDensity,
  trace
} from "../src/linalg/StochasticTrace.ts"
import { exchangeableTrace, leaveOneOut } from "./support/exchangeable.ts"
import {
  counted,
  diagonalOperator,
  matrixOperator,
  normalsAt,
  spectra,
  studentQuantile
} from "./support/operators.ts"
import { eps64, randomArray, ratio, withSpectrum } from "./support/ratio.ts"
import { mean } from "./support/statistics.ts"

const draws = 2000

const sum = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0)

const quantiles = new Map<number, number>()
/** Student's quantile at a tenth of a degree. */
const quantile = (degrees: number): number => {
  const at = degrees > 300 ? Number.POSITIVE_INFINITY : Math.round(degrees * 10) / 10
  const known = quantiles.get(at) ?? studentQuantile(at)
  quantiles.set(at, known)
  return known
}

const covers = ({ degrees, standardError, value }: Estimate, exact: number): boolean =>
  Math.abs(value - exact) <= quantile(degrees) * standardError

/** How often the interval at 95 % has the exact number in it; what is not finite never does. */
const coverage = (exact: number, estimates: ReadonlyArray<Estimate>): number =>
  mean(estimates.map((estimate) => (covers(estimate, exact) ? 1 : 0)))

const honest = (share: number): boolean => share >= 0.93 && share <= 0.97

const drawn = <A>(draw: (n: number) => A, count = draws): ReadonlyArray<A> =>
  Array.from({ length: count }, (_, n) => draw(n))

/** For controls, which miss by more than 95 % +- 2 %: of 500 draws that is two standard errors. */
const fewer = 500

/** The estimate that the mean and the variance of a sample give. */
const ofSample = (values: ReadonlyArray<number>): Estimate => {
  const center = mean(values)
  const spread = sum(values.map((value) => (value - center) ** 2)) / (values.length - 1)
  return {
    value: center,
    standardError: Math.sqrt(spread / values.length),
    degrees: values.length - 1
  }
}

const gaussian = (draw: number, count: number, n: number): ReadonlyArray<Float64Array> =>
  Array.from({ length: count }, (_, k) => Float64Array.from({ length: n }, (_, i) => normalsAt(draw)(k, i)))

const failure = <A, E>(effect: Effect.Effect<A, E>): E => Effect.runSync(Effect.flip(effect))

/** The options that every estimator must refuse. */
const refusesProbes = (run: (probes: number) => Effect.Effect<unknown, { readonly _tag: string }>) => {
  for (const probes of [1, 0, -1, 2.5, Number.NaN]) {
    const found: object = failure(run(probes))
    assert.deepInclude(found, { _tag: "InvalidArgument", argument: "probes" })
  }
}

describe("trace", () => {
  const run = (entries: Float64Array, draw: number, probes: number) =>
    Effect.runSync(trace(diagonalOperator(entries), normalsAt(draw), { probes }))

  it("is the mean over the probes of their definition, to 1000 n eps tr A", () => {
    const worst = (entriesOf: (e: Float64Array) => Float64Array) =>
      Math.max(
        ...Object.values(spectra).flatMap((spectrum) =>
          [2, 5, 8].map((k) => {
            const entries = spectrum(37)
            const exact = exchangeableTrace(entriesOf(entries), gaussian(k, k, 37))
            return ratio(Math.abs(run(entries, k, k).value - exact), 37 * eps64 * sum(entries))
          })
        )
      )
    assert.isAtMost(
      worst((e) => e),
      1000
    )
    // The control: the smallest eigenvalue forgotten, where it is 1e-2 or less of the trace.
    assert.isAbove(
      worst((e) => e.with(36, 0)),
      1000
    )
  })

  it("is exact to 100 n eps for a rank under the number of probes, and not for that rank", () => {
    const worst = (k: number) =>
      Math.max(
        ...[0, 1, 2, 5].map((rank) => {
          const entries = Float64Array.from({ length: 40 }, (_, i) => (i < rank ? 3 + i : 0))
          const { standardError, value } = run(entries, rank, k)
          const error = Math.max(Math.abs(value - sum(entries)), standardError)
          return ratio(error, 40 * eps64 * sum(entries))
        })
      )
    assert.isAtMost(worst(6), 100)
    assert.isAbove(worst(5), 100)
  })

  it("in float32 a rank under the number of probes leaves 1e-5 of error and of standard error", () => {
    const spectrum = Float64Array.from({ length: 40 }, (_, i) => (i < 4 ? 3 + i : 0))
    for (const draw of [0, 1, 2, 3]) {
      const operator = matrixOperator(40, withSpectrum(spectrum, draw), Math.fround)
      const estimate = Effect.runSync(trace(operator, normalsAt(draw), { probes: 8 }))
      assert.isAtMost(Math.abs(estimate.value - 18), 1e-5 * 18)
      assert.isAtMost(estimate.standardError, 1e-5 * 18)
    }
  })

  it("is exact, in one walk, where 2 probes >= size; else it takes two walks", () => {
    const exact = counted(matrixOperator(9, withSpectrum(randomArray(9, 3), 2)))
    const estimate = Effect.runSync(trace(exact.operator, normalsAt(0), { probes: 5 }))
    assert.isAtMost(Math.abs(estimate.value - sum(randomArray(9, 3))), 100 * eps64)
    assert.strictEqual(estimate.standardError, 0)
    assert.deepStrictEqual(exact.walks, [9])
    const two = counted(diagonalOperator(randomArray(9, 3)))
    Effect.runSync(trace(two.operator, normalsAt(0), { probes: 4 }))
    assert.deepStrictEqual(two.walks, [4, 4])
    assert.strictEqual(run(new Float64Array(0), 0, 2).value, 0)
  })

  const decaying = ["inverse", "slow", "fast"]
  for (const name of ["flat", "lowRank", ...decaying]) {
    it(`its interval covers in 93 to 97 % of ${draws} draws of 8 probes, and it is not biased [${name}]`, () => {
      const entries = spectra[name]!(40)
      const all = drawn((draw) => run(entries, draw, 8))
      const share = coverage(sum(entries), all)
      assert.isTrue(honest(share), String(share))
      const errors = all.map(({ value }) => value - sum(entries))
      const { standardError, value } = ofSample(errors)
      assert.isAtMost(Math.abs(value), 4.8 * standardError)
      if (decaying.includes(name)) return
      // Where nothing but the number of probes makes the error, the reported variance is in the mean that of the error.
      const reported = mean(all.map((estimate) => estimate.standardError ** 2))
      const found = reported / mean(errors.map((error) => error ** 2))
      assert.isTrue(found > 0.85 && found < 1.2, String(found))
    })
  }

  it("the law rejects the sample variance of the estimates alone, and the standard error of one estimate", () => {
    const entries = spectra["slow"]!(40)
    const naive = drawn((draw) => ofSample(leaveOneOut(entries, gaussian(draw, 8, 40))), fewer)
    assert.isFalse(honest(coverage(sum(entries), naive)))
    const errors = naive.map(({ value }) => (value - sum(entries)) ** 2)
    assert.isBelow(mean(naive.map(({ standardError }) => standardError ** 2)) / mean(errors), 0.85)
    const wide = drawn((draw) => {
      const estimate = run(entries, draw, 8)
      return { ...estimate, standardError: estimate.standardError * Math.sqrt(8) }
    }, fewer)
    assert.isFalse(honest(coverage(sum(entries), wide)))
  })

  it("bad input is a typed failure: probes, draws that are not finite or zeros, products with NaN", () => {
    const operator = diagonalOperator(spectra["flat"]!(40))
    refusesProbes((probes) => trace(operator, normalsAt(0), { probes }))
    const nan = trace(operator, (k, i) => (k === 1 && i === 7 ? Number.NaN : 1), { probes: 3 })
    assert.deepInclude(failure(nan), { _tag: "NonFinite", what: "probe 1", index: 7 })
    const zeros = trace(operator, () => 0, { probes: 3 })
    assert.deepInclude(failure(zeros), { _tag: "InvalidArgument", argument: "normals" })
    const broken = diagonalOperator(spectra["flat"]!(40).with(5, Number.NaN))
    const product = trace(broken, normalsAt(0), { probes: 3 })
    assert.deepInclude(failure(product), { _tag: "NonFinite", index: 5 })
    const large = diagonalOperator(new Float64Array(40).fill(1e307))
    assert.deepInclude(failure(trace(large, normalsAt(0), { probes: 3 })), { _tag: "NonFinite" })
    const failing: Operator<"no data"> = { size: 40, apply: () => Effect.fail("no data" as const) }
    assert.strictEqual(failure(trace(failing, normalsAt(0), { probes: 3 })), "no data")
  })
})

describe("diagonal", () => {
  const n = 12
  const matrix = withSpectrum(spectra["inverse"]!(n), 6)
  const exact = Float64Array.from({ length: n }, (_, i) => matrix[i * n + i]!)
  const run = (draw: number, probes: number) =>
    Effect.runSync(diagonal(matrixOperator(n, matrix), normalsAt(draw), { probes }))

  const entryOf = ({ degrees, standardError, value }: Estimates, i: number): Estimate => ({
    value: value[i]!,
    standardError: standardError[i]!,
    degrees: degrees[i]!
  })

  it(`the interval of each entry covers in 93 to 97 % of ${draws} draws of 10 probes`, () => {
    const all = drawn((draw) => run(draw, 10))
    const entries = Array.from({ length: n }, (_, i) => all.map((estimates) => entryOf(estimates, i)))
    const shares = entries.map((of, i) => coverage(exact[i]!, of))
    for (const [i, share] of shares.entries()) assert.isTrue(honest(share), `entry ${i}: ${share}`)
    // The control: the quantile of the normal distribution is not that of ten probes.
    const normal = entries.map((of) => of.map((entry) => ({ ...entry, degrees: Number.POSITIVE_INFINITY })))
    assert.isFalse(honest(mean(normal.map((of, i) => coverage(exact[i]!, of)))))
  })

  it("it is exact for a diagonal matrix, and where there are as many probes as entries; one walk either way", () => {
    const own = Effect.runSync(diagonal(diagonalOperator(exact), normalsAt(1), { probes: 3 }))
    for (const error of own.standardError) assert.isAtMost(error, 2 * eps64)
    for (let i = 0; i < n; i++) assert.isAtMost(Math.abs(own.value[i]! - exact[i]!), 2 * eps64)
    assert.deepStrictEqual(run(0, n).value, exact)
    assert.deepStrictEqual(run(0, n + 5).standardError, new Float64Array(n))
    assert.isAbove(Math.max(...run(0, n - 1).standardError), 0)
    const { operator, walks } = counted(matrixOperator(n, matrix))
    Effect.runSync(diagonal(operator, normalsAt(0), { probes: 4 }))
    assert.deepStrictEqual(walks, [4])
  })

  it("bad input is a typed failure", () => {
    refusesProbes((probes) => diagonal(matrixOperator(n, matrix), normalsAt(0), { probes }))
    const large = matrixOperator(
      n,
      matrix.map((value) => value * 1e200)
    )
    const overflow: object = failure(diagonal(large, normalsAt(0), { probes: 3 }))
    assert.deepInclude(overflow, { _tag: "NonFinite", what: "the estimate of the diagonal" })
  })
})

/** u_k^T f(A) u_k of unit probes, without quadrature. */
const exactForms = (entries: Float64Array, f: (x: number) => number, draw: number, probes: number) =>
  gaussian(draw, probes, entries.length).map((w) => {
    const square = sum(w.map((value) => value ** 2))
    return sum(w.map((value, i) => (value ** 2 / square) * f(entries[i]!)))
  })

describe("log-determinant", () => {
  const damping = 1e-2
  const log = (x: number) => Math.log(x + damping)
  const exactly = (entries: Float64Array) => sum(entries.map(log))
  const run = (entries: Float64Array, draw: number, probes: number, steps: number) =>
    Effect.runSync(logDeterminant(diagonalOperator(entries), normalsAt(draw), { probes, steps, damping }))
  const lone = Float64Array.from({ length: 30 }, (_, i) => (i === 0 ? 5 : 0))
  const few = Float64Array.from({ length: 30 }, (_, i) => (i < 4 ? 1 + i : 0))

  for (const [name, entries, probes, steps] of [
    ["flat", spectra["flat"]!(30), 6, 4],
    ["slow decay", spectra["slow"]!(30), 6, 8],
    ["rank 4", few, 6, 8],
    ["rank 1", lone, 10, 8]
  ] as const) {
    it(`its interval covers in 93 to 97 % of ${draws} draws of ${probes} probes [${name}]`, () => {
      const share = coverage(
        exactly(entries),
        drawn((draw) => run(entries, draw, probes, steps))
      )
      assert.isTrue(honest(share), String(share))
    })
  }

  it("the law rejects the spread between the probes as a standard error, where one eigenvalue is far from the rest", () => {
    const between = drawn((draw) => ofSample(exactForms(lone, (x) => 30 * log(x), draw, 10)), fewer)
    assert.isFalse(honest(coverage(exactly(lone), between)))
  })

  it("what infinitely many steps would give is in [value - quadratureError, value], which shrinks with the steps", () => {
    const entries = spectra["slow"]!(40)
    for (const draw of [1, 2, 3]) {
      const limit = 40 * mean(exactForms(entries, log, draw, 5))
      const gaps = [1, 2, 4, 8, 16].map((steps) => {
        const { quadratureError, value } = run(entries, draw, 5, steps)
        const rounding = 100 * 40 * eps64 * Math.abs(limit)
        assert.isAtLeast(value, limit - rounding)
        assert.isAtMost(value - quadratureError, limit + rounding)
        return quadratureError
      })
      assert.isTrue(gaps.every((gap, i) => i === 0 || gap < gaps[i - 1]!))
      // The control: half of the error would not do, with few steps.
      const { quadratureError, value } = run(entries, draw, 5, 2)
      assert.isAbove(value - 0.2 * quadratureError, limit)
    }
  })

  it("it is exact to 1000 n eps for a multiple of the identity, and 0 for size 0", () => {
    const estimate = run(new Float64Array(20).fill(3), 0, 3, 5)
    assert.isAtMost(Math.abs(estimate.value - 20 * Math.log(3.01)), 1000 * 20 * eps64)
    assert.isAtMost(estimate.standardError + estimate.quadratureError, 1000 * 20 * eps64)
    assert.deepInclude(run(new Float64Array(0), 0, 3, 5), { value: 0, standardError: 0, quadratureError: 0 })
  })

  it("in float32 it is that of float64 to 1e-3 where the damping is 1e-3 of the largest eigenvalue", () => {
    const matrix = withSpectrum(few, 4)
    const [single, double] = [Math.fround, (x: number) => x].map((fault) =>
      Effect.runSync(
        logDeterminant(matrixOperator(30, matrix, fault), normalsAt(2), {
          probes: 5,
          steps: 12,
          damping: 4e-3
        })
      )
    )
    assert.isAtMost(Math.abs(single!.value / double!.value - 1), 1e-3)
    assert.isAtMost(Math.abs(single!.standardError / double!.standardError - 1), 1e-3)
  })

  it("probes that share fewer walks give the same bits", () => {
    const options = { probes: 5, steps: 4, damping }
    const one = counted(diagonalOperator(spectra["slow"]!(20)))
    const all = Effect.runSync(logDeterminant(one.operator, normalsAt(3), options))
    assert.deepStrictEqual(one.walks, [5, 5, 5, 5])
    const two = counted(diagonalOperator(spectra["slow"]!(20)))
    const split = Effect.runSync(logDeterminant(two.operator, normalsAt(3), { ...options, together: 3 }))
    assert.deepStrictEqual(two.walks, [3, 3, 3, 3, 2, 2, 2, 2])
    assert.deepStrictEqual(split, all)
  })

  it("bad input is a typed failure: probes, steps, damping, an operator that is not positive semidefinite", () => {
    const operator = diagonalOperator(spectra["slow"]!(20))
    const attempt = (options: object) =>
      failure(logDeterminant(operator, normalsAt(0), { probes: 3, steps: 4, damping, ...options }))
    refusesProbes((probes) => logDeterminant(operator, normalsAt(0), { probes, steps: 4, damping }))
    for (const steps of [0, 1.5, Number.NaN]) {
      assert.deepInclude(attempt({ steps }), { _tag: "InvalidArgument", argument: "steps" })
    }
    for (const value of [0, -1, Number.NaN]) {
      assert.deepInclude(attempt({ damping: value }), { _tag: "InvalidArgument", argument: "damping" })
    }
    const indefinite = diagonalOperator([1, 1, -1, 1])
    const options = { probes: 3, steps: 4, damping: 0.5 }
    assert.deepInclude(failure(logDeterminant(indefinite, normalsAt(0), options)), {
      _tag: "NotPositiveDefinite",
      what: "the operator",
      damping: 0.5
    })
  })
})

describe("spectral density", () => {
  const n = 30
  const width = 0.15
  /** A bulk from 0 to 1, two eigenvalues at 2 and one at 3: the grid has a point at each, and one between. */
  const entries = Float64Array.from({ length: n }, (_, i) => (i === 0 ? 3 : i < 3 ? 2 : (i - 3) / 27))
  const grid = Float64Array.of(0.4, 1, 1.6, 2, 3)
  const kernel = (x: number) => (y: number) =>
    Math.exp(-((x - y) ** 2) / (2 * width ** 2)) / (width * Math.sqrt(2 * Math.PI))
  const run = (draw: number, probes: number, steps: number, options: object = {}) =>
    Effect.runSync(
      spectralDensity(diagonalOperator(entries), normalsAt(draw), { probes, steps, grid, width, ...options })
    )
  const at = ({ degrees, standardError, value }: Estimates, i: number): Estimate => ({
    value: value[i]!,
    standardError: standardError[i]!,
    degrees: degrees[i]!
  })

  it(`its interval covers at each point of the grid in 93 to 97 % of ${draws} draws of 10 probes`, () => {
    const all = drawn((draw) => run(draw, 10, 8).density)
    grid.forEach((x, i) => {
      const share = coverage(
        mean(entries.map(kernel(x))),
        all.map((density) => at(density, i))
      )
      assert.isTrue(honest(share), `${x}: ${share}`)
    })
  })

  it("the law rejects the spread between the probes as a standard error at a lone eigenvalue", () => {
    const between = drawn((draw) => ofSample(exactForms(entries, kernel(3), draw, 10)), fewer)
    assert.isFalse(honest(coverage(mean(entries.map(kernel(3))), between)))
  })

  it("nodes ascend, weights are not negative and sum to 1, and their moments are those of the probes to degree 2 steps - 1", () => {
    const { nodes, weights } = run(5, 4, 6)
    assert.strictEqual(nodes.length, 4 * 6)
    assert.isTrue(nodes.every((x, i) => i === 0 || x >= nodes[i - 1]!))
    assert.isTrue(weights.every((w) => w >= 0))
    const error = (degree: number) => {
      const exact = mean(exactForms(entries, (x) => (x / 3) ** degree, 5, 4))
      return Math.abs(sum(nodes.map((x, j) => weights[j]! * (x / 3) ** degree)) - exact)
    }
    for (let degree = 0; degree <= 11; degree++) assert.isAtMost(error(degree), 1000 * eps64)
    assert.isAbove(error(12), 1000 * eps64)
  })

  it("on a fine grid the density is not negative and has mass 1 to 1e-6", () => {
    const points = Float64Array.from({ length: 501 }, (_, i) => -1 + i / 100)
    const { value } = run(2, 4, 6, { grid: points }).density
    assert.isTrue(value.every((density) => density >= 0))
    assert.isAtMost(Math.abs(sum(value) / 100 - 1), 1e-6)
  })

  it("bad input is a typed failure: probes, width, a grid with NaN, size 0", () => {
    const operator = diagonalOperator(entries)
    const good = { probes: 3, steps: 4, grid, width }
    refusesProbes((probes) => spectralDensity(operator, normalsAt(0), { ...good, probes }))
    for (const value of [0, -1, Number.NaN]) {
      const wrong = spectralDensity(operator, normalsAt(0), { ...good, width: value })
      assert.deepInclude(failure(wrong), { _tag: "InvalidArgument", argument: "width" })
    }
    const nan = spectralDensity(operator, normalsAt(0), { ...good, grid: Float64Array.of(0, Number.NaN) })
    assert.deepInclude(failure(nan), { _tag: "NonFinite", what: "grid", index: 1 })
    const empty = spectralDensity(diagonalOperator([]), normalsAt(0), good)
    assert.deepInclude(failure(empty), { _tag: "InvalidArgument", argument: "operator" })
  })
})
