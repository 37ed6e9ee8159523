/**
 * Masked positions are not there: a padded sequence has the outputs, gradients and Fishers, in every structure, of the same sequence
 * without its padding, by a network of the same parameters.
 *
 * N = 6 examples, sequences of 3 tokens padded to 5, of 2 to 4 to 5, and of none.
 */
import { Effect, Layer } from "effect"
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
  Score,
  Structure,
  Tangent
} from "../src/index.ts"
import type { Layer as NetworkLayer } from "../src/model/Layer.ts"
import type { Shape } from "../src/model/Shape.ts"
import { relativeError, type Vector } from "./oracle/linear.ts"
import { generator } from "./oracle/random.ts"
import { dyadic } from "./support/measure.ts"
import { devices } from "./support/subject.ts"

const bound = 1e-5
const [vocabulary, size, units, outputs, columns] = [6, 3, 4, 2, 3]
const structures = {
  dense: Structure.dense,
  blockDiagonal: Structure.blockDiagonal,
  diagonal: Structure.diagonal,
  quasiDiagonal: Structure.quasiDiagonal,
  unitwise: Structure.unitwise,
  kfac: Structure.kfac,
  kfacReduce: Structure.kfacReduce,
  ekfac: Structure.ekfac,
  ekfacReduce: Structure.ekfacReduce,
  gram: Structure.gram
} as const satisfies Readonly<Record<string, Structure.AnyStructure<"toDense">>>

/** Those that are sums over examples of what one example has. */
const additive = ["dense", "blockDiagonal", "diagonal", "unitwise", "gram"] as const

/** Network and data. */
interface Problem {
  readonly network: Network.Network<string>
  readonly x: ReadonlyArray<Vector>
}

const problem = (
  input: Shape,
  layers: ReadonlyArray<NetworkLayer<string>>,
  x: ReadonlyArray<Vector>
): Problem => ({
  network: Network.sequential(input, layers),
  x
})

const theta = ({ network }: Problem): Float64Array =>
  dyadic(
    generator(7)
      .normals(network.space.size)
      .map((value) => 0.8 * value),
    12
  )

const runOn =
  (device: Layer.Layer<Device, unknown>, { network, x }: Problem) =>
  <A, E>(program: Effect.Effect<A, E, Sampler | Device | DataSource>): Promise<A> => {
    const data = { data: x.flatMap((row) => Array.from(row)), shape: [x.length, network.features] } as const
    return Effect.runPromise(
      program.pipe(Effect.provide(Layer.mergeAll(DataSource.fromArrays({ x: data }), Sampler.exact, device)))
    )
  }

/** z, J v, and the gradients of every example for some cotangents, `[K, N, P]`. */
const maps = (device: Layer.Layer<Device, unknown>, of: Problem) => {
  const { network, x } = of
  const conditional = Conditional.make(network, Likelihood.gaussian({ variance: 1 }))
  const params = Params.make(network.space, Array.from(theta(of)))
  const random = generator(8)
  const v = dyadic(random.normals(network.space.size), 8)
  const w = Float32Array.from(dyadic(random.normals(columns * x.length * outputs), 8))
  return runOn(
    device,
    of
  )(
    Effect.scoped(
      Effect.gen(function* () {
        const batch = {
          x: Float32Array.from(x.flatMap((row) => Array.from(row))),
          examples: x.length,
          features: network.features,
          indices: Float64Array.from(x.keys())
        }
        const loaded = yield* Conditional.load(conditional, params)
        const map = yield* Conditional.linearize(loaded, batch)
        const scores = yield* map.backprop(w, columns)
        const on = yield* Device
        const written = yield* on.compute("gradients", (keep) =>
          scores.layers.map((layer) => keep(Score.gradients(layer, 0, columns)))
        )
        return {
          z: map.outputs.z,
          predicted: yield* Conditional.predict(conditional, params, x),
          pushed: yield* map.pushforward(Tangent.make(network.space, Array.from(v))),
          gradients: (yield* on.read("gradients", written)).flatMap((layer) => Array.from(layer))
        }
      })
    )
  )
}

