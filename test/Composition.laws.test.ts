/** What is left of masks after a merge, what shared layers begin with, and what their Fishers can be. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import {
  Conditional,
  DataSource,
  Fisher,
  Likelihood,
  Network,
  Params,
  Sampler,
  Structure
} from "../src/index.ts"
import { generator } from "./oracle/random.ts"
import { devices, runWith } from "./support/subject.ts"

const [T, channels, N] = [4, 3, 5]
/** Every other position of some examples is all of ones, others of twos. */
const x = Array.from({ length: N }, (_, n) =>
  Array.from({ length: T * channels }, (_, i) => {
    const t = Math.floor(i / channels)
    if ((n + t) % 3 === 0) return 1
    return (n * t) % 4 === 2 ? 2 : 0.1 * (n + i) + 0.05
  })
)
const of = (value: number) => (n: number, t: number) =>
  x[n]!.slice(t * channels, (t + 1) * channels).every((entry) => entry === value)
const [isOne, isTwo] = [of(1), of(2)]

type Merge = "add" | "multiply" | "concatenate"

/** The positions of the output that are 0, for two inputs of which the first has ones masked and the second twos, or nothing. */
const zeros = async (device: (typeof devices)[string], merge: Merge, second: boolean) => {
  const network = Network.graph("masks", { length: T, channels }, (input, graph) => {
    const a = graph.place(Network.masking({ value: 1 }), input)
    const b = second ? graph.place(Network.masking({ value: 2 }), input) : input
    return graph.place(Network.dense(2), Network.merge[merge](graph, [a, b]))
  })
  const conditional = Conditional.make(network, Likelihood.bernoulli)
  const params = Params.make(network.space, generator(1).normals(network.space.size).map(Math.fround))
  const z = await runWith(device)(Effect.scoped(Conditional.predict(conditional, params, x)))
  return (n: number, t: number) =>
    z.subarray((n * T + t) * 2, (n * T + t + 1) * 2).every((value) => value === 0)
}

const everywhere = (holds: (n: number, t: number) => boolean): ReadonlyArray<boolean> =>
  Array.from({ length: N * T }, (_, i) => holds(Math.floor(i / T), i % T))

for (const [name, device] of Object.entries(devices)) {
  describe(`masks on ${name}`, () => {
    for (const merge of ["add", "multiply", "concatenate"] as const) {
      it(`${merge}: a position counts where it does in both; with one mask alone, where it does there; control: the other way`, async () => {
        const both = everywhere(await zeros(device, merge, true))
        expect(both).toEqual(everywhere((n, t) => isOne(n, t) || isTwo(n, t)))
        expect(both).not.toEqual(everywhere(isOne))
        const one = everywhere(await zeros(device, merge, false))
        expect(one).toEqual(everywhere(isOne))
        expect(one).not.toEqual(both)
      })
    }
  })
}

const tied = Conditional.make(
  Network.sequential(4, [
    Network.shared("a", Network.dense(3, { bias: false })),
    Network.tanh,
    Network.transposed("a"),
    Network.tanh,
    Network.dense(2)
  ]),
  Likelihood.categorical
)

describe("shared parameters", () => {
  it("are drawn once, as those of the first use alone; control: of another seed", () => {
    const alone = Conditional.make(
      Network.sequential(4, [Network.dense(3, { bias: false }), Network.tanh, Network.dense(2)]),
      Likelihood.categorical
    )
    const first = (seed: number) => Array.from(Conditional.init(alone, { seed }).values.subarray(0, 12))
    expect(tied.network.space.size).toBe(12 + 10)
    expect(Array.from(Conditional.init(tied, { seed: 3 }).values.subarray(0, 12))).toEqual(first(3))
    expect(Array.from(Conditional.init(tied, { seed: 3 }).values.subarray(0, 12))).not.toEqual(first(4))
  })

  it("have the same gradient per example whatever the other examples are, to the bit; control: of another example", async () => {
    const gradients = (rows: ReadonlyArray<ReadonlyArray<number>>) =>
      Effect.runPromise(
        Effect.map(
          Fisher.estimate(tied, Conditional.init(tied, { seed: 3 }), Structure.dense, { blockSize: 1 }),
          Fisher.toDense
        ).pipe(
          Effect.provide([DataSource.fromArrays({ x: rows, batchSize: 2 }), Sampler.exact, devices["wasm"]!])
        )
      )
    const rows = [
      [1, 2, 0.5, -1],
      [0.3, -2, 1, 1]
    ]
    const [one, other, mean] = [
      await gradients([rows[0]!]),
      await gradients([rows[1]!]),
      await gradients(rows)
    ]
    const gap = (a: Float32Array, b: Float32Array) =>
      Math.max(...mean.map((value, i) => Math.abs(value - (a[i]! + b[i]!) / 2)))
    const unit = Math.max(...mean) * 2 ** -24
    expect(gap(one, other)).toBeLessThanOrEqual(10 * unit)
    expect(gap(one, one)).toBeGreaterThan(10 * unit)
  })

  for (const [name, device] of Object.entries(devices)) {
    it(`of a density with two uses have F = 4 / variance, to 1e-6, and K-FAC half of it, as two positions on ${name}; control: of one use`, async () => {
      const layer = Network.shared("mean", Network.dense(2))
      const density = Conditional.make(
        Network.sequential(0, [Network.add([[layer], [layer]])]),
        Likelihood.gaussian({ variance: 0.5 })
      )
      const diagonal = async (structure: typeof Structure.dense) => {
        const estimate = Fisher.estimate(density, Conditional.init(density, { seed: 1 }), structure)
        const data = DataSource.density({
          y: [
            [1, 2],
            [3, 4],
            [5, 7]
          ]
        })
        const fisher = await Effect.runPromise(Effect.provide(estimate, [data, Sampler.exact, device]))
        return Array.from(Fisher.toDense(fisher), (entry) => Math.round(entry * 1e6) / 1e6)
      }
      expect(await diagonal(Structure.dense)).toEqual([8, 0, 0, 8])
      expect(await diagonal(Structure.dense)).not.toEqual([2, 0, 0, 2])
      expect(await diagonal(Structure.kfac as unknown as typeof Structure.dense)).toEqual([4, 0, 0, 4])
    })
  }

  it("are shared in a residual and in branches too: 12 parameters in the place of 36", () => {
    const layer = Network.shared("b", Network.dense(3))
    const network = Network.sequential(3, [
      Network.residual([layer, Network.tanh]),
      Network.add([[layer], [layer, Network.relu]]),
      Network.dense(2, { bias: false })
    ])
    expect(network.space.size).toBe(12 + 6)
    expect(network.space.signature).toBe(
      "3 > residual(shared(b, dense(3)) > tanh) > add(shared(b, dense(3)) | shared(b, dense(3)) > relu) > dense(2, no bias)"
    )
    expect(network.space.blocks.map(({ layer: name }) => name)).toEqual([
      "0 residual(shared(b, dense(3)) > tanh) / 0 shared(b, dense(3)) / 0 dense(3)",
      "2 dense(2, no bias)"
    ])
  })
})
