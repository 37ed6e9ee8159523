/**
 * Arrays are used again: the x of blocks that are over, and the sums of blocks that were added. Nobody sees a number change under him, and no
 * bit of an estimate depends on it.
 *
 * N = 53 examples, in batches of 3, 7, 29 and 64, which are smaller and larger than the blocks of 5 and 16 that divide neither; 3 draws;
 * 4-5-3 networks. "The same" is bit for bit.
 */
import { Effect, Exit, Layer, Stream } from "effect"
import { describe, expect, it } from "vitest"
import {
  Accumulator,
  type Batch,
  Blocks,
  Conditional,
  DataSource,
  Device,
  Fisher,
  Likelihood,
  Network,
  Sampler,
  Structure
} from "../src/index.ts"
import { giveBack, numbersOf } from "../src/model/Loan.ts"
import { briefly } from "../src/sampling/internal/brief.ts"
import { generator } from "./oracle/random.ts"
import { inMemory, memory } from "./support/stores.ts"

const N = 53
const features = 4
const random = generator(5)
const x = Array.from({ length: N }, () => Array.from(random.normals(features), Math.fround))
const flat = Float32Array.from(x.flat())
const y = x.map(() => random.integer(3))

const conditional = Conditional.make(
  Network.sequential(features, [Network.dense(5), Network.tanh, Network.dense(3)]),
  Likelihood.categorical
)
const params = Conditional.init(conditional, { seed: 3 })

type Source = Layer.Layer<DataSource, unknown>

const arrays = (batchSize = 256, shuffle?: number): Source =>
  DataSource.fromArrays({ x, y, batchSize, ...(shuffle === undefined ? {} : { shuffle: { seed: shuffle } }) })

const cuts = (size: number) =>
  Array.from({ length: Math.ceil(N / size) }, (_, b) => ({ from: b * size, to: Math.min(N, (b + 1) * size) }))

/** Batches that a stream writes to one array of its own, one after the other, as `made` has them. */
const refilled = <A>(
  size: number,
  made: (numbers: Float32Array, from: number, to: number) => A
): Stream.Stream<A> =>
  Stream.suspend(() => {
    const own = new Float32Array(size * features)
    return Stream.fromIterable(cuts(size)).pipe(
      Stream.mapEffect(({ from, to }) =>
        Effect.sync(() => {
          own.fill(Number.NaN)
          own.set(flat.subarray(from * features, to * features))
          return made(own.subarray(0, (to - from) * features), from, to)
        })
      )
    )
  })

const streamed = (size: number): Source =>
  DataSource.fromStream({
    pass: () =>
      refilled(size, (data, from, to) => ({
        x: { data, shape: [to - from, features] as const },
        y: y.slice(from, to)
      }))
  })

/** A source whose batches should hold for good, and do not: what a stream's batches would be if nobody copied them. */
const uncopied = (size: number): Source =>
  Layer.succeed(DataSource, {
    name: "uncopied",
    features,
    examples: N,
    pass: () =>
      refilled(size, (numbers, from, to) => ({
        x: numbers,
        examples: to - from,
        features,
        indices: Float64Array.from({ length: to - from }, (_, i) => from + i),
        labels: { values: Float32Array.from(y.slice(from, to)), labelSize: 1 }
      }))
  })

interface Run {
  readonly source: Source
  readonly device?: Layer.Layer<Device, unknown>
  readonly sampler?: Layer.Layer<Sampler, unknown>
  readonly blockSize?: number
  readonly concurrency?: number
}

const monteCarlo = Sampler.monteCarlo({ draws: 3, seed: 0 })

/** One of sums, one of rows and one of two passes. */
const structures = [Structure.kfac, Structure.gram, Structure.ekfac]

/** Their means, and the averages over the data. */
const averages = ({
  blockSize = 16,
  concurrency = 1,
  device = Device.cpu,
  sampler = monteCarlo,
  source
}: Run) =>
  Effect.gen(function* () {
    const means = yield* Effect.forEach(structures, (structure) =>
      Effect.map(
        Fisher.estimate(conditional, params, structure, { blockSize, concurrency }),
        (fisher) => fisher.means
      )
    )
    const { gradient, loss } = yield* Conditional.lossAndGradient(conditional, params, { blockSize })
    return { means, gradient: gradient.values, loss }
  }).pipe(Effect.provide(Layer.mergeAll(source, sampler, device)))