const fisher = (
  of: Problem,
  structure: Structure.AnyStructure<"toDense">,
  device: Layer.Layer<Device, unknown> = Device.wasm
): Promise<Float32Array> => {
  const conditional = Conditional.make(of.network, Likelihood.gaussian({ variance: 0.5 }))
  const params = Params.make(of.network.space, Array.from(theta(of)))
  return runOn(
    device,
    of
  )(Effect.map(Fisher.estimate(conditional, params, structure, { blockSize: 4 }), Fisher.toDense))
}

/** Tokens from 1 on, and where they stand among the padding. */
const random = generator(9)
const rowsOf = (length: number) =>
  Array.from({ length: 6 }, () => Float64Array.from({ length }, () => 1 + random.integer(vocabulary - 1)))
const places = [
  [0, 1, 2],
  [2, 3, 4],
  [0, 2, 4],
  [1, 2, 3],
  [0, 1, 4],
  [1, 3, 4]
]
const spread = <A>(row: ReadonlyArray<A>, at: ReadonlyArray<number>, filler: A): ReadonlyArray<A> =>
  Array.from({ length: 5 }, (_, t) => (at.includes(t) ? row[at.indexOf(t)]! : filler))

const pooled = (padding?: number): ReadonlyArray<NetworkLayer<string>> => [
  Network.embedding({ vocabulary, size, ...(padding !== undefined && { padding }) }),
  Network.dense(units),
  Network.tanh,
  Network.layerNorm({ epsilon: 0.01 }),
  Network.globalAveragePool,
  Network.dense(outputs)
]

const short = rowsOf(3)
const tokens = {
  short: problem(3, pooled(), short),
  padded: problem(
    5,
    pooled(0),
    short.map((row, n) => Float64Array.from(spread(Array.from(row), places[n]!, 0)))
  ),
  unmasked: problem(
    5,
    pooled(),
    short.map((row, n) => Float64Array.from(spread(Array.from(row), places[n]!, 0)))
  )
}

/** A sequence of numbers with positions that are 2^127 in all channels. */
const [length, value] = [5, 2 ** 127]
const onNumbers = (masked: boolean): ReadonlyArray<NetworkLayer<string>> => [
  ...(masked ? [Network.masking({ value })] : []),
  Network.rmsNorm({ epsilon: 0.01 }),
  Network.dense(units),
  Network.silu,
  Network.globalAveragePool,
  Network.dense(outputs)
]
const numbers = Array.from({ length: 6 }, () =>
  Array.from({ length: 3 }, () => Array.from(dyadic(random.normals(size), 10)))
)
const filled = numbers.map((rows, n) => spread(rows, places[n]!, Array(size).fill(value)).flat())
const sequences = {
  short: problem(
    { length: 3, channels: size },
    onNumbers(false),
    numbers.map((rows) => rows.flat())
  ),
  padded: problem({ length, channels: size }, onNumbers(true), filled),
  unmasked: problem({ length, channels: size }, onNumbers(false), filled)
}

for (const [name, device] of Object.entries(devices)) {
  for (const [title, { padded, short, unmasked }] of Object.entries({
    embedding: tokens,
    masking: sequences
  })) {
    describe(`${title}, on ${name}`, () => {
      it("outputs, J v and the gradient of each column and example are those without padding to 1e-5; control: not without the mask", async () => {
        const [due, ours, other] = await Promise.all([
          maps(device, short),
          maps(device, padded),
          maps(device, unmasked)
        ])
        for (const of of ["z", "predicted", "pushed", "gradients"] as const) {
          expect(relativeError(ours[of], due[of])).toBeLessThanOrEqual(bound)
          expect(relativeError(other[of], due[of])).toBeGreaterThan(1e-2)
        }
      })

      // A structure is the same on every device.
      if (name !== "wasm") return
      it.each(Object.entries(structures))(
        "the Fisher in the structure %s is that without padding to 1e-5; control: not without the mask",
        async (_, structure) => {
          const due = await fisher(short, structure)
          expect(relativeError(await fisher(padded, structure), due)).toBeLessThanOrEqual(bound)
          expect(relativeError(await fisher(unmasked, structure), due)).toBeGreaterThan(1e-2)
        }
      )
    })
  }
}

