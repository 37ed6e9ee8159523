/**
 * K-FAC and EKFAC that take the shared positions of an example as one, against their definition in float64: A = mean_n m m^T with m the
 * mean of abar over the positions that count, G = mean_n sum_k s s^T with s the sum of g over them.
 *
 * *Source*: Eschenhagen, Immer, Turner, Schneider and Hennig 2023, section 3.2.
 */
import * as tf from "@tensorflow/tfjs"
import { Effect, type Layer } from "effect"
import { describe, expect, it } from "vitest"
import { Device, Score, Structure } from "../src/index.ts"
import { planOf } from "./oracle/graph/graph.ts"
import {
  addScaled,
  frobenius,
  type Matrix,
  relativeError,
  scale,
  trace,
  type Vector
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
  runGraph
} from "./support/graphFishers.ts"
import { graphCase, once } from "./support/graphLaws.ts"
import { layerNets } from "./support/layerNets.ts"
import { dense, type LayerNet, tanh } from "./support/layerRow.ts"
import { chained } from "./support/layerRows/chained.ts"
import { eps32, matrixError, vectorError } from "./support/measure.ts"
import { devices } from "./support/subject.ts"

const bound = 1e-5
const examples = 5

const formsOf = ({ oracle }: LayerNet) => planOf(oracle).blocks
const factored = Object.entries(layerNets).filter(([, net]) =>
  formsOf(net).every(({ form }) => form !== "written")
)
const positions = (net: LayerNet): number =>
  Math.max(...formsOf(net).map((block) => (block.form === "outer" ? block.positions : 1)))
const shared = factored.filter(([, net]) => positions(net) > 1)
const [, alone] = factored.find(([, net]) => positions(net) === 1)!

describe.each(shared)("%s", (_, layerNet) => {
  const c = once(() => graphCase(layerNet, examples))
  const both = positions(layerNet) % 2 === 0 ? bothCategorical : bothGaussian
  const F = once(() => oracleFisher(c(), both))
  const oracle = once(() => oracleKfac(c(), both, F()))

  it("K-FAC is the oracle's reduce form to 1e-5; control: off by 2e-5, A times T, the expand form", async () => {
    const ours = await libraryMatrix(c(), both, Structure.kfacReduce)
    const due = oracle()("reduce")
    expect(relativeError(ours, due)).toBeLessThanOrEqual(bound)
    // What a mean over positions is taken from has cotangents that sum to 0: its A says nothing.
    const times = oracle()("reduce", (T) => T)
    const some = relativeError(times, due) > bound
    for (const wrong of [scale(1 + 2e-5, due), oracle()("expand"), ...(some ? [times] : [])]) {
      expect(relativeError(ours, wrong)).toBeGreaterThan(bound)
    }
  })

  it("EKFAC in its bases is never farther from F and has its trace to 1e-5; control: 10 times, off by 2e-5", async () => {
    const ours = await libraryMatrix(c(), both, Structure.ekfacReduce)
    const due = exactKfac(c(), F())
    const distance = (of: Matrix) => frobenius(addScaled(of, -1, due))
    const most = distance(oracle()("reduce")) + bound * frobenius(due)
    expect(distance(ours)).toBeLessThanOrEqual(most)
    expect(distance(scale(10, ours))).toBeGreaterThan(most)
    expect(relativeError(trace(ours), trace(due))).toBeLessThanOrEqual(bound)
    expect(relativeError((1 + 2e-5) * trace(ours), trace(due))).toBeGreaterThan(bound)
  })
})

describe("of layers without shared positions", () => {
  it("reduce is expand, bit for bit, with its own name", async () => {
    const c = graphCase(alone, examples)
    for (const [one, other] of [
      [Structure.kfac, Structure.kfacReduce],
      [Structure.ekfac, Structure.ekfacReduce]
    ] as const) {
      const [expand, reduce] = await runGraph(c)(
        Effect.all([
          libraryFisher<"toDense">(c, bothCategorical, one),
          libraryFisher<"toDense">(c, bothCategorical, other)
        ])
      )
      expect(reduce.means).toEqual(expand.means)
      expect(reduce.structure.constants).toEqual(expand.structure.constants)
      expect(reduce.structure.name).toBe(other.name)
      expect(other.name).not.toBe(one.name)
    }
  })
})

