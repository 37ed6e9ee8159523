/**
 * What the kernels in WebAssembly take, beside XNNPACK: `npm run example bench/kernels.ts`.
 *
 * All take turns, so that other work on the machine meets each of them alike. What is counted is processor time of this thread.
 */
import * as tf from "@tensorflow/tfjs"
import "@tensorflow/tfjs-backend-wasm"
import type { Kernels, Real } from "natgrad/kernels/Kernels"
import { compileKernels, fusedWorks, wasmKernels } from "natgrad/kernels/wasm"

const rounds = 10

/** Numbers without a pattern: the fractional parts of multiples of the golden ratio by squares, around 0. */
const filled = <T extends Real>(out: T): T => {
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

type Jobs = Readonly<Record<string, () => void>>

const times = (count: number, job: () => void) => () => {
  for (let i = 0; i < count; i++) job()
}

const jobsOf = (name: string, kernels: Kernels): Jobs => {
  const n = 512
  const [x, out] = [filled(new Float32Array(n * n)), new Float32Array(n * n)]
  const [x64, out64] = [filled(new Float64Array(n * n)), new Float64Array(n * n)]
  const [tall, gram] = [filled(new Float32Array(2048 * 1500)), new Float32Array(1500 * 1500)]
  const [large, small, values] = [definite(kernels, 1500), definite(kernels, 500), new Float64Array(500)]
  const [a, v] = [large.slice(), small.slice()]
  const cube = { m: n, n, k: n }
  return {
    [`8 x 512^3, float32, ${name}`]: times(8, () => kernels.gemm({ ...cube, a: x, b: x, out })),
    [`8 x 512^3, float32, a^T, ${name}`]: times(8, () =>
      kernels.gemm({ ...cube, a: x, transposeA: true, b: x, out })
    ),
    [`8 x 512^3, float32, b^T, ${name}`]: times(8, () =>
      kernels.gemm({ ...cube, a: x, b: x, transposeB: true, out })
    ),
    [`4 x 512^3, float64, ${name}`]: times(4, () => kernels.gemm({ ...cube, a: x64, b: x64, out: out64 })),
    [`x^T x of 2048 x 1500, product, ${name}`]: () =>
      kernels.gemm({ m: 1500, n: 1500, k: 2048, a: tall, transposeA: true, b: tall, out: gram }),
    [`x^T x of 2048 x 1500, syrk, ${name}`]: () => kernels.syrk({ rows: 2048, n: 1500, a: tall, out: gram }),
    [`Cholesky of 1500, ${name}`]: () => {
      a.set(large)
      kernels.cholesky({ n: 1500, a })
    },
    [`eigenvectors of 500, ${name}`]: () => {
      v.set(small)
      kernels.symmetricEigen({ n: 500, a: v, values, vectors: true })
    },
    [`eigenvalues of 500, ${name}`]: () => {
      v.set(small)
      kernels.symmetricEigen({ n: 500, a: v, values, vectors: false })
    }
  }
}

await tf.setBackend("wasm")
const x = tf.tensor2d(filled(new Float32Array(512 * 512)), [512, 512])
const jobs: Jobs = {
  "8 x 512^3, float32, XNNPACK": times(8, () => tf.matMul(x, x).dispose()),
  ...jobsOf("vectors", wasmKernels(await compileKernels(false))),
  ...(fusedWorks() ? jobsOf("fused", wasmKernels(await compileKernels(true))) : {})
}

const taken = new Map<string, Array<number>>()
for (let round = -1; round < rounds; round++) {
  for (const [name, job] of Object.entries(jobs)) {
    const before = process.threadCpuUsage()
    job()
    const { system, user } = process.threadCpuUsage(before)
    // The first round only warms up.
    if (round >= 0) taken.set(name, [...(taken.get(name) ?? []), (user + system) / 1000])
  }
}
for (const [name, ms] of taken) {
  const sorted = ms.toSorted((p, q) => p - q)
  console.log(
    `${name.padEnd(44)} least ${sorted[0]!.toFixed(1)} ms, median ${sorted[rounds / 2]!.toFixed(1)} ms`
  )
}
