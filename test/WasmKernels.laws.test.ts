/**
 * The WebAssembly kernels, on one thread and two, and a BLAS where there is one, against the reference: ragged shapes, the bytes around a matrix, and the same bits at every call.
 */
import { execFileSync } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import type { Gemm, Kernels, Real } from "../src/kernels/Kernels.ts"
import { reference } from "../src/kernels/reference.ts"
import { others } from "./support/kernels.ts"
import { eps32, eps64, noise, randomArray, ratio, rowNorm } from "./support/ratio.ts"

const guard = 5
const mark = 123

/** An array with marks behind its matrix. */
const guarded = <T extends Real>(Type: new (length: number) => T, length: number): T => {
  const out = new Type(length + guard)
  out.fill(mark, length)
  return out
}

const untouched = (out: Real): boolean => out.subarray(out.length - guard).every((value) => value === mark)

/** Sizes from 0 to 70, one in forty beyond the blocks of the kernels. */
const sizeFrom = (next: () => number): number => {
  const unit = (next() + 1) / 2
  return next() > 0.95 ? 120 + Math.floor(unit * 300) : Math.floor(unit * 71)
}

/** A random product, and what it should give: its entries, and the sizes that their errors are measured by. */
interface Product extends Omit<Gemm, "out"> {
  readonly Type: typeof Float64Array | typeof Float32Array
  readonly exact: Float64Array
  readonly size: Float64Array
}

const products: ReadonlyArray<Product> = (() => {
  const next = noise(5)
  return Array.from({ length: 1000 }, (_, t) => {
    const [m, n, k] = [sizeFrom(next), sizeFrom(next), sizeFrom(next)]
    const Type = t % 2 === 0 ? Float64Array : Float32Array
    const p = {
      m,
      n,
      k,
      a: new Type(randomArray(m * k + 3, t)),
      transposeA: t % 4 > 1,
      b: new Type(randomArray(k * n + 2, t + 1)),
      transposeB: t % 8 > 3
    }
    const exact = new Float64Array(m * n)
    const size = new Float64Array(m * n)
    reference.gemm({ ...p, out: exact })
    reference.gemm({ ...p, a: p.a.map(Math.abs), b: p.b.map(Math.abs), out: size })
    return { ...p, Type, exact, size }
  })
})()

/** The worst error of `count` products in units of k eps |op a| |op b|, infinity where a byte beyond the matrix changed. */
const worstProduct = (multiply: Kernels["gemm"], count: number): number => {
  let worst = 0
  for (const { exact, size, Type, ...p } of products.slice(0, count)) {
    const out = guarded<Real>(Type, p.m * p.n)
    multiply({ ...p, out })
    const unit = p.k * (Type === Float32Array ? eps32 : eps64)
    for (let i = 0; i < exact.length; i++) {
      worst = Math.max(worst, ratio(Math.abs(exact[i]! - out[i]!), unit * size[i]!))
    }
    if (!untouched(out)) worst = Number.POSITIVE_INFINITY
  }
  return worst
}

/** L L^T for a random L with a diagonal of 1 to 2: condition numbers up to some 10^3. */
const definite = (n: number, seed: number): Float64Array => {
  const l = randomArray(n * n, seed).map((value, o) => {
    const [i, j] = [Math.floor(o / n), o % n]
    return i === j ? 1 + Math.abs(value) : j < i ? value / Math.sqrt(n) : 0
  })
  const a = new Float64Array(n * n)
  reference.gemm({ m: n, n, k: n, a: l, b: l, transposeB: true, out: a })
  return a
}

/**
 * The shift of the first QL step of [[0, 1, 0], [1, 0, b], [0, b, -1]] is -1, its last entry, so that its first rotation has cosine 0,
 * or with `tilt` nearly so: two rows change places. Returns how far V diag(values) V^T is from the matrix, in units of eps.
 */
