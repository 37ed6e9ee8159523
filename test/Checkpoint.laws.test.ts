/**
 * C1, the file: whatever stops a writer, and wherever, what is read next is the snapshot before or the new one, whole.
 *
 * On a disk in memory that gives the weakest promises of a file system, at every operation of a writer; with two writers also on
 * the real one.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { NodeServices } from "@effect/platform-node"
import { Deferred, Effect, Fiber, FileSystem, type Path } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Checkpoint, Errors } from "../src/index.ts"
import { generator } from "./oracle/random.ts"
import { type Disk, type DiskOptions, disk, type Files, folder } from "./support/disk.ts"

type Store = NonNullable<typeof Checkpoint.Service>
type Writer = Effect.Effect<void, unknown, FileSystem.FileSystem | Path.Path>

const text = (value: string) => new TextEncoder().encode(value)
const [before, after] = [text("the sums of 3 blocks"), text("the sums of 7 blocks, and some")]
const name = "sums"
const path = join(folder, name)
const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

/** The store of a checkpoint in a file. */
const storeAt = <A, E>(file: string, use: (store: Store) => Effect.Effect<A, E>) =>
  Effect.flatMap(Effect.service(Checkpoint), (found) => use(found!)).pipe(
    Effect.provide(Checkpoint.file({ path: file }))
  )
const written = storeAt(path, (store) => store.write(after))
const removed = storeAt(path, (store) => store.remove)

/** Runs a writer on a disk until it ends or the process dies. */
const until = (made: Disk, writer: Writer): Promise<"ended" | "dead"> => {
  const fiber = Effect.runFork(Effect.provide(writer, made.layer))
  return Promise.race([
    made.death.then(() => "dead" as const),
    Effect.runPromise(Fiber.await(fiber)).then(() => "ended" as const)
  ])
}

/** What an estimate that begins on these files reads, and what is in the folder then. */
const reread = async (files: Files) => {
  const made = disk({ files })
  const bytes = await Effect.runPromise(
    Effect.provide(
      storeAt(path, (store) => store.read),
      made.layer
    )
  )
  return { bytes, names: [...made.files().keys()] }
}

interface Counts {
  stops: number
  none: number
  old: number
  new: number
  torn: number
  litter: number
}

const count = async (counts: Counts, files: Files): Promise<void> => {
  const { bytes, names } = await reread(files)
  if (bytes === undefined) counts.none++
  else if (same(bytes, before)) counts.old++
  else if (same(bytes, after)) counts.new++
  else counts.torn++
  if (names.some((entry) => entry !== name)) counts.litter++
}

/** Stops a writer in the place of each of its operations, and at its end, and reads what may be left. */
const everyStop = async (
  writer: Writer,
  left: (made: Disk) => ReadonlyArray<Files>,
  options: DiskOptions
): Promise<Counts> => {
  const counts = { stops: 0, none: 0, old: 0, new: 0, torn: 0, litter: 0 }
  for (let dieAt = 1; ; dieAt++) {
    const made = disk({ ...options, dieAt })
    const end = await until(made, writer)
    for (const files of left(made)) await count(counts, files)
    if (end === "ended") return counts
    counts.stops++
  }
}

const afterKill = (made: Disk) => [made.files()]
const afterPowerCut = (made: Disk) => made.afterPowerCut()
const old: DiskOptions = { files: new Map([[name, before]]) }
const littered: DiskOptions = {
  files: new Map([
    [name, before],
    [`${name}.0123456789abcdef.tmp`, text("the su")]
  ])
}
/** What a simpler writer does. */
const inPlace: Writer = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const file = yield* files.open(path, { flag: "w" })
  yield* file.writeAll(after)
  yield* file.sync
}).pipe(Effect.scoped)

