/**
 * Frozen blocks: the function is the same, and what is computed of it is the part of the whole that belongs to the blocks that move. 4 blocks of
 * sizes 20, 12, 12 and 10, N = 7 examples, C = 2.
 */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import {
  Conditional,
  DataSource,
  Device,
  Fisher,
  Likelihood,
  Network,
  Params,
  Sampler,
  Structure,
  Tangent
} from "../src/index.ts"
import { generator } from "./oracle/random.ts"
import { runWith } from "./support/subject.ts"

const network = Network.sequential(4, [
  Network.dense(4),
  Network.tanh,
  Network.dense(3, { bias: false }),
  Network.softplus,
  Network.dense(3),
  Network.tanh,
  Network.dense(2),
  Network.identity
])
const whole = Conditional.make(network, Likelihood.gaussian({ variance: 0.3 }))
const random = generator(4)
const params = Params.make(
  network.space,
  random.normals(network.space.size).map((value) => 0.7 * value)
)
const x = Array.from({ length: 7 }, () => Array.from(random.normals(4)))
const y = Array.from({ length: 7 }, () => Array.from(random.normals(2)))

const run = <A, E>(program: Effect.Effect<A, E, Device | DataSource | Sampler>) =>
  runWith(Device.wasm)(program.pipe(Effect.provide([DataSource.fromArrays({ x, y }), Sampler.exact])))

/** Where the numbers of some blocks lie in the whole vector. */
const places = (blocks: ReadonlyArray<number>): ReadonlyArray<number> =>
  blocks.flatMap((index) => {
    const { columns, offset, rows } = network.space.blocks[index]!
    return Array.from({ length: rows * columns }, (_, i) => offset + i)
  })

const gap = (ours: ArrayLike<number>, due: ArrayLike<number>): number => {
  expect(ours.length).toBe(due.length)
  return Math.max(...Array.from(ours, (value, i) => Math.abs(value - due[i]!)))
}

const cases = [
  { name: "all but the last", which: { allBut: [3] }, free: [3] },
  { name: "the first", which: { blocks: [0] }, free: [1, 2, 3] },
  { name: "one in the middle", which: { blocks: [2] }, free: [0, 1, 3] },
  { name: "the first and the last", which: { blocks: [3, 0] }, free: [1, 2] }
] as const

