/**
 * K-FAC of the MLP 784-64-10 over a stream that is made as it is read: time and peak memory for some N, one process each.
 *
 * `node bench/stream.ts DEVICE THREADS N` prints one line of JSON; `streams` of this file runs it for several N.
 */
import { existsSync, readFileSync } from "node:fs"
import { Effect, Layer, Stream } from "effect"
import { Conditional, DataSource, Fisher, Key, Likelihood, Network, Structure } from "../src/index.ts"
import { answer, child, type Place } from "./children.ts"
import { median, type Series } from "./turns.ts"
import { samplers } from "./workloads.ts"

const features = 784
const batchSize = 500

export const network = () =>
  Network.sequential(features, [Network.dense(64), Network.relu, Network.dense(10)])

/** Some rows of noise, again and again: what is timed is the estimate, not the generator. */
export const noise = (examples: number) => {
  const key = Key.make(2)
  const rows = Float32Array.from({ length: batchSize * features }, (_, i) => Key.uniform(key, i, 0))
  return DataSource.fromStream({
    name: "noise",
    pass: () =>
      Stream.range(0, Math.ceil(examples / batchSize) - 1).pipe(
        Stream.map((i) => {
          const count = Math.min(batchSize, examples - i * batchSize)
          return { x: { data: rows.subarray(0, count * features), shape: [count, features] as const } }
        })
      )
  })
}

/** The same for each N, in three processes one after the other: how much garbage waits to be collected differs from one to the next. */
export const streams = (counts: ReadonlyArray<number>, place: Place): ReadonlyArray<Series> =>
  counts.map((examples) => {
    const three = [1, 2, 3].map(() => child<Required<Series>>("stream.ts", place, String(examples)))
    return {
      label: three[0]!.label,
      times: three.flatMap(({ times }) => times),
      peak: median(three.map(({ peak }) => peak))
    }
  })

/**
 * The most memory that this process had resident so far, in MiB. Node's own figure begins, on Linux, with what the process had that started
 * this one.
 */
const peakMemory = (): number => {
  const kib = existsSync("/proc/self/status")
    ? /VmHWM:\s*(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]
    : undefined
  return (kib === undefined ? process.resourceUsage().maxRSS : Number(kib)) / 1024
}

const measure = Effect.fnUntraced(function* (examples: number) {
  const conditional = Conditional.make(network(), Likelihood.categorical)
  const params = Conditional.init(conditional, { seed: 1 })
  const estimate = Fisher.estimate(conditional, params, Structure.kfac).pipe(
    Effect.provide(Layer.mergeAll(samplers.mc1, noise(examples)))
  )
  const start = performance.now()
  yield* estimate
  const ms = performance.now() - start
  const label = { workload: "stream", what: "kfac", sampler: "mc1", examples }
  return { label, times: [ms], peak: peakMemory() } satisfies Series
})

if (import.meta.main) await answer((examples) => measure(Number(examples)))