describe("a writer that is killed at any of its operations", () => {
  it("leaves the snapshot before or the new one, 0 torn, and the next reader leaves no temporary file; control: writing in place is torn", async () => {
    const counts = await everyStop(written, afterKill, old)
    expect(counts).toMatchObject({ none: 0, torn: 0, litter: 0 })
    expect(counts.stops).toBeGreaterThanOrEqual(5)
    expect(Math.min(counts.old, counts.new)).toBeGreaterThan(0)
    expect((await everyStop(inPlace, afterKill, old)).torn).toBeGreaterThan(0)
  })
  it("leaves nothing or the new one where nothing was", async () => {
    const counts = await everyStop(written, afterKill, {})
    expect(counts).toMatchObject({ old: 0, torn: 0, litter: 0 })
    expect(Math.min(counts.none, counts.new)).toBeGreaterThan(0)
  })
  it("among the temporary files of the dead: as without them", async () => {
    expect(await everyStop(written, afterKill, littered)).toEqual(await everyStop(written, afterKill, old))
  })
  it("while it removes the snapshot: leaves it or nothing", async () => {
    const counts = await everyStop(removed, afterKill, old)
    expect(counts).toMatchObject({ new: 0, torn: 0, litter: 0 })
    expect(Math.min(counts.old, counts.none)).toBeGreaterThan(0)
  })
})

describe("a power cut at any operation of a writer", () => {
  it("leaves the snapshot before or the new one, 0 torn in every outcome; control: without the file's sync some are torn", async () => {
    const counts = await everyStop(written, afterPowerCut, old)
    expect(counts).toMatchObject({ none: 0, torn: 0, litter: 0 })
    expect(Math.min(counts.old, counts.new)).toBeGreaterThan(0)
    expect((await everyStop(written, afterPowerCut, { ...old, broken: "file" })).torn).toBeGreaterThan(0)
  })
  it("after the writer has ended leaves the new one; control: without the folder's sync it may be the one before", async () => {
    const ended = async (options: DiskOptions) => {
      const made = disk({ ...old, ...options })
      await Effect.runPromise(Effect.provide(written, made.layer))
      const counts = { stops: 0, none: 0, old: 0, new: 0, torn: 0, litter: 0 }
      for (const files of made.afterPowerCut()) await count(counts, files)
      return counts
    }
    expect(await ended({})).toMatchObject({ none: 0, old: 0, new: 1, torn: 0, litter: 0 })
    const without = await ended({ broken: "folder" })
    expect(without.torn).toBe(0)
    expect(without.old).toBeGreaterThan(0)
  })
})

describe("a writer that fails at any of its operations", () => {
  for (const code of ["ENOSPC", "EACCES", "EIO"]) {
    it(`with ${code}: SnapshotFailure that names the file, the snapshot before stays or the new one is there, no temporary file`, async () => {
      let failures = 0
      for (let at = 1; ; at++) {
        let operations = 0
        const made = disk({
          ...old,
          before: (operation) =>
            Effect.sync(() => (++operations === at && operation !== "remove" ? code : undefined))
        })
        const exit = await Effect.runPromiseExit(Effect.provide(written, made.layer))
        if (at > operations) break
        const bytes = made.files().get(name)!
        expect([...made.files().keys()]).toEqual([name])
        if (exit._tag === "Success") {
          expect(same(bytes, after)).toBe(true)
          continue
        }
        failures++
        expect(same(bytes, before)).toBe(true)
        const [reason] = exit.cause.reasons
        const error = reason?._tag === "Fail" ? reason.error : reason
        expect(error).toBeInstanceOf(Errors.SnapshotFailure)
        expect((error as Errors.SnapshotFailure).source).toBe(path)
        expect((error as Errors.SnapshotFailure).message).toMatch(
          new RegExp(`^${path} cannot be written: .*${code}.*[^.]\\. [A-Z].*\\.$`)
        )
      }
      expect(failures).toBeGreaterThanOrEqual(5)
    })
  }
})

