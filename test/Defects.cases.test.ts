/**
 * Where other libraries are silently wrong: each of these mistakes, on a case where it shows, and our answer. The wrong answer is computed
 * too, and is the control.
 */
import { Effect, Layer, Result } from "effect"
import { describe, expect, it } from "vitest"
import {
  Accumulator,
  Conditional,
  Cotangent,
  Damping,
  DataSource,
  Device,
  Draws,
  Fisher,
  Likelihood,
  Network,
  Params,
  Sampler,
  Snapshot,
  Structure
} from "../src/index.ts"
import { sequence } from "./oracle/graph/build.ts"
import { denseFisher, kfacFactors } from "./oracle/graph/fisher.ts"
import type { GraphNetwork } from "./oracle/graph/graph.ts"
import {
  addScaled,
  identity,
  kron,
  type Matrix,
  matmul,
  relativeError,
  scale,
  solve,
  transpose,
  type Vector
} from "./oracle/linear.ts"
import { generator } from "./oracle/random.ts"
import { rows, runWith } from "./support/subject.ts"

const random = generator(12)
const normalRows = (count: number, width: number): ReadonlyArray<Array<number>> =>
  Array.from({ length: count }, () => Array.from(random.normals(width)))

/** One estimate on wasm. */
const estimate = <S extends string, Op extends Structure.Operation>(
  conditional: Conditional.Conditional<S>,
  params: Params.Params<S>,
  structure: Structure.Structure<Op>,
  x: ReadonlyArray<ReadonlyArray<number>>,
  sampler: Layer.Layer<Sampler, unknown> = Sampler.exact,
  blockSize = 256
) =>
  runWith(Device.wasm)(
    Fisher.estimate(conditional, params, structure, { blockSize }).pipe(
      Effect.provide([DataSource.fromArrays({ x }), sampler])
    )
  )

const paramsOf = <S extends string>(
  { network }: Conditional.Conditional<S>,
  length = 0.5
): Params.Params<S> =>
  Params.make(
    network.space,
    random.normals(network.space.size).map((value) => length * value)
  )

const denseOf = (fisher: Fisher.Fisher<never, "toDense"> | { readonly space: unknown }): Matrix =>
  rows(Fisher.toDense(fisher as Fisher.Fisher<never, "toDense">))

/** The oracle's F for a Gaussian of this variance. */
const oracleOf = (net: GraphNetwork, theta: Vector, x: Matrix, variance: number, outputs: number): Matrix =>
  denseFisher(net, theta, x, () => scale(1 / variance, identity(outputs)))

describe("a Monte Carlo Fisher of M draws", () => {
  it("is F and not F / M: within 10 % of F in norm for M = 16; control: the loss divided by M before squaring", async () => {
    const coin = Conditional.make(Network.sequential(3, [Network.dense(2)]), Likelihood.bernoulli)
    const params = paramsOf(coin)
    const x = normalRows(400, 3)
    const due = denseOf(await estimate(coin, params, Structure.dense, x))
    const sampled = denseOf(
      await estimate(coin, params, Structure.dense, x, Sampler.monteCarlo({ draws: 16, seed: 1 }))
    )
    expect(relativeError(sampled, due)).toBeLessThan(0.1)
    expect(relativeError(scale(1 / 16, sampled), due)).toBeGreaterThan(0.1)
  })

  it("of a regression loses 1/sqrt(M) of its error from M = 1 to 64: at most a third is left; control: scores of another example", async () => {
    const model = Conditional.make(
      Network.sequential(2, [Network.dense(2)]),
      Likelihood.heteroscedasticGaussian
    )
    const params = Params.make(model.network.space, [0.3, 2, -0.4, -1.5, 0.1, 0.2])
    const x = normalRows(60, 2)
    const due = denseOf(await estimate(model, params, Structure.dense, x))
    const error = async (sampler: Layer.Layer<Sampler, unknown>) =>
      relativeError(denseOf(await estimate(model, params, Structure.dense, x, sampler)), due)
    /** What stacks draws and examples in one axis and unstacks them the other way. */
    const mixing = (draws: number) =>
      Layer.effect(
        Sampler,
        Effect.map(Sampler, ({ draw }) => ({
          name: "mixing",
          draw: (outputs, round) =>
            Effect.gen(function* () {
              const { examples } = outputs.batch
              const own = Result.getOrThrow(Draws.cotangents(yield* draw(outputs, round), outputs))
              const mixed = own.slice()
              for (let k = 0; k < draws; k++) {
                for (let n = 0; n < examples; n++) {
                  const from = k * examples + ((n + 1 + k) % examples)
                  mixed.set(own.subarray(from * 2, from * 2 + 2), (k * examples + n) * 2)
                }
              }
              return Draws.Cotangents({ columns: draws, cotangents: mixed })
            })
        }))
      ).pipe(Layer.provide(Sampler.monteCarlo({ draws, seed: 2 })))
    const of = (draws: number) => Sampler.monteCarlo({ draws, seed: 2 })
    expect(await error(of(64))).toBeLessThan((await error(of(1))) / 3)
    expect(await error(mixing(64))).toBeGreaterThan((await error(mixing(1))) / 3)
  })
})

