/** Options that are misspelt, of the wrong type or absent do not compile. */
import { describe, expect, test } from "tstyche"
import type { Cotangent } from "../src/index.ts"
import {
  Conditional,
  Damping,
  DataSource,
  Fisher,
  Idx,
  Init,
  Likelihood,
  NaturalGradient,
  Network,
  Sampler,
  Structure,
  Training
} from "../src/index.ts"

const net = Conditional.make(Network.sequential(1, [Network.dense(2)]), Likelihood.categorical)
const params = Conditional.init(net, { seed: 0 })
const damping = Damping.absolute(1)
declare const gradient: Cotangent.Cotangent<"1 > dense(2)">
declare const fisher: Fisher.Fisher<"1 > dense(2)", "apply" | "solve">

describe("options of Effects", () => {
  test("Fisher.estimate", () => {
    expect(Fisher.estimate).type.toBeCallableWith(net, params, Structure.dense)
    expect(Fisher.estimate).type.toBeCallableWith(net, params, Structure.dense, {
      blockSize: 4,
      concurrency: 2,
      pass: 0,
      round: 0
    })
    expect(Fisher.estimate).type.not.toBeCallableWith(net, params, Structure.dense, { blocksize: 4 })
    expect(Fisher.estimate).type.not.toBeCallableWith(net, params, Structure.dense, { blockSize: "4" })
    expect(Fisher.estimate).type.not.toBeCallableWith(net, params, Structure.dense, { blockSize: null })
    expect(Fisher.estimate).type.not.toBeCallableWith(net, params, Structure.dense, {
      concurrency: "unbounded"
    })
    expect(Fisher.estimate).type.not.toBeCallableWith(net, params, "kfac")
    expect(Fisher.estimate).type.not.toBeCallableWith(net, params)
  })
  test("Conditional.gradient and its like", () => {
    expect(Conditional.gradient).type.toBeCallableWith(net, params, { blockSize: 4, pass: 1 })
    expect(Conditional.gradient).type.not.toBeCallableWith(net, params, { batchSize: 4 })
    expect(Conditional.gradient).type.not.toBeCallableWith(net, params, { concurrency: 4 })
    expect(Conditional.negativeLogLikelihood).type.not.toBeCallableWith(net, params, { pass: "1" })
    expect(Conditional.klDivergence).type.not.toBeCallableWith(net, params, params, { blocksize: 4 })
  })
  test("Training.run", () => {
    const settings = { learningRate: 1, structure: Structure.kfac, damping }
    expect(Training.run).type.toBeCallableWith(net, params, settings)
    expect(Training.run).type.toBeCallableWith(net, params, {
      ...settings,
      maxKL: 1e-2,
      momentum: 0.9,
      average: 0.95,
      refresh: 2,
      sampleEvery: 3
    })
    expect(Training.run).type.toBeCallableWith(net, params, { ...settings, damping: Damping.factored(1) })
    expect(Training.run).type.not.toBeCallableWith(net, params, {
      learningRate: 1,
      structure: Structure.kfac
    })
    expect(Training.run).type.not.toBeCallableWith(net, params, { learningRate: 1, damping })
    expect(Training.run).type.not.toBeCallableWith(net, params, { structure: Structure.kfac, damping })
    expect(Training.run).type.not.toBeCallableWith(net, params, { ...settings, damping: 1 })
    expect(Training.run).type.not.toBeCallableWith(net, params, { ...settings, structure: "kfac" })
    expect(Training.run).type.not.toBeCallableWith(net, params, { ...settings, learningRate: "1" })
    expect(Training.run).type.not.toBeCallableWith(net, params, {
      learningRate: 1,
      structure: Structure.dense,
      damping: Damping.factored(1)
    })
    expect(Training.run).type.not.toBeCallableWith(net, params, {
      learningRate: 1,
      structure: Structure.kfac,
      damping,
      momentun: 0.9
    })
  })
})

