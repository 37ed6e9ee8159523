/**
 * Likelihoods of one's own, by a tfjs log-density, and those that are sampled only, from the draws to the Fisher.
 *
 * The log-densities are differentiated in float32: they are held to 1e-5 of the library's own scores in float64.
 */
import * as tf from "@tensorflow/tfjs"
import { Effect, type Layer } from "effect"
import { describe, expect, it } from "vitest"
import {
  Conditional,
  DataSource,
  Device,
  Distributions,
  Fisher,
  Likelihood,
  Network,
  Params,
  Sampler,
  Structure
} from "../src/index.ts"
import { makeCase, mlp } from "./oracle/cases.ts"
import { mixture } from "./oracle/likelihoods/mixtures.ts"
import { categorical } from "./oracle/likelihoods.ts"
import { congruence, dot, type Matrix, matvec, meanMatrix, zeros } from "./oracle/linear.ts"
import { jacobian, outputs } from "./oracle/network.ts"
import { generator } from "./oracle/random.ts"
import { dyadicCase, eps32, matrixError, vectorError } from "./support/measure.ts"
import { rows } from "./support/subject.ts"

const N = 5

/** The heteroscedastic Gaussian of D = 2 numbers, as a program: z is 2 means and 2 log-variances. */
const logNormal = (y: tf.Tensor2D, z: tf.Tensor2D): tf.Tensor1D => {
  const [means, logs] = tf.split(z, 2, 1)
  const squares = tf.mul(tf.square(tf.sub(y, means!)), tf.exp(tf.neg(logs!)))
  return tf.mul(-0.5, tf.sum(tf.add(tf.add(squares, logs!), Math.log(2 * Math.PI)), 1))
}
const options = {
  name: "own normal",
  labelSize: 2,
  outputs: 4,
  sample: (z: Float64Array, uniform: () => number) =>
    [0, 1].map((c) => z[c]! + Math.exp(z[2 + c]! / 2) * Distributions.normal(uniform()))
}
const own = Likelihood.fromLogDensity({ ...options, logDensity: logNormal })
const shipped = Likelihood.heteroscedasticGaussian

const net = mlp(2, [3, 4], "tanh")
const { X, theta } = dyadicCase(makeCase(categorical, "tanh", 8, net, N))
const Y = Array.from({ length: N }, (_, n) => [0.5 - n / 4, n / 8])
const networkOf = () =>
  Network.sequential(2 as number, [Network.dense(3 as number), Network.tanh, Network.dense(4 as number)])
const conditionalOf = (likelihood: Likelihood.SampledLikelihood) => Conditional.make(networkOf(), likelihood)
const params = Params.make(conditionalOf(own).network.space, Array.from(theta))
const data = DataSource.fromArrays({ x: X.map((row) => Array.from(row)), y: Y, batchSize: 3 })
const monteCarlo = Sampler.monteCarlo({ draws: 6, seed: 2 })
const run =
  (sampler: Layer.Layer<Sampler, unknown> = monteCarlo, device: Layer.Layer<Device, unknown> = Device.wasm) =>
  <A, E>(program: Effect.Effect<A, E, Sampler | Device | DataSource>) =>
    Effect.runPromise(program.pipe(Effect.provide([data, sampler, device])))
const fisherOf = (likelihood: Likelihood.SampledLikelihood, round = 0) =>
  Fisher.estimate(conditionalOf(likelihood), params, Structure.dense, { round, blockSize: 3 })

