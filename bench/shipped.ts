/** A training step of the MLP 784-512-512-10 at batch 256: by natgrad's gradient, and by tfjs's own optimiser on its wasm backend as shipped. */
import * as tf from "@tensorflow/tfjs"
import { Effect } from "effect"
import { Conditional, Params } from "../src/index.ts"
import { lossOf, parametersOf, perceptron, shippedOn } from "./tfjs.ts"
import { timed } from "./turns.ts"
import { problemOf } from "./workloads.ts"

const learningRate = 1e-3

export const shipped = Effect.gen(function* () {
  const { conditional, data, params, x, y } = yield* problemOf("t")
  const { features } = conditional.network
  const gradient = Conditional.gradient(conditional, params).pipe(Effect.provideContext(data))
  const step = Effect.map(gradient, (g) => {
    const values = new Float32Array(params.values.length)
    for (let i = 0; i < values.length; i++) values[i] = params.values[i]! - learningRate * g.values[i]!
    return Params.make(params.space, values)
  })
  const forward = perceptron(tf.relu)
  // As its user has it: variables that stay on the device, and a new batch for each step.
  const variables = yield* shippedOn(
    "wasm",
    Effect.acquireRelease(
      Effect.sync(() => tf.tidy(() => parametersOf(params).map((part) => tf.variable(part)))),
      (all) => Effect.sync(() => tf.dispose(all))
    )
  )
  const optimizer = tf.train.sgd(learningRate)
  const byTfjs = Effect.sync(() =>
    tf.tidy(() => {
      const inputs = tf.tensor2d(x, [y.length, features])
      optimizer.minimize(() => lossOf(forward(inputs, variables), y), true, variables)!.dataSync()
    })
  )
  return [
    timed({ workload: "t", what: "step", sampler: "-" }, step),
    shippedOn("wasm", timed({ workload: "t", what: "tfjs step", sampler: "-", device: "wasm" }, byTfjs))
  ]
})