it("a Gaussian's variance divides: F to 1e-5 for variance 0.25; control: multiplied by it", async () => {
  const model = Conditional.make(
    Network.sequential(3, [Network.dense(2)]),
    Likelihood.gaussian({ variance: 0.25 })
  )
  const params = paramsOf(model)
  const x = normalRows(7, 3)
  const net = sequence(3, [{ kind: "dense", units: 2 }])
  const ours = denseOf(await estimate(model, params, Structure.dense, x))
  expect(relativeError(ours, oracleOf(net, params.values, x, 0.25, 2))).toBeLessThan(1e-5)
  expect(relativeError(ours, oracleOf(net, params.values, x, 4, 2))).toBeGreaterThan(0.5)
})

describe("convolutions", () => {
  const image = { height: 4, width: 3, channels: 4 }
  const x = normalRows(5, 48)
  const conditional = Conditional.make(
    Network.sequential(image, [
      Network.conv2d({ filters: 2, kernel: [2, 3], groups: 2 }),
      Network.tanh,
      Network.flatten,
      Network.dense(3)
    ]),
    Likelihood.gaussian({ variance: 0.3 })
  )
  const params = paramsOf(conditional)
  const net = (groups: number): GraphNetwork =>
    sequence(image, [
      { kind: "conv2d", filters: 2, kernel: [2, 3], groups },
      { kind: "activation", name: "tanh" },
      { kind: "flatten" },
      { kind: "dense", units: 3 }
    ])

  it("in groups: F to 1e-5; control: of the same filters over the channels of the other group", async () => {
    const ours = denseOf(await estimate(conditional, params, Structure.dense, x))
    expect(relativeError(ours, oracleOf(net(2), params.values, x, 0.3, 3))).toBeLessThan(1e-5)
    const swapped = x.map((row) => row.map((_, i) => row[Math.floor(i / 4) * 4 + (((i % 4) + 2) % 4)]!))
    expect(relativeError(ours, oracleOf(net(2), params.values, swapped, 0.3, 3))).toBeGreaterThan(0.1)
  })

  it("in groups: K-FAC is the oracle's product for each group to 1e-5; control: a group with the patches of the other", async () => {
    const ours = denseOf(await estimate(conditional, params, Structure.kfac, x))
    const factors = kfacFactors(net(2), params.values, x, () => scale(Math.sqrt(1 / 0.3), identity(3)))
    const blockOf = (at: number, inputs: number) => kron(factors[inputs]!.expand.A, factors[at]!.expand.G)
    const part = (block: number) => {
      const { columns, offset, rows } = conditional.network.space.blocks[block]!
      return ours
        .slice(offset, offset + rows * columns)
        .map((row) => Array.from(row).slice(offset, offset + rows * columns))
    }
    for (const [block, other] of [
      [0, 1],
      [1, 0]
    ] as const) {
      expect(relativeError(part(block), blockOf(block, block))).toBeLessThan(1e-5)
      expect(relativeError(part(block), blockOf(block, other))).toBeGreaterThan(0.1)
    }
    expect(relativeError(part(2), blockOf(2, 2))).toBeLessThan(1e-5)
  })

  it("that go around an edge are refused by name, not computed with zeros", () => {
    expect(() => Network.conv2d({ filters: 2, kernel: 3, padding: "circular" as "same" })).toThrow(
      expect.objectContaining({ _tag: "InvalidArgument", message: expect.stringContaining("circular") })
    )
  })
})

