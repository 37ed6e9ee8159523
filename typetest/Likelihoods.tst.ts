/** The types tell a likelihood of closed forms from one that is sampled only, and the two kinds of log-densities apart. */
import type * as tf from "@tensorflow/tfjs"
import { describe, expect, test } from "tstyche"
import { Conditional, Likelihood, Network } from "../src/index.ts"

const mixture = Likelihood.mixtureDensity({ components: 2, dimensions: 1 })
const own = {
  name: "own",
  labelSize: 1,
  sample: (z: Float64Array, uniform: () => number) => [z[0]! + uniform()]
}
const closedForms = { columns: 1, factor: () => [1], klDivergence: () => 0 }
declare const rowwise: (y: tf.Tensor2D, z: tf.Tensor2D) => tf.Tensor1D

describe("a likelihood that is sampled only", () => {
  test("has no closed forms", () => {
    expect(mixture).type.toBe<Likelihood.SampledLikelihood>()
    expect(mixture).type.not.toBeAssignableTo<Likelihood.Likelihood>()
    expect(mixture.at([0])).type.not.toBeAssignableTo<Likelihood.Distribution>()
    expect(mixture.at([0])).type.not.toHaveProperty("fisher")
    expect(mixture).type.not.toHaveProperty("columns")
    expect(Likelihood.categorical.at([0, 1])).type.toHaveProperty("klDivergence")
  })
  test("makes a conditional like any other", () => {
    const network = Network.sequential(1, [Network.dense(6)])
    expect(Conditional.make).type.toBeCallableWith(network, mixture)
    expect(Conditional.make).type.toBeCallableWith(network, Likelihood.bernoulli)
  })
  test("is a likelihood of closed forms where those were looked for", () => {
    const either: Likelihood.SampledLikelihood = mixture
    if (Likelihood.hasClosedForm(either)) expect(either).type.toBe<Likelihood.Likelihood>()
  })
})

describe("heads and positions", () => {
  test("have closed forms where all of their likelihoods have", () => {
    const poisson = { likelihood: Likelihood.poisson, outputs: 1 }
    expect(Likelihood.product([poisson])).type.toBe<Likelihood.Likelihood>()
    expect(
      Likelihood.product([poisson, { likelihood: mixture, outputs: 6 }])
    ).type.toBe<Likelihood.SampledLikelihood>()
    expect(Likelihood.positions(Likelihood.categorical, { outputs: 3 })).type.toBe<Likelihood.Likelihood>()
    expect(Likelihood.positions(mixture, { outputs: 6 })).type.toBe<Likelihood.SampledLikelihood>()
  })
  test("take their options and no others", () => {
    expect(Likelihood.positions).type.toBeCallableWith(Likelihood.categorical, { outputs: 3, ignored: -1 })
    expect(Likelihood.positions).type.not.toBeCallableWith(Likelihood.categorical, { ignored: -1 })
    expect(Likelihood.positions).type.not.toBeCallableWith(Likelihood.categorical, { outputs: 3, ignore: -1 })
    expect(Likelihood.categoricalWith).type.toBeCallableWith({ classWeights: [1, 2] })
    expect(Likelihood.categoricalWith).type.not.toBeCallableWith({ weights: [1, 2] })
    expect(Likelihood.mixtureDensity).type.not.toBeCallableWith({ components: 2 })
  })
})

describe("a likelihood of one's own", () => {
  test("has closed forms where they were given", () => {
    const logDensity = (y: ArrayLike<number>, z: Float64Array): number => y[0]! - z[0]!
    const score = () => [0]
    expect(Likelihood.fromLogDensity({ ...own, logDensity, score })).type.toBe<Likelihood.SampledLikelihood>()
    expect(
      Likelihood.fromLogDensity({ ...own, logDensity, score, closedForms })
    ).type.toBe<Likelihood.Likelihood>()
    expect(
      Likelihood.fromLogDensity({ ...own, logDensity: rowwise })
    ).type.toBe<Likelihood.SampledLikelihood>()
    expect(
      Likelihood.fromLogDensity({ ...own, logDensity: rowwise, closedForms })
    ).type.toBe<Likelihood.Likelihood>()
  })
  test("knows the arguments of its functions", () => {
    Likelihood.fromLogDensity({
      ...own,
      logDensity: (y, z) => {
        expect(y).type.toBe<ArrayLike<number>>()
        expect(z).type.toBe<Float64Array>()
        return 0
      },
      score: (y) => [y[0]!]
    })
    Likelihood.fromLogDensity({
      ...own,
      logDensity: (y, z) => {
        expect(y).type.toBe<tf.Tensor2D>()
        expect(z).type.toBe<tf.Tensor2D>()
        return rowwise(y, z)
      }
    })
  })
  test("of plain numbers needs its score, and one of tensors must not have one", () => {
    const logDensity = (y: ArrayLike<number>): number => y[0]!
    expect(Likelihood.fromLogDensity).type.not.toBeCallableWith({ ...own, logDensity })
    expect(Likelihood.fromLogDensity).type.not.toBeCallableWith({
      ...own,
      logDensity: rowwise,
      score: () => [0]
    })
    expect(Likelihood.fromLogDensity).type.not.toBeCallableWith({ ...own })
  })
})
