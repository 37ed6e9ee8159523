/** Problems of the oracle that the library can be given, over every likelihood and activation, and runs of the library on them. */
import { Effect, Layer } from "effect"
import { type DataSource, Device, Fisher, Sampler, type Structure } from "../../src/index.ts"
import { type ActivationName, activationNames } from "../oracle/activations.ts"
import { type Case, makeCase, mlp, sameSide } from "../oracle/cases.ts"
import { bernoulli, categorical, gaussian, type OracleLikelihood } from "../oracle/likelihoods.ts"
import { axpy, type Vector } from "../oracle/linear.ts"
import { type OracleNetwork, size } from "../oracle/network.ts"
import type { Generator } from "../oracle/random.ts"
import { dyadic, dyadicCase } from "./measure.ts"
import { subject } from "./subject.ts"

export const likelihoods: ReadonlyArray<OracleLikelihood> = [categorical, bernoulli, gaussian(0.49)]

export interface Pair {
  readonly title: string
  readonly likelihood: OracleLikelihood
  readonly activation: ActivationName
}

/** Every likelihood with every activation. */
export const pairs: ReadonlyArray<Pair> = likelihoods.flatMap((likelihood) =>
  activationNames.map((activation) => ({
    title: `${likelihood.name} x ${activation}`,
    likelihood,
    activation
  }))
)

/** A 3-4-3-3 network at 7 examples unless said, at dyadic parameters. */
export const problem = (
  { activation, likelihood }: Pick<Pair, "activation" | "likelihood">,
  net: OracleNetwork = mlp(3, [4, 3, 3], activation),
  examples = 7
): Case => dyadicCase(makeCase(likelihood, activation, 1, net, examples))

/** Runs a program on wasm with the problem's data and a sampler. */
export const runOn =
  (c: Case, sampler: Layer.Layer<Sampler, unknown> = Sampler.exact) =>
  <A, E>(program: Effect.Effect<A, E, Sampler | Device | DataSource>): Promise<A> =>
    Effect.runPromise(program.pipe(Effect.provide(Layer.mergeAll(subject(c).data, sampler, Device.wasm))))

/** The library's Fisher in blocks of 3 examples, the last one smaller. */
export const estimate = <Op extends Structure.Operation>(
  c: Case,
  structure: Structure.AnyStructure<Op>,
  sampler: Layer.Layer<Sampler, unknown> = Sampler.exact
): Promise<Fisher.Fisher<string, Op>> => {
  const { conditional, params } = subject(c)
  return runOn(c, sampler)(Fisher.estimate(conditional, params, structure, { blockSize: 3 }))
}

/** A dyadic direction of about this length such that no activation's input changes its sign from theta - v to theta + v. */
export const smoothDirection = (c: Case, random: Generator, length: number): Vector => {
  for (;;) {
    const v = dyadic(
      random.direction(size(c.net)).map((entry) => length * entry),
      12
    )
    const ends = [-1, -0.5, 0, 0.5, 1].map((t) => axpy(c.theta, t, v))
    if (sameSide(c, ends)) return v
  }
}
