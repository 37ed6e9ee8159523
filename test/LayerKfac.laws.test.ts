/**
 * K-FAC and EKFAC of the networks of `layerNets`, in both ways to take shared positions, against the oracle's: the factors by differences
 * in float64. N = 3 examples, in blocks of 2 and 1.
 */
import { Cause, Effect, Exit } from "effect"
import { describe, expect, it } from "vitest"
import { Structure } from "../src/index.ts"
import { planOf } from "./oracle/graph/graph.ts"
import { addScaled, frobenius, type Matrix, relativeError, scale, trace } from "./oracle/linear.ts"
import {
  bothCategorical,
  bothGaussian,
  exactKfac,
  libraryFisher,
  libraryMatrix,
  oracleFisher,
  oracleKfac,
  runGraph
} from "./support/graphFishers.ts"
import { graphCase, once } from "./support/graphLaws.ts"
import { layerNets } from "./support/layerNets.ts"
import { linearNets } from "./support/layerRows/dense.ts"
import { eps32, matrixError } from "./support/measure.ts"

const bound = 1e-5
const examples = 3

/** Both ways to take shared positions: each is wrong where the other is due. */
const sharings = [
  { sharing: "expand", other: "reduce", kfac: Structure.kfac, ekfac: Structure.ekfac },
  { sharing: "reduce", other: "expand", kfac: Structure.kfacReduce, ekfac: Structure.ekfacReduce }
] as const

for (const [i, [title, layerNet]] of Object.entries(layerNets).entries()) {
  describe(title, () => {
    const { blocks } = planOf(layerNet.oracle)
    const outer = blocks.filter(({ form }) => form === "outer")
    const shared = outer.some(({ positions }) => positions > 1)
    const made = once(() => graphCase(layerNet, examples))
    const both = i % 2 === 0 ? bothCategorical : bothGaussian
    const F = once(() => oracleFisher(made(), both))
    const factored = once(() => oracleKfac(made(), both, F()))

    if (blocks.some(({ form }) => form === "written")) {
      it("K-FAC and EKFAC fail for a block without factors; control: the dense Fisher does not", async () => {
        const failsWith = async (structure: Structure.AnyStructure<"toDense">) => {
          const exit = await runGraph(made())(Effect.exit(libraryFisher(made(), both, structure)))
          return Exit.isFailure(exit) && !Cause.hasDies(exit.cause)
        }
        for (const { ekfac, kfac } of sharings) {
          expect(await failsWith(kfac)).toBe(true)
          expect(await failsWith(ekfac)).toBe(true)
        }
        expect(await failsWith(Structure.dense)).toBe(false)
      })
      return
    }

    for (const { ekfac, kfac, other, sharing } of sharings) {
      const title = `K-FAC is the oracle's ${sharing} form to 1e-5; control: off by 2e-5, A times T, the ${other} form`
      it(title, async () => {
        const ours = await libraryMatrix(made(), both, kfac)
        expect(relativeError(ours, factored()(sharing))).toBeLessThanOrEqual(bound)
        expect(relativeError(scale(1 + 2e-5, ours), factored()(sharing))).toBeGreaterThan(bound)
        // Where the outputs do not change with all positions alike, the reduce form is 0 however often it is counted.
        const wrongs = [factored()(sharing, (T) => T), factored()(other)]
        for (const wrong of wrongs.filter((matrix) => relativeError(matrix, factored()(sharing)) > 1e-3)) {
          expect(relativeError(ours, wrong)).toBeGreaterThan(bound)
        }
      })

      it(`L6: EKFAC (${sharing}) is never farther from F than K-FAC and has its blocks' trace to 1e-5; control: 10 times, off by 2e-5`, async () => {
        const ours = await libraryMatrix(made(), both, ekfac)
        const due = exactKfac(made(), F())
        const distance = (of: Matrix) => frobenius(addScaled(of, -1, due))
        const most = distance(factored()(sharing)) + bound * frobenius(due)
        expect(distance(ours)).toBeLessThanOrEqual(most)
        expect(distance(scale(10, ours))).toBeGreaterThan(most)
        expect(relativeError(trace(ours), trace(due))).toBeLessThanOrEqual(bound)
        expect(relativeError((1 + 2e-5) * trace(ours), trace(due))).toBeGreaterThan(bound)
      })
    }

    if (shared || outer.length === 0) return
    it("L6: K-FAC is exact within blocks at N = 1, ratio <= 50; control: N = 3", async () => {
      const errorOf = async (c: ReturnType<typeof made>) => {
        const due = exactKfac(c, oracleFisher(c, bothCategorical))
        const unit = c.theta.length * eps32
        return matrixError(await libraryMatrix(c, bothCategorical, Structure.kfac), due, unit)
      }
      expect(await errorOf(graphCase(layerNet, 1))).toBeLessThanOrEqual(50)
      expect(await errorOf(made())).toBeGreaterThan(50)
    })
  })
}

/** Eschenhagen et al. 2023, sections 3.1 and 3.2. */
describe("L6: K-FAC of deep linear networks on T = 4 positions with a Gaussian likelihood", () => {
  for (const { kfac, other, sharing } of sharings) {
    const outputs = sharing === "expand" ? "outputs by position" : "their mean"
    it(`${sharing} is exact within blocks for ${outputs}, ratio <= 50; control: A times T, times T^2, ${other}, a tanh between`, async () => {
      const errorOf = (ours: Matrix, due: Matrix) => matrixError(ours, due, due.length * eps32)
      const { bent, linear } = linearNets[sharing]
      const [c, curved] = [graphCase(linear, examples), graphCase(bent, examples)]
      const F = oracleFisher(c, bothGaussian)
      const due = exactKfac(c, F)
      expect(errorOf(await libraryMatrix(c, bothGaussian, kfac), due)).toBeLessThanOrEqual(50)
      const oracle = oracleKfac(c, bothGaussian, F)
      for (const wrong of [oracle(sharing, (T) => T), oracle(sharing, (T) => T ** 2), oracle(other)]) {
        expect(errorOf(wrong, due)).toBeGreaterThan(50)
      }
      const curvedDue = exactKfac(curved, oracleFisher(curved, bothGaussian))
      expect(errorOf(await libraryMatrix(curved, bothGaussian, kfac), curvedDue)).toBeGreaterThan(50)
    })
  }
})
