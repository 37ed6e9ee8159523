/**
 * The Fisher of the networks of `layerNets`, dense, in blocks, as a diagonal, as rows and as a map, against the oracle's: J by differences in
 * float64 and the closed form of Lambda. N = 5 examples, in blocks of 2 and 1.
 */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { Conditional, Fisher, MatrixFree, Structure } from "../src/index.ts"
import { diagonal, flatten, matvec, relativeError, scale } from "./oracle/linear.ts"
import { generator } from "./oracle/random.ts"
import {
  bothCategorical,
  bothGaussian,
  libraryFisher,
  libraryMatrix,
  oracleFisher,
  runGraph,
  withinBlocks
} from "./support/graphFishers.ts"
import { graphCase, once, paramsOf, tangentOf } from "./support/graphLaws.ts"
import { layerNets } from "./support/layerNets.ts"
import { dyadic } from "./support/measure.ts"

const bound = 1e-5
const examples = 5

for (const [i, [title, layerNet]] of Object.entries(layerNets).entries()) {
  describe(title, () => {
    const made = once(() => graphCase(layerNet, examples))
    // What is not dense takes one of the two in turn.
    const both = i % 2 === 0 ? bothCategorical : bothGaussian
    const categoricalF = once(() => oracleFisher(made(), bothCategorical))
    const gaussianF = once(() => oracleFisher(made(), bothGaussian))
    const F = i % 2 === 0 ? categoricalF : gaussianF

    it("dense is the oracle's for a categorical and a gaussian of variance 0.49 to 1e-5; control: off by 2e-5, the other's", async () => {
      const ours = await libraryMatrix(made(), bothCategorical, Structure.dense)
      expect(relativeError(ours, categoricalF())).toBeLessThanOrEqual(bound)
      expect(relativeError(scale(1 + 2e-5, ours), categoricalF())).toBeGreaterThan(bound)
      expect(relativeError(ours, gaussianF())).toBeGreaterThan(bound)
      const other = await libraryMatrix(made(), bothGaussian, Structure.dense)
      expect(relativeError(other, gaussianF())).toBeLessThanOrEqual(bound)
    })

    it("blocks, diagonal, Gram form and matrix-free product are the oracle's to 1e-5; control: F between blocks too, off by 2e-5", async () => {
      const c = made()
      const layers = await libraryMatrix(c, both, Structure.blockDiagonal)
      expect(relativeError(layers, withinBlocks(c, F()))).toBeLessThanOrEqual(bound)
      if (c.plan.blocks.length > 1) expect(relativeError(layers, F())).toBeGreaterThan(bound)
      const v = dyadic(generator(6).normals(c.theta.length), 8)
      const free = MatrixFree.make(Conditional.make(c.network, both.library), paramsOf(c, c.theta), {
        blockSize: 2
      })
      const computed = await runGraph(c)(
        Effect.all({
          diagonals: Effect.map(libraryFisher(c, both, Structure.diagonal), Fisher.diagonal),
          product: MatrixFree.apply(free, tangentOf(c, v))
        })
      )
      const all = [
        [computed.diagonals, diagonal(F())],
        [computed.product.values, matvec(F(), v)],
        [flatten(await libraryMatrix(c, both, Structure.gram)), flatten(F())]
      ] as const
      for (const [ours, due] of all) {
        expect(relativeError(ours, due)).toBeLessThanOrEqual(bound)
        expect(
          relativeError(
            ours,
            due.map((value) => (1 + 2e-5) * value)
          )
        ).toBeGreaterThan(bound)
      }
    })
  })
}
