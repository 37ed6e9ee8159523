/**
 * An accumulator through bytes and through JSON is the same accumulator; C2: bytes of which any is changed, missing or too many are
 * refused and never read in part.
 */
import { Effect, Result, Schema } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import {
  Accumulator,
  Conditional,
  DataSource,
  Device,
  Errors,
  Fisher,
  Likelihood,
  Network,
  Sampler,
  Snapshot,
  Structure
} from "../src/index.ts"
import { generator } from "./oracle/random.ts"
import { resealed, sealed } from "./support/frames.ts"
import {
  accumulated,
  bitsOf,
  blockSize,
  blocks,
  bytes,
  given,
  network,
  problems,
  type Sums
} from "./support/shares.ts"
import { allStructures } from "./support/structures.ts"

const problem = problems["gaussian, scales 2^-10 to 2^10"]
const { conditional, params } = problem
const of = (sums: Sums) => Result.getOrThrow(Snapshot.of(sums))
const encoded = (snapshot: Snapshot.Snapshot) => Effect.runPromise(Snapshot.encode(snapshot))
const decoded = (from: Uint8Array) => Effect.runPromise(Effect.result(Snapshot.decode(from, "here")))
const whole = async (from: Uint8Array) => Result.getOrThrow(await decoded(from))
const isCorrupt = (result: Result.Result<unknown, unknown>) =>
  Result.isFailure(result) && result.failure instanceof Errors.SnapshotCorrupt
const json = Schema.fromJsonString(Snapshot.Snapshot)

/** All bits of a snapshot. */
const bits = ({ constants, origin, rests, sums, weight }: Snapshot.Snapshot) => ({
  origin,
  weight,
  arrays: [constants, sums, rests].map((arrays) => arrays.map(bytes))
})

const ways: Readonly<Record<string, (snapshot: Snapshot.Snapshot) => Promise<Snapshot.Snapshot>>> = {
  "encode and decode": async (snapshot) => whole(await encoded(snapshot)),
  JSON: async (snapshot) =>
    Result.getOrThrow(Schema.decodeResult(json)(Result.getOrThrow(Schema.encodeResult(json)(snapshot))))
}

/** The structure of the last pass, made of the sums of the first where there are two. */
const lastPass = (structure: Structure.AnyStructure<never>, first: Sums | undefined) =>
  Effect.map(Device, ({ kernels }) =>
    "second" in structure ? Result.getOrThrow(Fisher.secondPass(structure, first!, kernels)) : structure
  )

describe("a snapshot", () => {
  for (const [name, structure] of Object.entries<Structure.AnyStructure<never>>(allStructures)) {
    for (const [title, through] of Object.entries(ways)) {
      it(`of each half, through ${title}, combines to the bits of one walk, and finishes as Fisher.estimate; control: without its rests it does not [${name}]`, async () => {
        const program = Effect.gen(function* () {
          const { kernels } = yield* Device
          /** Both halves, kept apart and brought together. */
          const shared = Effect.fnUntraced(function* (pass: Structure.Structure<never>) {
            const halves = [
              yield* accumulated(problem, pass, 0, 4),
              yield* accumulated(problem, pass, 4, blocks)
            ]
            const again = yield* Effect.forEach(halves, (half) => Effect.promise(() => through(of(half))))
            expect(again.map(bits)).toEqual(halves.map((half) => bits(of(half))))
            const restored = again.map((snapshot) =>
              Result.getOrThrow(Snapshot.toAccumulator(snapshot, pass, network.space))
            )
            expect(restored.map(bitsOf)).toEqual(halves.map(bitsOf))
            const sums = Result.getOrThrow(Accumulator.combine(restored[0]!, restored[1]!))
            const walk = yield* accumulated(problem, pass, 0, blocks)
            expect(bitsOf(sums)).toEqual(bitsOf(walk))
            if (pass.moments(network.space)[0]!._tag !== "Rows") {
              const without = restored.map((half): Sums => ({ ...half, rests: [] }))
              const less = Result.getOrThrow(Accumulator.combine(without[0]!, without[1]!))
              expect(bitsOf(less)).not.toEqual(bitsOf(walk))
            }
            return sums
          })
          const first = "second" in structure ? yield* shared(structure.first) : undefined
          const sums = yield* shared(yield* lastPass(structure, first))
          const fisher = yield* Fisher.estimate(conditional, params, structure, { blockSize })
          expect(Result.getOrThrow(Accumulator.finish(sums, kernels)).means.map(bytes)).toEqual(
            fisher.means.map(bytes)
          )
        })
        await given(problem)(program)
      })
    }
  }
})

