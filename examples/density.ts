/**
 * A density p(y): a conditional whose x is empty. Its Fisher is F = E_y[score score^T], and F^-1 / N is the covariance of a
 * maximum-likelihood fit to N observations. Two of them, beside their closed forms.
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

const observations = 1000
const key = Key.make(11)

const gaussians = Array.from({ length: observations }, (_, n) => [
  3 + 2 * Distributions.normal(Key.uniform(key, n, 0)),
  -1 + 2 * Distributions.normal(Key.uniform(key, n, 1))
])

const classes = Array.from({ length: observations }, (_, n) =>
  Distributions.categorical(Key.uniform(key, n, 2), [0.2, 0.3, 0.5])
)

/** `steps` exact natural-gradient steps from all zeros, and the Fisher where they end. */
const fit = Effect.fnUntraced(function* <S extends string>(
  density: Conditional.Conditional<S>,
  steps: number,
  damping: Damping.Absolute
) {
  const { space } = density.network
  let params = Params.make(space, new Float32Array(space.size))
  for (let i = 0; i < steps; i++) {
    const gradient = yield* Conditional.gradient(density, params)
    const fisher = yield* Fisher.estimate(density, params, Structure.dense)
    const step = yield* Effect.fromResult(
      NaturalGradient.step(params, gradient, fisher, { learningRate: 1, damping })
    )
    params = step.params
  }
  return { params, fisher: yield* Fisher.estimate(density, params, Structure.dense) }
})

/** sqrt(c^T (F + damping)^-1 c / N): the standard error of a quantity whose gradient in the parameters is c. */
const standardError = <S extends string>(
  fisher: Fisher.Fisher<S, "solve">,
  c: Cotangent.Cotangent<S>,
  damping: Damping.Absolute
): number => {
  const solved = Result.getOrThrow(Fisher.solve(fisher, c, damping))
  return Math.sqrt(Cotangent.pair(c, solved) / observations)
}

/** Two means with variance 4: F = I / 4, so that each has the standard error 2 / sqrt(N). One step reaches the optimum. */
export const gaussian = Effect.gen(function* () {
  const density = Conditional.make(
    Network.sequential(0, [Network.dense(2)]),
    Likelihood.gaussian({ variance: 4 })
  )
  const { fisher, params } = yield* fit(density, 1, Damping.absolute(0))
  const unit = Cotangent.make(density.network.space, [1, 0])
  return {
    means: Array.from(params.values),
    sampleMeans: [0, 1].map((c) => gaussians.reduce((sum, y) => sum + y[c]!, 0) / observations),
    standardError: standardError(fisher, unit, Damping.absolute(0)),
    closedForm: Math.sqrt(4 / observations)
  }
}).pipe(Effect.provide(DataSource.density({ y: gaussians })))

/**
 * Three classes by their logits. F = diag(p) - p p^T is singular along (1, 1, 1), which changes no probability; a little damping
 * leaves that direction alone. The probability p_k has the gradient F e_k, and the closed form sqrt(p_k (1 - p_k) / N).
 */
export const categorical = Effect.gen(function* () {
  const density = Conditional.make(Network.sequential(0, [Network.dense(3)]), Likelihood.categorical)
  const damping = Damping.absolute(1e-6)
  const { fisher, params } = yield* fit(density, 8, damping)
  const weights = params.values.map(Math.exp)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const probabilities = Array.from(weights, (weight) => weight / total)
  const dense = Fisher.toDense(fisher)
  return {
    probabilities,
    frequencies: [0, 1, 2].map((k) => classes.filter((y) => y === k).length / observations),
    standardErrors: [0, 1, 2].map((k) =>
      standardError(fisher, Cotangent.make(density.network.space, dense.subarray(3 * k, 3 * k + 3)), damping)
    ),
    closedForm: probabilities.map((p) => Math.sqrt((p * (1 - p)) / observations))
  }
}).pipe(Effect.provide(DataSource.density({ y: classes })))

export const program = Effect.all({ gaussian, categorical }).pipe(
  Effect.provide([Sampler.exact, Device.wasm])
)

if (import.meta.main) console.dir(await Effect.runPromise(program), { depth: 3 })