describe("sequences of 2, 3 and 4 tokens, padded to 5", () => {
  const lengths = [2, 3, 4, 3, 2, 4]
  const rows = lengths.map((own) => rowsOf(own)[0]!)
  const padded = problem(
    5,
    pooled(0),
    rows.map((row) => Float64Array.from({ length: 5 }, (_, t) => row[t] ?? 0))
  )
  const alone = rows.map((row) => problem(row.length, pooled(), [row]))

  it.each(additive)(
    "the Fisher in the structure %s is the mean of theirs, each by a network of its length, to 1e-5; control: not over the first five",
    async (name) => {
      const each = await Promise.all(alone.map((of) => fisher(of, structures[name])))
      const mean = (of: ReadonlyArray<Float32Array>) =>
        Float64Array.from(each[0]!, (_, i) => of.reduce((sum, F) => sum + F[i]!, 0) / of.length)
      const ours = await fisher(padded, structures[name])
      expect(relativeError(ours, mean(each))).toBeLessThanOrEqual(bound)
      expect(relativeError(ours, mean(each.slice(0, 5)))).toBeGreaterThan(1e-2)
    }
  )
})

describe("an example of padding alone", () => {
  const inPositions: ReadonlyArray<NetworkLayer<string>> = [
    Network.embedding({ vocabulary, size, padding: 0 }),
    Network.positionalEmbedding,
    Network.dense(units),
    Network.tanh,
    Network.layerNorm({ epsilon: 0.01 }),
    Network.dense(outputs)
  ]
  const some = problem(5, inPositions, tokens.padded.x)
  const more = problem(5, inPositions, [
    ...tokens.padded.x.slice(0, 3),
    new Float64Array(5),
    ...tokens.padded.x.slice(3)
  ])
  const share = 6 / 7

  it("has the output 0, where each position has one, and no gradient; control: the example before it", async () => {
    for (const device of Object.values(devices)) {
      const conditional = Conditional.make(more.network, Likelihood.gaussian({ variance: 1 }))
      const params = Params.make(more.network.space, Array.from(theta(more)))
      const z = await runOn(device, more)(Conditional.predict(conditional, params, more.x))
      const of = (n: number) => Array.from(z.subarray(n * 5 * outputs, (n + 1) * 5 * outputs))
      expect(of(3).every((entry) => entry === 0)).toBe(true)
      expect(of(2).every((entry) => entry === 0)).toBe(false)
      const only = problem(5, inPositions, [new Float64Array(5)])
      expect((await fisher(only, Structure.dense, device)).every((entry) => entry === 0)).toBe(true)
      expect((await fisher(some, Structure.dense, device)).every((entry) => entry === 0)).toBe(false)
    }
  })

  // The mean rows of these examples span less than the table of positions has: EKFAC's basis of the rest is any.
  const determined = Object.keys(structures).filter((name) => name !== "ekfacReduce")

  it.each(determined as ReadonlyArray<keyof typeof structures>)(
    "adds nothing to the sums of %s: its Fisher is 6/7 of that without it, both factors of a Kronecker product, to 1e-5; control: all of it",
    async (name) => {
      const [without, ours] = await Promise.all([
        fisher(some, structures[name]),
        fisher(more, structures[name])
      ])
      const { blocks, size: P } = some.network.space
      const factors = blocks.flatMap(({ columns, form, rows }) =>
        Array(rows * columns).fill(/^kfac/.test(name) && form === "outer" ? share ** 2 : share)
      )
      const due = without.map((entry, i) => entry * factors[Math.floor(i / P)]!)
      expect(relativeError(ours, due)).toBeLessThanOrEqual(bound)
      expect(relativeError(ours, without)).toBeGreaterThan(1e-2)
    }
  )
})

describe("gradients of the parameters of masked positions", () => {
  it("the row of the padding in the table has none, to the bit, in a batch with padding; control: another row does", async () => {
    for (const device of Object.values(devices)) {
      const { gradients } = await maps(device, tokens.padded)
      const table = vocabulary * size
      // The table is the first block, `[K N, vocabulary size]`.
      const row = (id: number) =>
        Array.from({ length: columns * 6 }, (_, i) =>
          gradients.slice(i * table + id * size, i * table + (id + 1) * size)
        ).flat()
      expect(row(0).every((entry) => entry === 0)).toBe(true)
      expect(row(1).every((entry) => entry === 0)).toBe(false)
    }
  })
})