const origin = {
  network: "2 > dense(1)",
  likelihood: "gaussian",
  params: "00",
  sampler: "exact",
  structure: "none",
  source: "arrays",
  examples: null,
  device: "cpu",
  blockSize: 5,
  pass: 0,
  round: 2,
  from: 10,
  to: 13,
  first: null,
  data: null
}
/** Numbers whose bits are easily lost. */
const awkward = [
  -0,
  0.1,
  2 ** -1074,
  2 ** 1023,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN
]
const tiny: Snapshot.Snapshot = {
  origin,
  weight: 3,
  sums: [Float64Array.from(awkward), Float64Array.of(1 / 3)],
  rests: [new Float64Array(7), Float64Array.of(2 ** -60)],
  constants: [Float32Array.of(-0, 0.1, 2 ** -149), new Float32Array(0)]
}
const header = { origin, weight: 3, sums: [7, 1], rests: [7, 1], constants: [3, 0] }
/** The SHA-256 at their end. Where it changes, what was kept can no longer be read: the format needs another version. */
const firstDay = "29754675abc496f3cf715ad63c5725430daef4658cfd3fa7e7ab91081fa09198"
const payload = Buffer.concat(
  [...tiny.sums, ...tiny.rests, ...tiny.constants].map(({ buffer, byteLength, byteOffset }) =>
    Buffer.from(buffer, byteOffset, byteLength)
  )
)

describe("the bytes of a snapshot", () => {
  it("are those of the format written down a second time, and of its first day; control: another version", async () => {
    const made = await encoded(tiny)
    expect(Buffer.from(made.subarray(-32)).toString("hex")).toBe(firstDay)
    expect(made).toEqual(sealed({ header: JSON.stringify(header), payload }))
    expect(made).not.toEqual(sealed({ header: JSON.stringify(header), payload, version: 1 }))
  })
  it("are the same for the same snapshot, also for one that was read", async () => {
    const made = await encoded(tiny)
    expect(await encoded(tiny)).toEqual(made)
    expect(await encoded(await whole(made))).toEqual(made)
    expect(bits(await whole(made))).toEqual(bits(tiny))
  })
  it("are read wherever they lie in a buffer, and what is read is no view of them", async () => {
    const made = await encoded(tiny)
    for (let offset = 0; offset < 9; offset++) {
      const buffer = Buffer.alloc(made.length + 16, 7)
      buffer.set(made, offset)
      const read = await whole(buffer.subarray(offset, offset + made.length))
      buffer.fill(1)
      expect(bits(read)).toEqual(bits(tiny))
    }
  })
  it("of no array, and of arrays without a number", async () => {
    for (const arrays of [[], [new Float64Array(0), new Float64Array(0)]]) {
      const snapshot = { ...tiny, sums: arrays, rests: [], constants: [] }
      expect(bits(await whole(await encoded(snapshot)))).toEqual(bits(snapshot))
    }
  })
})

