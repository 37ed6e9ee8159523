/** A function of one's own in the types: its tensors, its name, and the structures that it has none of the factors for. */
import * as tf from "@tensorflow/tfjs"
import { describe, expect, test } from "tstyche"
import {
  Conditional,
  Damping,
  Fisher,
  Likelihood,
  Network,
  type Params,
  Structure,
  Training
} from "../src/index.ts"

const likelihood = Likelihood.gaussian({ variance: 1 })
const affine = Conditional.fromFunction(
  {
    name: "affine",
    parameters: { kernel: [3, 4], bias: [4], scale: [], cube: [2, 3, 4], five: [1, 1, 1, 1, 2] },
    features: 3,
    outputs: 4,
    f: ({ bias, cube, five, kernel, scale }, x) => {
      expect(kernel).type.toBe<tf.Tensor2D>()
      expect(bias).type.toBe<tf.Tensor1D>()
      expect(scale).type.toBe<tf.Scalar>()
      expect(cube).type.toBe<tf.Tensor3D>()
      expect(five).type.toBe<tf.Tensor>()
      expect(x).type.toBe<tf.Tensor2D>()
      return tf.add(tf.matMul(x, kernel), bias)
    }
  },
  likelihood
)
type S = `function affine(${string}): 3 > 4`
declare const params: Params.Params<S>
const layered = Conditional.make(Network.sequential(3, [Network.dense(4)]), likelihood)
const layeredParams = Conditional.init(layered, { seed: 0 })

describe("fromFunction", () => {
  test("has the name, the features and the outputs in its type", () => {
    expect(affine).type.toBe<Conditional.Conditional<S>>()
    expect(Conditional.init(affine, { seed: 0 })).type.toBe<Params.Params<S>>()
    expect(Conditional.gradient).type.not.toBeCallableWith(layered, params)
    expect(Conditional.gradient).type.not.toBeCallableWith(affine, layeredParams)
  })
  test("takes an f of its own parameters that gives a tensor, and first values of them alone", () => {
    const options = { name: "f", parameters: { w: [3] }, features: 3, outputs: 1 } as const
    const f = (_: { readonly w: tf.Tensor1D }, x: tf.Tensor2D) => x
    expect(Conditional.fromFunction).type.toBeCallableWith({ ...options, f }, likelihood)
    expect(Conditional.fromFunction).type.toBeCallableWith(
      { ...options, f, initial: { w: [1, 2, 3] } },
      likelihood
    )
    expect(Conditional.fromFunction).type.not.toBeCallableWith(
      { ...options, f, initial: { v: [1] } },
      likelihood
    )
    expect(Conditional.fromFunction).type.not.toBeCallableWith(
      { ...options, f: async () => tf.zeros([1]) },
      likelihood
    )
    expect(Conditional.fromFunction).type.not.toBeCallableWith({ ...options, f: () => 3 }, likelihood)
    expect(Conditional.fromFunction).type.not.toBeCallableWith(
      { ...options, f: (_: { readonly v: tf.Tensor1D }, x: tf.Tensor2D) => x },
      likelihood
    )
  })
})

describe("a structure without layer factors", () => {
  test("is taken of a function", () => {
    expect(Fisher.estimate).type.toBeCallableWith(affine, params, Structure.dense)
    expect(Fisher.estimate).type.toBeCallableWith(affine, params, Structure.diagonal)
    expect(Fisher.estimate).type.toBeCallableWith(affine, params, Structure.gram)
    expect(Fisher.estimate).type.toBeCallableWith(affine, params, Structure.blockDiagonal)
    expect(Fisher.estimate).type.toBeCallableWith(affine, params, Structure.quasiDiagonal)
    expect(Fisher.estimate).type.toBeCallableWith(
      affine,
      params,
      Structure.mixed([Structure.dense, Structure.gram])
    )
    expect(Fisher.accumulate).type.toBeCallableWith(affine, params, Structure.dense)
    expect(Fisher.estimateWithErrors).type.toBeCallableWith(affine, params, Structure.dense)
    expect(Training.run).type.toBeCallableWith(affine, params, {
      learningRate: 1,
      damping: Damping.absolute(1),
      structure: Structure.dense
    })
  })
})

describe("a structure of layer factors", () => {
  const mixed = Structure.mixed([Structure.dense, Structure.kfac])
  const twice = Structure.mixed([Structure.dense, Structure.ekfac])
  test("is not taken of a function", () => {
    expect(Fisher.estimate).type.not.toBeCallableWith(affine, params, Structure.kfac)
    expect(Fisher.estimate).type.not.toBeCallableWith(affine, params, Structure.kfacReduce)
    expect(Fisher.estimate).type.not.toBeCallableWith(affine, params, Structure.ekfac)
    expect(Fisher.estimate).type.not.toBeCallableWith(affine, params, Structure.ekfacReduce)
    expect(Fisher.estimate).type.not.toBeCallableWith(affine, params, mixed)
    expect(Fisher.estimate).type.not.toBeCallableWith(affine, params, twice)
    expect(Fisher.accumulate).type.not.toBeCallableWith(affine, params, Structure.kfac)
    expect(Fisher.estimateWithErrors).type.not.toBeCallableWith(affine, params, Structure.kfac)
    expect(Fisher.estimateWithErrors).type.not.toBeCallableWith(affine, params, Structure.ekfac)
    expect(Training.run).type.not.toBeCallableWith(affine, params, {
      learningRate: 1,
      damping: Damping.absolute(1),
      structure: Structure.kfac
    })
  })
  test("is taken of layers", () => {
    expect(Fisher.estimate).type.toBeCallableWith(layered, layeredParams, Structure.kfac)
    expect(Fisher.estimate).type.toBeCallableWith(layered, layeredParams, Structure.ekfacReduce)
    expect(Fisher.estimate).type.toBeCallableWith(layered, layeredParams, mixed)
    expect(Fisher.accumulate).type.toBeCallableWith(layered, layeredParams, Structure.kfac)
    expect(Fisher.estimateWithErrors).type.toBeCallableWith(layered, layeredParams, twice)
    expect(Training.run).type.toBeCallableWith(layered, layeredParams, {
      learningRate: 1,
      damping: Damping.factored(1),
      structure: Structure.kfac
    })
  })
})
