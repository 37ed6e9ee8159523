/** First values of normalisations and embeddings. */
import { describe, expect, it } from "vitest"
import { Conditional, Init, Likelihood, Network } from "../src/index.ts"
import type { Layer } from "../src/model/Layer.ts"

/** The first values of the first layer on a sequence of 4 x 3, or on 4 tokens. */
const start = (layer: Layer<string>, tokens = false, init = Init.lecun): ReadonlyArray<number> => {
  const input = tokens ? 4 : { length: 4, channels: 3 }
  const network = Network.sequential(input, [layer, Network.flatten, Network.dense(2)] as ReadonlyArray<
    Layer<string>
  >)
  const { rows, columns } = network.space.blocks[0]!
  const { values } = Conditional.init(Conditional.make(network, Likelihood.categorical), { seed: 0, init })
  return Array.from(values.subarray(0, rows * columns))
}

const statistics = { mean: [1, 2, 3], variance: [4, 5, 6] }

describe("first values", () => {
  it("scales are 1 and shifts 0, the scale first; control: each by itself", () => {
    const [scale, shift] = [
      [1, 1, 1],
      [0, 0, 0]
    ]
    for (const layer of [
      Network.layerNorm(),
      Network.groupNorm({ groups: 3 }),
      Network.batchNorm(statistics)
    ])
      expect(start(layer)).toEqual([...scale!, ...shift!])
    expect(start(Network.rmsNorm())).toEqual(scale)
    expect(start(Network.layerNorm({ shift: false }))).toEqual(scale)
    expect(start(Network.layerNorm({ scale: false }))).toEqual(shift)
  })

  it("tables have the variance of one input, whatever the vocabulary, within 5 standard errors; control: that of all of it", () => {
    const [vocabulary, size] = [500, 8]
    const layer = Network.embedding({ vocabulary, size })
    const n = vocabulary * size
    for (const [init, variance] of [
      [Init.lecun, 1],
      [Init.he, 2],
      [Init.glorot, 2 / 9]
    ] as const) {
      const values = start(layer, true, init)
      const mean = values.reduce((sum, value) => sum + value ** 2, 0) / n
      // The variance of a squared standard normal is 2.
      expect(Math.abs(mean / variance - 1)).toBeLessThanOrEqual(5 * Math.sqrt(2 / n))
      expect(Math.abs(mean / (variance / vocabulary) - 1)).toBeGreaterThan(5 * Math.sqrt(2 / n))
    }
    expect(start(Network.positionalEmbedding)).toHaveLength(12)
    expect(new Set(start(Network.positionalEmbedding)).size).toBe(12)
  })
})
