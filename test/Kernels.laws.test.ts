/**
 * The contract of `Kernels`, run over every implementation.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Gemm, Kernels, Real } from "../src/kernels/Kernels.ts"
import { reference } from "../src/kernels/reference.ts"
import { implementations, nativeLibrary } from "./support/kernels.ts"
import {
  eps32,
  eps64,
  geometric,
  identity,
  noise,
  product,
  randomArray,
  ratio,
  rowNorm,
  sizes,
  transpose,
  withSpectrum
} from "./support/ratio.ts"

type Kind = Float32ArrayConstructor | Float64ArrayConstructor

/** Largest error of an entry of out, in units of k eps (|op a| |op b|)_ij, the entry's own bound. */
const gemmRatio = (p: Gemm): number => {
  const { m, n, k } = p
  const a = p.transposeA === true ? transpose(k, m, p.a) : Float64Array.from(p.a)
  const b = p.transposeB === true ? transpose(n, k, p.b) : Float64Array.from(p.b)
  const exact = product(m, n, k, a, b)
  const size = product(m, n, k, a.map(Math.abs), b.map(Math.abs))
  const eps = p.out instanceof Float32Array ? eps32 : eps64
  return Math.max(
    0,
    ...Array.from(exact, (value, i) => ratio(Math.abs(value - p.out[i]!), k * eps * size[i]!))
  )
}

/** Runs `multiply` on random operands of every shape, layout and precision; returns the worst ratio. */
const worstGemm = (multiply: Kernels["gemm"], kinds: ReadonlyArray<Kind>): number => {
  let worst = 0
  const dimensions = [1, 2, 4, 7, 33]
  for (const Type of kinds) {
    for (const m of dimensions) {
      for (const n of dimensions) {
        for (const k of [1, 3, 8, 255, 257, 600]) {
          for (const layout of [0, 1, 2, 3]) {
            const p: Gemm = {
              m,
              n,
              k,
              a: new Type(randomArray(m * k, 1 + layout)),
              transposeA: (layout & 1) === 1,
              b: new Type(randomArray(k * n, 9 + layout)),
              transposeB: (layout & 2) === 2,
              out: new Type(m * n).fill(Number.NaN)
            }
            multiply(p)
            worst = Math.max(worst, gemmRatio(p))
          }
        }
      }
    }
  }
  return worst
}

/** Sums in float32, whatever the arrays. */
const gemmInFloat32: Kernels["gemm"] = (p) => {
  const out = new Float32Array(p.m * p.n)
  reference.gemm({ ...p, a: new Float32Array(p.a), b: new Float32Array(p.b), out })
  p.out.set(out)
}

/** Forgets the rows and columns past the last whole tile of four. */
const gemmWithoutEdges: Kernels["gemm"] = (p) => {
  reference.gemm(p)
  for (let i = 0; i < p.m; i++) {
    for (let j = 0; j < p.n; j++) if (i >= (p.m & ~3) || j >= (p.n & ~3)) p.out[i * p.n + j] = 0
  }
}

/** Entries of the last row and column that differ, in some bit, when they are computed alone; in either precision. */
const entriesThatDepend = (multiply: Kernels["gemm"]): number => {
  let changed = 0
  for (const Type of [Float64Array, Float32Array]) {
    const [m, n, k] = [8, 35, 700]
    const a = new Type(randomArray(m * k, 3))
    const b = new Type(randomArray(k * n, 4))
    const whole = new Type(m * n)
    multiply({ m, n, k, a, b, out: whole })
    const row = new Type(n)
    multiply({ m: 1, n, k, a: a.subarray(7 * k), b, out: row })
    row.forEach((value, j) => void (changed += Object.is(value, whole[7 * n + j]) ? 0 : 1))
    const column = new Type(m)
    multiply({ m, n: 1, k, a, b: new Type(transpose(k, n, b)).subarray(34 * k), out: column })
    column.forEach((value, i) => void (changed += Object.is(value, whole[i * n + 34]) ? 0 : 1))
  }
  return changed
}

/** Sums backwards where there is but one row. */
const gemmInAnotherOrder: Kernels["gemm"] = (p) => {
  const { m, n, k } = p
  if (m > 1) return reference.gemm(p)
  const b = new Float64Array(k * n)
  for (let i = 0; i < k; i++) b.set(p.b.subarray((k - 1 - i) * n, (k - i) * n), i * n)
  reference.gemm({ ...p, a: Float64Array.from(p.a.subarray(0, k)).reverse(), b })
}

