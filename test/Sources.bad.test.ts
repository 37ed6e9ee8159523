/** Bad input, sources of x: streams that fail, end early, change their width or give no numbers. */
import * as tf from "@tensorflow/tfjs"
import { Effect, Layer, Stream } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import {
  type Batch,
  Conditional,
  Damping,
  DataSource,
  Errors,
  Fisher,
  Sampler,
  Structure,
  Training
} from "../src/index.ts"
import { type Case, fails } from "./support/refusals.ts"
import { given, params, type Services, small, wrong } from "./support/small.ts"
import { checkEveryKernel, tensorCounts } from "./support/tensors.ts"

let tensor: tf.Tensor

beforeAll(async () => {
  await checkEveryKernel()
  tensor = tf.zeros([2, 3])
})

afterAll(() => tensor.dispose())

const sampler = Sampler.monteCarlo({ draws: 2, seed: 0 })
const settings = { learningRate: 0.1, structure: Structure.kfac, damping: Damping.absolute(1) }

/** The programs that walk over a source. */
const walks = (source: Services["source"]) => ({
  gradient: () => given({ source })(Conditional.gradient(small, params, { blockSize: 2 })),
  klDivergence: () => given({ source })(Conditional.klDivergence(small, params, params, { blockSize: 2 })),
  estimate: () =>
    given({ source, sampler })(Fisher.estimate(small, params, Structure.dense, { blockSize: 2 })),
  "estimate, concurrency 4": () =>
    given({ source, sampler })(
      Fisher.estimate(small, params, Structure.kfac, { blockSize: 2, concurrency: 4 })
    ),
  training: () =>
    given({ source, sampler })(Training.run(small, params, settings).pipe(Stream.take(9), Stream.runDrain))
})

const everyWalk = (title: string, source: Services["source"], tag: Case[2], ...says: ReadonlyArray<string>) =>
  fails(
    Object.entries(walks(source)).map(([of, program]): Case => [`${of}: ${title}`, program, tag, ...says])
  )

const someWalk = (title: string, source: Services["source"], tag: Case[2], ...says: ReadonlyArray<string>) =>
  fails([[title, walks(source).estimate, tag, ...says]])

/** `n` examples of `features` numbers. */
const batch = (n: number, features = 3) => ({
  x: Array.from({ length: n }, () => Array.from({ length: features }, (_, f) => f)),
  y: Array.from({ length: n }, () => 0)
})
const of = (...batches: ReadonlyArray<unknown>) => DataSource.fromIterable(wrong(batches))
const gone = new Errors.DataFailure({ source: "disk", message: "The disk is gone. Fetch it again." })

describe("a source that fails, or has nothing", () => {
  const failing = (good: number) =>
    DataSource.fromStream({
      pass: () =>
        Stream.concat(Stream.fromIterable(Array.from({ length: good }, () => batch(2))), Stream.fail(gone))
    })
  everyWalk("fails at once", failing(0), "DataFailure", "The disk is gone")
  everyWalk("fails midway", failing(3), "DataFailure", "The disk is gone")
  everyWalk("no batch", of(), "EmptyData", "example", "at least one")
  everyWalk("batches without an example", of(batch(0, 3), batch(0, 3)), "EmptyData")
  const once = function* () {
    yield batch(2)
  }
  fails([
    [
      "training: a source that can be walked once",
      () => walks(DataSource.fromIterable(once())).training(),
      "EmptyData",
      "Pass 1"
    ]
  ])
})

describe("a source that changes", () => {
  everyWalk("4 features after 3", of(batch(2), batch(2, 4)), "ShapeMismatch", "4", "3", "example 2")
  everyWalk("labels end", of(batch(2), { x: batch(2).x }), "ShapeMismatch", "labels", "example 2")
  someWalk("labels begin", of({ x: batch(2).x }, batch(2)), "ShapeMismatch")
  everyWalk(
    "labels widen",
    of(batch(2), { x: batch(2).x, y: batch(2, 2).x }),
    "ShapeMismatch",
    "labels",
    "example 2"
  )
  everyWalk(
    "NaN in the second batch",
    of(batch(2), { ...batch(1), x: [[0, Number.NaN, 0]] }),
    "NonFinite",
    "NaN"
  )
  someWalk(
    "x and y of different lengths",
    of(batch(2), { ...batch(2), y: [0] }),
    "ShapeMismatch",
    "y has 1",
    "x has 2"
  )
})