const run = (options: Run) => Effect.runPromise(averages(options))
/** What an estimate of data that are partly NaN comes to. */
const ends = async (options: Run) =>
  Exit.match(await Effect.runPromiseExit(averages(options)), {
    onSuccess: (made) => made,
    onFailure: () => "fails"
  })

describe("a stream that writes every batch to one array", () => {
  for (const [name, device] of Object.entries({ cpu: Device.cpu, wasm: Device.wasm })) {
    it(`has the averages of the examples in memory, for batches of 3, 7, 29, 64, blocks of 5 and 16 and concurrency 1 and 3; control: uncopied it has not [${name}]`, async () => {
      for (const blockSize of [5, 16]) {
        const due = await run({ source: arrays(), device, blockSize })
        for (const size of [3, 7, 29, 64]) {
          for (const concurrency of [1, 3])
            expect(await run({ source: streamed(size), device, blockSize, concurrency })).toEqual(due)
        }
        for (const size of [3, 7, 29]) {
          expect(await ends({ source: uncopied(size), device, blockSize })).not.toEqual(due)
        }
      }
    })
  }

  it("has them twice at once, beside another stream; control: the other stream has others", async () => {
    const due = await run({ source: arrays() })
    const more = await run({ source: arrays(256, 1) })
    const both = Effect.all(
      [streamed(7), arrays(7, 1), streamed(29)].map((source) => averages({ source, concurrency: 2 })),
      { concurrency: "unbounded" }
    )
    expect(await Effect.runPromise(both)).toEqual([due, more, due])
    expect(more).not.toEqual(due)
  })

  it("keeps what it wrote: its array is not written to; control: a block's is", async () => {
    const data = flat.slice()
    const source = DataSource.fromIterable([{ x: { data, shape: [N, features] }, y }])
    await run({ source, blockSize: 5 })
    expect(data).toEqual(flat)
    const first = await blocksOf(streamed(7), 16, (batch) => {
      const numbers = numbersOf(batch)
      giveBack(batch)
      return numbers
    })
    expect(first[0]).not.toEqual(flat.subarray(0, 16 * features))
  })
})

/** What is made of each block, as the walk over them goes. */
const blocksOf = <A>(
  source: Source,
  size: number,
  made: (batch: Batch.Batch) => A
): Promise<ReadonlyArray<A>> =>
  Effect.runPromise(
    Stream.runCollect(Stream.map(Blocks.blocks({ size, pass: 0 }), made)).pipe(Effect.provide(source))
  )

const rowsOf = (parts: ReadonlyArray<Float32Array>) => parts.flatMap((part) => Array.from(part))

