/** Several threads give the bits of one: every operation on 300 ragged shapes with 1, 2 and 3 threads, and products of tensors on a Device. */
import * as tf from "@tensorflow/tfjs"
import { Effect, type Layer } from "effect"
import { describe, expect, it } from "vitest"
import { Device } from "../src/index.ts"
import type { Kernels, Real } from "../src/kernels/Kernels.ts"
import { smallPool, wasmBuilds } from "./support/kernels.ts"
import { noise, randomArray } from "./support/ratio.ts"

const threads = [1, 2, 3]

/** 300 shapes: empty, of one row or column, ragged, and past the blocks of the kernels. */
const shapes = (() => {
  const next = noise(11)
  const side = () => {
    const unit = (next() + 1) / 2
    return next() > 0.9 ? 97 + Math.floor(200 * unit) : Math.floor(71 * unit)
  }
  return Array.from({ length: 300 }, () => ({ m: side(), n: side(), k: side() }))
})()

/** Every output of one shape. */
type Run = (kernels: Kernels, shape: (typeof shapes)[number], seed: number) => ReadonlyArray<Real>

const kind = (seed: number) => (seed % 2 === 0 ? Float64Array : Float32Array)

const definite = (n: number, seed: number): Float64Array => {
  const [x, out] = [randomArray(n * n, seed), new Float64Array(n * n)]
  wasmBuilds[0]!.syrk({ rows: n, n, a: x, out })
  for (let i = 0; i < n; i++) out[i * (n + 1)]! += 1
  return out
}

const factor = (n: number, seed: number): Real => {
  const l = new (kind(seed))(definite(n, seed))
  expect(wasmBuilds[0]!.cholesky({ n, a: l })).toBe(-1)
  return l
}

const runs: Readonly<Record<string, Run>> = {
  gemm: (kernels, { k, m, n }, seed) => {
    const Type = kind(seed)
    const [a, b] = [new Type(randomArray(m * k, seed)), new Type(randomArray(k * n, seed + 1))]
    const out = new Type(m * n).fill(Number.NaN)
    kernels.gemm({ m, n, k, a, transposeA: seed % 4 > 1, b, transposeB: seed % 8 > 3, out })
    return [out]
  },
  syrk: (kernels, { k, n }, seed) => {
    const Type = kind(seed)
    const out = new Type(n * n).fill(Number.NaN)
    kernels.syrk({ rows: k, n, a: new Type(randomArray(k * n, seed)), out })
    return [out]
  },
  "syrk, packed": (kernels, { k, n }, seed) => {
    const Type = kind(seed)
    const out = new Type((n * (n + 1)) / 2).fill(Number.NaN)
    kernels.syrk({ rows: k, n, a: new Type(randomArray(k * n, seed)), storage: "packed", out })
    return [out]
  },
  cholesky: (kernels, { n }, seed) => {
    const a = new (kind(seed))(definite(n, seed))
    expect(kernels.cholesky({ n, a })).toBe(-1)
    return [a]
  },
  choleskySolve: (kernels, { m, n }, seed) => {
    const b = new (kind(seed))(randomArray(n * m, seed))
    kernels.choleskySolve({ n, l: factor(n, seed), columns: m, b })
    return [b]
  },
  choleskyInverse: (kernels, { n }, seed) => {
    const out = new (kind(seed))(n * n).fill(Number.NaN)
    kernels.choleskyInverse({ n, l: factor(n, seed), out })
    return [out]
  },
  symmetricEigen: (kernels, { n }, seed) => {
    const [a, values] = [definite(n, seed), new Float64Array(n)]
    expect(kernels.symmetricEigen({ n, a, values, vectors: true })).toBe(true)
    return [a, values]
  }
}

/** How many of some shapes have a number of other bits than with `alone`. */
const shapesApart = (run: Run, alone: Kernels, kernels: Kernels, count = shapes.length): number =>
  shapes.slice(0, count).filter((shape, seed) => {
    const due = run(alone, shape, seed)
    return run(kernels, shape, seed).some((out, i) => out.some((value, o) => !Object.is(value, due[i]![o])))
  }).length

