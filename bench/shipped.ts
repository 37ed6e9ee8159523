/** The gradient of the MLP 784-512-512-10 at batch 256, by natgrad and by tfjs's own wasm backend as it is shipped. */
import * as tf from "@tensorflow/tfjs"
import { Effect, Layer } from "effect"
import { Conditional, DataSource, Key, Likelihood, Network } from "../src/index.ts"

const [examples, features, hidden, classes] = [256, 784, 512, 10]

const shapes: ReadonlyArray<readonly [number, number]> = [
  [features, hidden],
  [hidden, hidden],
  [hidden, classes]
]

/** The mean cross-entropy and its gradients by tfjs, read out: what a step of any optimiser begins with. */
const byTfjs = (values: Float32Array, x: Float32Array, y: ReadonlyArray<number>) => {
  const own = tf.getBackend()
  tf.setBackend("wasm")
  let at = 0
  const parameters = shapes.flatMap(([rows, columns]) => {
    const kernel = tf.tensor2d(values.subarray(at, at + rows * columns), [rows, columns])
    const bias = tf.tensor1d(values.subarray(at + rows * columns, at + (rows + 1) * columns))
    at += (rows + 1) * columns
    return [kernel, bias]
  })
  const loss = (...of: Array<tf.Tensor>) => {
    let a: tf.Tensor = tf.tensor2d(x, [examples, features])
    for (const [layer] of shapes.entries()) {
      const s = tf.add(tf.matMul(a as tf.Tensor2D, of[2 * layer] as tf.Tensor2D), of[2 * layer + 1]!)
      a = layer === shapes.length - 1 ? s : tf.relu(s)
    }
    return tf.losses.softmaxCrossEntropy(tf.oneHot(tf.tensor1d([...y], "int32"), classes), a) as tf.Scalar
  }
  tf.tidy(() => {
    for (const gradient of tf.grads(loss)(parameters)) gradient.dataSync()
  })
  tf.dispose(parameters)
  tf.setBackend(own)
}

export const shipped = Effect.gen(function* () {
  const conditional = Conditional.make(
    Network.sequential(features, [
      Network.dense(hidden),
      Network.relu,
      Network.dense(hidden),
      Network.relu,
      Network.dense(classes)
    ]),
    Likelihood.categorical
  )
  const params = Conditional.init(conditional, { seed: 1 })
  const key = Key.make(2)
  const x = Float32Array.from({ length: examples * features }, (_, i) => Key.uniform(key, i, 0))
  const y = Array.from({ length: examples }, (_, n) => n % classes)
  const data = yield* Layer.build(DataSource.fromArrays({ x: { data: x, shape: [examples, features] }, y }))
  const gradient = Conditional.gradient(conditional, params).pipe(Effect.provideContext(data))
  return [
    { workload: "t", what: "gradient", sampler: "-", run: gradient },
    {
      workload: "t",
      what: "tfjs shipped",
      sampler: "-",
      run: Effect.sync(() => byTfjs(params.values, x, y))
    }
  ]
})
