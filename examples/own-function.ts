/**
 * A function of one's own in place of a network: a damped oscillation y = h exp(-k t) cos(w t + p) + noise, fitted by natural gradient.
 * F^-1 / N, with F at the fit, is the covariance of the fit: its diagonal gives the standard errors of the four numbers.
 */
import * as tf from "@tensorflow/tfjs"
import { Effect, Result } from "effect"
import {
  Conditional,
  Cotangent,
  Damping,
  DataSource,
  Device,
  Distributions,
  Fisher,
  Key,
  Likelihood,
  NaturalGradient,
  Sampler,
  Structure
} from "natgrad"

export const truth = { height: 2, rate: 0.3, frequency: 2.5, phase: 0.5 }
export const times = Array.from({ length: 200 }, (_, n) => n / 20)
const key = Key.make(4)
const y = times.map((t, n) => [
  truth.height * Math.exp(-truth.rate * t) * Math.cos(truth.frequency * t + truth.phase) +
    0.1 * Distributions.normal(Key.uniform(key, n, 0))
])

const oscillation = Conditional.fromFunction(
  {
    name: "oscillation",
    parameters: { height: [], rate: [], frequency: [], phase: [] },
    features: 1,
    outputs: 1,
    f: ({ frequency, height, phase, rate }, t) =>
      tf.mul(tf.mul(height, tf.exp(tf.neg(tf.mul(rate, t)))), tf.cos(tf.add(tf.mul(frequency, t), phase))),
    initial: { height: [1], rate: [0.1], frequency: [2.3], phase: [0] }
  },
  Likelihood.gaussian({ variance: 0.01 })
)
const { space } = oscillation.network
const undamped = Damping.absolute(0)

/** A step is at most 2 nats an example: far from the fit, F at a point says little of what is farther away. */
const step = { learningRate: 1, damping: undamped, maxKL: 2 }

export const program = Effect.gen(function* () {
  let params = Conditional.init(oscillation, { seed: 0 })
  const losses: Array<number> = []
  for (let i = 0; i < 12; i++) {
    const { gradient, loss } = yield* Conditional.lossAndGradient(oscillation, params)
    const fisher = yield* Fisher.estimate(oscillation, params, Structure.dense)
    params = (yield* Effect.fromResult(NaturalGradient.step(params, gradient, fisher, step))).params
    losses.push(loss)
  }
  const fisher = yield* Fisher.estimate(oscillation, params, Structure.dense)
  const errors = space.blocks.map((_, i) => {
    const unit = Cotangent.make(space, [0, 0, 0, 0].with(i, 1))
    return Math.sqrt(Result.getOrThrow(Fisher.solve(fisher, unit, undamped)).values[i]! / times.length)
  })
  return { losses, fitted: Array.from(params.values), errors }
}).pipe(
  Effect.provide([
    DataSource.fromArrays({ x: times.map((t) => [t]), y, batchSize: 64 }),
    Sampler.exact,
    Device.wasm
  ])
)

if (import.meta.main) console.log(await Effect.runPromise(program))
