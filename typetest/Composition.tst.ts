/** Layers made of layers say what they are made of, and are refused where their parts cannot fit. */
import { describe, expect, test } from "tstyche"
import { Network } from "../src/index.ts"

const {
  add,
  concatenate,
  dense,
  flatten,
  multiply,
  relu,
  residual,
  selfAttention,
  sequential,
  shared,
  tanh
} = Network
const { transposed } = Network
const image = { height: 4, width: 3, channels: 2 } as const
const sequence = { length: 4, channels: 6 } as const

describe("a network's type says its composition", () => {
  test("residuals and branches, inside each other", () => {
    expect(
      sequential(3, [
        residual([dense(4), tanh, dense(3)]),
        concatenate([[dense(2), relu], []]),
        add([[dense(4)], [residual([tanh]), dense(4)]]),
        multiply([[dense(2)], [dense(2, { bias: false })], [dense(2)]])
      ])
    ).type.toBe<
      Network.Network<"3 > residual(dense(4) > tanh > dense(3)) > concatenate(dense(2) > relu | identity) > add(dense(4) | residual(tanh) > dense(4)) > multiply(dense(2) | dense(2, no bias) | dense(2))">
    >()
  })
  test("attention with its options that are not the default", () => {
    expect(
      sequential(sequence, [
        selfAttention({ heads: 2 }),
        selfAttention({ heads: 3, keySize: 4, causal: true, bias: false }),
        selfAttention({ heads: 3, causal: false, bias: true })
      ])
    ).type.toBe<
      Network.Network<"4x6 > selfAttention(heads 2) > selfAttention(heads 3, key size 4, causal, no bias) > selfAttention(heads 3)">
    >()
    const some = 3 as number
    expect(sequential(sequence, [selfAttention({ heads: some })])).type.toBe<
      Network.Network<`4x6 > selfAttention${string}`>
    >()
  })
  test("shared and transposed layers", () => {
    expect(sequential(3, [shared("tied", dense(4, { bias: false })), tanh, transposed("tied")])).type.toBe<
      Network.Network<"3 > shared(tied, dense(4, no bias)) > tanh > transposed(tied)">
    >()
  })
  test("is open where the layers are known at run time alone", () => {
    const layers = [dense(3), dense(3)]
    expect(sequential(3, [residual(layers)])).type.toBe<Network.Network<`3 > residual(${string})`>>()
  })
})

describe("the compiler refuses", () => {
  test("a residual that ends in another form", () => {
    expect(residual).type.not.toBeCallableWith([Network.conv2d({ filters: 2, kernel: 1 }), flatten])
    expect(residual).type.toBeCallableWith([Network.conv2d({ filters: 2, kernel: 1 })])
  })
  test("branches that end in other forms", () => {
    expect(add).type.not.toBeCallableWith([[Network.conv2d({ filters: 2, kernel: 1 })], [flatten]])
    expect(concatenate).type.not.toBeCallableWith([[selfAttention({ heads: 2 })], [flatten, dense(3)]])
    expect(add).type.toBeCallableWith([
      [flatten, dense(2)],
      [dense(3), flatten, dense(2)]
    ])
  })
  test("a composition in a place where a part of it cannot stand", () => {
    expect(sequential).type.not.toBeCallableWith(image, [residual([dense(2)])])
    expect(sequential).type.not.toBeCallableWith(6, [residual([selfAttention({ heads: 2 })])])
    expect(sequential).type.not.toBeCallableWith(image, [flatten, add([[selfAttention({ heads: 2 })], []])])
    expect(sequential).type.not.toBeCallableWith(6, [shared("a", selfAttention({ heads: 2 }))])
    expect(sequential).type.not.toBeCallableWith(image, [transposed("a")])
    expect(sequential).type.toBeCallableWith(sequence, [
      residual([selfAttention({ heads: 2 })]),
      flatten,
      dense(2)
    ])
  })
  test("an option that is none", () => {
    expect(selfAttention).type.not.toBeCallableWith({ heads: 2, head: 3 })
    expect(selfAttention).type.not.toBeCallableWith({ causal: true })
  })
})
