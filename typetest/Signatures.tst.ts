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
import type * as Layer from "../src/model/Layer.ts"

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
  test("says the shape of an image, and every option of a convolution that is not the default", () => {
    const image = { height: 28, width: 20, channels: 1 } as const
    expect(
      Network.sequential({ height: 28, width: 20, channels: 1 }, [
        Network.conv2d({ filters: 8, kernel: 5, stride: [2, 1], padding: "same" }),
        Network.relu,
        Network.conv2d({
          filters: 4,
          kernel: [3, 2],
          padding: [
            [1, 0],
            [2, 3]
          ],
          dilation: [1, 2],
          bias: false
        }),
        Network.flatten,
        Network.dense(10)
      ])
    ).type.toBe<
      Network.Network<"28x20x1 > conv2d(8, 5x5, stride 2x1, padding same) > relu > conv2d(4, 3x2, padding 1:0x2:3, dilation 1x2, no bias) > flatten > dense(10)">
    >()
    expect(Network.sequential(image, [Network.conv2d({ filters: 2, kernel: 3, padding: [1, 2] })])).type.toBe<
      Network.Network<"28x20x1 > conv2d(2, 3x3, padding 1:1x2:2)">
    >()
    expect(Network.sequential(image, [Network.conv2d({ filters: 2, kernel: 3, padding: 1 })])).type.toBe<
      Network.Network<"28x20x1 > conv2d(2, 3x3, padding 1:1x1:1)">
    >()
  })
  test("leaves the defaults of a convolution out, said or not", () => {
    const image = { height: 5, width: 4, channels: 3 } as const
    type Plain = Network.Network<"5x4x3 > conv2d(2, 3x3)">
    const options = { filters: 2, kernel: 3 } as const
    expect(Network.sequential(image, [Network.conv2d(options)])).type.toBe<Plain>()
    expect(
      Network.sequential(image, [
        Network.conv2d({ ...options, stride: 1, padding: "valid", dilation: [1, 1], bias: true })
      ])
    ).type.toBe<Plain>()
    expect(Network.sequential(image, [Network.conv2d({ ...options, padding: 0 })])).type.toBe<Plain>()
    expect(Network.sequential(image, [Network.conv2d({ ...options, padding: [0, 0] })])).type.toBe<Plain>()
  })
  test("is open where an option of a convolution is known at run time alone", () => {
    const some = 3 as number
    const image = { height: 5, width: 4, channels: 3 } as const
    expect(Network.sequential(image, [Network.conv2d({ filters: 2, kernel: some })])).type.toBe<
      Network.Network<`5x4x3 > conv2d(2, ${number}x${number})`>
    >()
    expect(Network.sequential(image, [Network.conv2d({ filters: 2, kernel: 3, stride: some })])).type.toBe<
      Network.Network<`5x4x3 > conv2d(2, 3x3${string})`>
    >()
    expect(
      Network.sequential({ ...image, height: some }, [Network.conv2d({ filters: 2, kernel: 3 })])
    ).type.toBe<Network.Network<`${number}x4x3 > conv2d(2, 3x3)`>>()
  })
  test("says every option of a convolution in groups, along a sequence, of each channel, or transposed", () => {
    const image = { height: 5, width: 4, channels: 6 } as const
    expect(
      Network.sequential(image, [
        Network.conv2d({ filters: 4, kernel: 3, groups: 2, bias: false }),
        Network.depthwiseConv2d({
          kernel: [3, 2],
          multiplier: 2,
          stride: 2,
          padding: "same",
          dilation: [1, 3]
        }),
        Network.conv2dTranspose({ filters: 3, kernel: 4, stride: 2, padding: [1, 0], outputPadding: [0, 1] })
      ])
    ).type.toBe<
      Network.Network<"5x4x6 > conv2d(4, 3x3, groups 2, no bias) > depthwiseConv2d(3x2, multiplier 2, stride 2x2, padding same, dilation 1x3) > conv2dTranspose(3, 4x4, stride 2x2, padding 1:1x0:0, output padding 0x1)">
    >()
    expect(
      Network.sequential({ length: 9, channels: 4 }, [
        Network.conv1d({ filters: 6, kernel: 3, padding: "causal", dilation: 2 }),
        Network.conv1d({ filters: 2, kernel: 2, stride: 2, padding: [1, 0], groups: 2, bias: false })
      ])
    ).type.toBe<
      Network.Network<"9x4 > conv1d(6, 3, padding causal, dilation 2) > conv1d(2, 2, stride 2, padding 1:0, groups 2, no bias)">
    >()
    expect(
      Network.sequential(image, [
        Network.conv2d({ filters: 4, kernel: 3, groups: 1 }),
        Network.depthwiseConv2d({ kernel: 3, multiplier: 1, padding: "valid" }),
        Network.conv2dTranspose({ filters: 3, kernel: 4, outputPadding: 0, bias: true })
      ])
    ).type.toBe<Network.Network<"5x4x6 > conv2d(4, 3x3) > depthwiseConv2d(3x3) > conv2dTranspose(3, 4x4)">>()
  })
  test("says every option of pooling, whose stride is its size unless said", () => {
    const image = { height: 5, width: 4, channels: 6 } as const
    expect(
      Network.sequential(image, [
        Network.maxPool2d({ size: 2, stride: 1 }),
        Network.averagePool2d({ size: [3, 2], stride: [3, 2], padding: "same" }),
        Network.globalMaxPool,
        Network.dense(2)
      ])
    ).type.toBe<
      Network.Network<"5x4x6 > maxPool2d(2x2, stride 1x1) > averagePool2d(3x2, padding same) > globalMaxPool > dense(2)">
    >()
    expect(
      Network.sequential({ length: 9, channels: 4 }, [
        Network.maxPool1d({ size: 3, padding: 1 }),
        Network.averagePool1d({ size: 2, stride: 1 }),
        Network.globalAveragePool,
        Network.dense(2)
      ])
    ).type.toBe<
      Network.Network<"9x4 > maxPool1d(3, padding 1:1) > averagePool1d(2, stride 1) > globalAveragePool > dense(2)">
    >()
    const some = 3 as number
    expect(Network.maxPool2d({ size: some }).name).type.toBe<`maxPool2d(${number}x${number})`>()
    expect(Network.maxPool2d({ size: 2, stride: some }).name).type.toBe<`maxPool2d(2x2${string})`>()
    expect(
      Network.maxPool2d({ size: some, stride: 2 }).name
    ).type.toBe<`maxPool2d(${number}x${number}${string})`>()
  })
  test("holds no layer where its input does not fit: numbers for an image, or an image for numbers", () => {
    const image = { height: 5, width: 4, channels: 3 } as const
    const convolution = Network.conv2d({ filters: 2, kernel: 3 })
    expect(Network.sequential).type.not.toBeCallableWith(image, [convolution, Network.dense(2)])
    expect(Network.sequential).type.not.toBeCallableWith(image, [convolution, Network.tanh, Network.dense(2)])
    expect(Network.sequential).type.not.toBeCallableWith(image, [Network.dense(2)])
    expect(Network.sequential).type.not.toBeCallableWith(60, [convolution])
    expect(Network.sequential).type.not.toBeCallableWith(60, [Network.dense(60), convolution])
    expect(Network.sequential).type.not.toBeCallableWith(image, [Network.flatten, convolution])
    expect(Network.sequential).type.toBeCallableWith(image, [convolution, Network.flatten, Network.dense(2)])
    expect(Network.sequential).type.toBeCallableWith(60, [Network.flatten, Network.dense(2)])
  })
  test("leaves a layer of one's own, whose type says nothing of images, to the constructor", () => {
    const own = {} as Layer.Layer<"own">
    const image = { height: 5, width: 4, channels: 3 } as const
    expect(Network.sequential(image, [own, Network.dense(2)])).type.toBe<
      Network.Network<"5x4x3 > own > dense(2)">
    >()
    expect(Network.sequential(60, [own, Network.conv2d({ filters: 2, kernel: 3 })])).type.toBe<
      Network.Network<"60 > own > conv2d(2, 3x3)">
    >()
  })
  test("is made of layers alone", () => {
    expect(Network.sequential).type.not.toBeCallableWith(784, [Network.dense])
    expect(Network.sequential).type.not.toBeCallableWith(784, ["tanh"])
    expect(Network.sequential).type.not.toBeCallableWith("784", [Network.dense(2)])
    expect(Network.sequential).type.not.toBeCallableWith([28, 28, 1], [Network.flatten, Network.dense(2)])
    expect(Network.sequential).type.not.toBeCallableWith({ height: 28, width: 28 }, [Network.flatten])
    expect(Network.dense).type.not.toBeCallableWith("64")
    expect(Network.conv2d).type.not.toBeCallableWith({ filters: 8 })
    expect(Network.conv2d).type.not.toBeCallableWith({ filters: 8, kernel: [3] })
    expect(Network.conv2d).type.not.toBeCallableWith({ filters: 8, kernel: 3, padding: "full" })
    expect(Network.conv2d).type.not.toBeCallableWith({ filters: 8, kernel: 3, padding: [1, [2, 3]] })
    expect(Network.conv2d).type.not.toBeCallableWith({ filters: 8, kernel: 3, strides: 2 })
    expect(Network.conv1d).type.not.toBeCallableWith({ filters: 8, kernel: [3, 3] })
    expect(Network.depthwiseConv2d).type.not.toBeCallableWith({ kernel: 3, filters: 2 })
    expect(Network.conv2dTranspose).type.not.toBeCallableWith({ filters: 8, kernel: 3, dilation: 2 })
    expect(Network.maxPool2d).type.not.toBeCallableWith({ kernel: 2 })
    expect(Network.averagePool1d).type.not.toBeCallableWith({ size: 2, padding: "causal" })
    expect(Network.sequential).type.not.toBeCallableWith({ length: 9, channels: 4 }, [
      Network.maxPool2d({ size: 2 }),
      Network.flatten,
      Network.dense(2)
    ])
    expect(Conditional.make).type.not.toBeCallableWith(network, "categorical")
  })
})