describe("K-FAC of a linear layer on a sequence of T = 5 positions", () => {
  const shape = { length: 5, channels: 3 }
  const x = normalRows(1, 15)

  it("is exact for a loss at each position and one example: F to 1e-5; control: T times too large", async () => {
    const model = Conditional.make(
      Network.sequential(shape, [Network.dense(2)]),
      Likelihood.gaussian({ variance: 0.5 })
    )
    const params = paramsOf(model)
    const net = sequence(shape, [{ kind: "dense", units: 2 }])
    const due = oracleOf(net, params.values, x, 0.5, 10)
    const ours = denseOf(await estimate(model, params, Structure.kfac, x))
    expect(relativeError(ours, due)).toBeLessThan(1e-5)
    expect(relativeError(scale(5, ours), due)).toBeGreaterThan(1)
  })

  it("in the reduce form is exact for a mean over positions: F to 1e-5; control: T^2 too large, and the expand form", async () => {
    const model = Conditional.make(
      Network.sequential(shape, [Network.dense(2), Network.globalAveragePool]),
      Likelihood.gaussian({ variance: 0.5 })
    )
    const params = paramsOf(model)
    const net = sequence(shape, [{ kind: "dense", units: 2 }, { kind: "globalAveragePool" }])
    const data = normalRows(6, 15)
    const due = oracleOf(net, params.values, data, 0.5, 2)
    const ours = denseOf(await estimate(model, params, Structure.kfacReduce, data))
    expect(relativeError(ours, due)).toBeLessThan(1e-5)
    expect(relativeError(scale(25, ours), due)).toBeGreaterThan(1)
    const expanded = denseOf(await estimate(model, params, Structure.kfac, data))
    expect(relativeError(expanded, due)).toBeGreaterThan(0.1)
  })
})

it("weights that are used twice: F to 1e-5, the sum of both uses; control: that of the last use alone", async () => {
  const tied = Network.sequential(3, [
    Network.shared("twice", Network.dense(3)),
    Network.tanh,
    Network.shared("twice", Network.dense(3))
  ])
  const model = Conditional.make(tied, Likelihood.gaussian({ variance: 0.7 }))
  const params = paramsOf(model)
  const x = normalRows(5, 3)
  const use = { kind: "dense", units: 3, block: "twice" } as const
  const due = oracleOf(
    sequence(3, [use, { kind: "activation", name: "tanh" }, use]),
    params.values,
    x,
    0.7,
    3
  )
  const ours = denseOf(await estimate(model, params, Structure.dense, x))
  expect(tied.space.size).toBe(12)
  expect(relativeError(ours, due)).toBeLessThan(1e-5)
  // A hook that sees the last call alone: the first use is another layer's, and its gradient is lost.
  const two = sequence(3, [
    { kind: "dense", units: 3 },
    { kind: "activation", name: "tanh" },
    { kind: "dense", units: 3 }
  ])
  const both = Float64Array.from([...params.values, ...params.values])
  const last = oracleOf(two, both, x, 0.7, 3)
    .slice(12)
    .map((row) => Array.from(row).slice(12))
  expect(relativeError(last, due)).toBeGreaterThan(0.1)
})