/** P = 8 + 15 + 12 = 35: two linear layers at T = 4 positions, their mean, and a linear layer of it. */
const averaged = (bent: boolean): LayerNet =>
  chained(
    { length: 4, channels: 3 },
    [dense(2), ...(bent ? [tanh] : []), dense(5), { kind: "globalAveragePool" }, dense(2)],
    (N) => [N.dense(2), ...(bent ? [N.tanh] : []), N.dense(5), N.globalAveragePool, N.dense(2)]
  )

/** Eschenhagen et al. 2023, section 3.2. */
describe("L6: K-FAC of a deep linear network that averages over T = 4 positions, with a Gaussian", () => {
  it("reduce is exact within blocks, ratio <= 50; control: expand, A times T^2, tanh between", async () => {
    const errorOf = async (net: LayerNet) => {
      const c = graphCase(net, examples)
      const F = oracleFisher(c, bothGaussian)
      const due = exactKfac(c, F)
      const error = (ours: Matrix) => matrixError(ours, due, c.theta.length * eps32)
      return {
        reduce: error(await libraryMatrix(c, bothGaussian, Structure.kfacReduce)),
        ekfac: error(await libraryMatrix(c, bothGaussian, Structure.ekfacReduce)),
        expand: error(await libraryMatrix(c, bothGaussian, Structure.kfac)),
        squared: error(oracleKfac(c, bothGaussian, F)("reduce", (T) => T ** 2))
      }
    }
    const linear = await errorOf(averaged(false))
    expect(linear.reduce).toBeLessThanOrEqual(50)
    expect(linear.ekfac).toBeLessThanOrEqual(50)
    expect(linear.expand).toBeGreaterThan(50)
    expect(linear.squared).toBeGreaterThan(50)
    expect((await errorOf(averaged(true))).reduce).toBeGreaterThan(50)
  })
})

/** Scores of T = 5 positions, N = 4 examples and K = 3 columns. */
describe("the squares of gradients that are sums over positions", () => {
  const [T, N, K] = [5, 4, 3]
  const computed = (inputs: number, out: number, device: Layer.Layer<Device, unknown>) => {
    const random = generator(7)
    const input = Float32Array.from(random.normals(N * T * inputs))
    const cotangent = Float32Array.from(random.normals(K * N * T * out))
    const block = {
      layer: "0",
      offset: 0,
      rows: inputs + 1,
      columns: out,
      bias: true,
      form: "outer"
    } as const
    return Effect.runPromise(
      Effect.gen(function* () {
        const device = yield* Device
        const tensors = yield* device.compute("squares", (keep) => {
          const score: Score.OuterScore = {
            _tag: "Outer",
            block,
            positions: T,
            input: tf.tensor2d(input, [N * T, inputs]),
            cotangent: tf.tensor3d(cotangent, [K, N * T, out])
          }
          return [keep(Score.summedSquares(score)), keep(Score.gradients(score, 0, K))]
        })
        const [squares, gradients] = yield* device.read("squares", tensors)
        return { squares: squares!, gradients: gradients! }
      }).pipe(Effect.scoped, Effect.provide(device))
    )
  }
  for (const [name, device] of Object.entries(devices)) {
    for (const [inputs, out] of [
      [2, 6],
      [19, 2]
    ] as const) {
      it(`of ${inputs} inputs and ${out} outputs are those of the gradients written out, ratio <= 1; control: of all but one [${name}]`, async () => {
        const { gradients, squares } = await computed(inputs, out, device)
        const due = (from: number): Vector => {
          const sum = new Float64Array(squares.length)
          for (let at = from; at < gradients.length; at++) sum[at % sum.length]! += gradients[at]! ** 2
          return sum
        }
        expect(vectorError(squares, due(0), K * N * T * eps32)).toBeLessThanOrEqual(1)
        expect(vectorError(squares, due(squares.length), K * N * T * eps32)).toBeGreaterThan(1)
      })
    }
  }
})
