/**
 * The score and the divergence of the networks of `layerNets` with a categorical: the score has mean 0 under the model, and the Fisher is the
 * second derivative of KL. N = 3 examples.
 */
import { describe, expect, it } from "vitest"
import { Device, Structure } from "../src/index.ts"
import { outputSize } from "./oracle/graph/graph.ts"
import { categorical } from "./oracle/likelihoods.ts"
import { axpy, norm } from "./oracle/linear.ts"
import { bothCategorical, klOrders, libraryMatrix, oracleFisher } from "./support/graphFishers.ts"
import { type GraphCase, graphCase, graphMaps, isSmooth, once, terms } from "./support/graphLaws.ts"
import { layerNets } from "./support/layerNets.ts"
import { eps32, ratio, worst } from "./support/measure.ts"
import { runWith } from "./support/subject.ts"

const examples = 3
const run = runWith(Device.wasm)

/** |sum_y p(y) score(y)| / (n eps sum_y |p(y) score(y)|), the worst over the examples; p is that of logits `off` apart from z. */
const meanScore = async (c: GraphCase, off: number): Promise<number> => {
  const C = c.network.outputs
  const { z } = await run(graphMaps(c, [], new Float32Array(examples * C), 1))
  const w = new Float32Array(C * examples * C)
  for (let n = 0; n < examples; n++) {
    const own = z.slice(n * C, (n + 1) * C)
    const moved = categorical.support(own.map((logit, k) => logit + off * k))
    for (const [k, { probability, y }] of moved.entries()) {
      const score = categorical.score(own, y)
      w.set(
        score.map((entry) => probability * entry),
        (k * examples + n) * C
      )
    }
  }
  const { gradient } = await run(graphMaps(c, [], w, C))
  return worst(
    c.X.map((_, n) => {
      const gradients = Array.from({ length: C }, (_, k) => gradient(k, n))
      const zero: Float64Array = new Float64Array(c.theta.length)
      const sum = gradients.reduce((total, g) => axpy(total, 1, g), zero)
      const size = gradients.reduce((total, g) => total + norm(g), 0)
      return ratio(norm(sum), terms(c.plan) * eps32 * size)
    })
  )
}

for (const [title, layerNet] of Object.entries(layerNets)) {
  describe(title, () => {
    expect(outputSize(layerNet.oracle)).toBeGreaterThan(1)
    const made = once(() => graphCase(layerNet, examples))

    it("L2: the mean score under the model is 0 at every example, ratio <= 10; control: labels of logits 1e-3 apart", async () => {
      expect(await meanScore(made(), 0)).toBeLessThanOrEqual(10)
      expect(await meanScore(made(), 1e-3)).toBeGreaterThan(10)
    })

    if (!isSmooth(layerNet.oracle)) return
    it("L3: symmetric KL less d^T F d has order 4.0 +- 0.1 in |d|; control: F off by 5 %", async () => {
      const exact = oracleFisher(made(), bothCategorical)
      const ours = await libraryMatrix(made(), bothCategorical, Structure.dense)
      const { order, wrong } = await klOrders(made(), exact, ours)
      expect(Math.abs(order - 4)).toBeLessThanOrEqual(0.1)
      expect(Math.abs(wrong - 4)).toBeGreaterThan(0.1)
    })
  })
}