it("sums are not cut to float32 on the way: (4096^2 + 1 + 1) / 3 to the last bit; control: float32 sums lose both ones", async () => {
  const model = Conditional.make(
    Network.sequential(1, [Network.dense(1, { bias: false })]),
    Likelihood.gaussian({ variance: 1 })
  )
  const params = Params.make(model.network.space, [0.1])
  const fisher = await estimate(model, params, Structure.diagonal, [[4096], [1], [1]], Sampler.exact, 1)
  expect(Fisher.diagonal(fisher)[0]).toBe((4096 ** 2 + 2) / 3)
  const cut = [4096 ** 2, 1, 1].reduce((sum, value) => Math.fround(sum + value))
  expect(Math.fround(cut / 3)).not.toBe((4096 ** 2 + 2) / 3)
})

it("a low-rank solve is (F + damping I)^-1 outside the span of its rows too: 1e-4; control: the solution in the span", async () => {
  const model = Conditional.make(
    Network.sequential(5, [Network.dense(2)]),
    Likelihood.gaussian({ variance: 0.5 })
  )
  const params = paramsOf(model)
  const x = normalRows(2, 5)
  const damping = 0.1
  const fisher = await estimate(model, params, Structure.gram, x)
  const g = random.normals(12)
  const F = denseOf(fisher)
  const due = solve(addScaled(F, damping, identity(12)), g)
  const ours = Result.getOrThrow(
    Fisher.solve(fisher, Cotangent.make(model.network.space, g), Damping.absolute(damping))
  )
  expect(relativeError(ours.values, due)).toBeLessThan(1e-4)
  // The projection of g on the span of F, from (F^2 + tiny)^-1 F^2 g, solved there.
  const squared = matmul(transpose(F), F)
  const projected = solve(
    addScaled(squared, 1e-8, identity(12)),
    squared.map((row) => Array.from(row).reduce((sum, value, i) => sum + value * g[i]!, 0))
  )
  expect(relativeError(solve(addScaled(F, damping, identity(12)), projected), due)).toBeGreaterThan(0.1)
})

it("EKFAC can be used after it was saved and loaded: the same bits; control: with K-FAC's scalings it differs", async () => {
  const model = Conditional.make(
    Network.sequential(4, [Network.dense(3), Network.tanh, Network.dense(2)]),
    Likelihood.gaussian({ variance: 0.5 })
  )
  const params = paramsOf(model)
  const x = normalRows(9, 4)
  const g = Cotangent.make(model.network.space, random.normals(model.network.space.size))
  const damping = Damping.absolute(0.05)
  const [before, after, kfac] = await runWith(Device.wasm)(
    Effect.gen(function* () {
      const { kernels } = yield* Device
      const first = yield* Fisher.accumulate(model, params, Structure.ekfac.first)
      const second = Result.getOrThrow(Fisher.secondPass(Structure.ekfac, first, kernels))
      const sums = yield* Fisher.accumulate(model, params, second)
      const bytes = yield* Snapshot.encode(Result.getOrThrow(Snapshot.of(sums)))
      const read = yield* Snapshot.decode(bytes, "memory")
      const { blocks, size, signature } = model.network.space
      const made = Structure.ekfac.second(read.constants, { blocks, size, signature })
      const loaded = Result.getOrThrow(Snapshot.toAccumulator(read, made, model.network.space))
      const solved = (from: typeof sums) =>
        Result.getOrThrow(Fisher.solve(Result.getOrThrow(Accumulator.finish(from, kernels)), g, damping))
          .values
      const factored = yield* Fisher.estimate(model, params, Structure.kfac)
      return [
        solved(sums),
        solved(loaded),
        Result.getOrThrow(Fisher.solve(factored, g, damping)).values
      ] as const
    }).pipe(Effect.scoped, Effect.provide([DataSource.fromArrays({ x }), Sampler.exact]))
  )
  expect(Array.from(after)).toEqual(Array.from(before))
  expect(relativeError(kfac, before)).toBeGreaterThan(1e-2)
})
