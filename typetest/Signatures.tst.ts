/** The type of a network is the sentence that its signature says; what is made of it carries the sentence on. */

import type { Effect, Stream } from "effect"
import { describe, expect, test } from "tstyche"
import {
  Conditional,
  type Cotangent,
  Damping,
  type DataSource,
  type Device,
  type Errors,
  Fisher,
  Likelihood,
  Network,
  type ParamSpace,
  Params,
  type Sampler,
  Structure,
  Training
} from "../src/index.ts"

type S = "784 > dense(64) > tanh > dense(10)"

const network = Network.sequential(784, [Network.dense(64), Network.tanh, Network.dense(10)])
const digits = Conditional.make(network, Likelihood.categorical)
const params = Conditional.init(digits, { seed: 0 })

describe("a network's type is its signature", () => {
  test("layer by layer", () => {
    expect(network).type.toBe<Network.Network<S>>()
    expect(network.space).type.toBe<ParamSpace.ParamSpace<S>>()
    expect(digits).type.toBe<Conditional.Conditional<S>>()
    expect(params).type.toBe<Params.Params<S>>()
    expect(Params.make(network.space, [])).type.toBe<Params.Params<S>>()
  })
  test("with every activation", () => {
    expect(
      Network.sequential(1, [
        Network.gelu,
        Network.identity,
        Network.relu,
        Network.sigmoid,
        Network.softplus,
        Network.tanh,
        Network.dense(2)
      ])
    ).type.toBe<Network.Network<"1 > gelu > identity > relu > sigmoid > softplus > tanh > dense(2)">>()
  })
  test("says where a layer has no bias", () => {
    expect(Network.sequential(2, [Network.dense(3, { bias: false })])).type.toBe<
      Network.Network<"2 > dense(3, no bias)">
    >()
    expect(Network.sequential(2, [Network.dense(3, { bias: true })])).type.toBe<
      Network.Network<"2 > dense(3)">
    >()
  })
  test("begins with 0 for a density", () => {
    expect(Network.sequential(0, [Network.dense(1)])).type.toBe<Network.Network<"0 > dense(1)">>()
  })
  test("is open where a width or the number of layers is known at run time alone", () => {
    const width = 64 as number
    expect(Network.sequential(784, [Network.dense(width)])).type.toBe<
      Network.Network<`784 > dense(${number})`>
    >()
    const layers = [Network.dense(64), Network.dense(10)]
    expect(Network.sequential(784, layers)).type.toBe<Network.Network<string>>()
  })
  test("is made of layers alone", () => {
    expect(Network.sequential).type.not.toBeCallableWith(784, [Network.dense])
    expect(Network.sequential).type.not.toBeCallableWith(784, ["tanh"])
    expect(Network.sequential).type.not.toBeCallableWith("784", [Network.dense(2)])
    expect(Network.dense).type.not.toBeCallableWith("64")
    expect(Conditional.make).type.not.toBeCallableWith(network, "categorical")
  })
})

describe("what an Effect fails with and needs", () => {
  type Data = Errors.DataFailure | Errors.ShapeMismatch | Errors.NonFinite | Errors.InvalidArgument
  type Labels = Errors.MissingLabels | Errors.InvalidLabel
  type Average = Data | Errors.TensorFailure | Errors.EmptyData
  type Op = "apply" | "solve" | "factoredSolve" | "trace" | "frobeniusNorm" | "diagonal" | "toDense"

  test("Fisher.estimate", () => {
    expect(Fisher.estimate(digits, params, Structure.kfac)).type.toBe<
      Effect.Effect<Fisher.Fisher<S, Op>, Average | Labels, DataSource | Sampler | Device>
    >()
    expect<Fisher.EstimateError>().type.toBe<Average | Labels>()
  })
  test("Conditional.gradient, lossAndGradient, negativeLogLikelihood", () => {
    expect(Conditional.gradient(digits, params)).type.toBe<
      Effect.Effect<Cotangent.Cotangent<S>, Average | Labels, DataSource | Device>
    >()
    expect(Conditional.lossAndGradient(digits, params)).type.toBe<
      Effect.Effect<Conditional.LossGradient<S>, Average | Labels, DataSource | Device>
    >()
    expect(Conditional.negativeLogLikelihood(digits, params)).type.toBe<
      Effect.Effect<number, Average | Labels, DataSource | Device>
    >()
  })
  test("Conditional.klDivergence needs no labels, Conditional.predict no data source", () => {
    expect(Conditional.klDivergence(digits, params, params)).type.toBe<
      Effect.Effect<number, Average, DataSource | Device>
    >()
    expect(Conditional.predict(digits, params, [[1]])).type.toBe<
      Effect.Effect<
        Float32Array,
        Errors.TensorFailure | Errors.ShapeMismatch | Errors.NonFinite | Errors.InvalidArgument,
        Device
      >
    >()
  })
  test("Training.run", () => {
    type Solve = Errors.NotPositiveDefinite | Errors.NotConverged
    const settings = { learningRate: 1, structure: Structure.kfac, damping: Damping.factored(1) }
    expect(Training.run(digits, params, settings)).type.toBe<
      Stream.Stream<Training.Report<S>, Average | Labels | Solve, DataSource | Sampler | Device>
    >()
    expect<Training.TrainingError>().type.toBe<Average | Labels | Solve>()
    expect<Fisher.OperationError>().type.toBe<
      Solve | Errors.InvalidArgument | Errors.ShapeMismatch | Errors.NonFinite
    >()
  })
})