const rightAngle = (decompose: Kernels["symmetricEigen"], b: number, tilt: number): number => {
  const n = 3
  const due = Float64Array.of(0, 1, 0, 1, 0, b, 0, b, tilt - 1)
  const [a, values, out] = [due.slice(), new Float64Array(n), new Float64Array(n * n)]
  assert.isTrue(decompose({ n, a, values, vectors: true }))
  const scaled = a.map((value, o) => value * values[o % n]!)
  reference.gemm({ m: n, n, k: n, a: scaled, b: a, transposeB: true, out })
  return Math.max(...out.map((value, o) => ratio(Math.abs(value - due[o]!), eps64)))
}

/** Runs one operation on n x n with marks behind every output; the outputs, for comparison. */
type Run = (kernels: Kernels, n: number, seed: number) => ReadonlyArray<Float64Array>

const factored = (kernels: Kernels, n: number, seed: number): Float64Array => {
  const l = guarded(Float64Array, n * n)
  l.set(definite(n, seed))
  assert.strictEqual(kernels.cholesky({ n, a: l }), -1)
  return l
}

const runs: Readonly<Record<string, Run>> = {
  cholesky: (kernels, n, seed) => [factored(kernels, n, seed)],
  choleskySolve: (kernels, n, seed) => {
    const columns = (seed * 7) % 23
    const b = guarded(Float64Array, n * columns)
    b.set(randomArray(n * columns, seed))
    kernels.choleskySolve({ n, l: factored(reference, n, seed), columns, b })
    return [b]
  },
  choleskyInverse: (kernels, n, seed) => {
    const out = guarded(Float64Array, n * n)
    kernels.choleskyInverse({ n, l: factored(reference, n, seed), out })
    return [out]
  },
  eigenvalues: (kernels, n, seed) => {
    const values = guarded(Float64Array, n)
    const a = definite(n, seed)
    assert.isTrue(kernels.symmetricEigen({ n, a, values, vectors: false }))
    return [values]
  },
  // Vectors have a free sign and, where values are close, a free rotation. A does not.
  symmetricEigen: (kernels, n, seed) => {
    const values = guarded(Float64Array, n)
    const a = guarded(Float64Array, n * n)
    a.set(definite(n, seed))
    assert.isTrue(kernels.symmetricEigen({ n, a, values, vectors: true }))
    const scaled = a.map((value, o) => value * values[o % n]!)
    const out = guarded(Float64Array, n * n)
    reference.gemm({ m: n, n, k: n, a: scaled, b: a, transposeB: true, out })
    return untouched(a) ? [values, out] : [values, a]
  }
}

/** The largest difference of two outputs, in units of n eps |output| 10^3. */
const apart = (n: number, x: Float64Array, y: Float64Array): number =>
  ratio(
    rowNorm(
      1,
      x.length,
      x.map((value, i) => value - y[i]!)
    ),
    1e3 * n * eps64 * rowNorm(1, x.length, y)
  )

/** Every small size, and some at and beside the blocks of the kernels. */
const orders = [...Array(40).keys(), 47, 48, 49, 64, 71, 96, 97, 131, 200]

/** What the reference gives, once for all that are compared with it. */
const dues = new Map<Run, ReadonlyArray<ReadonlyArray<Float64Array>>>()

const dueOf = (run: Run): ReadonlyArray<ReadonlyArray<Float64Array>> => {
  const due = dues.get(run) ?? orders.map((n) => run(reference, n, n + 1))
  dues.set(run, due)
  return due
}

/** The worst difference from the reference over `orders`; infinity where a byte beyond a matrix changed. */
const worstRun = (run: Run, kernels: Kernels): number => {
  let worst = 0
  for (const [at, n] of orders.entries()) {
    const due = dueOf(run)[at]!
    run(kernels, n, n + 1).forEach((out, i) => {
      worst = Math.max(worst, untouched(out) ? apart(n, out, due[i]!) : Number.POSITIVE_INFINITY)
    })
  }
  return worst
}

