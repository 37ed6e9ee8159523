/** L4: three ways to u^T F u along random u, of the library and of the oracle. */
import { Effect, type Layer } from "effect"
import { Conditional, Fisher, type Likelihood, Sampler, Structure } from "../../src/index.ts"
import { denseFisher } from "../oracle/fisher.ts"
import { dot, type Matrix, matvec, norm, type Vector } from "../oracle/linear.ts"
import { outputs } from "../oracle/network.ts"
import { hessianForms } from "../oracle/secondOrder.ts"
import type { Family } from "./families.ts"
import { lawFamilies } from "./lawFamilies.ts"
import { eps32, eps64, vectorError } from "./measure.ts"
import { libraryOf, type RandomCase } from "./randomCases.ts"
import { estimated, runCase, type Verdict, type Verdicts } from "./randomRuns.ts"
import { rows } from "./subject.ts"

/** u^T F u for each u, the library's F by this sampler. */
const formsBy = (c: RandomCase, sampler: Layer.Layer<Sampler, unknown>, us: ReadonlyArray<Vector>) =>
  Effect.map(runCase({ ...c, sampler })(estimated(c, Structure.dense)), (fisher) =>
    formsOf(rows(Fisher.toDense(fisher)), us)
  )

const formsOf = (f: Matrix, us: ReadonlyArray<Vector>): ReadonlyArray<number> =>
  us.map((u) => dot(u, matvec(f, u)))

/** Every y with its probability, or the nodes of a quadrature. */
const enumeration = ({ X, likelihood, net, theta }: RandomCase): Layer.Layer<Sampler> =>
  Sampler.fromRule("enumeration", ({ example }) =>
    likelihood
      .support(outputs(net, theta, X[example]!))
      .map(({ probability, y }) => ({ y, weight: probability }))
  )

/** (1/N) sum_n (J u)^T Lambda (J u), by the library's pushforward and its Lambda. */
const formsByJacobian = Effect.fnUntraced(function* (c: RandomCase, us: ReadonlyArray<Vector>) {
  const { conditional, params, tangent } = libraryOf(c)
  const loaded = yield* Conditional.load(conditional, params)
  const examples = c.X.length
  const batch = {
    x: Float32Array.from(c.X.flatMap((x) => Array.from(x))),
    examples,
    features: c.net.features,
    indices: Float64Array.from({ length: examples }, (_, n) => n)
  }
  const { outputs: outs, pushforward } = yield* Conditional.linearize(loaded, batch)
  const { size } = outs
  const lambdas = Array.from({ length: examples }, (_, n) =>
    rows((outs.distribution(n) as Likelihood.Distribution).fisher())
  )
  return yield* Effect.forEach(us, (u) =>
    Effect.map(pushforward(tangent(u)), (change) =>
      lambdas.reduce((sum, lambda, n) => {
        const moved = change.subarray(n * size, (n + 1) * size)
        return sum + dot(moved, matvec(lambda, moved)) / examples
      }, 0)
    )
  )
}, Effect.scoped)

const directionsOf = ({ random, theta }: RandomCase): ReadonlyArray<Vector> =>
  Array.from({ length: 6 }, () => Float64Array.from(random.direction(theta.length), Math.fround))

/** The data's own label alone. */
const labelsOf =
  ({ Y }: RandomCase) =>
  (n: number) => [{ y: Y[n]!, probability: 1 }]

/** The routes against -E[Hessian of log p], which the oracle has by Taylor arithmetic; the control is the Hessian at the data's labels. */
export const routes = Effect.fnUntraced(function* (c: RandomCase) {
  const parameters = c.theta.length
  const us = directionsOf(c)
  const summed = hessianForms(c, us)
  const due = summed.map(({ value }) => value)
  const observed = hessianForms(c, us, labelsOf(c)).map(({ value }) => value)
  // The Hessian in theta at a label is J^T H J where z is linear in theta, and H is Lambda where z are natural parameters.
  const other = vectorError(observed, due, 1)
  const verdict = (found: ReadonlyArray<number>): Verdict => ({
    error: vectorError(found, due, parameters * eps32),
    wrong: other < 0.01 ? undefined : vectorError(found, observed, parameters * eps32)
  })
  const inOracle = formsOf(denseFisher(c.net, c.likelihood, c.theta, c.X), us)
  return {
    "oracle, J^T Lambda J": {
      error: vectorError(inOracle, due, parameters * eps64, norm(summed.map(({ magnitude }) => magnitude))),
      wrong: other < 0.01 ? undefined : vectorError(inOracle, observed, parameters * eps64)
    },
    "E[s s^T] over every y": verdict(yield* formsBy(c, enumeration(c), us)),
    "exact sampler": verdict(yield* formsBy(c, Sampler.exact, us)),
    "J^T Lambda J": verdict(yield* formsByJacobian(c, us))
  } satisfies Verdicts
})

/** The Hessian of the loss at the data's own labels against the library's Fisher: equal where z is linear in theta and canonical. */
export const observedHessian = Effect.fnUntraced(function* (c: RandomCase) {
  const us = directionsOf(c)
  const found = yield* formsBy(c, Sampler.exact, us)
  const at = (theta: Vector) => hessianForms({ ...c, theta }, us, labelsOf(c)).map(({ value }) => value)
  const error = (due: ReadonlyArray<number>) => vectorError(found, due, c.theta.length * eps32)
  const moved = at(Float64Array.from(c.theta, (v) => 1.1 * v))
  // The Fisher of a Gaussian is the same at every theta, and a network without inputs has one bias for all.
  return {
    hessian: {
      error: error(at(c.theta)),
      wrong: vectorError(moved, found, 1) < 0.001 ? undefined : error(moved)
    }
  } satisfies Verdicts
})

/** Outputs of which every y can be enumerated for every direction: those of several independent numbers are taken as one. */
export const enumerable: ReadonlyArray<Family> = lawFamilies.map((family) => {
  const { oracle, outputs, points } = family
  const many = oracle.support(points[0]!).length > 100 && oracle.labelSize(outputs) === outputs
  return many ? { ...family, outputs: 1 } : family
})

/** Whether z are natural parameters: the second derivatives of log p in z are then the same at every y. */
export const natural = ({ oracle, outputs }: Family): boolean => {
  const z = Float64Array.from({ length: outputs }, (_, c) => (c + 1) / 4)
  const texts = oracle
    .support(z)
    .map(({ y }) => JSON.stringify(oracle.hessian(z, y).map((row) => Array.from(row))))
  return new Set(texts).size === 1
}
