/** Convolutional networks leave no tensor behind, and give the same bits whatever cuts the data or the work into parts. */
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
import { byRows } from "../src/tensor/Rows.ts"
import { generator } from "./oracle/random.ts"
import { devices } from "./support/subject.ts"
import { checkEveryKernel, tensorCounts } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const network = Network.sequential({ height: 5, width: 4, channels: 2 }, [
  Network.conv2d({ filters: 3, kernel: [2, 3], padding: "same" }),
  Network.relu,
  Network.conv2d({ filters: 2, kernel: 2, stride: [2, 1], dilation: [1, 2], bias: false }),
  Network.tanh,
  Network.flatten,
  Network.dense(3)
])
const conditional = Conditional.make(network, Likelihood.categorical)
const params = Conditional.init(conditional, { seed: 1 })
const other = Conditional.init(conditional, { seed: 2 })
const random = generator(4)
const x = Array.from({ length: 7 }, () => random.normals(5 * 4 * 2))
const y = x.map((_, n) => n % 3)
const structures = {
  dense: Structure.dense,
  blockDiagonal: Structure.blockDiagonal,
  diagonal: Structure.diagonal,
  kfac: Structure.kfac
}

const run = async <A, E>(
  device: (typeof devices)[string],
  program: Effect.Effect<A, E, Layer.Success<ReturnType<typeof services>>>,
  batchSize = 7
): Promise<A> => Effect.runPromise(program.pipe(Effect.provide(services(device, batchSize))))
const services = (device: (typeof devices)[string], batchSize: number) =>
  Layer.mergeAll(
    DataSource.fromArrays({ x, y, batchSize }),
    Sampler.monteCarlo({ draws: 5, seed: 0 }),
    device
  )

for (const [name, device] of Object.entries(devices)) {
  describe(`on ${name}`, () => {
    const programs = {
      predict: Conditional.predict(conditional, params, x),
      gradient: Conditional.gradient(conditional, params),
      klDivergence: Conditional.klDivergence(conditional, params, other),
      pushforward: Effect.gen(function* () {
        const loaded = yield* Conditional.load(conditional, params)
        const batch = {
          x: Float32Array.from(x.flatMap((row) => Array.from(row))),
          examples: 7,
          features: 40,
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

    it("Fishers are the same bits for batches of 1, 2 and 7 examples, and 1 to 3 blocks at once; control: blocks of another size", async () => {
      for (const structure of Object.values(structures)) {
        const bits = async (batchSize: number, concurrency: number, blockSize: number) => {
          const options = { blockSize, concurrency }
          const program = Fisher.estimate(conditional, params, structure as typeof Structure.dense, options)
          return Array.from(Fisher.toDense(await run(device, program, batchSize)))
        }
        const due = await bits(7, 1, 3)
        for (const [batchSize, concurrency] of [
          [1, 1],
          [2, 3],
          [7, 2]
        ] as const) {
          expect(await bits(batchSize, concurrency, 3)).toEqual(due)
        }
        expect(await bits(7, 1, 2)).not.toEqual(due)
      }
    })

    it("byRows is f of all rows for parts of 1 to 6 of 5, and leaves its result alone; control: parts in another order", async () => {
      await run(device, Effect.void)
      const x = tf.tensor3d(Float32Array.from(random.normals(5 * 2 * 3)), [5, 2, 3])
      const f = (rows: tf.Tensor3D): tf.Tensor2D => tf.add(tf.sum(tf.square(rows), 1), 1)
      const whole = f(x)
      for (let atOnce = 1; atOnce <= 6; atOnce++) {
        const before = tensorCounts().tensors
        const parts = tf.tidy(() => byRows(x, atOnce, f))
        expect(tensorCounts().tensors).toBe(before + 1)
        expect(parts.shape).toEqual([5, 3])
        expect(parts.dataSync()).toEqual(whole.dataSync())
        const turned = tf.tidy(() => tf.reverse(parts, 0))
        expect(turned.dataSync()).not.toEqual(whole.dataSync())
        tf.dispose([parts, turned])
      }
      tf.dispose([x, whole])
    })
  })
}