const isSymmetric = (n: number, a: Real): boolean => {
  for (let i = 0; i < n; i++)
    for (let j = 0; j < i; j++) if (!Object.is(a[i * n + j], a[j * n + i])) return false
  return true
}

/** L D L^T for every place of one -1 in D, which is otherwise the identity: pivot k is the first that fails. */
const indefinite = (n: number): ReadonlyArray<Float64Array> => {
  const next = noise(n)
  const l = Float64Array.from({ length: n * n }, (_, o) => {
    const [i, j] = [Math.floor(o / n), o % n]
    return i === j ? 1 : j < i ? next() / n : 0
  })
  const definite = product(n, n, n, l, transpose(n, n, l))
  return Array.from({ length: n }, (_, k) =>
    definite.map((value, o) => value - 2 * l[Math.floor(o / n) * n + k]! * l[(o % n) * n + k]!)
  )
}

/** Sizes and pivots (n, k) where `cholesky` does not return exactly k, in one precision. */
const wrongPivots = (cholesky: Kernels["cholesky"], Type: Kind): number => {
  let wrong = 0
  for (const n of [...sizes.filter((size) => size > 0), 4, 8, 13]) {
    const matrices = indefinite(n)
    for (let k = 0; k < n; k++) {
      if (cholesky({ n, a: new Type(matrices[k]!) }) !== k) wrong++
      const poisoned = new Type(identity(n))
      poisoned[k * n] = Number.NaN
      if (cholesky({ n, a: poisoned }) !== k) wrong++
    }
  }
  return wrong
}

