/**
 * Counts: Poisson and negative binomial regression of the same overdispersed data, by Fisher scoring.
 *
 * The rate is mu = exp(0.5 + 0.8 x_1 - 0.6 x_2) and the counts have the variance mu + mu^2 / 2. The inverse Fisher of the Poisson fit gives
 * standard errors that are too small, since it takes the variance for mu: the true coefficients are several of them away. Those of the
 * negative binomial fit hold.
 */
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
  Network,
  Params,
  Sampler,
  Structure
} from "natgrad"

const examples = 2000
const truth = [0.8, -0.6, 0.5]
const dispersion = 2
const key = Key.make(5)

const x = Array.from({ length: examples }, (_, n) =>
  [0, 1].map((i) => Distributions.normal(Key.uniform(Key.fold(key, n), 0, i)))
)
const y = x.map(([a, b], n) =>
  Distributions.negativeBinomial(
    Key.uniform(Key.fold(key, n), 0, 2),
    Math.exp(truth[0]! * a! + truth[1]! * b! + truth[2]!),
    dispersion
  )
)

/** Natural gradient steps of length 1 are Fisher scoring: a few reach the maximum of a generalised linear model. */
const fit = Effect.fnUntraced(function* (likelihood: Likelihood.Likelihood) {
  const model = Conditional.make(Network.sequential(2, [Network.dense(1)]), likelihood)
  const { space } = model.network
  const damping = Damping.absolute(0)
  let params = Params.make(space, [0, 0, Math.log(y.reduce((sum, count) => sum + count, 0) / examples)])
  const before = yield* Conditional.negativeLogLikelihood(model, params)
  for (let i = 0; i < 8; i++) {
    const gradient = yield* Conditional.gradient(model, params)
    const fisher = yield* Fisher.estimate(model, params, Structure.dense)
    const settings = { learningRate: 1, damping }
    params = (yield* Effect.fromResult(NaturalGradient.step(params, gradient, fisher, settings))).params
  }
  const fisher = yield* Fisher.estimate(model, params, Structure.dense)
  return {
    before,
    after: yield* Conditional.negativeLogLikelihood(model, params),
    coefficients: Array.from(params.values),
    standardErrors: truth.map((_, i) => {
      const unit = Cotangent.make(
        space,
        truth.map((_, j) => (i === j ? 1 : 0))
      )
      return Math.sqrt(
        Cotangent.pair(unit, Result.getOrThrow(Fisher.solve(fisher, unit, damping))) / examples
      )
    })
  }
})

export const program = Effect.all({
  poisson: fit(Likelihood.poisson),
  negativeBinomial: fit(Likelihood.negativeBinomial({ dispersion }))
}).pipe(Effect.provide([DataSource.fromArrays({ x, y }), Sampler.exact, Device.wasm]))

if (import.meta.main) {
  console.log(`true coefficients: ${truth.join(", ")}`)
  for (const [name, fitted] of Object.entries(await Effect.runPromise(program))) {
    const { after, before, coefficients, standardErrors } = fitted
    const found = coefficients.map((c, i) => `${c.toFixed(3)} +- ${standardErrors[i]!.toFixed(3)}`)
    console.log(
      `${name}: ${found.join(", ")}; negative log-likelihood ${before.toFixed(3)} -> ${after.toFixed(3)}`
    )
  }
}