/** Whether 40 calls, with calls of other sizes between them, give the same bits. */
const repeats = (run: Run, kernels: Kernels): boolean => {
  const first = run(kernels, 53, 2)
  return Array.from({ length: 40 }).every((_, t) => {
    run(kernels, 3 + t, 9)
    return run(kernels, 53, 2).every((out, i) => out.every((value, o) => Object.is(value, first[i]![o])))
  })
}

/** A kernel that remembers how often it was called, and adds that to its result. */
const forgetful = (): Kernels => {
  let calls = 0
  return {
    ...reference,
    cholesky: (p) => {
      const failed = reference.cholesky(p)
      if (p.n > 0) p.a[0] = p.a[0]! * (1 + calls++ * 2 ** -40)
      return failed
    }
  }
}

for (const kernels of others) {
  describe(kernels.name, () => {
    it("gemm: 1,000 random shapes within 2 k eps of |op a| |op b| of the reference, and nothing beyond the matrix", () => {
      assert.isAtMost(worstProduct(kernels.gemm, 1000), 2)
    })

    for (const [name, run] of Object.entries(runs)) {
      it(`${name}: within 10^3 n eps of the reference at ${orders.length} sizes, and nothing beyond the matrix`, () => {
        assert.isAtMost(worstRun(run, kernels), 1)
      })

      it(`${name}: the same bits at every call`, () => {
        assert.isTrue(repeats(run, kernels))
      })
    }

    it("symmetricEigen: a rotation by a right angle gives the matrix back, to 10 eps", () => {
      for (const b of [0.25, 1, 2]) {
        for (const tilt of [0, 1e-9]) assert.isAtMost(rightAngle(kernels.symmetricEigen, b, tilt), 10)
      }
    })

    it("gemm: arrays of mixed precision are summed in float64", () => {
      const a = Float32Array.of(1, 2 ** -30)
      const b = Float64Array.of(1, 1)
      const out = new Float64Array(1)
      kernels.gemm({ m: 1, n: 1, k: 2, a, b, out })
      assert.strictEqual(out[0], 1 + 2 ** -30)
      const single = new Float32Array(1)
      kernels.gemm({ m: 1, n: 1, k: 2, a, b: new Float32Array(b), out: single })
      assert.strictEqual(single[0], 1)
    })
  })
}

describe("controls", () => {
  it("the product law rejects one number written behind the matrix, and an edge that is forgotten", () => {
    const beyond: Kernels["gemm"] = (p) => {
      reference.gemm(p)
      p.out[p.m * p.n] = 0
    }
    assert.strictEqual(worstProduct(beyond, 20), Number.POSITIVE_INFINITY)
    const forgotten: Kernels["gemm"] = (p) => {
      reference.gemm(p)
      if (p.m % 3 === 2 && p.n > 0) p.out[p.m * p.n - 1] = 0
    }
    assert.isAbove(worstProduct(forgotten, 100), 2)
  })

  it("the law of the right angle rejects vectors of which two changed places, and not their values", () => {
    const swapped: Kernels["symmetricEigen"] = (p) => {
      const done = reference.symmetricEigen(p)
      p.a.set(p.a.map((_, o) => p.a[o % 3 === 2 ? o : o % 3 === 0 ? o + 1 : o - 1]!))
      return done
    }
    assert.isAbove(rightAngle(swapped, 1, 0), 10)
    assert.isAtMost(rightAngle(reference.symmetricEigen, 1, 0), 10)
  })

  it("the law of the factor rejects float32, and the law of repeats a kernel that remembers", () => {
    const rough: Kernels = {
      ...reference,
      cholesky: (p) => {
        const failed = reference.cholesky(p)
        p.a.set(new Float32Array(p.a))
        return failed
      }
    }
    assert.isAbove(worstRun(runs["cholesky"]!, rough), 1)
    assert.isFalse(repeats(runs["cholesky"]!, forgetful()))
  })
})

it("src/kernels/internal/modules.ts is assembly/ compiled", () => {
  execFileSync(process.execPath, ["scripts/build-kernels.ts", "--check"], { stdio: "pipe" })
})
