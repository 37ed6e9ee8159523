/**
 * C1: an estimate with a Checkpoint that is stopped goes on where it was, and its result has the bits of one that was not stopped.
 *
 * 75 examples in 11 blocks, 3 draws, the cpu.
 */
import { Cause, Effect, Exit, Layer, Stream } from "effect"
import { describe, expect, it } from "vitest"
import { Checkpoint, DataSource, Device, Errors, Fisher, Sampler, Snapshot, Structure } from "../src/index.ts"
import { type DiskOptions, disk, folder } from "./support/disk.ts"
import { blockSize, blocks, bytes, problems } from "./support/shares.ts"
import { inMemory, type Memory, memory } from "./support/stores.ts"
import { allStructures } from "./support/structures.ts"

const { conditional, params, source } = problems["gaussian, scales 2^-10 to 2^10"]

interface Life {
  /** The structure of the sums that it found. */
  readonly found: string | undefined
  /** How many blocks it drew for. */
  readonly drawn: number
  readonly exit: Exit.Exit<ReadonlyArray<string>, unknown>
}

interface Options {
  readonly structure: Structure.AnyStructure<never>
  /** How many blocks a life draws for before it is stopped. */
  readonly most?: number
  readonly concurrency?: number
  readonly store?: Layer.Layer<never, unknown>
  readonly data?: Layer.Layer<DataSource, unknown>
}

/** The sampler, which dies in the place of a draw. */
const mortal = (most: number, onDraw: () => void) =>
  Layer.effect(
    Sampler,
    Effect.map(Sampler, ({ draw, name }) => {
      let drawn = 0
      return Sampler.of({
        name,
        draw: (outputs, round) =>
          Effect.suspend(() => {
            if (drawn++ === most) return Effect.die("stopped")
            onDraw()
            return draw(outputs, round)
          })
      })
    })
  ).pipe(Layer.provide(Sampler.monteCarlo({ draws: 3, seed: 0 })))

/** One estimate, to its end or until it is stopped. */
const life = async ({
  concurrency = 1,
  data = source,
  most = Number.POSITIVE_INFINITY,
  store = Layer.empty,
  structure
}: Options) => {
  let drawn = 0
  const sampler = mortal(most, () => drawn++)
  const program = Effect.map(
    Fisher.estimate(conditional, params, structure, { blockSize, concurrency }),
    ({ means }) => means.map(bytes)
  )
  const exit = await Effect.runPromiseExit(
    Effect.provide(program, Layer.mergeAll(data, sampler, Device.cpu, store))
  )
  return { drawn, exit }
}

/** Estimates one after another until one ends. */
const lives = async (kept: Memory, every: number, options: Options): Promise<ReadonlyArray<Life>> => {
  const all: Array<Life> = []
  for (;;) {
    const found =
      kept.content === undefined
        ? undefined
        : (await Effect.runPromise(Snapshot.decode(kept.content, "memory"))).origin.structure
    const { drawn, exit } = await life({ ...options, store: inMemory(kept, every) })
    all.push({ found, drawn, exit })
    if (Exit.isSuccess(exit) || all.length > 100) return all
    expect(Cause.hasDies(exit.cause)).toBe(true)
  }
}

/** The examples of the source, and a source of the same name with these numbers, in other batches. */
const inputs = async () => {
  const batches = await Effect.runPromise(
    DataSource.use(({ pass }) => Stream.runCollect(pass(0))).pipe(Effect.provide(source))
  )
  const { features } = batches[0]!
  return {
    values: batches.flatMap((batch) => Array.from(batch.x)),
    source: (values: ReadonlyArray<number>) =>
      DataSource.fromArrays({
        x: { data: Float32Array.from(values), shape: [values.length / features, features] },
        batchSize: 4
      })
  }
}

const total = (lived: ReadonlyArray<Life>) => lived.reduce((sum, { drawn }) => sum + drawn, 0)

