/**
 * Models of tfjs's layers as conditionals: what is read from them is the same function, to float32 rounding, and what is written back is
 * what was computed. tfjs itself is the oracle of functions and gradients, float64 that of the last layer's Fisher.
 */
import { fileURLToPath } from "node:url"
import * as tf from "@tensorflow/tfjs"
import { Effect, Stream } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import {
  Conditional,
  Damping,
  DataSource,
  Device,
  Fisher,
  Idx,
  Likelihood,
  Params,
  Sampler,
  Structure,
  Training
} from "../src/index.ts"
import { generator } from "./oracle/random.ts"

const runs = <A, E>(program: Effect.Effect<A, E, Device>): Promise<A> =>
  Effect.runPromise(program.pipe(Effect.provide(Device.wasm)))

/** The largest difference, and for controls the same with something wrong. */
const gap = (ours: ArrayLike<number>, due: ArrayLike<number>): number => {
  expect(ours.length).toBe(due.length)
  let most = 0
  for (let i = 0; i < due.length; i++) {
    const difference = Math.abs(ours[i]! - due[i]!)
    most = Number.isFinite(difference) ? Math.max(most, difference) : Number.POSITIVE_INFINITY
  }
  return most
}

/** Weights that are no round numbers and no zeros: biases, scales and statistics too. */
const randomise = (model: tf.LayersModel, seed: number): void => {
  const random = generator(seed)
  for (const layer of model.layers) {
    const weights = layer.getWeights().map((weight, i) => {
      const values = random.normals(weight.size).map((value) => 0.3 * value)
      const variance = layer.getClassName() === "BatchNormalization" && i === layer.getWeights().length - 1
      return tf.tensor(
        Float32Array.from(values, (value) => (variance ? 0.5 + Math.abs(value) : value)),
        weight.shape
      )
    })
    layer.setWeights(weights)
    tf.dispose(weights)
  }
}

const input = (model: tf.LayersModel, examples: number, ids?: number) => {
  const shape = model.inputs[0]!.shape.slice(1) as Array<number>
  const size = shape.reduce((product, side) => product * side, 1)
  const values = generator(5).normals(examples * size)
  const x = Float32Array.from(values, (value) =>
    ids === undefined ? value : Math.min(ids - 1, Math.floor(Math.abs(value) * ids))
  )
  return { x, size, tensor: () => tf.tensor(x, [examples, ...shape]) }
}

beforeAll(() => tf.setBackend("cpu"))
afterAll(() => tf.disposeVariables())

/** z of every example, by tfjs and by natgrad. */
const bothOutputs = async (model: tf.LayersModel, ids?: number) => {
  const examples = 5
  const { size, tensor, x } = input(model, examples, ids)
  const due = tf.tidy(() => (model.predict(tensor()) as tf.Tensor).dataSync().slice())
  const { conditional, params } = await Effect.runPromise(
    Conditional.fromLayersModel(model, Likelihood.gaussian({ variance: 1 }))
  )
  const ours = await runs(
    Conditional.predict(conditional, params, { data: x, shape: [examples, size] })
  )
  return { ours, due, conditional, params }
}

const l = tf.layers
const models: Readonly<Record<string, { readonly make: () => tf.LayersModel; readonly ids?: number }>> = {
  "two convolutions and dense layers": {
    make: () =>
      tf.sequential({
        layers: [
          l.conv2d({ inputShape: [8, 7, 2], filters: 4, kernelSize: [3, 2], padding: "same", strides: [2, 1] }),
          l.conv2d({ filters: 3, kernelSize: 2, dilationRate: [1, 2], activation: "tanh", useBias: false }),
          l.flatten(),
          l.dropout({ rate: 0.5 }),
          l.dense({ units: 4, activation: "relu" }),
          l.dense({ units: 3 })
        ]
      })
  },
  "dense with every activation": {
    make: () =>
      tf.sequential({
        layers: [
          l.dense({ inputShape: [5], units: 4, activation: "relu" }),
          ...(["elu", "selu", "sigmoid", "softplus", "softsign", "tanh", "gelu", "swish", "relu6"] as const)
            .filter((name) => name !== "selu")
            .map((activation) => l.dense({ units: 4, activation: activation as "relu" })),
          l.leakyReLU({ alpha: 0.2 }),
          l.dense({ units: 3, useBias: false }),
          l.softmax(),
          l.dense({ units: 2 })
        ]
      })
  },
  "convolutions, pooling and normalisation": {
    make: () =>
      tf.sequential({
        layers: [
          l.conv2d({ inputShape: [8, 7, 2], filters: 4, kernelSize: [3, 2], padding: "same", strides: [2, 1] }),
          l.batchNormalization(),
          l.reLU(),
          l.maxPooling2d({ poolSize: 2, padding: "same" }),
          l.depthwiseConv2d({ kernelSize: [1, 2], depthMultiplier: 2, activation: "tanh" }),
          l.averagePooling2d({ poolSize: [2, 1], strides: [1, 1] }),
          l.separableConv2d({ filters: 3, kernelSize: 2, padding: "same", activation: "tanh" }),
          l.layerNormalization(),
          l.conv2dTranspose({ filters: 2, kernelSize: 3, strides: 2, padding: "same" }),
          l.globalAveragePooling2d({}),
          l.dense({ units: 3 })
        ]
      })
  },
  "sequences": {
    make: () =>
      tf.sequential({
        layers: [
          l.embedding({ inputDim: 6, outputDim: 3, inputLength: 7 }),
          l.conv1d({ filters: 4, kernelSize: 3, padding: "same", activation: "tanh" }),
          l.maxPooling1d({ poolSize: 2 }),
          l.timeDistributed({ layer: l.dense({ units: 5, activation: "tanh" }) }),
          l.dense({ units: 2 }),
          l.globalMaxPooling1d(),
          l.reshape({ targetShape: [2, 1] }),
          l.flatten(),
          l.dense({ units: 4 })
        ]
      }),
    ids: 6
  },
  "a functional model with branches, a layer used twice and a model inside": {
    make: () => {
      const x = tf.input({ shape: [4] })
      const twice = l.dense({ units: 4, activation: "tanh" })
      const inner = tf.sequential({ layers: [l.dense({ inputShape: [4], units: 3 }), l.elu()] })
      const once = twice.apply(x) as tf.SymbolicTensor
      const sum = l.add().apply([once, x]) as tf.SymbolicTensor
      const again = twice.apply(sum) as tf.SymbolicTensor
      const product = l.multiply().apply([again, once]) as tf.SymbolicTensor
      const both = l.concatenate().apply([product, inner.apply(sum) as tf.SymbolicTensor]) as tf.SymbolicTensor
      return tf.model({ inputs: x, outputs: l.dense({ units: 2 }).apply(both) as tf.SymbolicTensor })
    }
  }
}

describe("a model of tfjs as a conditional", () => {
  for (const [name, { ids, make }] of Object.entries(models)) {
    it(`${name}: z is model.predict to 1e-5; control: one weight off by 1e-2`, async () => {
      const model = make()
      randomise(model, 3)
      const { conditional, due, ours, params } = await bothOutputs(model, ids)
      expect(gap(ours, due)).toBeLessThan(1e-5)
      const other = params.values.slice()
      other[other.length - 1]! += 1e-2
      const { size, x } = input(model, 5, ids)
      const wrong = await runs(
        Conditional.predict(conditional, Params.make(params.space, other), { data: x, shape: [5, size] })
      )
      expect(gap(wrong, due)).toBeGreaterThan(1e-5)
    })
  }
})
