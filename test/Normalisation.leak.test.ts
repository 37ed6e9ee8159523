/** Networks of normalisations, embeddings and masks leave no tensor behind, and give the same bits whatever cuts the data. */
import * as tf from "@tensorflow/tfjs"
import { Effect, Layer } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import {
  Conditional,
  DataSource,
  Fisher,
  Likelihood,
  Network,
  Sampler,
  Structure,
  Tangent
} from "../src/index.ts"
import { generator } from "./oracle/random.ts"
import { devices } from "./support/subject.ts"
import { checkEveryKernel, tensorCounts } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const random = generator(4)
const examples = 7
const ids = () => Array.from({ length: 5 }, (_, t) => (t > 2 ? random.integer(2) : random.integer(6)))

/** Networks whose types cannot tell them apart, and their data. */
const problems = {
  tokens: {
    network: Network.sequential(5 as number, [
      Network.embedding({ vocabulary: 6, size: 3, padding: 0 }),
      Network.positionalEmbedding,
      Network.layerNorm(),
      Network.dense(4),
      Network.silu,
      Network.rmsNorm({ epsilon: 0.01 }),
      Network.softmax,
      Network.globalAveragePool,
      Network.dense(3)
    ]) as unknown as Network.Network<string>,
    x: Array.from({ length: examples }, ids)
  },
  images: {
    network: Network.sequential({ height: 4, width: 3, channels: 2 }, [
      Network.conv2d({ filters: 4, kernel: [2, 1] }),
      Network.groupNorm({ groups: 2 }),
      Network.relu6,
      Network.batchNorm({ mean: [0, 1, 2, 3], variance: [1, 2, 1, 2], shift: false }),
      Network.selu,
      Network.reshape({ length: 9, channels: 4 }),
      Network.masking({ value: 0 }),
      Network.dropout(0.5),
      Network.leakyRelu(0.1),
      Network.layerNorm({ scale: false }),
      Network.reshape(36),
      Network.dense(3)
    ]) as unknown as Network.Network<string>,
    x: Array.from({ length: examples }, () => Array.from(random.normals(24)))
  }
}

const structures = {
  dense: Structure.dense,
  diagonal: Structure.diagonal,
  quasiDiagonal: Structure.quasiDiagonal,
  kfac: Structure.kfac,
  ekfac: Structure.ekfac
} as const satisfies Readonly<Record<string, Structure.AnyStructure<"toDense">>>

for (const [title, { network, x }] of Object.entries(problems)) {
  const conditional = Conditional.make(network, Likelihood.categorical)
  const params = Conditional.init(conditional, { seed: 1 })
  const other = Conditional.init(conditional, { seed: 2 })
  const y = x.map((_, n) => n % 3)
  const services = (device: (typeof devices)[string], batchSize: number) =>
    Layer.mergeAll(
      DataSource.fromArrays({ x, y, batchSize }),
      Sampler.monteCarlo({ draws: 5, seed: 0 }),
      device
    )
  const run = <A, E>(
    device: (typeof devices)[string],
    program: Effect.Effect<A, E, Layer.Success<ReturnType<typeof services>>>,
    batchSize = examples
  ): Promise<A> => Effect.runPromise(program.pipe(Effect.provide(services(device, batchSize))))

  for (const [name, device] of Object.entries(devices)) {
    describe(`${title} on ${name}`, () => {
      const programs = {
        predict: Conditional.predict(conditional, params, x),
        gradient: Conditional.gradient(conditional, params),
        klDivergence: Conditional.klDivergence(conditional, params, other),
        pushforward: Effect.gen(function* () {
          const loaded = yield* Conditional.load(conditional, params)
          const batch = {
            x: Float32Array.from(x.flat()),
            examples,
            features: network.features,
            indices: Float64Array.from(x.keys())
          }
          const { pushforward } = yield* Conditional.linearize(loaded, batch)
          return yield* pushforward(Tangent.make(network.space, other.values))
        }).pipe(Effect.scoped),
        ...Object.fromEntries(
          Object.entries(structures).map(([of, structure]) => [
            of,
            Effect.map(
              Fisher.estimate(conditional, params, structure as typeof Structure.dense),
              Fisher.toDense
            )
          ])
        )
      }
      for (const [of, program] of Object.entries(programs)) {
        it(`${of}: 0 tensors more than before, every kernel checked; control: one kept`, async () => {
          await run(device, program as Effect.Effect<unknown>)
          const before = tensorCounts()
          await run(device, program as Effect.Effect<unknown>)
          expect(tensorCounts()).toEqual(before)
          const kept = tf.zeros([1])
          expect(tensorCounts()).not.toEqual(before)
          kept.dispose()
        })
      }

      it("Fishers are the same bits for batches of 1, 2 and 7 examples; control: blocks of another size", async () => {
        for (const structure of [Structure.dense, Structure.kfac] as ReadonlyArray<typeof Structure.dense>) {
          const bits = async (batchSize: number, blockSize: number) =>
            Array.from(
              Fisher.toDense(
                await run(
                  device,
                  Fisher.estimate(conditional, params, structure, { blockSize, concurrency: batchSize }),
                  batchSize
                )
              )
            )
          const due = await bits(7, 3)
          expect(await bits(1, 3)).toEqual(due)
          expect(await bits(2, 3)).toEqual(due)
          expect(await bits(7, 2)).not.toEqual(due)
        }
      })
    })
  }
}