describe("Fisher.estimate that is stopped after every so many blocks", () => {
  for (const [name, structure] of Object.entries<Structure.AnyStructure<never>>(allStructures)) {
    const walked = "second" in structure ? 2 * blocks : blocks
    it(`ends with the same bits, no block drawn twice, and leaves nothing; control: one without a Checkpoint begins anew [${name}]`, async () => {
      const { exit: due } = await life({ structure })
      expect(Exit.isSuccess(due)).toBe(true)
      for (let most = 1; most <= walked; most++) {
        const kept = memory()
        const lived = await lives(kept, 1, { structure, most })
        expect(lived.at(-1)!.exit).toEqual(due)
        expect(total(lived)).toBe(walked)
        // A second pass begins with one: the constants that the first was for.
        expect(kept).toEqual({ content: undefined, writes: "second" in structure ? walked + 1 : walked })
      }
      const again = await life({ structure, most: walked - 1 })
      expect(Exit.isFailure(again.exit)).toBe(true)
      expect((await life({ structure })).drawn).toBe(walked)
    })
    it(`ends with the same bits where it writes every 3 blocks, and with 4 blocks under way [${name}]`, async () => {
      const { exit: due } = await life({ structure })
      for (const concurrency of [1, 4]) {
        for (const most of [3 + concurrency, 8, walked - 1]) {
          const kept = memory()
          const lived = await lives(kept, 3, { structure, most, concurrency })
          expect(lived.length).toBeGreaterThan(1)
          expect(lived.at(-1)!.exit).toEqual(due)
          expect(kept.content).toBeUndefined()
        }
      }
    })
  }
  it("goes on in the first pass and in the second of EKFAC", async () => {
    const found = (await lives(memory(), 1, { structure: Structure.ekfac, most: 3 })).map((one) => one.found)
    expect(new Set(found)).toEqual(new Set([undefined, "kfac", "ekfac"]))
  })
  it("begins the second pass of EKFAC with a snapshot, whatever `every` is: the first is not walked again", async () => {
    const kept = memory()
    const lived = await lives(kept, 16, { structure: Structure.ekfac, most: blocks })
    expect(lived.map(({ drawn, found }) => [found, drawn])).toEqual([
      [undefined, blocks],
      ["ekfac", blocks]
    ])
    expect(kept.writes).toBe(1)
  })
  it("does not go on with other data of the same name and size: SnapshotMismatch, and the sums stay; control: the same data in other batches", async () => {
    const kept = memory()
    const structure = Structure.kfac
    const { exit: due } = await life({ structure })
    await life({ structure, most: 5, store: inMemory(kept) })
    const { content } = kept
    const x = await inputs()
    const other = await life({
      structure,
      store: inMemory(kept),
      data: x.source(x.values.map((value, i) => (i === 1 ? value + 1 : value)))
    })
    const failure = Exit.isFailure(other.exit) ? Cause.squash(other.exit.cause) : undefined
    expect(failure).toBeInstanceOf(Errors.SnapshotMismatch)
    expect(failure).toMatchObject({ field: "data" })
    expect(kept.content).toBe(content)
    expect((await life({ structure, store: inMemory(kept), data: x.source(x.values) })).exit).toEqual(due)
  })
  it("does not end the second pass of EKFAC on other data than the first, however little of it was done; control: the same data", async () => {
    const structure = Structure.ekfac
    const x = await inputs()
    const { exit: due } = await life({ structure })
    for (const most of [blocks, blocks + 1, blocks + 5]) {
      const kept = memory()
      await life({ structure, most, store: inMemory(kept) })
      const { content } = kept
      const strange = x.values.map((value, i) => (i === 1 ? value + 1 : value))
      const other = await life({ structure, store: inMemory(kept), data: x.source(strange) })
      expect(Exit.isFailure(other.exit) && Cause.squash(other.exit.cause)).toMatchObject({
        _tag: "SnapshotMismatch",
        field: "data"
      })
      kept.content = content
      expect((await life({ structure, store: inMemory(kept), data: x.source(x.values) })).exit).toEqual(due)
    }
  })
  it("does not take the sums of EKFAC in bases of one's own for those of a second pass, nor the reverse", async () => {
    const estimate = Fisher.estimate(conditional, params, Structure.ekfac, { blockSize, round: 5 })
    const { structure: own } = await Effect.runPromise(
      Effect.provide(estimate, Layer.mergeAll(source, Sampler.monteCarlo({ draws: 3, seed: 0 }), Device.cpu))
    )
    for (const [begun, then] of [
      [own, Structure.ekfac],
      [Structure.ekfac, own]
    ] as const) {
      const kept = memory()
      await life({ structure: begun, most: "second" in begun ? blocks + 3 : 3, store: inMemory(kept) })
      const { exit } = await life({ structure: then, store: inMemory(kept) })
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({ _tag: "SnapshotMismatch" })
    }
  })
  it("draws for no block where the sums are whole already", async () => {
    const kept = memory()
    const { exit: due } = await life({ structure: Structure.dense })
    const all = await life({
      structure: Structure.dense,
      store: Checkpoint.fromStore({
        name: "memory",
        every: 1,
        read: Effect.sync(() => kept.content),
        write: (written) => Effect.sync(() => void (kept.content = written)),
        remove: Effect.void
      })
    })
    expect(all.exit).toEqual(due)
    const again = await life({ structure: Structure.dense, store: inMemory(kept) })
    expect(again).toEqual({ drawn: 0, exit: due })
  })
})

