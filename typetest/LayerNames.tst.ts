/** The names of normalisations, embeddings, masks and pointwise layers in the type of a network. */
import { describe, expect, test } from "tstyche"
import { Network } from "../src/index.ts"

const sequence = { length: 4, channels: 6 } as const
const some = 2 as number
const flag = true as boolean

describe("the type of a network says", () => {
  test("the options of a normalisation that are not the default", () => {
    expect(
      Network.sequential(sequence, [
        Network.layerNorm(),
        Network.layerNorm({}),
        Network.layerNorm({ epsilon: 0.001, scale: true, shift: true }),
        Network.layerNorm({ epsilon: 1e-5, scale: false, shift: false }),
        Network.rmsNorm(),
        Network.rmsNorm({ epsilon: 0.01 }),
        Network.groupNorm({ groups: 3 }),
        Network.groupNorm({ groups: 2, shift: false })
      ])
    ).type.toBe<
      Network.Network<"4x6 > layerNorm > layerNorm > layerNorm > layerNorm(epsilon 0.00001, no scale, no shift) > rmsNorm > rmsNorm(epsilon 0.01) > groupNorm(3) > groupNorm(2, no shift)">
    >()
  })
  test("that a batch normalisation has statistics", () => {
    expect(
      Network.sequential(2, [Network.batchNorm({ mean: [0, 1], variance: [1, 2], epsilon: 0.01 })])
    ).type.toBe<Network.Network<`2 > batchNorm(${string})`>>()
  })
  test("tokens, positions and masks", () => {
    expect(
      Network.sequential(4, [
        Network.embedding({ vocabulary: 10, size: 3 }),
        Network.positionalEmbedding,
        Network.masking({ value: -1.5 }),
        Network.dense(2)
      ])
    ).type.toBe<Network.Network<"4 > embedding(10, 3) > positionalEmbedding > masking(-1.5) > dense(2)">>()
    expect(Network.sequential(4, [Network.embedding({ vocabulary: 10, size: 3, padding: 0 })])).type.toBe<
      Network.Network<"4 > embedding(10, 3, padding 0)">
    >()
  })
  test("rates, slopes and shapes", () => {
    expect(
      Network.sequential(6, [
        Network.dropout(0.5),
        Network.leakyRelu(0.2),
        Network.reshape({ length: 2, channels: 3 }),
        Network.softmax,
        Network.reshape({ height: 3, width: 1, channels: 2 }),
        Network.reshape(6),
        Network.dense(2)
      ])
    ).type.toBe<
      Network.Network<"6 > dropout(0.5) > leakyRelu(0.2) > reshape(2x3) > softmax > reshape(3x1x2) > reshape(6) > dense(2)">
    >()
  })
  test("the activations", () => {
    expect(
      Network.sequential(1, [
        Network.elu,
        Network.relu6,
        Network.selu,
        Network.silu,
        Network.softsign,
        Network.dense(2)
      ])
    ).type.toBe<Network.Network<"1 > elu > relu6 > selu > silu > softsign > dense(2)">>()
  })
  test("nothing of what is known at run time alone", () => {
    expect(Network.sequential(sequence, [Network.layerNorm({ epsilon: some })])).type.toBe<
      Network.Network<`4x6 > layerNorm${string}`>
    >()
    expect(Network.sequential(sequence, [Network.layerNorm({ scale: flag })])).type.toBe<
      Network.Network<`4x6 > layerNorm${string}`>
    >()
    expect(Network.sequential(sequence, [Network.groupNorm({ groups: some })])).type.toBe<
      Network.Network<`4x6 > groupNorm${string}`>
    >()
    expect(Network.sequential(4, [Network.embedding({ vocabulary: some, size: 3 })])).type.toBe<
      Network.Network<`4 > embedding${string}`>
    >()
    expect(Network.sequential(4, [Network.dropout(some), Network.dense(2)])).type.toBe<
      Network.Network<`4 > dropout(${number}) > dense(2)`>
    >()
  })
})

describe("the compiler refuses", () => {
  test("options that are none", () => {
    expect(Network.layerNorm).type.not.toBeCallableWith({ center: true })
    expect(Network.rmsNorm).type.not.toBeCallableWith({ scale: false })
    expect(Network.groupNorm).type.not.toBeCallableWith({ groups: 2, axis: 1 })
    expect(Network.groupNorm).type.not.toBeCallableWith({})
    expect(Network.batchNorm).type.not.toBeCallableWith({ mean: [0] })
    expect(Network.batchNorm).type.not.toBeCallableWith({ mean: [0], variance: [1], momentum: 0.9 })
    expect(Network.embedding).type.not.toBeCallableWith({ vocabulary: 10 })
    expect(Network.embedding).type.not.toBeCallableWith({ vocabulary: 10, size: 3, maskZero: true })
    expect(Network.masking).type.not.toBeCallableWith({})
    expect(Network.dropout).type.not.toBeCallableWith("0.5")
    expect(Network.reshape).type.not.toBeCallableWith([2, 3])
  })
  test("layers where their input does not fit", () => {
    const embedding = Network.embedding({ vocabulary: 10, size: 3 })
    expect(Network.sequential).type.not.toBeCallableWith(sequence, [embedding])
    expect(Network.sequential).type.not.toBeCallableWith(4, [Network.positionalEmbedding])
    expect(Network.sequential).type.not.toBeCallableWith(4, [Network.masking({ value: 0 })])
    expect(Network.sequential).type.not.toBeCallableWith(4, [embedding, embedding])
    expect(Network.sequential).type.not.toBeCallableWith(6, [
      Network.reshape({ length: 2, channels: 3 }),
      Network.conv2d({ filters: 2, kernel: 1 })
    ])
    expect(Network.sequential).type.toBeCallableWith(6, [
      Network.reshape({ height: 2, width: 1, channels: 3 }),
      Network.conv2d({ filters: 2, kernel: 1 })
    ])
  })
})