describe("the x of a block", () => {
  const sources: Readonly<Record<string, Source>> = {
    stream: streamed(7),
    shuffled: arrays(7, 1),
    memory: arrays(7),
    "one large batch": streamed(64)
  }
  for (const [name, source] of Object.entries(sources)) {
    it(`is whoever's who read it, given back or not; control: borrowed it is written to [${name}]`, async () => {
      const due = rowsOf(await blocksOf(source, 16, (batch) => numbersOf(batch).slice()))
      if (name !== "shuffled") expect(due).toEqual(Array.from(flat))
      for (const back of [giveBack, () => {}]) {
        const read = await blocksOf(source, 16, (batch) => {
          const own = batch.x
          back(batch)
          return own
        })
        expect(rowsOf(read)).toEqual(due)
      }
      const borrowed = await blocksOf(source, 16, (batch) => {
        const numbers = numbersOf(batch)
        giveBack(batch)
        return numbers
      })
      // Views of data in memory are lent to nobody, and a chunk of blocks is cut before the first of them is given back.
      const stays = name === "memory" || name === "one large batch"
      expect(rowsOf(borrowed).every((number, i) => Object.is(number, due[i]))).toBe(stays)
    })
  }

  it("lies in at most 2 arrays for 11 blocks one after the other; control: not given back it lies in 11", async () => {
    const places = async (back: (batch: Batch.Batch) => void) =>
      new Set(
        await blocksOf(streamed(3), 5, (batch) => {
          const { buffer } = numbersOf(batch)
          back(batch)
          return buffer
        })
      ).size
    // The first array is outgrown by the second batch of the first block.
    expect(await places(giveBack)).toBeLessThanOrEqual(2)
    expect(await places(() => {})).toBe(11)
  })

  it("cannot be had when the block is over: an InvalidArgument; control: a block that is not over gives it", async () => {
    const kept = await blocksOf(streamed(7), 16, (batch) => {
      giveBack(batch)
      giveBack(batch)
      return batch
    })
    for (const batch of kept) {
      expect(() => batch.x).toThrow(expect.objectContaining({ _tag: "InvalidArgument" }))
      expect(() => numbersOf(batch)).toThrow("Read it while the block is worked on")
    }
    const open = await blocksOf(streamed(7), 16, (batch) => batch)
    expect(rowsOf(open.map((batch) => batch.x))).toEqual(Array.from(flat))
  })

  it("is a sampler's own, and the estimate's bits are the same; control: what it only borrows is written to", async () => {
    const due = await run({ source: arrays() })
    const taking = (take: (batch: Batch.Batch) => Float32Array, taken: Array<Float32Array>) =>
      Layer.effect(
        Sampler,
        Effect.map(Sampler, (inner) =>
          Sampler.of({
            name: inner.name,
            draw: (outputs, round) => {
              taken.push(take(outputs.batch))
              return inner.draw(outputs, round)
            }
          })
        )
      ).pipe(Layer.provide(monteCarlo))
    for (const [take, stays] of [
      [(batch: Batch.Batch) => batch.x, true],
      [(batch: Batch.Batch) => ({ ...batch }).x, true],
      [numbersOf, false]
    ] as const) {
      const taken: Array<Float32Array> = []
      expect(await run({ source: streamed(7), sampler: taking(take, taken) })).toEqual(due)
      const blocks = Math.ceil(N / 16)
      const walks = taken.length / blocks
      const walked = Array.from({ length: walks }, (_, w) =>
        rowsOf(taken.slice(blocks * w, blocks * w + blocks))
      )
      expect(walked.every((numbers) => numbers.every((number, i) => number === flat[i]))).toBe(stays)
    }
  })
})

describe("a source around another", () => {
  it("is walked as it says, not as the other's arrays have it; control: the other is not the same", async () => {
    const doubled = Layer.effect(
      DataSource,
      Effect.map(DataSource, (inner) =>
        DataSource.of({
          ...inner,
          pass: (pass) =>
            inner
              .pass(pass)
              .pipe(Stream.map((batch) => ({ ...batch, x: batch.x.map((number) => 2 * number) })))
        })
      )
    )
    const due = await run({
      source: DataSource.fromArrays({ x: x.map((row) => row.map((number) => 2 * number)), y })
    })
    for (const source of [streamed(7), arrays(7)]) {
      expect(await run({ source: doubled.pipe(Layer.provide(source)) })).toEqual(due)
      expect(await run({ source })).not.toEqual(due)
    }
  })

  it("may hold all batches of a pass at once; control: those of an uncopied stream are overwritten", async () => {
    const pass = (source: Source) =>
      Effect.runPromise(
        DataSource.use(({ pass }) => Stream.runCollect(pass(0))).pipe(
          Effect.map((batches) => rowsOf(batches.map((batch) => batch.x))),
          Effect.provide(source)
        )
      )
    expect(await pass(streamed(7))).toEqual(Array.from(flat))
    expect(await pass(uncopied(7))).not.toEqual(Array.from(flat))
    const shuffled = await pass(arrays(7, 1))
    expect(shuffled.toSorted()).toEqual(Array.from(flat).toSorted())
    expect(shuffled).toEqual(rowsOf(await blocksOf(arrays(7, 1), 16, (batch) => batch.x)))
  })
})

describe("a pass in brief batches", () => {
  const passes = (source: Source) =>
    Effect.runPromise(
      DataSource.useSync(({ pass }) => {
        const lasting = pass(0)
        return { lasting, brief: briefly(lasting) }
      }).pipe(Effect.provide(source))
    )
  const buffers = async (pass: Stream.Stream<Batch.Batch, unknown>) =>
    new Set((await Effect.runPromise(Stream.runCollect(pass))).map(({ x }) => x.buffer)).size

  it("copies nothing of a stream, and data in another order to one array; control: in lasting batches each has an array of its own", async () => {
    for (const source of [streamed(7), arrays(7, 1)]) {
      const { brief, lasting } = await passes(source)
      expect(await buffers(brief!)).toBe(1)
      expect(await buffers(lasting)).toBe(8)
    }
    // Views of one array hold for good.
    const { brief, lasting } = await passes(arrays(7))
    expect(brief).toBe(undefined)
    expect(await buffers(lasting)).toBe(1)
  })
})

