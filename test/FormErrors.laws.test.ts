/**
 * The errors of an estimate on networks with units, masked and shared positions, and gradients written out: those of the total, by the
 * jackknife's formula from estimates without each group of examples. N = 13 examples in blocks of 5, 5 and 3, groups of at most 2.
 */
import { Effect, Layer, Result } from "effect"
import { describe, expect, it } from "vitest"
import { Conditional, DataSource, Device, Fisher, Sampler, Structure, Tangent } from "../src/index.ts"
import { generator } from "./oracle/random.ts"
import { formBlocks, forms, writtenForm } from "./support/formNets.ts"
import { bothCategorical } from "./support/graphFishers.ts"
import { graphCase, paramsOf } from "./support/graphLaws.ts"
import type { LayerNet } from "./support/layerRow.ts"
import { sharing, structuresOf } from "./support/structures.ts"

const examples = 13
const options = { blockSize: 5, groupSize: 2 }
/** A block is cut into groups that are as equal as they can be. */
const cuts = [0, 1, 3, 5, 6, 8, 10, 11, 13]

type AnyAble = Structure.AnyStructure<Fisher.Measured>

const errorsOf = async (net: LayerNet, structure: AnyAble) => {
  const c = graphCase(net, examples)
  const conditional = Conditional.make(c.network, bothCategorical.library)
  const params = paramsOf(c, c.theta)
  const v = Tangent.make(c.network.space, Array.from(generator(3).normals(c.theta.length)))
  const rows = c.X.map((x) => Array.from(x))
  const run =
    (x: ReadonlyArray<ReadonlyArray<number>>) =>
    <A, E>(program: Effect.Effect<A, E, DataSource | Sampler | Device>): Promise<A> =>
      Effect.runPromise(
        program.pipe(Effect.provide(Layer.mergeAll(DataSource.fromArrays({ x }), Sampler.exact, Device.wasm)))
      )
  const { errors, fisher } = await run(rows)(
    Fisher.estimateWithErrors(conditional, params, structure, { ...options, along: [v] })
  )
  const numbers = (of: Fisher.Fisher<string, Fisher.Measured>) => [
    Fisher.trace(of),
    Fisher.frobeniusNorm(of),
    Result.getOrThrow(Fisher.quadraticForm(of, v))
  ]
  const values = numbers(fisher)
  const groups = cuts.slice(1).map((to, i) => ({ from: cuts[i]!, to }))
  const deltas: Array<ReadonlyArray<number>> = []
  for (const { from, to } of groups) {
    const others = rows.filter((_, n) => n < from || n >= to)
    // In the bases of all examples, where there are bases.
    const without = await run(others)(
      Fisher.estimate<string, Fisher.Measured>(conditional, params, fisher.structure, { blockSize: 5 })
    )
    const weight = (to - from) / examples
    deltas.push(numbers(without).map((value, i) => (1 - weight) * (value - values[i]!)))
  }
  const weights = groups.reduce((sum, { from, to }) => sum + ((to - from) / examples) ** 2, 0)
  const due = values.map((_, i) => {
    const own = deltas.map((delta) => delta[i]!)
    const sum = own.reduce((a, b) => a + b, 0)
    const squares = own.reduce((a, b) => a + b * b, 0)
    return Math.sqrt((squares - sum ** 2 / own.length) / (1 - weights))
  })
  return { ours: [errors.trace, errors.frobeniusNorm, errors.forms[0]!], due, values }
}

const nets: Readonly<Record<string, readonly [LayerNet, Readonly<Record<string, AnyAble>>]>> = {
  "outer, masked and unit-wise blocks": [
    forms,
    Object.fromEntries(
      Object.entries({ ...structuresOf(formBlocks), ...sharing }).filter(
        ([name]) => !/gram|^mixed$/.test(name)
      )
    )
  ],
  "a block that is written out": [
    writtenForm,
    {
      dense: Structure.dense,
      blockDiagonal: Structure.blockDiagonal,
      diagonal: Structure.diagonal,
      quasiDiagonal: Structure.quasiDiagonal,
      unitwise: Structure.unitwise,
      mixed: Structure.mixed([Structure.unitwise, Structure.kfac])
    }
  ]
}

describe.each(Object.entries(nets))("%s", (_, [net, structures]) => {
  it.each(Object.entries(structures))(
    "the standard errors of trace, norm and form are the jackknife's to 1e-4 of the number; control: 1 % of one more [%s]",
    async (_, structure) => {
      const { due, ours, values } = await errorsOf(net, structure)
      for (const [i, { draws, total, value }] of ours.entries()) {
        expect(value).toBe(values[i])
        expect(draws.standardError).toBe(0)
        expect(Math.abs(total.standardError - due[i]!)).toBeLessThanOrEqual(1e-4 * Math.abs(value))
        expect(Math.abs(total.standardError - (due[i]! + 0.01 * Math.abs(value)))).toBeGreaterThan(
          1e-4 * Math.abs(value)
        )
        expect(total.standardError).toBeGreaterThan(0)
      }
    }
  )
})