/** A product whose inner side is cut in two: what threads must not do. */
const inTwoParts = (kernels: Kernels): Kernels => ({
  ...kernels,
  gemm: (p) => {
    if (p.transposeA === true || p.transposeB === true || p.k < 2) return kernels.gemm(p)
    const { a, b, k, m, n, out } = p
    const h = k >> 1
    const [first, rest] = [out.slice(), out.slice()]
    const columns = (from: number, to: number) => {
      const part = a.slice(0, m * (to - from))
      for (let i = 0; i < m; i++) part.set(a.subarray(i * k + from, i * k + to), i * (to - from))
      return part
    }
    kernels.gemm({ m, n, k: h, a: columns(0, h), b, out: first })
    kernels.gemm({ m, n, k: k - h, a: columns(h, k), b: b.subarray(h * n), out: rest })
    for (let i = 0; i < m * n; i++) out[i] = first[i]! + rest[i]!
  }
})

for (const [build, alone] of wasmBuilds.entries()) {
  describe(alone.name, () => {
    for (const [name, run] of Object.entries(runs)) {
      it(`${name}: the bits of one thread on 300 shapes, with ${threads.join(", ")} threads`, async () => {
        for (const count of threads) {
          const pool = await smallPool(count, build === 1)
          expect(shapesApart(run, alone, pool.kernels)).toBe(0)
          await pool.close()
        }
      })
    }
    it("a failing pivot is the one that one thread finds, at each of 90 places", async () => {
      const { close, kernels } = await smallPool(3, build === 1)
      const n = 90
      for (let at = 0; at < n; at++) {
        const a = definite(n, 5)
        a[at * (n + 1)] = -1
        for (const Type of [Float64Array, Float32Array]) {
          expect(kernels.cholesky({ n, a: new Type(a) })).toBe(alone.cholesky({ n, a: new Type(a) }))
        }
      }
      await close()
    })
  })
}

it("control: a product whose inner side is cut in two has other bits", () => {
  expect(shapesApart(runs["gemm"]!, wasmBuilds[0]!, inTwoParts(wasmBuilds[0]!), 40)).toBeGreaterThan(0)
})

describe("products of tensors", () => {
  const [m, k, n] = [247, 519, 391]
  const values = (size: number, seed: number) => Float32Array.from(randomArray(size, seed))
  /** Products large enough to be shared, of either layout, in batches, fused, and of a tensor with itself. */
  const products: Readonly<Record<string, () => tf.Tensor>> = {
    plain: () => tf.matMul(tf.tensor2d(values(m * k, 1), [m, k]), tf.tensor2d(values(k * n, 2), [k, n])),
    "left transposed": () =>
      tf.matMul(tf.tensor2d(values(k * m, 1), [k, m]), tf.tensor2d(values(k * n, 2), [k, n]), true),
    "right transposed": () =>
      tf.matMul(tf.tensor2d(values(m * k, 1), [m, k]), tf.tensor2d(values(n * k, 2), [n, k]), false, true),
    "in batches": () =>
      tf.matMul(tf.tensor3d(values(3 * m * k, 1), [3, m, k]), tf.tensor3d(values(k * n, 2), [1, k, n])),
    "x^T x": () => {
      const x = tf.tensor2d(values(k * n, 3), [k, n])
      return tf.matMul(x, x, true)
    },
    "x x^T": () => {
      const x = tf.tensor2d(values(m * k, 3), [m, k])
      return tf.matMul(x, x, false, true)
    },
    fused: () =>
      tf.fused.matMul({
        a: tf.tensor2d(values(m * k, 1), [m, k]),
        b: tf.tensor2d(values(k * n, 2), [k, n]),
        bias: tf.tensor1d(values(n, 3)),
        activation: "relu"
      })
  }
  const all = (device: Layer.Layer<Device, unknown>, scale = 1) =>
    Effect.runPromise(
      Device.use(({ compute, name, read }) =>
        Effect.gen(function* () {
          const made = yield* compute("products", (keep) =>
            Object.values(products).map((product) => keep(tf.mul(product(), scale)))
          )
          return { name, outs: yield* read("products", made) }
        })
      ).pipe(Effect.scoped, Effect.provide(device))
    )

  it("have the bits of wasm with 2 and 3 threads, and its name; control: with one more rounding", async () => {
    const due = await all(Device.wasm)
    for (const count of [2, 3]) {
      const together = await all(Device.wasmWith({ threads: count }))
      expect(together.name).toBe("wasm")
      for (const [i, name] of Object.keys(products).entries()) {
        expect(
          Buffer.compare(Buffer.from(together.outs[i]!.buffer), Buffer.from(due.outs[i]!.buffer)),
          name
        ).toBe(0)
      }
    }
    expect(await all(Device.wasmWith({ threads: 2 }), 1 + 2 ** -23)).not.toEqual(due)
  })
})