describe("the sums of a block", () => {
  const size = 16
  const parts = <Op extends Structure.Operation>(structure: Structure.Structure<Op>) =>
    Effect.forEach(cuts(size), ({ from, to }) =>
      Fisher.accumulate(conditional, params, structure, {
        blockSize: size,
        from,
        ...(to === N ? {} : { to })
      })
    )
  const provide = Effect.provide(Layer.mergeAll(streamed(7), monteCarlo, Device.cpu))

  for (const [name, structure, held] of [
    ["kfac", Structure.kfac, [true, false, false, false]],
    ["gram", Structure.gram, [true, true, true, true]],
    ["mixed", Structure.mixed([Structure.kfac, Structure.gram]), [true, true, true, true]]
  ] as const) {
    it(`are written to when their fold does not hold them, and the sums are those of one walk; control: written to whenever they are added they are not [${name}]`, async () => {
      const folded = (spoil: (holds: boolean) => boolean) =>
        Effect.map(parts<never>(structure), (all) => {
          const sums = Accumulator.fold(
            Accumulator.empty(structure as Structure.Structure<never>, conditional.network.space)
          )
          const holds = all.map((part) => {
            sums.add(part)
            const is = sums.holds(part)
            if (spoil(is)) for (const numbers of part.sums) numbers.fill(Number.NaN)
            return is
          })
          return { holds, sums: sums.done().sums }
        })
      const program = Effect.all({
        walk: Fisher.accumulate(conditional, params, structure, { blockSize: size }),
        due: folded(() => false),
        free: folded((holds) => !holds),
        all: folded(() => true)
      })
      const { all, due, free, walk } = await Effect.runPromise(Effect.scoped(program).pipe(provide))
      expect(walk.sums).toEqual(due.sums)
      expect(free.sums).toEqual(due.sums)
      expect(free.holds).toEqual(held)
      expect(all.sums).not.toEqual(due.sums)
    })
  }

  it("are read to arrays that are as long as they, bit for bit; control: to others they are not [cpu, wasm]", async () => {
    for (const device of [Device.cpu, Device.wasm]) {
      const program = Effect.gen(function* () {
        const loaded = yield* Conditional.load(conditional, params)
        const [batch] = yield* Stream.runCollect(Blocks.blocks({ size, pass: 0 }))
        const sums = (arrays?: Accumulator.Accumulator<string, never>["sums"]) =>
          Effect.map(Fisher.blockSums(loaded, batch!, Structure.kfac, 0, arrays), (part) => part.sums)
        const due = yield* sums()
        const fitting = due.map((numbers) => new Float32Array(numbers.length).fill(7))
        const longer = due.map((numbers) => new Float32Array(numbers.length + 1).fill(7))
        const wider = due.map((numbers) => new Float64Array(numbers.length).fill(7))
        for (const [arrays, taken] of [
          [fitting, true],
          [longer, false],
          [wider, false]
        ] as const) {
          const read = yield* sums(arrays)
          expect(read).toEqual(due)
          expect(read.every((numbers, i) => numbers === arrays[i])).toBe(taken)
          expect(arrays.every((numbers) => numbers.every((number) => number === 7))).toBe(!taken)
        }
      })
      await Effect.runPromise(
        Effect.scoped(program).pipe(Effect.provide(Layer.mergeAll(streamed(7), monteCarlo, device)))
      )
    }
  })

  it("in a store are those of the walk so far, for each of its blocks; control: they differ from block to block", async () => {
    const snapshots = async (source: Source) => {
      const contents: Array<Uint8Array> = []
      const store = memory()
      const taking = Object.defineProperty({ ...store }, "content", {
        get: () => undefined,
        set: (bytes: Uint8Array | undefined) => {
          if (bytes !== undefined) contents.push(bytes)
        }
      })
      await Effect.runPromise(
        Fisher.estimate(conditional, params, Structure.kfac, { blockSize: 16 }).pipe(
          Effect.provide(Layer.mergeAll(source, monteCarlo, Device.cpu, inMemory(taking)))
        )
      )
      return contents
    }
    const own = await snapshots(streamed(7))
    expect(own.length).toBe(4)
    expect(new Set(own.map(String)).size).toBe(4)
    expect(own.map(String)).toEqual((await snapshots(streamed(29))).map(String))
  })
})