for (const kernels of implementations) {
  describe(kernels.name, () => {
    it("gemm: every entry within 2 k eps of |op a| |op b|, 600 shapes and layouts, in either precision", () => {
      assert.isAtMost(worstGemm(kernels.gemm, [Float64Array, Float32Array]), 2)
    })

    // A BLAS has kernels of its own for small products.
    it.skipIf(nativeLibrary.includes(kernels))(
      "gemm: an entry of a product depends on its row, its column and k alone, bit for bit",
      () => {
        assert.strictEqual(entriesThatDepend(kernels.gemm), 0)
      }
    )

    it("gemm: k = 0 gives zeros, m = 0 and n = 0 give nothing", () => {
      for (const [m, n, k] of [
        [3, 2, 0],
        [0, 2, 3],
        [3, 0, 2],
        [0, 0, 0]
      ] as const) {
        const out = new Float64Array(m * n).fill(Number.NaN)
        kernels.gemm({ m, n, k, a: new Float64Array(m * k), b: new Float64Array(k * n), out })
        assert.deepStrictEqual(out, new Float64Array(m * n))
      }
    })

    it("gemm: NaN in row i of a reaches row i of the product and no other", () => {
      const out = new Float64Array(25)
      const a = identity(5)
      a[2 * 5 + 4] = Number.NaN
      kernels.gemm({ m: 5, n: 5, k: 5, a, b: identity(5), out })
      for (let i = 0; i < 25; i++) assert.strictEqual(Number.isNaN(out[i]!), Math.floor(i / 5) === 2)
    })

    it("syrk: equals its transpose bit for bit, and gemm to within 2 rows eps, at every size", () => {
      for (const n of sizes) {
        for (const rows of [0, 1, 7, 300]) {
          for (const Type of [Float64Array, Float32Array]) {
            const a = new Type(randomArray(rows * n, n))
            const out = new Type(n * n).fill(Number.NaN)
            kernels.syrk({ rows, n, a, out })
            assert.isTrue(isSymmetric(n, out))
            assert.isAtMost(gemmRatio({ m: n, n, k: rows, a, transposeA: true, b: a, out }), 2)
          }
        }
      }
    })

    it("cholesky: the strict upper triangle is 0 and was never read", () => {
      for (const n of sizes) {
        for (const Type of [Float64Array, Float32Array]) {
          const a = new Type(withSpectrum(geometric(n, 10), n))
          const poisoned = a.map((value, o) => (o % n > Math.floor(o / n) ? Number.NaN : value))
          assert.strictEqual(kernels.cholesky({ n, a }), -1)
          assert.strictEqual(kernels.cholesky({ n, a: poisoned }), -1)
          assert.deepStrictEqual(poisoned, a)
          assert.isTrue(a.every((value, o) => o % n <= Math.floor(o / n) || Object.is(value, 0)))
        }
      }
    })

    it("cholesky: the first failing pivot is reported exactly, NaN included, at each of 2 x 227 places in either precision", () => {
      for (const Type of [Float64Array, Float32Array]) {
        assert.strictEqual(wrongPivots(kernels.cholesky, Type), 0)
        const infinite = new Type(identity(6))
        infinite[3 * 6 + 3] = Number.POSITIVE_INFINITY
        assert.strictEqual(kernels.cholesky({ n: 6, a: infinite }), 3)
        assert.strictEqual(kernels.cholesky({ n: 2, a: Type.of(1, 1, 1, 1) }), 1)
      }
    })

    it("choleskyInverse: equals its transpose bit for bit at every size", () => {
      for (const n of sizes) {
        for (const Type of [Float64Array, Float32Array]) {
          const l = new Type(withSpectrum(geometric(n, 1e4), n))
          const out = new Type(n * n).fill(Number.NaN)
          assert.strictEqual(kernels.cholesky({ n, a: l }), -1)
          kernels.choleskyInverse({ n, l, out })
          assert.isTrue(isSymmetric(n, out) && Number.isFinite(rowNorm(n, n, out)))
        }
      }
    })

    it("symmetricEigen: NaN or infinity is refused", () => {
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        for (const vectors of [true, false]) {
          const a = identity(5)
          a[3 * 5 + 1] = bad
          assert.isFalse(kernels.symmetricEigen({ n: 5, a, values: new Float64Array(5), vectors }))
        }
      }
    })

    it("arrays of two precisions in one solve or inverse throw a RangeError that names them, whatever the size", () => {
      for (const n of [1, 3, 90]) {
        for (const [One, Other] of [
          [Float32Array, Float64Array],
          [Float64Array, Float32Array]
        ] as const) {
          const [l, other] = [new One(n * n).fill(1), new Other(n * n)]
          assert.throws(() => kernels.choleskySolve({ n, l, columns: n, b: other }), RangeError, "l and b")
          assert.throws(() => kernels.choleskyInverse({ n, l, out: other }), RangeError, "l and out")
        }
      }
    })

    it("a size that is none, and an array too short for its matrix, throw a RangeError", () => {
      const x = new Float64Array(9)
      assert.throws(() => kernels.gemm({ m: 1.5, n: 1, k: 1, a: x, b: x, out: x }), RangeError)
      assert.throws(
        () => kernels.gemm({ m: 4, n: 4, k: 1, a: x, b: x, out: new Float64Array(9) }),
        RangeError
      )
      assert.throws(() => kernels.syrk({ rows: 3, n: 4, a: x, out: new Float64Array(16) }), RangeError)
      const out = new Float64Array(9)
      assert.throws(() => kernels.syrk({ rows: 1, n: 4, a: x, storage: "packed", out }), RangeError)
      assert.throws(() => kernels.cholesky({ n: -1, a: x }), RangeError)
      assert.throws(() => kernels.choleskySolve({ n: 3, l: x, columns: 4, b: x }), RangeError)
      assert.throws(() => kernels.choleskyInverse({ n: 4, l: x, out: x }), RangeError)
      assert.throws(
        () => kernels.symmetricEigen({ n: 3, a: x, values: new Float64Array(2), vectors: true }),
        RangeError
      )
    })
  })
}

describe("controls", () => {
  it("the gemm law rejects sums in float32", () => {
    assert.isAbove(worstGemm(gemmInFloat32, [Float64Array]), 2)
  })

  it("the gemm law rejects a product without its ragged edge", () => {
    assert.isAbove(worstGemm(gemmWithoutEdges, [Float64Array]), 2)
  })

  it("the law of single entries rejects a product that sums a lone row backwards", () => {
    assert.isAbove(entriesThatDepend(gemmInAnotherOrder), 0)
  })

  it("the symmetry law rejects a product that differs from its transpose by one rounding", () => {
    const a = identity(5)
    a[3] = 2 ** -60
    assert.isFalse(isSymmetric(5, a))
  })

  it("the pivot law rejects a factorisation that names the first row of the failing block", () => {
    assert.isAbove(
      wrongPivots((p) => reference.cholesky(p) & ~3, Float64Array),
      0
    )
  })
})
