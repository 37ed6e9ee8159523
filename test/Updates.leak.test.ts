/**
 * R3: 2,000 updates: tensors constant at every one of them, no step's report kept, and a heap that does not grow with the steps.
 *
 * V8's own tables (feedback, shapes of objects) grow by 10 to 20 bytes a step at first, and more slowly later; a report that is kept
 * costs over 800. So the bound on the slope is 100, and a run that keeps its reports must be rejected by it.
 */
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as tf from "@tensorflow/tfjs"
import { Effect, Layer, Stream } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import {
  Conditional,
  Damping,
  DataSource,
  Device,
  Likelihood,
  Network,
  Sampler,
  Structure,
  Training
} from "../src/index.ts"
import { checkEveryKernel, tensorCounts, wasmBytes } from "./support/tensors.ts"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

beforeAll(async () => {
  await checkEveryKernel()
  // With it on, tfjs itself keeps one number for each kernel that ever ran (engine.state.numDataMovesStack).
  tf.env().set("IS_TEST", false)
})
afterAll(() => tf.env().set("IS_TEST", true))

/** What lives in the heap and in array buffers, without V8's code. */
const live = (): number => {
  collect()
  collect()
  const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === "old_space")!
  return space.space_used_size + process.memoryUsage().arrayBuffers
}

const tiny = Conditional.make(Network.sequential(1, [Network.dense(2)]), Likelihood.categorical)
const start = Conditional.init(tiny, { seed: 0 })
const x = [[1], [2]]
const y = [0, 1]
const every = 200

/** The median of the slopes between all pairs of the later measurements, in bytes a step (Theil and Sen). */
const slope = (sizes: ReadonlyArray<number>): number => {
  const slopes = sizes
    .flatMap((size, i) => sizes.slice(i + 1).map((later, j) => (later - size) / ((j + 1) * every)))
    .sort((a, b) => a - b)
  return slopes[slopes.length >> 1]!
}

const train = async (
  device: Layer.Layer<Device, unknown>,
  batchSize: number,
  steps: number,
  keep: (report: object) => void
) => {
  const sizes: Array<number> = []
  const reports: Array<WeakRef<object>> = []
  const counts = new Set<string>()
  const heaps = new Set<number>()
  await Effect.runPromise(
    Training.run(tiny, start, {
      learningRate: 0.05,
      momentum: 0.5,
      structure: Structure.kfac,
      damping: Damping.absolute(0.1)
    }).pipe(
      Stream.take(steps),
      Stream.runForEach((report) =>
        Effect.sync(() => {
          keep(report)
          counts.add(JSON.stringify(tensorCounts()))
          if (report.step <= every) reports.push(new WeakRef(report.params))
          if (report.step % every === 0) {
            sizes.push(live())
            heaps.add(wasmBytes())
          }
        })
      ),
      Effect.provide(
        Layer.mergeAll(
          DataSource.fromArrays({ x, y, batchSize, shuffle: { seed: 0 } }),
          Sampler.monteCarlo({ draws: 2, seed: 0 }),
          device
        )
      )
    )
  )
  collect()
  return {
    counts: counts.size,
    heaps: heaps.size,
    kept: reports.filter((reference) => reference.deref() !== undefined).length,
    slope: slope(sizes.slice(2))
  }
}

describe("2,000 updates", () => {
  const runs = [
    ["cpu, a pass of 2 batches", Device.cpu, 1],
    ["wasm, a pass of 1 batch", Device.wasm, 2]
  ] as const
  for (const [title, device, batchSize] of runs) {
    it(`on ${title}: tensors and the wasm heap never change, 0 reports kept, under 100 bytes a step`, async () => {
      await Effect.runPromise(Effect.provide(Effect.void, device))
      const before = tensorCounts()
      const made = await train(device, batchSize, 2000, () => undefined)
      expect(made.counts).toBe(1)
      expect(made.heaps).toBe(1)
      expect(made.kept).toBe(0)
      expect(made.slope).toBeLessThan(100)
      expect(tensorCounts()).toEqual(before)
    })
  }
  it("control: keeping every report is rejected by both measures", async () => {
    const all: Array<object> = []
    const made = await train(Device.cpu, 2, 1000, (report) => all.push(report))
    expect(made.kept).toBe(every)
    expect(made.slope).toBeGreaterThan(400)
    expect(all.length).toBe(1000)
  })
})