describe("a log-density in tfjs", () => {
  it("log p and score are the float64 ones to 1e-5 at 20 points; control: a score off by 1e-3 is not", () => {
    const random = generator(1)
    for (let i = 0; i < 20; i++) {
      const [z, y] = [random.normals(4), random.normals(2)]
      const due = shipped.at(z).score(y)
      expect(vectorError(own.at(z).score(y), due, 1)).toBeLessThanOrEqual(1e-5)
      expect(
        vectorError(
          own.at(z).score(y),
          due.map((v) => 1.001 * v),
          1
        )
      ).toBeGreaterThan(1e-5)
      expect(Math.abs(own.at(z).logProbability(y) / shipped.at(z).logProbability(y) - 1)).toBeLessThanOrEqual(
        1e-5
      )
    }
  })

  it("many scores at once are those one by one, to 1e-6; control: those of the next row are not", () => {
    const random = generator(2)
    const [z, y] = [random.normals(7 * 4), random.normals(7 * 2)]
    const rows = { z: Float32Array.from(z), examples: 7, size: 4 }
    const together = own.many!.open(rows).scores(y, new Float64Array(7).fill(1))
    expect(together.length).toBe(28)
    for (let r = 0; r < 7; r++) {
      const one = own.at(z.subarray(4 * r, 4 * r + 4)).score(y.subarray(2 * r, 2 * r + 2))
      const at = (row: number) => together.subarray(4 * row, 4 * row + 4)
      expect(vectorError(at(r), one, 1)).toBeLessThanOrEqual(1e-6)
      expect(vectorError(at((r + 1) % 7), one, 1)).toBeGreaterThan(1e-6)
    }
  })

  for (const [name, device] of [
    ["cpu", Device.cpu],
    ["wasm", Device.wasm]
  ] as const) {
    // biome-ignore format: one table
    it(`${name}: the same draws give the Fisher, gradient and loss of the likelihood in float64 to 1e-5; control: other draws do not`, async () => {
      const all = (likelihood: Likelihood.SampledLikelihood) =>
        Effect.all({
          fisher: fisherOf(likelihood),
          empirical: fisherOf(likelihood).pipe(Effect.provide(Sampler.empirical)),
          both: Conditional.lossAndGradient(conditionalOf(likelihood), params, { blockSize: 3 })
        })
      const ours = await run(monteCarlo, device)(all(own))
      const due = await run(monteCarlo, device)(all(shipped))
      const dense = (fisher: typeof ours.fisher) => rows(Fisher.toDense(fisher))
      expect(matrixError(dense(ours.fisher), dense(due.fisher), 1)).toBeLessThanOrEqual(1e-5)
      expect(matrixError(dense(ours.empirical), dense(due.empirical), 1)).toBeLessThanOrEqual(1e-5)
      expect(vectorError(ours.both.gradient.values, due.both.gradient.values, 1)).toBeLessThanOrEqual(1e-5)
      expect(Math.abs(ours.both.loss / due.both.loss - 1)).toBeLessThanOrEqual(1e-5)
      const others = await run(monteCarlo, device)(fisherOf(own, 1))
      expect(matrixError(dense(others), dense(due.fisher), 1)).toBeGreaterThan(1e-5)
    })
  }

  it("beside another head and at two positions it is the float64 one to 1e-5 too", async () => {
    const z = generator(3).normals(10)
    const y = [0.3, -0.2, 1, 0.4, 2]
    const of = (likelihood: Likelihood.SampledLikelihood) =>
      Likelihood.product([
        { likelihood: Likelihood.positions(likelihood, { outputs: 4 }), outputs: 8 },
        { likelihood: Likelihood.categorical, outputs: 2 }
      ])
    expect(Likelihood.hasClosedForm(of(own))).toBe(false)
    expect(Likelihood.hasClosedForm(of(shipped))).toBe(true)
    const labels = [...y.slice(0, 4), 1]
    expect(vectorError(of(own).at(z).score(labels), of(shipped).at(z).score(labels), 1)).toBeLessThanOrEqual(
      1e-5
    )
    expect(of(own).invalid(labels, 10, 0)).toBeUndefined()
  })

  const broken: Readonly<Record<string, (y: tf.Tensor2D, z: tf.Tensor2D) => tf.Tensor1D>> = {
    "throws at once": () => {
      throw new Error("boom")
    },
    "throws after some operations": (y, z) => {
      tf.exp(tf.add(tf.sum(z, 1, true), y))
      throw new Error("boom")
    },
    "gives one number for all rows": (y, z) => tf.add(tf.sum(y), tf.sum(z)) as unknown as tf.Tensor1D,
    "gives no tensor": () => 3 as unknown as tf.Tensor1D,
    "gives whole numbers": (y, z) => tf.cast(logNormal(y, z), "int32"),
    "does not depend on z": (y) => tf.sum(y, 1)
  }
  for (const [name, logDensity] of Object.entries(broken)) {
    it(`one that ${name} is TensorFailure, in a score, a Fisher and a gradient, and leaves no tensor; control: a sound one is none`, async () => {
      const bad = Likelihood.fromLogDensity({ ...options, logDensity })
      const before = tf.memory().numTensors
      expect(() => bad.at([0, 1, 0, 0]).score([1, 2])).toThrowError(
        expect.objectContaining({ _tag: "TensorFailure", stage: "score of own normal" })
      )
      const both = Effect.all([
        Effect.flip(fisherOf(bad)),
        Effect.flip(Conditional.gradient(conditionalOf(bad), params)),
        Effect.asVoid(fisherOf(own))
      ])
      const [fisher, gradient] = await run()(both)
      expect(fisher).toMatchObject({ _tag: "TensorFailure", stage: "score of own normal" })
      expect(gradient).toMatchObject({ _tag: "TensorFailure" })
      expect(tf.memory().numTensors).toBe(before)
    })
  }

  it("one that mixes rows is TensorFailure, by the first row and by the last, and leaves no tensor; control: a sound one is none", async () => {
    const mixing: ReadonlyArray<(y: tf.Tensor2D, z: tf.Tensor2D) => tf.Tensor1D> = [
      (y, z) => tf.add(logNormal(y, z), tf.sum(z)),
      (y, z) => logNormal(y, tf.sub(z, tf.slice(z, [0, 0], [1, 4])))
    ]
    for (const logDensity of mixing) {
      const bad = Likelihood.fromLogDensity({ ...options, logDensity })
      const before = tf.memory().numTensors
      const errors = await run()(
        Effect.all([
          Effect.flip(fisherOf(bad)),
          Effect.flip(Conditional.gradient(conditionalOf(bad), params)),
          Effect.flip(Conditional.negativeLogLikelihood(conditionalOf(bad), params))
        ])
      )
      for (const error of errors) {
        expect(error).toMatchObject({ _tag: "TensorFailure" })
        expect((error as Error).message).toContain("alone")
      }
      expect(tf.memory().numTensors).toBe(before)
    }
    await run()(fisherOf(own))
  })

  it("a score or a draw of another length is ShapeMismatch, one that is NaN NonFinite, a draw that holds refuses InvalidLabel", async () => {
    const plain = {
      ...options,
      logDensity: (y: ArrayLike<number>) => -y[0]!,
      score: (y: ArrayLike<number>) => [0, 0, 0, y[0]!]
    }
    const cases = [
      ["ShapeMismatch", { ...plain, score: () => [1, 2] }],
      ["ShapeMismatch", { ...plain, sample: () => [1] }],
      ["NonFinite", { ...plain, score: () => [0, 0, 0, Number.NaN] }],
      ["InvalidLabel", { ...plain, sample: () => [0, Number.NaN] }],
      ["InvalidLabel", { ...plain, holds: () => false }]
    ] as const
    for (const [tag, own] of cases) {
      const error = await run()(Effect.flip(fisherOf(Likelihood.fromLogDensity(own))))
      expect(error).toMatchObject({ _tag: tag })
    }
    await run()(fisherOf(Likelihood.fromLogDensity(plain)))
  })
})