describe("options of pure functions and constructors", () => {
  test("NaturalGradient.step", () => {
    expect(NaturalGradient.step).type.toBeCallableWith(params, gradient, fisher, { learningRate: 1, damping })
    expect(NaturalGradient.step).type.not.toBeCallableWith(params, gradient, fisher, { learningRate: 1 })
    expect(NaturalGradient.step).type.not.toBeCallableWith(params, gradient, fisher, { damping })
    expect(NaturalGradient.step).type.not.toBeCallableWith(params, gradient, fisher, {
      learningRate: "1",
      damping
    })
    expect(NaturalGradient.step).type.not.toBeCallableWith(params, gradient, fisher, {
      learningRate: 1,
      damping,
      maxkl: 1
    })
  })
  test("Conditional.init", () => {
    expect(Conditional.init).type.toBeCallableWith(net, { seed: 0, init: Init.he })
    expect(Conditional.init).type.not.toBeCallableWith(net, {})
    expect(Conditional.init).type.not.toBeCallableWith(net, { seed: "0" })
    expect(Conditional.init).type.not.toBeCallableWith(net, { seed: 0, init: "he" })
    expect(Conditional.init).type.not.toBeCallableWith(net, { sead: 0 })
  })
  test("Network.dense and Likelihood.gaussian", () => {
    expect(Network.dense).type.toBeCallableWith(2, { bias: false })
    expect(Network.dense).type.not.toBeCallableWith(2, { bias: "no" })
    expect(Network.dense).type.not.toBeCallableWith(2, { biass: false })
    expect(Likelihood.gaussian).type.toBeCallableWith({ variance: 1 })
    expect(Likelihood.gaussian).type.not.toBeCallableWith({})
    expect(Likelihood.gaussian).type.not.toBeCallableWith({ variance: "1" })
    expect(Likelihood.gaussian).type.not.toBeCallableWith({ sigma: 1 })
  })
  test("Damping", () => {
    expect(Damping.absolute).type.toBeCallableWith(1)
    expect(Damping.absolute).type.not.toBeCallableWith("1")
    expect(Damping.factored).type.not.toBeCallableWith()
  })
})

describe("options of services", () => {
  test("DataSource", () => {
    expect(DataSource.fromArrays).type.toBeCallableWith({
      x: [[1]],
      y: [0],
      batchSize: 1,
      shuffle: { seed: 0 }
    })
    expect(DataSource.fromArrays).type.toBeCallableWith({ x: { data: new Float64Array(2), shape: [2, 1] } })
    expect(DataSource.fromArrays).type.not.toBeCallableWith({ y: [0] })
    expect(DataSource.fromArrays).type.not.toBeCallableWith({ x: [1, 2] })
    expect(DataSource.fromArrays).type.not.toBeCallableWith({ x: [["1"]] })
    expect(DataSource.fromArrays).type.not.toBeCallableWith({ x: [[1n]] })
    expect(DataSource.fromArrays).type.not.toBeCallableWith({ x: { data: [1, 2], shape: [2] } })
    expect(DataSource.fromArrays).type.not.toBeCallableWith({ x: [[1]], batchsize: 1 })
    expect(DataSource.fromArrays).type.not.toBeCallableWith({ x: [[1]], shuffle: true })
    expect(DataSource.fromArrays).type.not.toBeCallableWith({ x: [[1]], batchSize: "1" })
    expect(DataSource.density).type.not.toBeCallableWith({ x: [[1]] })
    expect(DataSource.fromIterable).type.not.toBeCallableWith([{ y: [0] }])
    expect(Idx.dataSource).type.toBeCallableWith({ images: "a", labels: "b", limit: 3, batchSize: 2 })
    expect(Idx.dataSource).type.not.toBeCallableWith({ images: "a" })
    expect(Idx.dataSource).type.not.toBeCallableWith({ images: "a", labels: "b", limt: 3 })
  })
  test("Sampler", () => {
    expect(Sampler.monteCarlo).type.toBeCallableWith({ draws: 1, seed: 0 })
    expect(Sampler.monteCarlo).type.not.toBeCallableWith({ draws: 1 })
    expect(Sampler.monteCarlo).type.not.toBeCallableWith({ seed: 0 })
    expect(Sampler.monteCarlo).type.not.toBeCallableWith({ draws: "1", seed: 0 })
    expect(Sampler.monteCarlo).type.not.toBeCallableWith({ samples: 1, seed: 0 })
    expect(Sampler.fromRule).type.toBeCallableWith("mine", () => [{ y: [0], weight: 1 }])
    expect(Sampler.fromRule).type.not.toBeCallableWith("mine", () => [{ y: 0, weight: 1 }])
    expect(Sampler.fromRule).type.not.toBeCallableWith("mine", () => [{ y: [0] }])
  })
})
