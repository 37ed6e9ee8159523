/** The ways to train that are compared, each as an endless stream of steps from the same first parameters. */
import { Stream } from "effect"
import {
  Conditional,
  Damping,
  type DataSource,
  type Device,
  Init,
  Likelihood,
  Network,
  type Params,
  type Sampler,
  Structure,
  Training
} from "../../src/index.ts"
import { adam, firstOrder, momentum } from "./baselines.ts"
import { dampingOf, type Settings } from "./settings.ts"

/** What is known of a step of any method; `kl` only where the method has a Fisher. */
export interface Step {
  /** Counted from 1. */
  readonly step: number
  /** Mean negative log-likelihood of the batch before the step, in nats. */
  readonly loss: number
  readonly params: Params.Params<string>
  readonly kl?: number
}

export type Steps = Stream.Stream<Step, Training.TrainingError, DataSource | Sampler | Device>

/** The conditional p(y|x) that all methods train, and where all of them start. */
export interface Problem {
  readonly conditional: Conditional.Conditional<string>
  readonly start: Params.Params<string>
}

export const methodNames = ["natural gradient", "SGD + momentum", "Adam"] as const
export type MethodName = (typeof methodNames)[number]

/** A method with one choice of its learning rate. */
export interface Candidate {
  readonly method: MethodName
  readonly learningRate: number
  /** Its hyperparameters in a few words. */
  readonly label: string
  readonly steps: Steps
}

/** A perceptron for images of so many pixels; kernels by He for relu, by LeCun else. */
export const problemOf = (
  { activation, hidden, seed }: Pick<Settings, "activation" | "hidden" | "seed">,
  features: number,
  classes: number
): Problem => {
  const layers = hidden.flatMap((size) => [Network.dense(size), Network[activation]])
  const network = Network.sequential(features, [...layers, Network.dense(classes)])
  const conditional = Conditional.make<string>(network, Likelihood.categorical)
  const init = activation === "relu" ? Init.he : Init.lecun
  return { conditional, start: Conditional.init(conditional, { seed, init }) }
}

/** The part of natural gradient that is the same for every learning rate. */
export const schedule = { sampleEvery: 5, refresh: 20 } as const

/** `Training.run` with the structure that was asked for and the damping that goes with it. */
export const naturalGradient = (problem: Problem, settings: Settings, learningRate: number): Steps => {
  const options = { ...schedule, learningRate, maxKL: settings.maxKL }
  const value = dampingOf(settings)
  const { conditional, start } = problem
  const reports =
    settings.structure === "kfac"
      ? Training.run(conditional, start, {
          ...options,
          structure: Structure.kfac,
          damping: Damping.factored(value)
        })
      : Training.run(conditional, start, {
          ...options,
          structure: settings.structure === "dense" ? Structure.dense : Structure.diagonal,
          damping: Damping.absolute(value)
        })
  return reports.pipe(
    Stream.map(({ loss, params, predictedKL, step }) => ({ step, loss, params, kl: predictedKL }))
  )
}

/** The learning rates that are tried; the natural gradient's only where none was asked for. */
export const grid = {
  "natural gradient": [0.05, 0.1, 0.2, 0.4],
  "SGD + momentum": [0.1, 0.2, 0.4, 0.8],
  Adam: [0.005, 0.01, 0.02, 0.04]
} as const satisfies Record<MethodName, ReadonlyArray<number>>

/** A method from its start, with this learning rate. */
export const candidate = (
  problem: Problem,
  settings: Settings,
  method: MethodName,
  learningRate: number
): Candidate => {
  const steps = {
    "natural gradient": () => naturalGradient(problem, settings, learningRate),
    "SGD + momentum": () => firstOrder(problem, momentum({ learningRate, momentum: 0.9 })),
    Adam: () => firstOrder(problem, adam({ learningRate, decay1: 0.9, decay2: 0.999, epsilon: 1e-8 }))
  }[method]()
  const others = {
    "natural gradient": `, damping ${dampingOf(settings)}`,
    "SGD + momentum": ", momentum 0.9",
    Adam: ", betas 0.9, 0.999"
  }[method]
  return { method, learningRate, label: `rate ${learningRate}${others}`, steps }
}
