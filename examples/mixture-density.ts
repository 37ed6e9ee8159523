/**
 * A mixture density network on an inverse problem of several answers (Bishop 1994, section 5): x = t + 0.3 sin(2 pi t) + noise, and
 * what is asked is t given x. About x = 0.5 three t fit; a mean of them fits none.
 *
 * A mixture has no closed form of its Fisher, so that y is drawn from it: K-FAC from 8 draws an example.
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
  Sampler,
  Structure
} from "natgrad"

const key = Key.make(1)
const pairs = Array.from({ length: 600 }, (_, n) => {
  const t = Key.uniform(key, n, 0)
  return { t, x: t + 0.3 * Math.sin(2 * Math.PI * t) + 0.2 * (Key.uniform(key, n, 1) - 0.5) }
})

const components = 3
const network = (outputs: number) =>
  Network.sequential(1, [Network.dense(20), Network.tanh, Network.dense(outputs)])

/** `steps` natural gradient steps with K-FAC of sampled y, and the mean -log p before and after. */
const fit = Effect.fnUntraced(function* <S extends string>(model: Conditional.Conditional<S>, steps: number) {
  let params = Conditional.init(model, { seed: 2 })
  const before = yield* Conditional.negativeLogLikelihood(model, params)
  for (let round = 0; round < steps; round++) {
    const gradient = yield* Conditional.gradient(model, params)
    const fisher = yield* Fisher.estimate(model, params, Structure.kfac, { round })
    const step = yield* Effect.fromResult(
      NaturalGradient.step(params, gradient, fisher, {
        learningRate: 1,
        damping: Damping.absolute(1e-2),
        maxKL: 0.02
      })
    )
    params = step.params
  }
  return { params, before, after: yield* Conditional.negativeLogLikelihood(model, params) }
})

const mixture = Conditional.make(
  network(3 * components),
  Likelihood.mixtureDensity({ components, dimensions: 1 })
)

export const program = Effect.gen(function* () {
  const one = yield* fit(Conditional.make(network(2), Likelihood.heteroscedasticGaussian), 150)
  const several = yield* fit(mixture, 150)
  const z = Array.from(yield* Conditional.predict(mixture, several.params, [[0.5]]))
  const total = z.slice(0, components).reduce((sum, logit) => sum + Math.exp(logit), 0)
  return {
    gaussian: { before: one.before, after: one.after },
    mixture: { before: several.before, after: several.after },
    /** p(t | x = 0.5), by its components; t = 0.5 - 0.3 sin(2 pi t) has the solutions 0.14, 0.5 and 0.86. */
    answers: Array.from({ length: components }, (_, k) => ({
      weight: Math.exp(z[k]!) / total,
      mean: z[components + k]!,
      deviation: Math.exp(z[2 * components + k]! / 2)
    })).sort((a, b) => a.mean - b.mean)
  }
}).pipe(
  Effect.provide([
    DataSource.fromArrays({ x: pairs.map(({ x }) => [x]), y: pairs.map(({ t }) => t) }),
    Sampler.monteCarlo({ draws: 8, seed: 7 }),
    Device.wasm
  ])
)

if (import.meta.main) {
  const { answers, ...fits } = await Effect.runPromise(program)
  for (const [name, { after, before }] of Object.entries(fits))
    console.log(`${name}: negative log-likelihood ${before.toFixed(3)} -> ${after.toFixed(3)}`)
  for (const { deviation, mean, weight } of answers)
    console.log(
      `t at x = 0.5: ${mean.toFixed(2)} +- ${deviation.toFixed(2)}, probability ${weight.toFixed(2)}`
    )
}
