/**
 * What both builds of the kernels in WebAssembly take, beside XNNPACK: `npm run example bench/kernels.ts`.
 *
 * All take turns, so that other work on the machine meets each of them alike. What is counted is processor time of this thread.
 */
import * as tf from "@tensorflow/tfjs"
import "@tensorflow/tfjs-backend-wasm"
import { compileKernels, fusedWorks, wasmKernels } from "../src/kernels/wasm.ts"
import { filled, jobsOf, side } from "./arithmetic.ts"

const rounds = 10

const buildOf = async (name: string, fused: boolean): Promise<ReadonlyArray<readonly [string, () => void]>> =>
  Object.entries(jobsOf(wasmKernels(await compileKernels(fused)))).map(([what, job]) => [
    `${what}, ${name}`,
    job
  ])

await tf.setBackend("wasm")
const x = tf.tensor2d(filled(new Float32Array(side * side)), [side, side])
const jobs: ReadonlyArray<readonly [string, () => void]> = [
  ["gemm A B, f32, XNNPACK", () => tf.matMul(x, x).dispose()],
  ...(await buildOf("vectors", false)),
  ...(fusedWorks() ? await buildOf("fused", true) : [])
]

const taken = new Map<string, Array<number>>()
for (let round = -1; round < rounds; round++) {
  for (const [name, job] of jobs) {
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
    `${name.padEnd(32)} least ${sorted[0]!.toFixed(1)} ms, median ${sorted[rounds / 2]!.toFixed(1)} ms`
  )
}
