/**
 * A process to be killed: sums in a Checkpoint, without a network. `node killedSums.ts checkpoint FILE` adds 150 blocks of 2,000
 * float32 numbers to what it finds in the file, writes after each, and prints the SHA-256 of what it ends with. Without a file it adds
 * alone; as `node killedSums.ts in-place FILE` it writes as one should not.
 */
import { createHash } from "node:crypto"
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { Effect, Layer, Result } from "effect"
import { Checkpoint } from "../../src/fisher/Checkpoint.ts"
import { addExactly } from "../../src/fisher/internal/exact.ts"
import { Sum } from "../../src/fisher/Moment.ts"
import * as Snapshot from "../../src/fisher/Snapshot.ts"
import type { Structure } from "../../src/fisher/Structure.ts"
import type { ParamSpace } from "../../src/model/ParamSpace.ts"
import { generator } from "../oracle/random.ts"

const [how, file] = process.argv.slice(2)
const blocks = 150
const size = 2000

const space: ParamSpace<"none"> = { signature: "none", blocks: [], size }
const structure: Structure<never> = {
  name: "sums",
  constants: [],
  moments: () => [Sum({ size })],
  reduce: () => [],
  operations: () => ({})
}
const origin = {
  network: space.signature,
  likelihood: "none",
  params: "",
  sampler: "none",
  structure: structure.name,
  source: "none",
  examples: blocks,
  device: "none",
  blockSize: 1,
  pass: 0,
  round: 0,
  from: 0,
  to: 0,
  first: null,
  data: null
}

/** Numbers that differ in scale: their sums lose bits. */
const block = (index: number): Float64Array => {
  const random = generator(index)
  return Float64Array.from({ length: size }, (_, i) =>
    Math.fround((random.uniform() - 0.5) * 2 ** ((7 * index + i) % 40))
  )
}

const program = Effect.gen(function* () {
  const store = yield* Checkpoint
  const bytes = yield* store?.read ?? Effect.undefined
  const found = bytes === undefined ? undefined : yield* Snapshot.decode(bytes, "sums")
  const start =
    found === undefined
      ? undefined
      : yield* Effect.fromResult(Snapshot.restore(found, structure, space, origin))
  const [sums, rests] = [start?.sums, start?.rests].map(
    (arrays) => arrays?.[0]?.slice() ?? new Float64Array(size)
  ) as [Float64Array, Float64Array]
  console.log("begun")
  for (let to = (start?.weight ?? 0) + 1; to <= blocks; to++) {
    addExactly(sums, rests, block(to - 1), undefined)
    const made = Result.getOrThrow(
      Snapshot.of({
        structure,
        space,
        weight: to,
        sums: [sums],
        rests: [rests],
        origin: { ...origin, to }
      })
    )
    if (store !== undefined) yield* store.write(yield* Snapshot.encode(made))
  }
  const hash = createHash("sha256").update(sums).update(rests)
  console.log("ended")
  if (store !== undefined) yield* store.remove
  console.log(`done ${hash.digest("hex")}`)
})

/** Writes over the snapshot before, piece by piece. */
const inPlace = (path: string) =>
  Checkpoint.fromStore({
    name: path,
    every: 1,
    read: Effect.sync(() => (existsSync(path) ? readFileSync(path) : undefined)),
    write: (bytes) =>
      Effect.gen(function* () {
        writeFileSync(path, "")
        for (let at = 0; at < bytes.length; at += 8000) {
          yield* Effect.sleep(0)
          appendFileSync(path, bytes.subarray(at, at + 8000))
        }
      }),
    remove: Effect.sync(() => rmSync(path))
  })

const files = Layer.merge(NodeFileSystem.layer, NodePath.layer)
const stores = (path: string) =>
  how === "in-place" ? inPlace(path) : Layer.provide(Checkpoint.file({ path, every: 1 }), files)
await Effect.runPromise(Effect.provide(program, file === undefined ? Layer.empty : stores(file)))