describe("a writer that is interrupted at any of its operations", () => {
  /** What is in the folder when the writer was interrupted at this operation; undefined where it has fewer. */
  const interruptedAt = async (writer: Writer, at: number): Promise<Files | undefined> => {
    const reached = Deferred.makeUnsafe<void>()
    let operations = 0
    const made = disk({
      ...old,
      before: () => {
        const here = Effect.as(Deferred.succeed(reached, undefined), undefined)
        return ++operations === at
          ? Effect.andThen(here, Effect.as(Effect.yieldNow, undefined))
          : Effect.succeed(undefined)
      }
    })
    const whole = Effect.onExit(writer, () => Deferred.succeed(reached, undefined))
    const fiber = Effect.runFork(Effect.provide(whole, made.layer))
    await Effect.runPromise(Effect.andThen(Deferred.await(reached), Fiber.interrupt(fiber)))
    return at > operations ? undefined : made.files()
  }
  const everyInterruption = async (writer: Writer) => {
    const counts: Counts = { stops: 0, none: 0, old: 0, new: 0, torn: 0, litter: 0 }
    for (;;) {
      const files = await interruptedAt(writer, counts.stops + 1)
      if (files === undefined) return counts
      counts.stops++
      if (files.size > 1) counts.litter++
      await count(counts, files)
    }
  }

  it("ends first: the new snapshot and no temporary file; control: writing in place, which can be interrupted, is torn", async () => {
    const counts = await everyInterruption(written)
    expect(counts).toMatchObject({ none: 0, old: 0, torn: 0, litter: 0, new: counts.stops })
    expect(counts.stops).toBeGreaterThanOrEqual(5)
    expect((await everyInterruption(inPlace)).torn).toBeGreaterThan(0)
  })
})

describe("two writers at one file", () => {
  let real = ""
  beforeAll(() => {
    real = mkdtempSync(join(tmpdir(), "natgrad-checkpoint-"))
  })
  afterAll(() => rmSync(real, { recursive: true }))

  it("replace each other's files as wholes: 0 of 400 readings are torn, and no temporary file is left", async () => {
    const random = generator(5)
    const file = join(real, "both")
    /** A byte string that is whole if all its bytes are its first. */
    const filled = (byte: number) => new Uint8Array(2000 + random.integer(200_000)).fill(byte)
    const writing = (byte: number) =>
      storeAt(file, (store) =>
        Effect.forEach(
          Array.from({ length: 60 }, () => filled(byte)),
          (bytes) => store.write(bytes),
          { discard: true }
        )
      )
    const found = new Set<number>()
    let torn = 0
    const reading = Effect.gen(function* () {
      for (let i = 0; i < 400; i++) {
        yield* Effect.sleep(0)
        const bytes = readFileSync(file)
        found.add(bytes[0]!)
        if (bytes.length < 2000 || bytes.some((byte) => byte !== bytes[0])) torn++
      }
    })
    const program = Effect.andThen(
      storeAt(file, (store) => store.write(filled(1))),
      Effect.all([writing(1), writing(2), reading], { concurrency: 3 })
    )
    await Effect.runPromise(Effect.provide(program, NodeServices.layer))
    expect(torn).toBe(0)
    expect(found.has(1) || found.has(2)).toBe(true)
    expect(readdirSync(real)).toEqual(["both"])
  })

  it("of which one begins while the other writes: that one's file goes or is whole, and it says so", async () => {
    const outcomes = new Set<string>()
    for (let at = 1; ; at++) {
      let operations = 0
      const made: Disk = disk({
        ...old,
        before: () =>
          Effect.suspend(() =>
            ++operations === at
              ? Effect.as(
                  Effect.orDie(
                    Effect.provide(
                      storeAt(path, (store) => store.read),
                      made.layer
                    )
                  ),
                  undefined
                )
              : Effect.succeed(undefined)
          )
      })
      const exit = await Effect.runPromiseExit(Effect.provide(written, made.layer))
      if (at > operations) break
      expect([...made.files().keys()]).toEqual([name])
      expect(same(made.files().get(name)!, exit._tag === "Success" ? after : before)).toBe(true)
      const [reason] = exit._tag === "Success" ? [] : exit.cause.reasons
      if (reason?._tag === "Fail") {
        expect(reason.error).toBeInstanceOf(Errors.SnapshotFailure)
        expect((reason.error as Errors.SnapshotFailure).message).toContain(
          "give each estimate a path of its own"
        )
      }
      outcomes.add(exit._tag)
    }
    expect(outcomes).toEqual(new Set(["Success", "Failure"]))
  })
})
