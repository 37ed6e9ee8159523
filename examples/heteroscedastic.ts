/**
 * Heteroscedastic regression: a network gives the mean and the log-variance of y, so that it knows where the data is noisy.
 *
 * y = sin(2 x) + (0.05 + 0.3 |x|) noise. Natural gradient steps with the exact Fisher, which is diag(1 / sigma^2, 1/2) at the outputs; then
 * the noise that the network says, beside the true one, and how many of fresh y lie within two of its standard deviations.
 */
import { Effect } from "effect"
import {
  Conditional,
  Damping,
  DataSource,
  Device,
  Distributions,
  Fisher,
  Key,
  Likelihood,
  NaturalGradient,
  Network,
  Sampler,
  Structure
} from "natgrad"

const key = Key.make(3)
const noise = (x: number): number => 0.05 + 0.3 * Math.abs(x)

const observations = (count: number, part: number) =>
  Array.from({ length: count }, (_, n) => {
    const own = Key.fold(Key.fold(key, part), n)
    const x = 4 * Key.uniform(own, 0, 0) - 2
    return { x, y: Math.sin(2 * x) + noise(x) * Distributions.normal(Key.uniform(own, 0, 1)) }
  })

const seen = observations(1000, 0)
const fresh = observations(1000, 1)

const regression = Conditional.make(
  Network.sequential(1, [Network.dense(24), Network.tanh, Network.dense(2)]),
  Likelihood.heteroscedasticGaussian
)

const steps = 60

export const program = Effect.gen(function* () {
  let params = Conditional.init(regression, { seed: 0 })
  const before = yield* Conditional.negativeLogLikelihood(regression, params)
  for (let round = 0; round < steps; round++) {
    const gradient = yield* Conditional.gradient(regression, params)
    const fisher = yield* Fisher.estimate(regression, params, Structure.dense, { round })
    const step = yield* Effect.fromResult(
      NaturalGradient.step(params, gradient, fisher, {
        learningRate: 1,
        damping: Damping.absolute(1e-3),
        maxKL: 0.05
      })
    )
    params = step.params
  }
  const after = yield* Conditional.negativeLogLikelihood(regression, params)
  const points = [-1.5, -0.75, 0, 0.75, 1.5]
  const outputs = yield* Conditional.predict(
    regression,
    params,
    points.map((x) => [x])
  )
  const at = yield* Conditional.predict(
    regression,
    params,
    fresh.map(({ x }) => [x])
  )
  const within = fresh.filter(({ y }, n) => Math.abs(y - at[2 * n]!) <= 2 * Math.exp(at[2 * n + 1]! / 2))
  return {
    before,
    after,
    noise: points.map((x, i) => ({ x, found: Math.exp(outputs[2 * i + 1]! / 2), due: noise(x) })),
    /** 95.4 % if the noise is right. */
    withinTwoDeviations: within.length / fresh.length
  }
}).pipe(
  Effect.provide([
    DataSource.fromArrays({ x: seen.map(({ x }) => [x]), y: seen.map(({ y }) => y) }),
    Sampler.exact,
    Device.wasm
  ])
)

if (import.meta.main) {
  const { after, before, noise, withinTwoDeviations } = await Effect.runPromise(program)
  console.log(
    `negative log-likelihood: ${before.toFixed(3)} before, ${after.toFixed(3)} after ${steps} steps`
  )
  for (const { due, found, x } of noise)
    console.log(`noise at x = ${x}: ${found.toFixed(2)} found, ${due.toFixed(2)} true`)
  console.log(`fresh y within two deviations: ${(100 * withinTwoDeviations).toFixed(1)} %, 95.4 % due`)
}
