/** Bad input, IDX files: not IDX, cut off, of another type, corrupt, missing, and two files that do not belong together. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { NodeServices } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Conditional, Idx, Likelihood, Network } from "../src/index.ts"
import { type Case, fails } from "./support/refusals.ts"
import { given, wrong } from "./support/small.ts"
import { checkEveryKernel } from "./support/tensors.ts"

/** An IDX file of these dimensions, with so many bytes of data: 0, 1, 0, 1, ... */
const file = (dimensions: ReadonlyArray<number>, length?: number, type = 8): Uint8Array<ArrayBuffer> => {
  const header = 4 + 4 * dimensions.length
  const bytes = new Uint8Array(header + (length ?? dimensions.reduce((size, n) => size * n, 1)))
  bytes[2] = type
  bytes[3] = dimensions.length
  const view = new DataView(bytes.buffer)
  for (const [i, n] of dimensions.entries()) view.setUint32(4 + 4 * i, n)
  for (let i = header; i < bytes.length; i++) bytes[i] = (i - header) % 2
  return bytes
}

const good = file([4, 2, 2])
const zipped = Uint8Array.from(gzipSync(file([4, 8, 8])))
const flipped = (at: number) => zipped.map((byte, i) => (i === at ? byte ^ 0xff : byte))

const broken: ReadonlyArray<
  readonly [title: string, bytes: () => Uint8Array, ...says: ReadonlyArray<string>]
> = [
  ["no byte", () => new Uint8Array(0), "no IDX file"],
  ["3 bytes", () => good.subarray(0, 3), "no IDX file"],
  ["text", () => new TextEncoder().encode("<!doctype html>"), "no IDX file"],
  ["a first byte of 1", () => good.map((byte, i) => (i === 0 ? 1 : byte)), "no IDX file"],
  ["a second byte of 1", () => good.map((byte, i) => (i === 1 ? 1 : byte)), "no IDX file"],
  ["signed bytes", () => file([4], 4, 9), "type 9"],
  ["shorts", () => file([4], 8, 11), "type 11"],
  ["floats", () => file([4], 16, 13), "type 13"],
  ["a type that is none", () => file([4], 4, 0), "type 0"],
  ["no dimension", () => file([], 0), "header"],
  ["a header that is cut", () => good.subarray(0, 11), "header", "11 bytes"],
  ["255 dimensions", () => good.map((byte, i) => (i === 3 ? 255 : byte)), "header"],
  ["data that is cut", () => good.subarray(0, good.length - 1), "15 bytes", "4 x 2 x 2", "16"],
  ["no data", () => good.subarray(0, 16), "0 bytes", "16"],
  ["a byte too many", () => Uint8Array.from([...good, 0]), "17 bytes", "16"],
  ["dimensions past 2^53", () => file([2 ** 32 - 1, 2 ** 32 - 1], 4), "4 bytes", "4294967295 x 4294967295"],
  ["gzip: its two first bytes", () => zipped.subarray(0, 2), "gzip"],
  ["gzip: cut off", () => zipped.subarray(0, zipped.length >> 1), "gzip"],
  ["gzip: without its end", () => zipped.subarray(0, zipped.length - 4), "gzip"],
  ["gzip: a byte changed", () => flipped(14), "gzip"],
  ["gzip: its checksum changed", () => flipped(zipped.length - 6), "gzip"],
  ["gzip: more after its end", () => Uint8Array.from([...zipped, 1, 2, 3]), "gzip"],
  ["gzip of text", () => Uint8Array.from(gzipSync("<!doctype html>")), "no IDX file"],
  ["gzip of gzip", () => Uint8Array.from(gzipSync(zipped)), "no IDX file"]
]

let folder = ""
const path = (name: string) => join(folder, name)
const write = (name: string, bytes: Uint8Array) => writeFileSync(path(name), bytes)

beforeAll(async () => {
  await checkEveryKernel()
  folder = mkdtempSync(join(tmpdir(), "natgrad-idx-"))
  write("images", good)
  write("images.gz", Uint8Array.from(gzipSync(good)))
  write("labels", file([4]))
  write("5 labels", file([5]))
  write("0 images", file([0, 2, 2]))
  write("0 labels", file([0]))
  for (const [title, bytes] of broken) write(`broken ${title}`, bytes())
})

afterAll(() => rmSync(folder, { recursive: true }))

