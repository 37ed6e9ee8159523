/** R2 and C1: an estimate with a Checkpoint, interrupted at any of its operations, leaves 0 tensors and a file that is absent or whole. */
import { Effect, Layer } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import {
  Checkpoint,
  Conditional,
  DataSource,
  Device,
  Fisher,
  Likelihood,
  Network,
  Sampler,
  Snapshot,
  Structure
} from "../src/index.ts"
import { disk, type Files, folder } from "./support/disk.ts"
import { everywhere } from "./support/interrupt.ts"
import { checkEveryKernel } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const little = Conditional.make(Network.sequential(1, [Network.dense(2)]), Likelihood.categorical)
const params = Conditional.init(little, { seed: 0 })
const services = Layer.mergeAll(
  DataSource.fromArrays({ x: [[1], [-3]], batchSize: 2 }),
  Sampler.monteCarlo({ draws: 2, seed: 0 }),
  Device.cpu
)
const path = `${folder}/sums`

interface Found {
  absent: number
  whole: number
  otherwise: number
}

const look = (files: Files, found: Found) =>
  Effect.gen(function* () {
    const bytes = files.get("sums")
    const read = bytes === undefined ? undefined : yield* Effect.result(Snapshot.decode(bytes, path))
    if (files.size === 0) found.absent++
    else if (files.size === 1 && read?._tag === "Success") found.whole++
    else found.otherwise++
  })

/** An estimate on a disk of its own, which is looked at when it has ended. */
const estimate = (structure: Structure.AnyStructure<never>, found: Found, concurrency = 1) =>
  Effect.suspend(() => {
    const made = disk()
    const store = Layer.provide(Checkpoint.file({ path, every: 1 }), made.layer)
    return Fisher.estimate(little, params, structure, { blockSize: 1, concurrency }).pipe(
      Effect.provide(store),
      Effect.onExit(() => look(made.files(), found))
    )
  })

/** What a writer does that nobody keeps from being interrupted. */
const careless = (found: Found) =>
  Effect.suspend(() => {
    const files = new Map<string, Uint8Array>()
    return Effect.gen(function* () {
      for (let block = 0; block < 3; block++) {
        files.set("sums.tmp", new Uint8Array(9))
        yield* Effect.yieldNow
        files.delete("sums.tmp")
        yield* Effect.yieldNow
      }
    }).pipe(Effect.onExit(() => look(files, found)))
  })

const interrupted = (program: Effect.Effect<unknown, unknown, DataSource | Sampler | Device>) =>
  Effect.runPromise(Effect.provide(everywhere(program), services))

describe("Fisher.estimate with a Checkpoint, interrupted at every operation", () => {
  const programs = {
    "kfac, concurrency 2": (found: Found) => estimate(Structure.kfac, found, 2),
    "gram, concurrency 1": (found: Found) => estimate(Structure.gram, found),
    "ekfac, concurrency 1": (found: Found) => estimate(Structure.ekfac, found)
  }
  for (const [title, program] of Object.entries(programs)) {
    it(`leaves 0 tensors and a file that is absent or whole, at 100 % of the points [${title}]`, async () => {
      const found = { absent: 0, whole: 0, otherwise: 0 }
      const { leaking, operations } = await interrupted(program(found))
      expect(operations).toBeGreaterThan(100)
      expect(leaking).toBe(0)
      expect(found.otherwise).toBe(0)
      expect(Math.min(found.absent, found.whole)).toBeGreaterThan(0)
      // One that was stopped before its first operation has no disk yet.
      expect(found.absent + found.whole).toBeGreaterThanOrEqual(0.9 * operations)
    })
  }
  it("control: a writer that can be stopped between writing and renaming leaves a temporary file at some of the points", async () => {
    const found = { absent: 0, whole: 0, otherwise: 0 }
    await interrupted(careless(found))
    expect(found.otherwise).toBeGreaterThan(0)
  })
})
