/**
 * A process to be killed: `node killedEstimate.ts STRUCTURE FILE` estimates a Fisher with a Checkpoint in the file, written after each
 * of its 75 blocks, and prints the SHA-256 of what it ends with. Without a file it estimates alone.
 */
import { createHash } from "node:crypto"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { Effect, Layer } from "effect"
import { Checkpoint, Device, Fisher, Sampler } from "../../src/index.ts"
import { problems } from "./shares.ts"
import { allStructures } from "./structures.ts"

const [name = "", file] = process.argv.slice(2)
const { conditional, params, source } = problems["gaussian, scales 2^-10 to 2^10"]

const program = Effect.gen(function* () {
  console.log("begun")
  const { means } = yield* Fisher.estimate(conditional, params, allStructures[name]!, { blockSize: 1 })
  const hash = createHash("sha256")
  for (const mean of means) hash.update(mean)
  console.log(`done ${hash.digest("hex")}`)
})

/** The checkpoint, which says that it is no longer needed before it is removed. */
const telling = (path: string) =>
  Layer.effect(
    Checkpoint,
    Effect.map(Effect.service(Checkpoint), (store) => ({
      ...store!,
      remove: Effect.andThen(
        Effect.sync(() => console.log("ended")),
        store!.remove
      )
    }))
  ).pipe(
    Layer.provide(Checkpoint.file({ path, every: 1 })),
    Layer.provide(Layer.merge(NodeFileSystem.layer, NodePath.layer))
  )
await Effect.runPromise(
  Effect.provide(
    program,
    Layer.mergeAll(
      source,
      Sampler.monteCarlo({ draws: 3, seed: 0 }),
      Device.cpu,
      file === undefined ? Layer.empty : telling(file)
    )
  )
)
