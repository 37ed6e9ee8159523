/**
 * D1: draws are a function of the seed, the round, the example's index and the number of the draw; sums are folded in the order
 * of the data. So nothing that the user does not mean to choose changes a bit.
 *
 * N = 75 examples, a multiple of neither 7 nor 32 nor of the block of 16; 3 draws; 4-5-3 networks; wasm unless said. "The same"
 * is bit for bit.
 */
import { Effect, Layer, Stream } from "effect"
import { describe, expect, it } from "vitest"
import {
  Conditional,
  DataSource,
  Device,
  Fisher,
  Likelihood,
  Network,
  Params,
  Sampler,
  Structure
} from "../src/index.ts"
import type { Vector } from "./oracle/linear.ts"
import { generator } from "./oracle/random.ts"
import { eps32, vectorError, worst } from "./support/measure.ts"
import { type Drawn, recording } from "./support/recording.ts"
import { drawing, outputsOf, uniformAt } from "./support/samplers.ts"
import { structures } from "./support/structures.ts"

const N = 75
const features = 4
const random = generator(21)
const x = Array.from({ length: N }, () => Array.from(random.normals(features)))

interface Problem {
  readonly likelihood: Likelihood.Likelihood
  readonly y: ReadonlyArray<Vector>
}

const problems: ReadonlyArray<Problem> = [
  { likelihood: Likelihood.categorical, y: x.map(() => [random.integer(3)]) },
  {
    likelihood: Likelihood.bernoulli,
    y: x.map(() => [random.integer(2), random.integer(2), random.integer(2)])
  },
  { likelihood: Likelihood.gaussian({ variance: 0.49 }), y: x.map(() => Array.from(random.normals(3))) }
]

type Source = Layer.Layer<DataSource, unknown>

const arrays = ({ y }: Problem, batchSize: number, shuffle?: number): Source =>
  DataSource.fromArrays({ x, y, batchSize, ...(shuffle === undefined ? {} : { shuffle: { seed: shuffle } }) })

/** Batches of these sizes, over and over, with their first index. */
const batchesOf = ({ y }: Problem, sizes: ReadonlyArray<number>) => {
  const batches = []
  for (let from = 0, b = 0; from < N; b++) {
    const to = Math.min(N, from + sizes[b % sizes.length]!)
    batches.push({
      x: x.slice(from, to),
      y: y.slice(from, to).map((label) => Array.from(label)),
      firstIndex: from
    })
    from = to
  }
  return batches
}

interface Run {
  readonly source: Source
  readonly sampler?: Layer.Layer<Sampler, unknown>
  readonly device?: Layer.Layer<Device, unknown>
  readonly blockSize?: number
  readonly concurrency?: number
  readonly round?: number
  readonly pass?: number
}

const monteCarlo = (seed: number) => Sampler.monteCarlo({ draws: 3, seed })

/** Every structure's moments, the draws by index, and loss and gradient. */
const run = async (problem: Problem, options: Run) => {
  const {
    blockSize = 16,
    concurrency = 1,
    device = Device.wasm,
    pass = 0,
    round = 0,
    sampler = monteCarlo(0),
    source
  } = options
  const network = Network.sequential(features, [Network.dense(5), Network.tanh, Network.dense(3)])
  const conditional = Conditional.make(network, problem.likelihood)
  const params = Conditional.init(conditional, { seed: 3 })
  const drawn: Drawn = new Map()
  const program = Effect.gen(function* () {
    const means = yield* Effect.forEach(Object.values(structures), (structure) =>
      Effect.map(
        Fisher.estimate(conditional, params, structure, { blockSize, concurrency, pass, round }),
        // Rows come in the order of the blocks: what they are the square root of is compared.
        (fisher) => (structure.name === "gram" ? [Fisher.toDense(fisher)] : fisher.means)
      )
    )
    const { gradient, loss } = yield* Conditional.lossAndGradient(conditional, params, { blockSize, pass })
    return { means: means.flat(), loss: [loss, ...gradient.values] }
  })
  const layer = Layer.mergeAll(source, recording(sampler, drawn), device)
  return { ...(await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(layer)))), drawn }
}

type Made = Awaited<ReturnType<typeof run>>

/** The draws in the order of the data. */
const draws = ({ drawn }: Made) =>
  Array.from({ length: N }, (_, n) => drawn.get(n)!.map((y) => Array.from(y)))

const sourceSizes = [1, 7, 32, N]