describe("what an Effect fails with and needs", () => {
  type Data = Errors.DataFailure | Errors.ShapeMismatch | Errors.NonFinite | Errors.InvalidArgument
  type Labels = Errors.MissingLabels | Errors.InvalidLabel
  type Sampled = Labels | Errors.NoClosedForm
  type Average = Data | Errors.TensorFailure | Errors.EmptyData
  type Snapshots = Errors.SnapshotMismatch | Errors.SnapshotFailure | Errors.SnapshotCorrupt
  type Solve = Errors.NotPositiveDefinite | Errors.NotConverged
  type Op = Structure.OperationsOf<typeof Structure.kfac>

  test("Fisher.estimate", () => {
    expect(Fisher.estimate(digits, params, Structure.kfac)).type.toBe<
      Effect.Effect<
        Fisher.Fisher<S, Op>,
        Average | Sampled | Snapshots | Solve,
        DataSource | Sampler | Device
      >
    >()
    expect<Fisher.EstimateError>().type.toBe<Average | Sampled | Snapshots>()
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
  test("Conditional.klDivergence needs labels where the likelihood weighs by them, Conditional.predict no data source", () => {
    expect(Conditional.klDivergence(digits, params, params)).type.toBe<
      Effect.Effect<number, Average | Sampled, DataSource | Device>
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
    const settings = { learningRate: 1, structure: Structure.kfac, damping: Damping.factored(1) }
    expect(Training.run(digits, params, settings)).type.toBe<
      Stream.Stream<Training.Report<S>, Average | Sampled | Snapshots | Solve, DataSource | Sampler | Device>
    >()
    expect<Training.TrainingError>().type.toBe<Average | Sampled | Snapshots | Solve>()
    expect<Fisher.OperationError>().type.toBe<
      Solve | Errors.InvalidArgument | Errors.ShapeMismatch | Errors.NonFinite
    >()
  })
})
