/** Bad input, forms: structures of Kronecker factors where a layer has none, and what a block of its own structure does about it. */
import { Effect, Layer } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import {
  Conditional,
  DataSource,
  Device,
  Fisher,
  Likelihood,
  Network,
  Sampler,
  Structure
} from "../src/index.ts"
import { type Case, fails } from "./support/refusals.ts"
import { checkEveryKernel } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const net = Conditional.make(
  Network.sequential(3 as number, [
    Network.shared("a", Network.dense(4, { bias: false })),
    Network.tanh,
    Network.transposed("a"),
    Network.dense(2)
  ]),
  Likelihood.categorical
)
const params = Conditional.init(net, { seed: 0 })
const layer = net.network.space.blocks[0]!.layer
const x = Array.from({ length: 17 }, (_, n) => [n, Math.cos(n), 1])
const services = Layer.mergeAll(DataSource.fromArrays({ x }), Sampler.exact, Device.cpu)
const given = <A, E>(
  program: Effect.Effect<A, E, DataSource | Sampler | Device>
): Effect.Effect<A, unknown> => program.pipe(Effect.provide(services))

const { ekfac, ekfacReduce, kfac, kfacReduce } = Structure
const refused = { kfac, kfacReduce, ekfac, ekfacReduce }

describe("a layer whose gradients are written out", () => {
  fails(
    Object.entries(refused).flatMap(([name, structure]): ReadonlyArray<Case> => {
      const why = `structure is ${name}, and the gradients of the layer ${layer}`
      const remedy = "Give Structure.mixed another structure for that layer"
      return [
        [
          `estimate of ${name}`,
          () => given(Fisher.estimate(net, params, structure)),
          "InvalidArgument",
          why,
          remedy
        ],
        [
          `estimateWithErrors of ${name}`,
          () => given(Fisher.estimateWithErrors(net, params, structure)),
          "InvalidArgument",
          why,
          remedy
        ],
        [
          `a mixture with ${name} for it`,
          () => given(Fisher.estimate(net, params, Structure.mixed([structure, Structure.dense]))),
          "InvalidArgument",
          why,
          remedy
        ]
      ]
    })
  )
  fails(
    Object.entries({ kfac, kfacReduce }).map(
      ([name, structure]): Case => [
        `accumulate of ${name}`,
        () => given(Fisher.accumulate(net, params, structure)),
        "InvalidArgument",
        layer,
        "Structure.mixed"
      ]
    )
  )
})

describe("what the message says to do", () => {
  const others = {
    diagonal: Structure.diagonal,
    blockDiagonal: Structure.blockDiagonal,
    unitwise: Structure.unitwise
  }
  for (const [name, other] of Object.entries(others)) {
    for (const [own, structure] of Object.entries(refused)) {
      it(`works: ${name} for that layer, ${own} for the other; control: the other's own Fisher alone`, async () => {
        const both: Structure.AnyStructure<"toDense" | "restrict"> = Structure.mixed([other, structure])
        const fisher = await Effect.runPromise(given(Fisher.estimate(net, params, both)))
        const dense = Fisher.toDense(fisher)
        expect(dense.every(Number.isFinite)).toBe(true)
        const one: Structure.Structure<"restrict"> = other
        const due = await Effect.runPromise(given(Fisher.estimate(net, params, one)))
        expect(fisher.operations.restrict(0).means).toEqual(due.operations.restrict(0).means)
        expect(fisher.operations.restrict(1).means).not.toEqual(due.operations.restrict(0).means)
      })
    }
  }
})

describe("too much for a block", () => {
  const batch = {
    x: Float32Array.from(x.flat()),
    examples: 17,
    features: 3,
    indices: Float64Array.from(x.keys())
  }
  /** As if a column of an example were so many numbers. */
  const sums = (width: number) =>
    given(
      Effect.gen(function* () {
        const loaded = yield* Conditional.load(net, params)
        const made = yield* Conditional.linearize(loaded, batch)
        return (yield* Fisher.sampledSums({ ...made, width }, Structure.diagonal, 0)).weight
      }).pipe(Effect.scoped)
    )
  fails([
    [
      "17 examples of 2^24 numbers a column",
      () => sums(2 ** 24),
      "InvalidArgument",
      "A block of 17 examples takes 285212672 numbers for each column",
      "Give a smaller blockSize"
    ]
  ])
  it("control: of as many as there are, they are summed; the written gradients are among them", async () => {
    const width = await Effect.runPromise(
      given(
        Effect.gen(function* () {
          const loaded = yield* Conditional.load(net, params)
          return (yield* Conditional.linearize(loaded, batch)).width
        }).pipe(Effect.scoped)
      )
    )
    expect(await Effect.runPromise(sums(width))).toBe(17)
    const [written] = net.network.space.blocks
    const outputs = net.network.layers.reduce((sum, { outputs }) => sum + outputs, 0)
    expect(width).toBe(outputs + written!.rows * written!.columns)
    expect(width).not.toBe(outputs)
  })

  const wide = Conditional.make(Network.sequential(12_000, [Network.dense(2)]), Likelihood.categorical)
  fails(
    Object.entries(refused).map(
      ([name, structure]): Case => [
        `${name} of a layer of 12,000 inputs`,
        () => given(Fisher.estimate(wide, Conditional.init(wide, { seed: 0 }), structure)),
        "InvalidArgument",
        "72018004 numbers",
        "Structure.mixed with it for the largest layer"
      ]
    )
  )
})