for (const problem of problems) {
  describe(problem.likelihood.name, () => {
    const reference = () => run(problem, { source: arrays(problem, 256) })

    it("draws, moments of every structure, loss and gradient are the same for source batches of 1, 7, 32, 75, concurrency 1 to 4, and again; control: blocks of 7 differ, in last bits", async () => {
      const due = await reference()
      expect(draws(due).every((labels) => labels.length === 3)).toBe(true)
      for (const batchSize of sourceSizes) {
        for (const concurrency of [1, 2, 3, 4]) {
          expect(await run(problem, { source: arrays(problem, batchSize), concurrency })).toEqual(due)
        }
      }
      const other = await run(problem, { source: arrays(problem, 256), blockSize: 7 })
      expect(other.means).not.toEqual(due.means)
      const errors = other.means.map((mean, i) => vectorError(mean, due.means[i]!, N * eps32))
      expect(worst(errors)).toBeLessThanOrEqual(10)
    })

    it("they are the same from a stream and an iterable, in batches of 1, 7, 32, 75, and of 5, 1, 11", async () => {
      const due = await reference()
      for (const sizes of [...sourceSizes.map((size) => [size]), [5, 1, 11]]) {
        const batches = batchesOf(problem, sizes)
        const stream = DataSource.fromStream({
          pass: () => Stream.fromIterable(batches).pipe(Stream.rechunk(2))
        })
        expect(await run(problem, { source: stream, concurrency: 2 })).toEqual(due)
        expect(await run(problem, { source: DataSource.fromIterable(batches) })).toEqual(due)
      }
    })

    it("draws are the same for blocks of 1, 7, 32, 75, shuffled, and in batches from the last to the first; control: keyed by the place in the block they are not", async () => {
      const byPlace = drawing(3, ({ draw, position, round }, slot) => uniformAt(round, position, draw, slot))
      for (const [sampler, same] of [
        [monteCarlo(0), true],
        [byPlace, false]
      ] as const) {
        const due = draws(await run(problem, { source: arrays(problem, 256), sampler }))
        const others: ReadonlyArray<Run> = [
          ...[1, 7, 32, N].map((blockSize) => ({ source: arrays(problem, 256), blockSize, sampler })),
          { source: arrays(problem, 7, 1), sampler },
          { source: arrays(problem, 7, 1), pass: 1, sampler },
          { source: DataSource.fromIterable(batchesOf(problem, [5, 11]).toReversed()), sampler }
        ]
        for (const other of others) {
          const made = draws(await run(problem, other))
          if (same) expect(made).toEqual(due)
          else expect(made).not.toEqual(due)
        }
      }
    })

    it("a shuffled pass has the same bits for any source batch and concurrency; another pass has another order", async () => {
      const due = await run(problem, { source: arrays(problem, 7, 1) })
      for (const [batchSize, concurrency] of [
        [1, 2],
        [32, 3],
        [N, 4]
      ] as const) {
        expect(await run(problem, { source: arrays(problem, batchSize, 1), concurrency })).toEqual(due)
      }
      expect((await run(problem, { source: arrays(problem, 7, 1), pass: 1 })).loss).not.toEqual(due.loss)
    })

    it("seeds 0, 1 and 2^53 - 1, and rounds 0 and 1, have different draws and moments, and one loss", async () => {
      const made = [
        await reference(),
        await run(problem, { source: arrays(problem, 256), sampler: monteCarlo(1) }),
        await run(problem, { source: arrays(problem, 256), sampler: monteCarlo(2 ** 53 - 1) }),
        await run(problem, { source: arrays(problem, 256), round: 1 })
      ]
      for (const [i, a] of made.entries()) {
        for (const b of made.slice(i + 1)) {
          expect(draws(a)).not.toEqual(draws(b))
          expect(a.means).not.toEqual(b.means)
          expect(a.loss).toEqual(b.loss)
        }
      }
    })

    it("cpu and wasm have the same draws where z is the same", async () => {
      const outputs = outputsOf(problem.likelihood, 3, Float32Array.from(random.normals(3 * N)))
      const on = (device: Layer.Layer<Device, unknown>) =>
        Effect.runPromise(
          Device.use((used) =>
            Effect.andThen(
              used.read("none", []),
              Sampler.use((sampler) => sampler.draw(outputs, 0))
            )
          ).pipe(Effect.provide(Layer.merge(device, monteCarlo(0))))
        )
      expect(await on(Device.cpu)).toEqual(await on(Device.wasm))
    })
  })
}

describe("cpu and wasm on a network of small integers, whose z is exact", () => {
  const network = Network.sequential(features, [Network.dense(5), Network.relu, Network.dense(3)])
  const integers = (count: number) => Array.from({ length: count }, () => random.integer(5) - 2)
  const params = Params.make(
    network.space,
    integers(network.space.size).map((value) => value / 4)
  )
  const inputs = x.map(() => integers(features))
  for (const problem of problems) {
    it(`have the same z and so the same draws; control: another seed [${problem.likelihood.name}]`, async () => {
      const conditional = Conditional.make(network, problem.likelihood)
      const drawnOn = async (device: Layer.Layer<Device, unknown>, seed: number) => {
        const drawn: Drawn = new Map()
        const program = Effect.gen(function* () {
          yield* Fisher.estimate(conditional, params, Structure.diagonal, { blockSize: 16 })
          return yield* Conditional.predict(conditional, params, inputs)
        })
        const layer = Layer.mergeAll(
          DataSource.fromArrays({ x: inputs }),
          recording(monteCarlo(seed), drawn),
          device
        )
        const z = await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(layer)))
        return { z, drawn }
      }
      const wasm = await drawnOn(Device.wasm, 0)
      expect(await drawnOn(Device.cpu, 0)).toEqual(wasm)
      expect((await drawnOn(Device.cpu, 1)).drawn).not.toEqual(wasm.drawn)
    })
  }
})