describe("a likelihood that is sampled only", () => {
  const sampled = Likelihood.mixtureDensity({ components: 1, dimensions: 2 })

  const needy = {
    exact: Sampler.exact,
    curvaturePropagation: Sampler.curvaturePropagation({ draws: 3, seed: 0 }),
    untilPrecise: Sampler.untilPrecise({ relativeError: 0.1, maxDraws: 100, seed: 0 })
  }
  for (const [name, sampler] of Object.entries(needy)) {
    it(`fails with NoClosedForm by ${name}, alone and as a head; control: monteCarlo and stratified do not`, async () => {
      const head = Likelihood.product([
        { likelihood: Likelihood.mixtureDensity({ components: 1, dimensions: 1 }), outputs: 3 },
        { likelihood: Likelihood.poisson, outputs: 1 }
      ])
      for (const likelihood of [sampled, own, head]) {
        const error = await run(sampler)(Effect.flip(fisherOf(likelihood)))
        expect(error).toMatchObject({ _tag: "NoClosedForm", likelihood: likelihood.name })
        expect((error as Error).message).toContain(
          "Sampler.monteCarlo, Sampler.stratified or Sampler.antithetic"
        )
        await run(Sampler.stratified({ draws: 2, seed: 0 }))(fisherOf(likelihood))
      }
      await run(sampler)(fisherOf(shipped))
    })
  }

  it("has no KL divergence: NoClosedForm; control: the one with closed forms has", async () => {
    const klOf = (likelihood: Likelihood.SampledLikelihood) =>
      Conditional.klDivergence(conditionalOf(likelihood), params, params)
    expect(await run()(Effect.flip(klOf(sampled)))).toMatchObject({ _tag: "NoClosedForm" })
    expect(await run()(klOf(shipped))).toBe(0)
  })

  it("6 forms of its Fisher, 150 rounds of 8 draws, are the quadrature's within 6 standard errors; control: not with 10 % more of it", async () => {
    const two = Likelihood.mixtureDensity({ components: 1, dimensions: 2 })
    const oracle = mixture(1, 2, 3)
    const inner = (z: ArrayLike<number>): Matrix => {
      const f = zeros(4, 4)
      for (const { probability, y } of oracle.support(z)) {
        const s = oracle.score(z, y)
        for (let i = 0; i < 4; i++) for (let j = 0; j < 4; j++) f[i]![j]! += probability * s[i]! * s[j]!
      }
      return f
    }
    const due = meanMatrix(N, (n) =>
      congruence(jacobian(net, theta, X[n]!), inner(outputs(net, theta, X[n]!)))
    )
    const random = generator(4)
    const us = Array.from({ length: 6 }, () => random.normals(theta.length))
    const sampler = Sampler.monteCarlo({ draws: 8, seed: 9 })
    const fishers = await run(sampler)(
      Effect.forEach(
        Array.from({ length: 150 }, (_, round) => round),
        (round) => fisherOf(two, round)
      )
    )
    const deviation = (scale: number) =>
      Math.max(
        ...us.map((u) => {
          const values = fishers.map((fisher) => dot(u, matvec(rows(Fisher.toDense(fisher)), u)))
          const mean = values.reduce((a, b) => a + b, 0) / values.length
          const variance =
            values.reduce((a, v) => a + (v - mean) ** 2, 0) / (values.length - 1) / values.length
          return Math.abs(mean - scale * dot(u, matvec(due, u))) / Math.sqrt(variance)
        })
      )
    expect(deviation(1)).toBeLessThanOrEqual(6)
    expect(deviation(1.2)).toBeGreaterThan(6)
  })
})

