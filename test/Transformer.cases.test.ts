/** A small transformer end to end: characters, causal attention, a categorical at every position, natural gradient with K-FAC. */
import { Effect, Layer, Stream } from "effect"
import { describe, expect, it } from "vitest"
import {
  Conditional,
  Damping,
  DataSource,
  Device,
  Likelihood,
  Network,
  Params,
  Sampler,
  Structure,
  Training
} from "../src/index.ts"

const [vocabulary, length, channels] = [5, 6, 8]

const network = Network.sequential(length, [
  Network.embedding({ vocabulary, size: channels }),
  Network.positionalEmbedding,
  Network.residual([Network.layerNorm(), Network.selfAttention({ heads: 2, causal: true })]),
  Network.residual([Network.layerNorm(), Network.dense(12), Network.gelu, Network.dense(channels)]),
  Network.dense(vocabulary)
])
const writer = Conditional.make(
  network,
  Likelihood.positions(Likelihood.categorical, { outputs: vocabulary })
)

/** Sequences in which the next character is the sum of the last two, modulo 5: attention has to look one position back. */
const examples = 40
const sequences = Array.from({ length: examples }, (_, n) => {
  const ids = [n % 5, Math.floor(n / 5) % 5]
  while (ids.length <= length) ids.push((ids.at(-1)! + ids.at(-2)!) % vocabulary)
  return ids
})
const x = sequences.map((ids) => ids.slice(0, length))
const y = sequences.map((ids) => ids.slice(1))
const services = Layer.mergeAll(
  DataSource.fromArrays({ x, y, batchSize: examples }),
  Sampler.monteCarlo({ draws: 2, seed: 5 }),
  Device.wasm
)
const run = <A, E>(effect: Effect.Effect<A, E, Layer.Success<typeof services>>): Promise<A> =>
  Effect.runPromise(Effect.provide(effect, services))

const start = Conditional.init(writer, { seed: 1 })
const settings = { learningRate: 0.5, maxKL: 0.2 }
const damping = Damping.factored(1e-2)

describe("a transformer of characters", () => {
  it("has its size, its signature and blocks that say where they are", () => {
    const { signature, size, blocks } = network.space
    expect(signature).toBe(
      "6 > embedding(5, 8) > positionalEmbedding > residual(layerNorm > selfAttention(heads 2, causal)) > " +
        "residual(layerNorm > dense(12) > gelu > dense(8)) > dense(5)"
    )
    expect(size).toBe(5 * 8 + 6 * 8 + 2 * 8 + 4 * 9 * 8 + 2 * 8 + 9 * 12 + 13 * 8 + 9 * 5)
    expect(blocks.map(({ layer }) => layer.split(" / ").slice(1).join(" / "))).toEqual([
      "",
      "",
      "0 layerNorm",
      "1 selfAttention(heads 2, causal) / 0 query(8)",
      "1 selfAttention(heads 2, causal) / 1 key(8)",
      "1 selfAttention(heads 2, causal) / 2 value(8)",
      "1 selfAttention(heads 2, causal) / 3 output(8)",
      "0 layerNorm",
      "1 dense(12)",
      "3 dense(8)",
      ""
    ])
  })

  it("ten steps of natural gradient with K-FAC lower the loss to under 0.8 of it; control: the first of them the other way raises it", async () => {
    const { after, before, opposite } = await run(
      Effect.gen(function* () {
        const reports = yield* Training.run(writer, start, {
          structure: Structure.kfac,
          damping,
          ...settings
        }).pipe(Stream.take(10), Stream.runCollect)
        const lossAt = (params: typeof start) => Conditional.negativeLogLikelihood(writer, params)
        const back = Params.make(
          network.space,
          start.values.map((value, i) => value - reports[0]!.update.values[i]!)
        )
        return {
          before: yield* lossAt(start),
          after: yield* lossAt(reports.at(-1)!.params),
          opposite: yield* lossAt(back)
        }
      })
    )
    expect(after).toBeLessThan(0.8 * before)
    expect(opposite).toBeGreaterThan(before)
  })

  it("no character moves what is said before it; control: it moves what is said from there on", async () => {
    const say = (rows: ReadonlyArray<ReadonlyArray<number>>) =>
      run(Effect.scoped(Conditional.predict(writer, start, rows)))
    const ids = x[7]!
    const z = await say([ids])
    for (let t = 0; t < length; t++) {
      const other = await say([ids.map((id, at) => (at === t ? (id + 1) % vocabulary : id))])
      const differ = Array.from({ length }, (_, at) => at).filter((at) =>
        z
          .subarray(at * vocabulary, (at + 1) * vocabulary)
          .some((value, c) => value !== other[at * vocabulary + c])
      )
      expect(Math.min(...differ)).toBe(t)
    }
  })
})
