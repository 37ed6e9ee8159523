/** A network of residuals, branches, attention and shared layers leaves no tensor behind, and gives the same bits however it is cut. */
import * as tf from "@tensorflow/tfjs"
import { Effect, Layer } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import {
  Conditional,
  DataSource,
  Fisher,
  Likelihood,
  MatrixFree,
  Network,
  Sampler,
  Structure,
  Tangent
} from "../src/index.ts"
import { generator } from "./oracle/random.ts"
import { devices } from "./support/subject.ts"
import { checkEveryKernel, tensorCounts } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const network = Network.sequential(4, [
  Network.shared("table", Network.embedding({ vocabulary: 5, size: 6, padding: 0 })),
  Network.residual([Network.selfAttention({ heads: 2, causal: true }), Network.tanh]),
  Network.concatenate([[Network.shared("a", Network.dense(6))], [Network.multiply([[Network.tanh], []])]]),
  Network.dense(6),
  Network.shared("a", Network.dense(6)),
  Network.transposed("table")
])
const conditional = Conditional.make(network, Likelihood.positions(Likelihood.categorical, { outputs: 5 }))
const params = Conditional.init(conditional, { seed: 1 })
const other = Conditional.init(conditional, { seed: 2 })
const random = generator(4)
const x = Array.from({ length: 7 }, () => Array.from({ length: 4 }, () => random.integer(5)))
const y = x.map((row) => row.map((id) => (id + 1) % 5))

const services = (device: (typeof devices)[string], batchSize: number) =>
  Layer.mergeAll(
    DataSource.fromArrays({ x, y, batchSize }),
    Sampler.monteCarlo({ draws: 3, seed: 0 }),
    device
  )
const run = <A, E>(
  device: (typeof devices)[string],
  program: Effect.Effect<A, E, Layer.Success<ReturnType<typeof services>>>,
  batchSize = 7
): Promise<A> => Effect.runPromise(program.pipe(Effect.provide(services(device, batchSize))))

const structures = { dense: Structure.dense, diagonal: Structure.diagonal }

for (const [name, device] of Object.entries(devices)) {
  describe(`on ${name}`, () => {
    const programs = {
      predict: Conditional.predict(conditional, params, x),
      gradient: Conditional.gradient(conditional, params),
      klDivergence: Conditional.klDivergence(conditional, params, other),
      product: MatrixFree.apply(
        MatrixFree.make(conditional, params),
        Tangent.make(network.space, other.values)
      ),
      ...Object.fromEntries(
        Object.entries(structures).map(([of, structure]) => [
          of,
          Fisher.estimate(conditional, params, structure as typeof Structure.dense)
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

    it("Fishers are the same bits for batches of 1, 2 and 7 examples and 1 to 3 blocks at once; control: blocks of another size", async () => {
      for (const structure of Object.values(structures)) {
        const bits = async (batchSize: number, concurrency: number, blockSize: number) => {
          const program = Fisher.estimate(conditional, params, structure as typeof Structure.dense, {
            blockSize,
            concurrency
          })
          return Buffer.from(Fisher.toDense(await run(device, program, batchSize)).buffer)
        }
        const due = await bits(7, 1, 3)
        expect(due.equals(await bits(1, 2, 3))).toBe(true)
        expect(due.equals(await bits(2, 3, 3))).toBe(true)
        expect(due.equals(await bits(7, 1, 2))).toBe(false)
      }
    })
  })
}
