/**
 * K-FAC of the MLP 784-64-10 over a stream that is made as it is read: time and peak memory for some N, one process each.
 *
 * `node bench/stream.ts N DEVICE` prints one line of JSON; `streams` of this file runs it for several N.
 */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Effect, Layer, Stream } from "effect"
import {
  Conditional,
  DataSource,
  Device,
  Fisher,
  Key,
  Likelihood,
  Network,
  Sampler,
  Structure
} from "../src/index.ts"

const features = 784
const batchSize = 500

/** What one process measures. */
export interface Streamed {
  readonly examples: number
  readonly ms: number
  /** Peak resident memory, in MiB. */
  readonly peak: number
}

/** The same for each N, one process after the other. */
export const streams = (counts: ReadonlyArray<number>, device: string): ReadonlyArray<Streamed> =>
  counts.map((examples) => {
    const { status, stderr, stdout } = spawnSync(
      process.execPath,
      [fileURLToPath(import.meta.url), String(examples), device],
      { encoding: "utf8" }
    )
    if (status !== 0) throw new Error(`bench/stream.ts ended with ${status}: ${stderr}`)
    return JSON.parse(stdout) as Streamed
  })

const measure = Effect.fnUntraced(function* (examples: number) {
  const key = Key.make(2)
  // Some rows of noise, again and again: what is timed is the estimate, not the generator.
  const rows = Float32Array.from({ length: batchSize * features }, (_, i) => Key.uniform(key, i, 0))
  const data = DataSource.fromStream({
    name: "noise",
    pass: () =>
      Stream.range(0, Math.ceil(examples / batchSize) - 1).pipe(
        Stream.map((i) => {
          const count = Math.min(batchSize, examples - i * batchSize)
          return { x: { data: rows.subarray(0, count * features), shape: [count, features] as const } }
        })
      )
  })
  const conditional = Conditional.make(
    Network.sequential(features, [Network.dense(64), Network.relu, Network.dense(10)]),
    Likelihood.categorical
  )
  const params = Conditional.init(conditional, { seed: 1 })
  const estimate = Fisher.estimate(conditional, params, Structure.kfac).pipe(
    Effect.provide(Layer.mergeAll(data, Sampler.monteCarlo({ draws: 1, seed: 0 })))
  )
  const start = performance.now()
  yield* estimate
  const ms = performance.now() - start
  return { examples, ms, peak: process.resourceUsage().maxRSS / 1024 }
})

if (import.meta.main) {
  const [examples, device] = process.argv.slice(2)
  const layer = device === "native" ? Device.native : Device.wasm
  console.log(JSON.stringify(await Effect.runPromise(measure(Number(examples)).pipe(Effect.provide(layer)))))
}
