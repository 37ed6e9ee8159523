/** What the tests of tfjs's layers models share: a model, weights and inputs, and how far two outputs are apart. */
import * as tf from "@tensorflow/tfjs"
import { Effect } from "effect"
import { expect } from "vitest"
import { Device } from "../../src/index.ts"
import { generator } from "../oracle/random.ts"

export const runs = <A, E>(program: Effect.Effect<A, E, Device>): Promise<A> =>
  Effect.runPromise(program.pipe(Effect.provide(Device.wasm)))

/** The largest difference, and for controls the same with something wrong. */
export const gap = (ours: ArrayLike<number>, due: ArrayLike<number>): number => {
  expect(ours.length).toBe(due.length)
  let most = 0
  for (let i = 0; i < due.length; i++) {
    const difference = Math.abs(ours[i]! - due[i]!)
    most = Number.isFinite(difference) ? Math.max(most, difference) : Number.POSITIVE_INFINITY
  }
  return most
}

/** Weights that are no round numbers and no zeros: biases, scales and statistics too. */
export const randomise = (model: tf.LayersModel, seed: number): void => {
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

export const input = (model: tf.LayersModel, examples: number, ids?: number) => {
  const shape = model.inputs[0]!.shape.slice(1) as Array<number>
  const size = shape.reduce((product, side) => product * side, 1)
  const values = generator(5).normals(examples * size)
  const x = Float32Array.from(values, (value) =>
    ids === undefined ? value : Math.min(ids - 1, Math.floor(Math.abs(value) * ids))
  )
  return { x, size, tensor: () => tf.tensor(x, [examples, ...shape]) }
}

const l = tf.layers

/** Images that are padded, enlarged and cropped. */
export const enlarged = () =>
  tf.sequential({
    layers: [
      l.zeroPadding2d({
        inputShape: [3, 4, 2],
        padding: [
          [1, 0],
          [2, 3]
        ]
      }),
      l.conv2d({ filters: 3, kernelSize: 2, activation: "tanh" }),
      l.upSampling2d({ size: [2, 3] }),
      l.cropping2D({
        cropping: [
          [0, 1],
          [2, 1]
        ]
      }),
      l.conv2d({ filters: 2, kernelSize: 3, strides: 2, activation: "tanh" }),
      l.flatten(),
      l.dense({ units: 2 })
    ]
  })
