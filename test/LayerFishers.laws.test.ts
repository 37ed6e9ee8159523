/**
 * The Fisher of the networks of `layerNets`, in every structure, against the oracle's: J by differences in float64 and the closed form of
 * Lambda. N = 5 examples, in blocks of 3 and 2.
 */
import { Cause, Effect, Exit } from "effect"
import { describe, expect, it } from "vitest"
import { Conditional, Fisher, MatrixFree, Structure } from "../src/index.ts"
import { planOf } from "./oracle/graph/graph.ts"
import {
  addScaled,
  diagonal,
  flatten,
  frobenius,
  type Matrix,
  matvec,
  relativeError,
  scale,
  trace
} from "./oracle/linear.ts"
import { generator } from "./oracle/random.ts"
import {
  bothCategorical,
  bothGaussian,
  exactKfac,
  libraryFisher,
  libraryMatrix,
  oracleFisher,
  oracleKfac,
  runGraph,
  withinBlocks
} from "./support/graphFishers.ts"
import { graphCase, once, paramsOf, tangentOf } from "./support/graphLaws.ts"
import { layerNets } from "./support/layerNets.ts"
import { linearNets } from "./support/layerRows/dense.ts"
import { dyadic, eps32, matrixError } from "./support/measure.ts"

const bound = 1e-5
const examples = 5

for (const [i, [title, layerNet]] of Object.entries(layerNets).entries()) {
  describe(title, () => {
    const { blocks } = planOf(layerNet.oracle)
    const made = once(() => graphCase(layerNet, examples))
    // What costs the oracle more takes one of the two in turn.
    const both = i % 2 === 0 ? bothCategorical : bothGaussian
    const categoricalF = once(() => oracleFisher(made(), bothCategorical))
    const gaussianF = once(() => oracleFisher(made(), bothGaussian))
    const F = i % 2 === 0 ? categoricalF : gaussianF
    const kfac = once(() => oracleKfac(made(), both, F()))
    const outer = blocks.filter(({ form }) => form === "outer")
    const shared = outer.some(({ positions }) => positions > 1)

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
      if (blocks.length > 1) expect(relativeError(layers, F())).toBeGreaterThan(bound)
      const v = dyadic(generator(6).normals(c.theta.length), 8)
      const free = MatrixFree.make(Conditional.make(c.network, both.library), paramsOf(c, c.theta), {
        blockSize: 3
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

    if (blocks.some(({ form }) => form === "written")) {
      it("K-FAC and EKFAC fail, for a block without factors; control: the dense Fisher does not", async () => {
        const failsWith = async (structure: Structure.AnyStructure<"toDense">) => {
          const exit = await runGraph(made())(Effect.exit(libraryFisher(made(), both, structure)))
          return Exit.isFailure(exit) && !Cause.hasDies(exit.cause)
        }
        expect(await failsWith(Structure.kfac)).toBe(true)
        expect(await failsWith(Structure.ekfac)).toBe(true)
        expect(await failsWith(Structure.dense)).toBe(false)
      })
      return
    }

    it("K-FAC is the oracle's expand form to 1e-5; control: off by 2e-5, A times T, the reduce form", async () => {
      const ours = await libraryMatrix(made(), both, Structure.kfac)
      expect(relativeError(ours, kfac()("expand"))).toBeLessThanOrEqual(bound)
      expect(relativeError(scale(1 + 2e-5, ours), kfac()("expand"))).toBeGreaterThan(bound)
      if (!shared) return
      expect(
        relativeError(
          ours,
          kfac()("expand", (T) => T)
        )
      ).toBeGreaterThan(bound)
      expect(relativeError(ours, kfac()("reduce"))).toBeGreaterThan(bound)
    })

    it("L6: EKFAC is never farther from F than K-FAC and has its blocks' trace to 1e-5; control: 10 times, off by 2e-5", async () => {
      const c = made()
      const ours = await libraryMatrix(c, both, Structure.ekfac)
      const due = exactKfac(c, F())
      const distance = (of: Matrix) => frobenius(addScaled(of, -1, due))
      const most = distance(kfac()("expand")) + bound * frobenius(due)
      expect(distance(ours)).toBeLessThanOrEqual(most)
      expect(distance(scale(10, ours))).toBeGreaterThan(most)
      expect(relativeError(trace(ours), trace(due))).toBeLessThanOrEqual(bound)
      expect(relativeError((1 + 2e-5) * trace(ours), trace(due))).toBeGreaterThan(bound)
    })

    if (shared || outer.length === 0) return
    it("L6: K-FAC is exact within blocks at N = 1, ratio <= 50; control: N = 5", async () => {
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
  const c = once(() => graphCase(linearNets.expand, examples))
  const errorOf = (ours: Matrix, due: Matrix) => matrixError(ours, due, c().theta.length * eps32)

  it("expand is exact within blocks for outputs by position, ratio <= 50; control: A times T, times T^2, reduce, tanh between", async () => {
    const ours = await libraryMatrix(c(), bothGaussian, Structure.kfac)
    const F = oracleFisher(c(), bothGaussian)
    const due = exactKfac(c(), F)
    const oracle = oracleKfac(c(), bothGaussian, F)
    expect(errorOf(ours, due)).toBeLessThanOrEqual(50)
    for (const wrong of [oracle("expand", (T) => T), oracle("expand", (T) => T ** 2), oracle("reduce")]) {
      expect(errorOf(wrong, due)).toBeGreaterThan(50)
    }
    const bent = graphCase(linearNets.bent, examples)
    const other = exactKfac(bent, oracleFisher(bent, bothGaussian))
    expect(errorOf(await libraryMatrix(bent, bothGaussian, Structure.kfac), other)).toBeGreaterThan(50)
  })
})