describe("a conditional of which some blocks are frozen", () => {
  for (const { free, name, which } of cases) {
    const frozen = Conditional.freeze(whole, params, which)
    const at = places(free)
    const others = places([0, 1, 2, 3].filter((index) => !(free as ReadonlyArray<number>).includes(index)))

    it(`${name}: its outputs are those of the whole, bit for bit; control: another frozen value`, async () => {
      const { data } = { data: { data: x.flat(), shape: [7, 4] as const } }
      const due = await run(Conditional.predict(whole, params, data))
      const ours = await run(Conditional.predict(frozen.conditional, frozen.params, data))
      expect(Array.from(ours)).toEqual(Array.from(due))
      const values = params.values.slice()
      values[others[0]!]! += 0.5
      const other = Conditional.freeze(whole, Params.make(network.space, values), which)
      const wrong = await run(Conditional.predict(other.conditional, other.params, data))
      expect(gap(wrong, due)).toBeGreaterThan(1e-3)
    })

    it(`${name}: gradient, dense and K-FAC Fisher are the parts of the whole; control: the parts of other blocks`, async () => {
      const [gradient, dense, kfac] = await run(
        Effect.all([
          Conditional.gradient(whole, params),
          Fisher.estimate(whole, params, Structure.dense),
          Fisher.estimate(whole, params, Structure.kfac)
        ])
      )
      const [ownGradient, ownDense, ownKfac] = await run(
        Effect.all([
          Conditional.gradient(frozen.conditional, frozen.params),
          Fisher.estimate(frozen.conditional, frozen.params, Structure.dense),
          Fisher.estimate(frozen.conditional, frozen.params, Structure.kfac)
        ])
      )
      const part = (matrix: Float32Array, of: ReadonlyArray<number>) =>
        of.flatMap((i) => of.map((j) => matrix[i * network.space.size + j]!))
      const from = (values: Float32Array, of: ReadonlyArray<number>) => of.map((i) => values[i]!)
      const shifted = at.map((i) => (i + 1) % network.space.size)
      expect(gap(ownGradient.values, from(gradient.values, at))).toBeLessThan(1e-6)
      expect(gap(ownGradient.values, from(gradient.values, shifted))).toBeGreaterThan(1e-3)
      for (const [ours, all] of [
        [ownDense, dense],
        [ownKfac, kfac]
      ] as const) {
        expect(gap(Fisher.toDense(ours), part(Fisher.toDense(all), at))).toBeLessThan(1e-5)
        expect(gap(Fisher.toDense(ours), part(Fisher.toDense(all), shifted))).toBeGreaterThan(1e-3)
      }
    })

    it(`${name}: a moved vector thaws into the whole one; control: frozen numbers stay`, () => {
      const moved = Params.move(
        frozen.params,
        Tangent.make(frozen.params.space, new Float32Array(frozen.params.space.size).fill(0.25))
      )
      const thawed = frozen.thaw(moved)
      for (const i of at) expect(thawed.values[i]).toBe(Math.fround(params.values[i]! + 0.25))
      for (const i of others) expect(thawed.values[i]).toBe(params.values[i])
    })
  }

  it("two freezes of other values, or of other blocks, have other signatures, and their vectors do not mix", () => {
    const one = Conditional.freeze(whole, params, { blocks: [0] })
    const values = params.values.slice()
    values[0]! += 1
    const two = Conditional.freeze(whole, Params.make(network.space, values), { blocks: [0] })
    const three = Conditional.freeze(whole, params, { blocks: [1] })
    const signatures = [one, two, three].map(({ conditional }) => conditional.network.space.signature)
    expect(new Set(signatures).size).toBe(3)
    expect(Conditional.freeze(whole, params, { blocks: [0] }).conditional.network.space.signature).toBe(
      signatures[0]
    )
    expect(() => two.thaw(one.params)).toThrow(expect.objectContaining({ _tag: "ShapeMismatch" }))
  })

  it("frozen twice is frozen once with both", async () => {
    const first = Conditional.freeze(whole, params, { blocks: [1] })
    const both = Conditional.freeze(first.conditional, first.params, { blocks: [0] })
    const due = Conditional.freeze(whole, params, { blocks: [0, 1] })
    expect(both.params.values).toEqual(due.params.values)
    const [ours, once, whole_] = await run(
      Effect.all([
        Conditional.gradient(both.conditional, both.params),
        Conditional.gradient(due.conditional, due.params),
        Conditional.gradient(whole, params)
      ])
    )
    expect(Array.from(ours.values)).toEqual(Array.from(once.values))
    expect(
      gap(
        ours.values,
        places([2, 3]).map((i) => whole_.values[i]!)
      )
    ).toBeLessThan(1e-6)
  })

  const bad: ReadonlyArray<readonly [string, unknown, string]> = [
    ["all of them", { blocks: [0, 1, 2, 3] }, "ShapeMismatch"],
    ["all but none", { allBut: [] }, "ShapeMismatch"],
    ["a block that is not there", { blocks: [4] }, "InvalidArgument"],
    ["a block that is no whole number", { allBut: [0.5] }, "InvalidArgument"],
    ["a block by name", { blocks: ["0 dense(4)"] }, "InvalidArgument"],
    ["no array", { blocks: 1 }, "InvalidArgument"],
    ["both of the two", { blocks: [0], allBut: [1] }, "InvalidArgument"],
    ["nothing", undefined, "InvalidArgument"]
  ]
  for (const [name, which, tag] of bad) {
    it(`${name} is refused with ${tag}`, () => {
      expect(() => Conditional.freeze(whole, params, which as { blocks: Array<number> })).toThrow(
        expect.objectContaining({ _tag: tag })
      )
    })
  }
})
