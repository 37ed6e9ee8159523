/**
 * The Fisher itself, at trained parameters: how fast a sampled one comes near the exact one, and its eigenvalues.
 *
 * The large network is studied with the structures that are cheap for it; a small one, on images pooled to about 7 x 7, with the
 * whole matrix.
 */
import { Effect, Option, Stream } from "effect"
import {
  type Conditional,
  Damping,
  DataSource,
  Fisher,
  type Params,
  Sampler,
  Structure,
  Training
} from "../../src/index.ts"
import { type Images, sourceOf } from "./data.ts"
import { type ErrorCurve, errorCurve } from "./draws.ts"
import { type Problem, problemOf } from "./methods.ts"
import type { Progress } from "./progress.ts"
import { type Spectrum, thinned } from "./spectrum.ts"

export interface Study {
  readonly errors: ReadonlyArray<ErrorCurve>
  readonly spectra: ReadonlyArray<Spectrum>
}

export interface StudyOptions {
  readonly problem: Problem
  /** Where the large network is studied. */
  readonly params: Params.Params<string>
  readonly test: Images
  /** Small images, for the small network. */
  readonly small: Images
  readonly classes: number
  readonly seed: number
  readonly progress: Progress
  /** When it must be over. */
  readonly end: number
}

/** How many examples the Fishers of the error curves are means of (half for the small network's), and those of the spectra. */
const examples = 500
const spectrumExamples = 2000

/** What is found until the time is over. */
export const study = Effect.fnUntraced(function* (options: StudyOptions) {
  const found = { errors: [] as ErrorCurve[], spectra: [] as Spectrum[] }
  const { end, progress } = options
  progress.begin(["study"])
  yield* examine(options, found).pipe(Effect.timeoutOption(Math.max(0, end - performance.now())))
  progress.show("study", { fraction: 1, secondsLeft: 0, text: "done" })
  progress.end()
  const result: Study = {
    errors: found.errors.filter((curve) => curve.points.length > 0),
    spectra: found.spectra
  }
  return result
})

const examine = Effect.fnUntraced(function* (
  { classes, end, params, problem, progress, seed, small, test }: StudyOptions,
  found: { readonly errors: Array<ErrorCurve>; readonly spectra: Array<Spectrum> }
) {
  const from = performance.now()
  const until = (share: number): number => from + share * (end - from)
  const tell = (text: string) =>
    progress.show("study", {
      fraction: (performance.now() - from) / (end - from),
      secondsLeft: (end - performance.now()) / 1000,
      text
    })
  const { conditional } = problem
  const large = { name: conditional.network.space.signature, conditional, params }
  tell("training a small network for the whole Fisher")
  const probe = yield* trainSmall(small, classes, seed, until(0.2))
  const smallSource = sourceOf("small images", small, { batchSize: 1000, limit: spectrumExamples })
  const testSource = sourceOf("test images", test, { batchSize: 1000, limit: spectrumExamples })
  tell("eigenvalues of the small network's Fisher")
  found.spectra.push(yield* spectrum(probe, Structure.dense, smallSource))
  found.spectra.push(yield* spectrum(probe, Structure.kfac, smallSource))
  tell("eigenvalues of the trained network's Fisher")
  found.spectra.push(yield* spectrum(large, Structure.kfac, testSource))
  const common = { seed, tell }
  const part = sourceOf("test images", test, { batchSize: examples, limit: examples })
  const smallPart = sourceOf("small images", small, { batchSize: examples, limit: examples / 2 })
  const { diagonal, dense, kfac } = Structure
  found.errors.push(
    yield* errorCurve({ ...common, ...large, structure: kfac, source: part, end: until(0.65) })
  )
  found.errors.push(
    yield* errorCurve({ ...common, ...large, structure: diagonal, source: part, end: until(0.78) })
  )
  found.errors.push(
    yield* errorCurve({ ...common, ...probe, structure: dense, source: smallPart, end: until(0.98) })
  )
})

interface Subject {
  readonly name: string
  readonly conditional: Conditional.Conditional<string>
  readonly params: Params.Params<string>
}

/** A small network, trained by natural gradient with its whole Fisher until the time is over, or for 60 steps. */
const trainSmall = Effect.fnUntraced(function* (images: Images, classes: number, seed: number, end: number) {
  const shape = { activation: "tanh", hidden: [10], seed } as const
  const { conditional, start } = problemOf(shape, images.height * images.width, classes)
  const last = yield* Training.run(conditional, start, {
    structure: Structure.dense,
    damping: Damping.absolute(1e-2),
    learningRate: 0.3,
    maxKL: 0.01,
    refresh: 5
  }).pipe(
    Stream.takeUntil(({ step }) => step >= 60 || performance.now() > end),
    Stream.runLast,
    Effect.provideService(DataSource, sourceOf("small images", images, { batchSize: 500, seed })),
    Effect.provide(Sampler.monteCarlo({ draws: 1, seed }))
  )
  const params = Option.match(last, { onNone: () => start, onSome: (report) => report.params })
  const subject: Subject = { name: conditional.network.space.signature, conditional, params }
  return subject
})

const spectrum = Effect.fnUntraced(function* (
  { conditional, name, params }: Subject,
  structure: typeof Structure.kfac | typeof Structure.dense,
  source: typeof DataSource.Service
) {
  const fisher = yield* Fisher.estimate(conditional, params, structure).pipe(
    Effect.provide(Sampler.exact),
    Effect.provideService(DataSource, source)
  )
  const values = yield* Effect.fromResult(Fisher.eigenvalues(fisher))
  const made: Spectrum = {
    network: name,
    structure: structure.name,
    examples: fisher.examples,
    parameters: values.length,
    values: thinned(values)
  }
  return made
})