describe("positions", () => {
  const positions = Likelihood.positions(Likelihood.categorical, { outputs: 3, ignored: -1 })

  it("40 draws of which one position of three counts are at most 3 columns; control: where all count they are more", async () => {
    const net = Conditional.make(Network.sequential(2 as number, [Network.dense(9)]), positions)
    const params = Conditional.init(net, { seed: 0 })
    const columnsOf = (y: ReadonlyArray<number>) => {
      let columns = 0
      const recorder = Sampler.monteCarlo({ draws: 40, seed: 0 })
      return Effect.runPromise(
        Effect.gen(function* () {
          const loaded = yield* Conditional.load(net, params)
          const sampler = yield* Sampler
          const { Draws } = yield* Effect.promise(() => import("../src/index.ts"))
          const batch = {
            x: Float32Array.of(1, 2),
            examples: 1,
            features: 2,
            indices: Float64Array.of(0),
            labels: { labelSize: 3, values: Float32Array.from(y) }
          }
          const outputs = yield* Conditional.evaluate(loaded, batch)
          columns = Draws.collapse(yield* sampler.draw(outputs, 0), outputs).columns
          return columns
        }).pipe(Effect.scoped, Effect.provide([recorder, Device.cpu]))
      )
    }
    expect(await columnsOf([-1, 2, -1])).toBeLessThanOrEqual(3)
    expect(await columnsOf([-1, -1, -1])).toBe(1)
    expect(await columnsOf([0, 2, 1])).toBeGreaterThan(3)
  })

  it("of 64 x 64 outputs a draw, its score and log p are finite, and nothing of 4096 x 4096 is made; eps32 is not exceeded by their sum", () => {
    const own = positions
    const z = generator(7).normals(64 * 3)
    const observed = Array.from({ length: 64 }, (_, t) => (t % 5 === 0 ? -1 : t % 3))
    const d = own.at(z, observed)
    const y = d.sample(generator(8).uniform)
    expect(own.invalid(y, 192, 0, observed)).toBeUndefined()
    const score = d.score(y)
    for (let t = 0; t < 64; t++) {
      const part = score.subarray(3 * t, 3 * t + 3)
      if (t % 5 === 0) expect(Array.from(part)).toEqual([0, 0, 0])
      else expect(Math.abs(part[0]! + part[1]! + part[2]!)).toBeLessThanOrEqual(eps32)
    }
    // A draw that is ignored where the data is not.
    expect(
      own.invalid(
        y.map((label, t) => (t === 1 ? -1 : label)),
        192,
        0,
        observed
      )?._tag
    ).toBe("InvalidLabel")
    expect(
      own.invalid(
        y.map((label, t) => (t === 1 ? -1 : label)),
        192,
        0
      )
    ).toBeUndefined()
  })
})
