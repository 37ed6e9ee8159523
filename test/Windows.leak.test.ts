/** Convolutions in groups, depthwise and transposed, and pooling, leave no tensor behind, and give the same bits whatever cuts the data. */
import * as tf from "@tensorflow/tfjs"
import { Effect, Layer } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import { Conditional, DataSource, Fisher, Likelihood, Network, Sampler, Structure } from "../src/index.ts"
import { generator } from "./oracle/random.ts"
import { devices } from "./support/subject.ts"
import { checkEveryKernel, tensorCounts } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const image = Network.sequential({ height: 5, width: 4, channels: 2 }, [
  Network.conv2d({ filters: 4, kernel: [2, 3], padding: "same", groups: 2 }),
  Network.maxPool2d({ size: 2, stride: 1 }),
  Network.depthwiseConv2d({ kernel: 2, multiplier: 2 }),
  Network.tanh,
  Network.conv2dTranspose({ filters: 3, kernel: [3, 2], stride: [1, 2] }),
  Network.averagePool2d({ size: [2, 3], padding: "same" }),
  Network.globalMaxPool
])
const sequence = Network.sequential({ length: 20, channels: 2 }, [
  Network.conv1d({ filters: 4, kernel: 3, padding: "causal", dilation: 2 }),
  Network.maxPool1d({ size: 3, stride: 2, padding: "same" }),
  Network.tanh,
  Network.conv1d({ filters: 3, kernel: 2, stride: 2 }),
  Network.averagePool1d({ size: 2 }),
  Network.globalAveragePool
])
const random = generator(4)
const x = Array.from({ length: 7 }, () => random.normals(40))
const y = x.map((_, n) => n % 3)

for (const [name, device] of Object.entries(devices)) {
  for (const [of, network] of Object.entries({ image, sequence })) {
    describe(`${of}, on ${name}`, () => {
      const conditional = Conditional.make(network as Network.Network<string>, Likelihood.categorical)
      const params = Conditional.init(conditional, { seed: 1 })
      const fisher = (batchSize: number, blockSize: number) =>
        Fisher.estimate(conditional, params, Structure.diagonal, { blockSize }).pipe(
          Effect.map(Fisher.toDense),
          Effect.provide(
            Layer.mergeAll(
              DataSource.fromArrays({ x, y, batchSize }),
              Sampler.monteCarlo({ draws: 5, seed: 0 }),
              device
            )
          ),
          Effect.runPromise
        )
      it("the diagonal: 0 tensors more than before, every kernel checked; control: one kept", async () => {
        await fisher(7, 3)
        const before = tensorCounts()
        await fisher(7, 3)
        expect(tensorCounts()).toEqual(before)
        const kept = tf.zeros([1])
        expect(tensorCounts()).not.toEqual(before)
        kept.dispose()
      })

      it("the same bits for batches of 1, 2 and 7 examples; control: blocks of another size", async () => {
        const due = Array.from(await fisher(7, 3))
        expect(due.every(Number.isFinite)).toBe(true)
        for (const batchSize of [1, 2]) expect(Array.from(await fisher(batchSize, 3))).toEqual(due)
        expect(Array.from(await fisher(7, 2))).not.toEqual(due)
      })
    })
  }
}