describe("a source of what are no batches", () => {
  someWalk("a null batch", of(batch(2), null), "InvalidArgument", "null")
  someWalk("a batch without x", of({ y: [0] }), "InvalidArgument", "x is undefined")
  someWalk("x null", of({ x: null }), "InvalidArgument", "x is null")
  it.each(["batch", "x"])("a tensor for %s: fails with InvalidArgument, 0 tensors left", async (where) => {
    const before = tensorCounts()
    const error = await Effect.runPromise(
      Effect.flip(walks(of(where === "x" ? { x: tensor } : tensor)).estimate())
    )
    expect(error).toBeInstanceOf(Errors.InvalidArgument)
    expect(tensorCounts()).toEqual(before)
  })
  it("x as data and shape stands where its rows would", async () => {
    const rows = [1, 2].map((n) => ({ x: [[n, 2, 3]], y: [0] }))
    const flat = [1, 2].map((n) => ({ x: { data: [n, 2, 3], shape: [1, 3] }, y: [0] }))
    const [one, other] = await Effect.runPromise(
      Effect.all([walks(of(...rows)).estimate(), walks(of(...flat)).estimate()])
    )
    expect(other.means).toEqual(one.means)
  })
  for (const firstIndex of [-1, 1.5, Number.NaN, 2 ** 53]) {
    someWalk(
      `firstIndex ${firstIndex}`,
      of({ ...batch(2), firstIndex }),
      "InvalidArgument",
      `firstIndex is ${firstIndex}`
    )
  }
  for (const firstIndex of ["3"]) {
    someWalk(
      `firstIndex ${JSON.stringify(firstIndex)}`,
      of({ ...batch(2), firstIndex }),
      "InvalidArgument",
      "firstIndex is"
    )
  }
})

const own = (batches: ReadonlyArray<object>, examples?: number, features: number | undefined = 3) =>
  Layer.succeed(DataSource, {
    name: "own",
    features,
    examples,
    pass: () => Stream.fromIterable(batches as ReadonlyArray<Batch.Batch>)
  })
const made = (changes: object = {}) => ({
  x: new Float32Array(6).fill(1),
  examples: 2,
  features: 3,
  indices: Float64Array.of(0, 1),
  labels: { values: new Float32Array(2), labelSize: 1 },
  ...changes
})

describe("a DataSource of one's own", () => {
  it("its right batches are taken", async () => {
    for (const program of Object.values(walks(own([made(), made()], 4)))) await Effect.runPromise(program())
  })
  someWalk("ends early", own([made()], 10), "ShapeMismatch", "10", "2")
  someWalk("has more examples than it says", own([made(), made()], 2), "ShapeMismatch", "2", "4")
  someWalk("has more features than it says", own([made()], 2, 2), "ShapeMismatch", "3", "2")
  someWalk("x too short", own([made({ x: new Float32Array(5) })]), "ShapeMismatch", "5 numbers")
  someWalk("x too long", own([made({ x: new Float32Array(7) })]), "ShapeMismatch", "7 numbers")
  someWalk("NaN in x", own([made({ x: new Float32Array(6).fill(Number.NaN) })]), "NonFinite", "NaN")
  someWalk("1.5 examples", own([made({ examples: 1.5 })]), "ShapeMismatch", "1.5")
  someWalk(
    "too few indices",
    own([made({ indices: Float64Array.of(0) })]),
    "ShapeMismatch",
    "indices",
    "1",
    "2"
  )
  someWalk(
    "an index of NaN",
    own([made({ indices: Float64Array.of(0, Number.NaN) })]),
    "InvalidArgument",
    "NaN"
  )
  someWalk("x in float64", own([made({ x: new Float64Array(6) })]), "ShapeMismatch", "Float64Array")
  someWalk(
    "4 features after 3",
    own([made(), made({ x: new Float32Array(8), features: 4 })]),
    "ShapeMismatch",
    "4",
    "3"
  )
  fails([
    [
      "gradient: too few labels",
      walks(own([made({ labels: { values: new Float32Array(1), labelSize: 1 } })])).gradient,
      "ShapeMismatch",
      "labels",
      "1",
      "2"
    ],
    [
      "gradient: labels in the first batch alone",
      () =>
        given({ source: own([made(), made({ labels: undefined })]) })(Conditional.gradient(small, params)),
      "ShapeMismatch",
      "labels"
    ]
  ])
})