const net = Conditional.make(Network.sequential(4, [Network.dense(2)]), Likelihood.categorical)
const start = Conditional.init(net, { seed: 0 })
const gradient = (options: () => Parameters<typeof Idx.dataSource>[0]) =>
  given({ source: Layer.suspend(() => Idx.dataSource(options())).pipe(Layer.provide(NodeServices.layer)) })(
    Conditional.gradient(net, start)
  )
const files =
  (images: string, labels: string, rest: object = {}) =>
  () =>
    gradient(() => ({ images: path(images), labels: path(labels), ...rest }))

describe("Idx.decode", () => {
  fails(
    broken.map(([title, bytes, ...says]): Case => {
      return [title, () => Idx.decode("train.idx", bytes()), "DataFailure", "train.idx", ...says]
    })
  )
  fails([
    ["nothing", () => Idx.decode("train.idx", wrong(undefined)), "DataFailure", "train.idx", "undefined"],
    [
      "an array of numbers",
      () => Idx.decode("train.idx", wrong(Array.from(good))),
      "DataFailure",
      "train.idx",
      "Array"
    ]
  ])
  it("a right file is read, plain or zipped, with its dimensions", async () => {
    for (const bytes of [good, Uint8Array.from(gzipSync(good))]) {
      const { dimensions, bytes: data } = await Effect.runPromise(Idx.decode("train.idx", bytes))
      expect(dimensions).toEqual([4, 2, 2])
      expect(data).toEqual(good.subarray(16))
    }
  })
})

describe("every change of a zipped file", () => {
  /** What came of it: the right bytes, a `DataFailure`, or something that must not be. */
  const read = async (bytes: Uint8Array) => {
    const exit = await Effect.runPromiseExit(Idx.decode("train.idx", bytes))
    if (exit._tag === "Success") return exit.value.bytes.join() === whole ? "whole" : "other bytes"
    const [reason] = exit.cause.reasons
    return reason?._tag === "Fail" ? reason.error._tag : "defect"
  }
  const whole = file([4, 8, 8]).subarray(16).join()
  it("0 of the changed bytes give other data or a defect", async () => {
    const ends = await Promise.all(Array.from(zipped, (_, at) => read(flipped(at))))
    expect(new Set(ends)).toEqual(new Set(["DataFailure", "whole"]))
    // The time, the flags and the system in gzip's header say nothing of the content.
    expect(ends.filter((end) => end === "whole").length).toBeLessThanOrEqual(7)
  })
  it("0 of the truncations give data or a defect", async () => {
    const ends = await Promise.all(Array.from(zipped, (_, length) => read(zipped.subarray(0, length))))
    expect(new Set(ends)).toEqual(new Set(["DataFailure"]))
  })
})

describe("Idx.dataSource", () => {
  fails(
    broken.map(([title]): Case => {
      return [`images of ${title}`, files(`broken ${title}`, "labels"), "DataFailure", `broken ${title}`]
    })
  )
  fails([
    ["no images", files("nowhere", "labels"), "DataFailure", "nowhere", "cannot be read"],
    ["no labels", files("images", "nowhere"), "DataFailure", "nowhere", "cannot be read"],
    ["a folder", files("", "labels"), "DataFailure", "cannot be read"],
    ["a name with a zero byte", files("a\0b", "labels"), "DataFailure", "cannot be read"],
    [
      "no name",
      () => gradient(() => wrong({ labels: path("labels") })),
      "InvalidArgument",
      "images is undefined"
    ],
    [
      "a number for a name",
      () => gradient(() => wrong({ images: 99, labels: path("labels") })),
      "InvalidArgument",
      "images is 99"
    ],
    ["5 labels for 4 images", files("images", "5 labels"), "ShapeMismatch", "5 labels", "4 images"],
    ["images for labels", files("images", "images"), "ShapeMismatch", "4 x 2 x 2", "4 images"],
    ["no example", files("0 images", "0 labels"), "EmptyData", "example"],
    ["labels for images", files("labels", "labels"), "ShapeMismatch", "1 features", "takes 4"],
    ["batchSize 0", files("images", "labels", { batchSize: 0 }), "InvalidArgument", "batchSize is 0"],
    ["batchsize", files("images", "labels", { batchsize: 2 }), "InvalidArgument", "batchsize is 2"],
    [
      "a seed of -1",
      files("images", "labels", { shuffle: { seed: -1 } }),
      "InvalidArgument",
      "shuffle.seed is -1"
    ]
  ])
  it("a limit over the number of examples takes them all", async () => {
    const all = await Effect.runPromise(files("images", "labels")())
    const limited = await Effect.runPromise(files("images.gz", "labels", { limit: 99, batchSize: 1 })())
    expect(limited.values).toEqual(all.values)
  })
})
