/**
 * Bad snapshots: bytes that are none, sums that do not belong to what they are used with, places that cannot hold them. Every estimate
 * that finds the sums of another one fails with SnapshotMismatch, which names what differs, and leaves them as they are.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { NodeServices } from "@effect/platform-node"
import { Effect, Layer, Result, Schema, Stream } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import {
  Accumulator,
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
import { sealed, version } from "./support/frames.ts"
import { type Case, fails, returns } from "./support/refusals.ts"
import { blockSize, given, network, problems } from "./support/shares.ts"
import { wrong } from "./support/small.ts"
import { inMemory, memory } from "./support/stores.ts"
import { checkEveryKernel } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const problem = problems["categorical, one scale"]
const { conditional, params, x } = problem
const { space } = network
const wide = Conditional.make(
  Network.sequential(4, [Network.dense(6), Network.relu, Network.dense(3)]),
  Likelihood.categorical
)

const sums = await given(problem)(
  Fisher.accumulate(conditional, params, Structure.kfac, { blockSize, from: 0, to: 42 })
)
const later = await given(problem)(
  Fisher.accumulate(conditional, params, Structure.kfac, { blockSize, from: 42 })
)
const rows = await given(problem)(
  Fisher.accumulate(conditional, params, Structure.gram, { blockSize, from: 0, to: 42 })
)
const snapshot = Result.getOrThrow(Snapshot.of(sums))
const { origin } = snapshot
const bytes = await Effect.runPromise(Snapshot.encode(snapshot))
const bytesOfLater = await Effect.runPromise(Snapshot.encode(Result.getOrThrow(Snapshot.of(later))))

const decode = (from: unknown) => () => Snapshot.decode(wrong(from), "part 3")
const sizes = { sums: [1], rests: [], constants: [] }
const header = (changes: object) => JSON.stringify({ origin, weight: 42, ...sizes, ...changes })
const framed = (changes: object, payload = 8) =>
  sealed({ header: header(changes), payload: new Uint8Array(payload) })
const corrupt = (title: string, from: unknown, ...says: ReadonlyArray<string>): Case => [
  `decode: ${title}`,
  decode(from),
  "SnapshotCorrupt",
  "part 3 ",
  ...says
]

describe("bytes that are no snapshot", () => {
  it("control: the header that the cases change is one", async () => {
    expect((await Effect.runPromise(Snapshot.decode(framed({}), "here"))).sums).toEqual([new Float64Array(1)])
  })
  const versions = [0, version - 1, version + 1, 2 ** 32 - 1].map((found) =>
    corrupt(
      `format version ${found}`,
      sealed({ header: header({}), payload: new Uint8Array(8), version: found }),
      `format version ${found}`,
      `reads version ${version}`
    )
  )
  const lies = Object.entries({
    "an array too many": { rests: [1] },
    "an array too few": { sums: [] },
    "2^31 numbers": { sums: [2 ** 31] },
    "2^53 - 1 numbers": { sums: [2 ** 53 - 1] },
    "2^53 - 1 numbers, four times": { sums: Array.from({ length: 4 }, () => 2 ** 53 - 1) },
    "a million arrays of 2^40 numbers": { rests: Array.from({ length: 1e6 }, () => 2 ** 40) }
  }).map(([title, changes]) =>
    corrupt(`a header that claims ${title}`, framed(changes), "8 bytes of numbers")
  )
  const malformed = Object.entries({
    "2^53 numbers": { sums: [2 ** 53] },
    "-1 numbers": { sums: [2, -1] },
    "half a number": { sums: [0.5] },
    "no sums": { sums: undefined },
    "text for sums": { sums: "1" },
    "a weight below 0": { weight: -1 },
    "a weight that is null": { weight: null },
    "no origin": { origin: undefined },
    "an origin without its device": { origin: { ...origin, device: undefined } },
    "a blockSize of 0": { origin: { ...origin, blockSize: 0 } },
    "a field that is not known": { sparse: true }
  }).map(([title, changes]) => corrupt(`a header with ${title}`, framed(changes), "header"))
  const payload = new Uint8Array(8)
  fails([
    corrupt("nothing", undefined, "undefined"),
    corrupt("text", "natgrad", '"natgrad"'),
    corrupt("an array", [...bytes], "Uint8Array"),
    corrupt("a Float64Array", new Float64Array(9), "Float64Array"),
    corrupt("no byte", new Uint8Array(0), "begin"),
    corrupt("the bytes of a page", new TextEncoder().encode("<!doctype html>".repeat(9)), "begin"),
    corrupt("the first 40 bytes", bytes.subarray(0, 40), "40 bytes"),
    corrupt("all but the last byte", bytes.subarray(0, -1), "SHA-256"),
    ...versions,
    corrupt("another magic", sealed({ header: header({}), payload, magic: "natgrad1" }), "begin"),
    corrupt(
      "a header longer than all",
      sealed({ header: header({}), payload, headerSize: 2 ** 32 - 1 }),
      "longer"
    ),
    corrupt("a header cut short", sealed({ header: header({}), payload, headerSize: 16 }), "header"),
    corrupt("a header that is no JSON", sealed({ header: "{", payload }), "header"),
    corrupt("a header that is null", sealed({ header: "null", payload }), "header"),
    corrupt("no header", sealed({ header: "", payload }), "header"),
    corrupt(
      "a header that is no text",
      sealed({ header: Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d), payload }),
      "text"
    ),
    ...lies,
    ...malformed
  ])
  it("claims of 2^53 - 1 numbers allocate nothing", async () => {
    const from = framed({ sums: [2 ** 53 - 1] })
    const before = process.memoryUsage().arrayBuffers
    for (let i = 0; i < 20; i++) await Effect.runPromise(Effect.result(Snapshot.decode(from, "here")))
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20)
  })
  it("JSON whose base64 is none, or no whole numbers, is refused", () => {
    const good = Result.getOrThrow(Schema.encodeResult(Snapshot.Snapshot)(snapshot))
    const read = (changes: object) => Schema.decodeUnknownResult(Snapshot.Snapshot)({ ...good, ...changes })
    expect(Result.isSuccess(read({}))).toBe(true)
    for (const text of ["AAAA", "AAAAAAAAAA==", "*", "AAAAAAAAAA"]) {
      expect(Result.isFailure(read({ sums: [text] }))).toBe(true)
      expect(Result.isFailure(read({ rests: [text] }))).toBe(true)
    }
    expect(Result.isFailure(read({ constants: ["AAA="] }))).toBe(true)
    expect(Result.isFailure(read({ weight: Number.NaN }))).toBe(true)
  })
})

describe("sums without an origin, and snapshots made by hand", () => {
  const average = Result.getOrThrow(Accumulator.movingAverage(sums, sums, 0.5))
  returns([["of: a moving average", () => Snapshot.of(average), "InvalidArgument", "kfac"]])
  const encode = (changes: object) => () => Snapshot.encode({ ...snapshot, ...changes })
  fails([
    ["encode: a weight of NaN", encode({ weight: Number.NaN }), "InvalidArgument", "weight"],
    ["encode: a weight of -1", encode({ weight: -1 }), "InvalidArgument", "weight"],
    [
      "encode: a blockSize of 0",
      encode({ origin: { ...origin, blockSize: 0 } }),
      "InvalidArgument",
      "blockSize"
    ],
    ["encode: a seed that is none", encode({ origin: { ...origin, pass: 0.5 } }), "InvalidArgument", "pass"],
    ["encode: no origin", encode({ origin: undefined }), "InvalidArgument", "origin"]
  ])
})

describe("a snapshot that is not of this structure or network", () => {
  const to = (changes: Partial<Snapshot.Snapshot>) => () =>
    Snapshot.toAccumulator({ ...snapshot, ...changes }, Structure.kfac, space)
  const [first, ...others] = snapshot.sums
  const longer = new Float64Array(first!.length + 1)
  const inBases = Structure.ekfac.second(
    space.blocks.flatMap(({ columns, rows }) => [
      new Float32Array(rows ** 2),
      new Float32Array(columns ** 2)
    ]),
    space
  )
  const ofBases = { ...origin, structure: "ekfac" }
  const squares = space.blocks.map(({ columns, rows }) => new Float64Array(rows * columns))
  const second = (constants: ReadonlyArray<Float32Array>) => () =>
    Snapshot.toAccumulator(
      { origin: ofBases, weight: 42, sums: squares, rests: [], constants },
      inBases,
      space
    )
  const ofRows = Result.getOrThrow(Snapshot.of(rows))
  const whole = space.blocks.flatMap(({ columns, rows }) => [rows ** 2, columns ** 2])
  const wholeUnits = space.blocks.map(({ columns, rows }) => columns * rows ** 2)
  const gram = (changes: Partial<Snapshot.Snapshot>) => () =>
    Snapshot.toAccumulator({ ...ofRows, ...changes }, Structure.gram, space)
  it("control: those that are", () => {
    for (const made of [
      to({}),
      to({ rests: [] }),
      second(inBases.constants),
      gram({}),
      gram({ rests: [] })
    ]) {
      expect(Result.isSuccess(made())).toBe(true)
    }
  })
  const mismatch = (title: string, program: () => unknown, field: string): Case => [
    `toAccumulator: ${title}`,
    program,
    "SnapshotMismatch",
    `The ${field} of the s`
  ]
  returns([
    mismatch(
      "another network",
      () => Snapshot.toAccumulator(snapshot, Structure.kfac, wide.network.space),
      "network"
    ),
    mismatch(
      "another structure",
      () => Snapshot.toAccumulator(snapshot, Structure.dense, space),
      "structure"
    ),
    mismatch("a sum too few", to({ sums: others }), "sums"),
    mismatch("a sum too many", to({ sums: [...snapshot.sums, longer] }), "sums"),
    mismatch("a number too many in a sum", to({ sums: [longer, ...others] }), "sums"),
    mismatch("whole matrices", to({ sums: whole.map((size) => new Float64Array(size)) }), "sums"),
    mismatch(
      "whole matrices of units",
      () =>
        Snapshot.toAccumulator(
          {
            ...{ origin: { ...origin, structure: "unitwise" }, weight: 42, rests: [], constants: [] },
            sums: wholeUnits.map((size) => new Float64Array(size))
          },
          Structure.unitwise,
          space
        ),
      "sums"
    ),
    mismatch("a rest too few", to({ rests: snapshot.rests.slice(1) }), "rests"),
    mismatch(
      "an empty rest of a sum",
      to({ rests: [new Float64Array(0), ...snapshot.rests.slice(1)] }),
      "rests"
    ),
    mismatch("half a row", gram({ sums: [ofRows.sums[0]!.subarray(1)] }), "sums"),
    mismatch("a rest of rows", gram({ rests: [ofRows.sums[0]!] }), "rests"),
    mismatch("no constants", second([]), "constants"),
    mismatch(
      "constants of other sizes",
      second(inBases.constants.map((array) => array.subarray(1))),
      "constants"
    ),
    mismatch(
      "another constant",
      second(inBases.constants.map((array, i) => array.map(() => i))),
      "constants"
    ),
    mismatch("constants of a structure without", to({ constants: [new Float32Array(1)] }), "constants")
  ])
})

describe("an estimate that finds the sums of another one", () => {
  const kept = memory(bytes)
  const estimate = (
    options: object = {},
    of = conditional,
    at = params,
    structure: Structure.AnyStructure<never> = Structure.kfac
  ) => Fisher.estimate(of, at, structure, { blockSize, ...options })
  const arrays = (options: object = {}) => DataSource.fromArrays({ x, batchSize: 16, ...options })
  interface Services {
    readonly source?: Layer.Layer<DataSource, unknown>
    readonly sampler?: Layer.Layer<Sampler, unknown>
    readonly device?: Layer.Layer<Device, unknown>
    readonly store?: Layer.Layer<never, unknown>
  }
  const monteCarlo = (seed: number, draws = 3) => Sampler.monteCarlo({ draws, seed })
  const on = (
    program: Effect.Effect<unknown, unknown, DataSource | Sampler | Device>,
    { device = Device.cpu, sampler = monteCarlo(0), source = arrays(), store = inMemory(kept) }: Services = {}
  ) => program.pipe(Effect.provide(Layer.mergeAll(source, sampler, device, store)))
  const bernoulli = Conditional.make(network, Likelihood.bernoulli)
  const mismatch = (field: string, program: () => unknown): Case => [
    `another ${field}`,
    program,
    "SnapshotMismatch",
    `memory holds sums whose ${field.split(",")[0]} is`,
    "and that of this estimate is"
  ]
  const wideParams = Conditional.init(wide, { seed: 3 })
  fails([
    mismatch("network", () => on(Fisher.estimate(wide, wideParams, Structure.kfac, { blockSize }))),
    mismatch("likelihood", () => on(estimate({}, wrong(bernoulli)))),
    mismatch("params", () => on(estimate({}, conditional, Conditional.init(conditional, { seed: 4 })))),
    mismatch("sampler, of another seed", () => on(estimate(), { sampler: monteCarlo(1) })),
    mismatch("sampler, of other draws", () => on(estimate(), { sampler: monteCarlo(0, 4) })),
    mismatch("sampler, exact", () => on(estimate(), { sampler: Sampler.exact })),
    mismatch("structure", () => on(estimate({}, conditional, params, Structure.dense))),
    mismatch("structure, of two passes", () =>
      on(estimate({}, conditional, params, Structure.mixed([Structure.ekfac, Structure.kfac])))
    ),
    mismatch("source", () =>
      on(estimate(), { source: DataSource.fromStream({ pass: () => Stream.make({ x }) }) })
    ),
    mismatch("source, in an order of its own", () =>
      on(estimate(), { source: arrays({ shuffle: { seed: 1 } }) })
    ),
    mismatch("examples", () => on(estimate(), { source: arrays({ x: x.slice(1) }) })),
    mismatch("device", () => on(estimate(), { device: Device.wasm })),
    mismatch("blockSize", () => on(estimate({ blockSize: 6 }))),
    mismatch("pass", () => on(estimate({ pass: 1 }))),
    mismatch("round", () => on(estimate({ round: 1 }))),
    mismatch("from", () => on(estimate(), { store: inMemory(memory(bytesOfLater)) })),
    [
      "bytes that are damaged",
      () => on(estimate(), { store: inMemory(memory(bytes.subarray(1))) }),
      "SnapshotCorrupt",
      "memory "
    ]
  ])
  it("leaves them, 0 writes; control: the estimate that they are of goes on with them, and removes them", async () => {
    expect(kept).toEqual({ content: bytes, writes: 0 })
    await Effect.runPromise(on(estimate()))
    expect(kept).toEqual({ content: undefined, writes: 5 })
  })
})

describe("a place that cannot hold a snapshot", () => {
  let folder = ""
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "natgrad-checkpoint-"))
    mkdirSync(join(folder, "folder"))
    writeFileSync(join(folder, "file"), "")
  })
  afterAll(() => rmSync(folder, { recursive: true }))
  const at = (path: () => string) =>
    Layer.unwrap(Effect.sync(() => Checkpoint.file({ path: path() }))).pipe(Layer.provide(NodeServices.layer))
  const into = (path: () => string) => () =>
    Effect.flatMap(Effect.service(Checkpoint), (store) =>
      Effect.andThen(store!.write(bytes), store!.read)
    ).pipe(Effect.provide(at(path)))
  const estimate = (path: () => string) => () =>
    Fisher.estimate(conditional, params, Structure.kfac, { blockSize }).pipe(
      Effect.provide(Layer.mergeAll(at(path), problem.source, Sampler.exact, Device.cpu))
    )
  fails([
    [
      "a folder that is missing",
      into(() => join(folder, "none", "sums")),
      "SnapshotFailure",
      "none",
      "Make its folder"
    ],
    ["a file for a folder", into(() => join(folder, "file", "sums")), "SnapshotFailure", "file"],
    ["a folder for a file", into(() => join(folder, "folder")), "SnapshotFailure", "folder"],
    [
      "Fisher.estimate: a folder that is missing",
      estimate(() => join(folder, "none", "sums")),
      "SnapshotFailure",
      "none"
    ],
    [
      "Fisher.estimate: a file for a folder",
      estimate(() => join(folder, "file", "sums")),
      "SnapshotFailure",
      "file"
    ],
    [
      "Fisher.estimate: a folder for a file",
      estimate(() => join(folder, "folder")),
      "SnapshotFailure",
      "folder"
    ],
    [
      "Fisher.estimate: a file that is no snapshot",
      estimate(() => join(folder, "file")),
      "SnapshotCorrupt",
      "file"
    ]
  ])
  const built = (layer: Layer.Layer<never, unknown, NodeServices.NodeServices>) => () =>
    Effect.provide(Effect.void, Layer.provide(layer, NodeServices.layer))
  const store = {
    name: "mine",
    every: 1,
    read: Effect.undefined,
    write: () => Effect.void,
    remove: Effect.void
  }
  fails([
    ...[0, -1, 1.5, Number.NaN, null].flatMap(
      (every): ReadonlyArray<Case> => [
        [
          `Checkpoint.file: every ${every}`,
          built(Checkpoint.file({ path: "sums", every: wrong(every) })),
          "InvalidArgument",
          "every"
        ],
        [
          `Checkpoint.fromStore: every ${every}`,
          built(Checkpoint.fromStore({ ...store, every: wrong(every) })),
          "InvalidArgument",
          "every"
        ]
      ]
    ),
    ["Checkpoint.file: an empty path", built(Checkpoint.file({ path: "" })), "InvalidArgument", "path"],
    ["Checkpoint.file: no path", built(Checkpoint.file(wrong({}))), "InvalidArgument", "path"],
    [
      "Checkpoint.file: an option that is none",
      built(Checkpoint.file(wrong({ path: "a", all: 1 }))),
      "InvalidArgument",
      "all"
    ]
  ])
})