describe("Fisher.estimate whose checkpoint", () => {
  const path = `${folder}/sums`
  const on = (options: DiskOptions) => {
    const made = disk(options)
    return { made, store: Layer.provide(Checkpoint.file({ path, every: 2 }), made.layer) }
  }
  it("is on a disk that is full from its third snapshot on: SnapshotFailure, the second stays, and the next estimate goes on from it", async () => {
    const structure = Structure.kfac
    const { exit: due } = await life({ structure })
    let opened = 0
    const full = on({
      before: (operation, at) =>
        Effect.sync(() => {
          if (operation === "open" && at !== folder) opened++
          return operation === "write" && opened > 2 ? "ENOSPC" : undefined
        })
    })
    const { exit } = await life({ structure, store: full.store })
    const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    expect(error).toBeInstanceOf(Errors.SnapshotFailure)
    expect((error as Errors.SnapshotFailure).message).toContain(`${path} cannot be written: ENOSPC`)
    expect([...full.made.files().keys()]).toEqual(["sums"])
    const left = await Effect.runPromise(Snapshot.decode(full.made.files().get("sums")!, path))
    expect(left.weight).toBe(4 * blockSize)
    const roomy = on({ files: full.made.files() })
    expect(await life({ structure, store: roomy.store })).toEqual({ drawn: blocks - 4, exit: due })
    expect(roomy.made.files().size).toBe(0)
  })
  it("is a file of a folder with others: none of them is touched, but for what a dead writer left", async () => {
    const others = [
      "sums.tmp",
      "sums.0123456789abcdef.tmp.bak",
      "sums.0123456789ABCDEF.tmp",
      "other.0123456789abcdef.tmp"
    ]
    const files = [...others, "sums.0123456789abcdef.tmp"].map((name) => [name, new Uint8Array(1)] as const)
    const { made, store } = on({ files: new Map(files) })
    const { exit } = await life({ structure: Structure.diagonal, store })
    expect(Exit.isSuccess(exit)).toBe(true)
    expect([...made.files().keys()]).toEqual(others)
  })
  it("is written to every 16 blocks unless said: 11 blocks are written to nothing, 2 blocks of every 1 to 2 files", async () => {
    const writes = async (every: number | undefined) => {
      let renamed = 0
      const made = disk({
        before: (operation) => Effect.sync(() => void (operation === "rename" && renamed++))
      })
      const options = every === undefined ? { path } : { path, every }
      const store = Layer.provide(Checkpoint.file(options), made.layer)
      expect(Exit.isSuccess((await life({ structure: Structure.diagonal, store })).exit)).toBe(true)
      return renamed
    }
    expect(await writes(undefined)).toBe(0)
    expect(await writes(4)).toBe(2)
    expect(await writes(1)).toBe(blocks)
  })
})
