/**
 * A mixture density network on an inverse problem of several answers (Bishop 1994, section 5): x = t + 0.3 sin(2 pi t) + noise, and
 * what is asked is t given x. About x = 0.5 three t fit; a mean of them fits none.
 *
 * A mixture has no closed form of its Fisher, so that y is drawn from it: K-FAC from 8 draws an example. The means begin apart from each
 * other: components that are alike stay alike.
 */
import { Effect } from "effect"
import {
  Conditional,
  Damping,
  DataSource,
  Device,
  Fisher,
  Key,
  Likelihood,
  NaturalGradient,
  Network,
  Params,
  Sampler,
  Structure
} from "natgrad"

const key = Key.make(1)
const pairs = Array.from({ length: 300 }, (_, n) => {
  const t = Key.uniform(key, n, 0)
  return { t, x: t + 0.3 * Math.sin(2 * Math.PI * t) + 0.2 * (Key.uniform(key, n, 1) - 0.5) }
})

/** To numbers of size 1. */
const scaled = (x: number): number => 4 * (x - 0.5)

const hidden = 20
const steps = 60

/**
 * 60 natural gradient steps with K-FAC of sampled y, from means that are apart, equal weights and no slope; then p(t | x = 0.5), and the mean
 * -log p before and after.
 */
const fit = Effect.fnUntraced(function* (means: ReadonlyArray<number>) {
  const components = means.length
  const outputs = 3 * components
  const model = Conditional.make(
    Network.sequential(1, [Network.dense(hidden), Network.tanh, Network.dense(outputs)]),
    Likelihood.mixtureDensity({ components, dimensions: 1 })
  )
  const { space } = model.network
  const values = Conditional.init(model, { seed: 2 }).values.slice()
  values.fill(0, space.size - (hidden + 1) * outputs)
  values.set([...means, ...means.map(() => -3)], space.size - 2 * components)
  let params = Params.make(space, values)
  const before = yield* Conditional.negativeLogLikelihood(model, params)
  for (let round = 0; round < steps; round++) {
    const gradient = yield* Conditional.gradient(model, params)
    const fisher = yield* Fisher.estimate(model, params, Structure.kfac, { round })
    const settings = { learningRate: 1, damping: Damping.absolute(3e-3), maxKL: 0.02 }
    params = (yield* Effect.fromResult(NaturalGradient.step(params, gradient, fisher, settings))).params
  }
  const z = Array.from(yield* Conditional.predict(model, params, [[scaled(0.5)]]))
  const total = z.slice(0, components).reduce((sum, logit) => sum + Math.exp(logit), 0)
  return {
    before,
    after: yield* Conditional.negativeLogLikelihood(model, params),
    answers: means.map((_, k) => ({
      weight: Math.exp(z[k]!) / total,
      mean: z[components + k]!,
      deviation: Math.exp(z[2 * components + k]! / 2)
    }))
  }
})

/** t + 0.3 sin(2 pi t) is 0.5 at t = 0.21, 0.5 and 0.79. */
export const program = Effect.all({ one: fit([0.5]), three: fit([0.2, 0.5, 0.8]) }).pipe(
  Effect.provide([
    DataSource.fromArrays({ x: pairs.map(({ x }) => [scaled(x)]), y: pairs.map(({ t }) => t) }),
    Sampler.monteCarlo({ draws: 8, seed: 7 }),
    Device.wasm
  ])
)

if (import.meta.main) {
  for (const [name, { after, answers, before }] of Object.entries(await Effect.runPromise(program))) {
    console.log(`components: ${name}; negative log-likelihood ${before.toFixed(3)} -> ${after.toFixed(3)}`)
    for (const { deviation, mean, weight } of answers)
      console.log(
        `  t at x = 0.5: ${mean.toFixed(2)} +- ${deviation.toFixed(2)}, probability ${weight.toFixed(2)}`
      )
  }
}
