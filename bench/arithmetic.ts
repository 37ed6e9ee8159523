/**
 * The dense arithmetic of a device by itself: products, Cholesky and eigenvectors on typed arrays, with the copies that they take.
 *
 * 1024 is the side of a product and of a second moment, 1500 that of a factor, 500 that of eigenvectors.
 */
import * as tf from "@tensorflow/tfjs"
import { Effect } from "effect"
import { Device } from "../src/index.ts"
import type { Kernels, Real } from "../src/kernels/Kernels.ts"
import { shippedOn } from "./tfjs.ts"
import { type Label, type Turn, timed } from "./turns.ts"

/** Numbers without a pattern: the fractional parts of multiples of the golden ratio by squares, around 0. */
export const filled = <T extends Real>(out: T): T => {
  for (let i = 0; i < out.length; i++) out[i] = ((i * i * 0.6180339887498949) % 1) - 0.5
  return out
}

/** X X^T + I. */
const definite = (kernels: Kernels, n: number): Float64Array => {
  const [a, x] = [new Float64Array(n * n), filled(new Float64Array(n * n))]
  kernels.syrk({ rows: n, n, a: x, out: a })
  for (let i = 0; i < n; i++) a[i * (n + 1)] = a[i * (n + 1)]! + 1
  return a
}

export const side = 1024

type Jobs = Readonly<Record<string, () => void>>

const products = (kernels: Kernels): Jobs => {
  const n = side
  const [x, y] = [filled(new Float32Array(n * n)), filled(new Float32Array(n * n)).reverse()]
  const [out, packed] = [new Float32Array(n * n), new Float32Array((n * (n + 1)) / 2)]
  const [x64, out64] = [new Float64Array(x), new Float64Array(n * n)]
  const cube = { m: n, n, k: n }
  return {
    "gemm A B, f32": () => kernels.gemm({ ...cube, a: x, b: y, out }),
    "gemm A^T B, f32": () => kernels.gemm({ ...cube, a: x, transposeA: true, b: y, out }),
    "gemm A B^T, f32": () => kernels.gemm({ ...cube, a: x, b: y, transposeB: true, out }),
    "gemm A^T B, f64": () => kernels.gemm({ ...cube, a: x64, transposeA: true, b: x64, out: out64 }),
    "syrk, f32": () => kernels.syrk({ rows: n, n, a: x, out }),
    "syrk packed, f32": () => kernels.syrk({ rows: n, n, a: x, storage: "packed", out: packed }),
    "syrk, f64": () => kernels.syrk({ rows: n, n, a: x64, out: out64 })
  }
}

const factors = (kernels: Kernels): Jobs => {
  const [n, columns] = [1500, 200]
  const large = definite(kernels, n)
  const jobs: Record<string, () => void> = {}
  for (const [name, Type] of [
    ["f32", Float32Array],
    ["f64", Float64Array]
  ] as const) {
    const [matrix, a, l] = [new Type(large), new Type(n * n), new Type(large)]
    kernels.cholesky({ n, a: l })
    const [right, b] = [filled(new Type(n * columns)), new Type(n * columns)]
    jobs[`Cholesky 1500, ${name}`] = () => {
      a.set(matrix)
      kernels.cholesky({ n, a })
    }
    jobs[`solve 1500 x ${columns}, ${name}`] = () => {
      b.set(right)
      kernels.choleskySolve({ n, l, columns, b })
    }
  }
  return jobs
}

const eigen = (kernels: Kernels): Jobs => {
  const n = 500
  const small = definite(kernels, n)
  const [a, values] = [small.slice(), new Float64Array(n)]
  const by = (vectors: boolean) => () => {
    a.set(small)
    kernels.symmetricEigen({ n, a, values, vectors })
  }
  return { "eigenvectors 500, f64": by(true), "eigenvalues 500, f64": by(false) }
}

/** What is timed, by name. */
export const jobsOf = (kernels: Kernels): Jobs => ({
  ...products(kernels),
  ...factors(kernels),
  ...eigen(kernels)
})

const label = (what: string): Label => ({ workload: "kernels", what, sampler: "-" })

/** The product that XNNPACK computes, of tensors that are there, beside ours. */
const byXnnpack = Effect.gen(function* () {
  const [x, y] = yield* shippedOn(
    "wasm",
    Effect.acquireRelease(
      Effect.sync(() => [1, 2].map(() => tf.tensor2d(filled(new Float32Array(side * side)), [side, side]))),
      (both) => Effect.sync(() => tf.dispose(both))
    )
  )
  const product = Effect.sync(() => tf.matMul(x!, y!).dispose())
  return shippedOn("wasm", timed({ ...label("tfjs gemm A B, f32"), device: "wasm" }, product))
})

/** On the kernels of the device. */
export const arithmetic = Effect.gen(function* () {
  const { kernels } = yield* Device
  const turns: Array<Turn<never>> = Object.entries(jobsOf(kernels)).map(([what, job]) =>
    timed(label(what), Effect.sync(job))
  )
  return [...turns, yield* byXnnpack]
})