describe("the layout of the sums, which a snapshot holds as they are: where it changes, the format needs another version", () => {
  // One example [2, 3] of a Gaussian with variance 1: its A is [2, 3, 1] [2, 3, 1]^T, its G the identity.
  const linear = Conditional.make(
    Network.sequential(2, [Network.dense(2)]),
    Likelihood.gaussian({ variance: 1 })
  )
  const a = [4, 6, 9, 2, 3, 1]
  const byColumns = [4, 6, 2, 9, 3, 1]
  const dense = [[4], [0, 4], [6, 0, 9], [0, 6, 0, 9], [2, 0, 3, 0, 1], [0, 2, 0, 3, 0, 1]].flat()
  const due: ReadonlyArray<readonly [Structure.Structure<never>, ReadonlyArray<ReadonlyArray<number>>]> = [
    [Structure.dense, [dense]],
    [Structure.blockDiagonal, [dense]],
    [Structure.diagonal, [[4, 4, 9, 9, 1, 1]]],
    [
      Structure.quasiDiagonal,
      [
        [4, 4, 9, 9, 1, 1],
        [2, 2, 3, 3]
      ]
    ],
    [Structure.unitwise, [[...a, ...a]]],
    [Structure.kfac, [a, [1, 0, 1]]],
    [Structure.kfacReduce, [a, [1, 0, 1]]],
    [Structure.gram, [[2, 0, 3, 0, 1, 0, 0, 2, 0, 3, 0, 1]]]
  ]
  for (const [structure, sums] of due) {
    it(`is that of version 2, to the bit; control: triangles column by column [${structure.name}]`, async () => {
      const made = await Effect.runPromise(
        Fisher.accumulate(linear, Conditional.init(linear, { seed: 0 }), structure).pipe(
          Effect.provide([DataSource.fromArrays({ x: [[2, 3]] }), Sampler.exact, Device.cpu]),
          Effect.scoped
        )
      )
      const actual = Result.getOrThrow(Snapshot.of(made)).sums.map((sum) => Array.from(sum))
      expect(actual).toEqual(sums)
      expect(actual).not.toContainEqual(byColumns)
    })
  }
})

describe("C2: bytes that are not as they were written", () => {
  let made = new Uint8Array(0)
  beforeAll(async () => {
    made = await encoded(tiny)
  })
  const changed = (at: number, flip: number): Uint8Array =>
    made.map((byte, i) => (i === at ? byte ^ flip : byte))

  it("with any one of them changed in any one bit or in all: SnapshotCorrupt, 0 read", async () => {
    let read = 0
    for (let at = 0; at < made.length; at++) {
      for (const flip of [1, 2, 4, 8, 16, 32, 64, 128, 255]) {
        if (!isCorrupt(await decoded(changed(at, flip)))) read++
      }
    }
    expect(read).toBe(0)
  })
  it("cut short to any length: SnapshotCorrupt, 0 read", async () => {
    let read = 0
    for (let length = 0; length < made.length; length++) {
      if (!isCorrupt(await decoded(made.subarray(0, length)))) read++
    }
    expect(read).toBe(0)
  })
  it("with more after them, before them or between them: SnapshotCorrupt, 0 read", async () => {
    const random = generator(3)
    let read = 0
    for (let more = 1; more <= 64; more++) {
      for (const byte of [0, 0x20, random.integer(256)]) {
        const extra = new Uint8Array(more).fill(byte)
        const at = random.integer(made.length)
        for (const longer of [
          [...made, ...extra],
          [...extra, ...made],
          [...made.subarray(0, at), ...extra, ...made.subarray(at)]
        ]) {
          if (!isCorrupt(await decoded(Uint8Array.from(longer)))) read++
        }
      }
    }
    expect(isCorrupt(await decoded(Uint8Array.from([...made, ...made])))).toBe(true)
    expect(read).toBe(0)
  })
  it("control: with a SHA-256 that holds again they are read, other numbers, or refused for their header; 0 defects", async () => {
    let read = 0
    let refused = 0
    for (let at = 0; at < made.length - 32; at++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const result = await decoded(resealed(changed(at, flip)))
        if (isCorrupt(result)) refused++
        else {
          read++
          expect(bits(Result.getOrThrow(result))).not.toEqual(bits(tiny))
        }
      }
    }
    expect(read).toBeGreaterThanOrEqual(3 * payload.length)
    expect(refused).toBeGreaterThan(100)
  })
})
