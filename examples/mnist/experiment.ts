/** The course of the job: tune each method, race the chosen ones, compare, study the Fisher. */
import { Effect, Stream } from "effect"
import { DataSource, Device, type Params, Sampler } from "../../src/index.ts"
import { type Digits, pooled, sourceOf } from "./data.ts"
import { type Measured, measureOn } from "./measure.ts"
import { type MethodName, type Problem, problemOf } from "./methods.ts"
import type { Progress } from "./progress.ts"
import { race } from "./race.ts"
import type { Settings } from "./settings.ts"
import { type Study, study } from "./study.ts"
import * as Track from "./track.ts"
import type { Tried } from "./tuning.ts"

/** A method at the end of the race. */
export interface Final {
  readonly method: MethodName
  readonly train: Measured
  readonly test: Measured
  /** The training loss after `Findings.common` updates. */
  readonly lossAtCommon: number | undefined
}

/** All that was found so far: filled phase by phase, so that a run that is stopped has what came before. */
export interface Findings {
  readonly tried: ReadonlyArray<Tried>
  readonly tracks: ReadonlyArray<Track.Track>
  /** How many updates every method took at least: the losses at equal updates are after these. */
  readonly common: number | undefined
  readonly finals: ReadonlyArray<Final>
  readonly study: Study | undefined
}

export const nothing: Findings = { tried: [], tracks: [], common: undefined, finals: [], study: undefined }

/** How many training examples the training losses are measured on. */
export const fixedPart = 10_000

/** Everything the phases share. All deadlines are milliseconds since the process began. */
export interface Experiment {
  readonly settings: Settings
  readonly digits: Digits
  readonly problem: Problem
  readonly train: typeof DataSource.Service
  readonly part: typeof DataSource.Service
  readonly test: typeof DataSource.Service
}

export const prepare = Effect.fnUntraced(function* (settings: Settings, digits: Digits) {
  const { batch, seed } = settings
  const { height, width } = digits.train
  const experiment: Experiment = {
    settings,
    digits,
    problem: problemOf(settings, height * width, digits.classes),
    train: sourceOf("training set", digits.train, { batchSize: batch, seed }),
    part: yield* held(sourceOf("training examples", digits.train, { batchSize: 1000, limit: fixedPart })),
    test: yield* held(sourceOf("test set", digits.test, { batchSize: 1000 }))
  }
  return experiment
})

/** A source that is walked again and again: its batches are made once. */
const held = (source: typeof DataSource.Service) =>
  Stream.runCollect(source.pass(0)).pipe(
    Effect.map((batches) => DataSource.of({ ...source, pass: () => Stream.fromIterable(batches) }))
  )

/** Milliseconds at which the phases end. What is left after the last is for the report. */
export const plan = (seconds: number, from: number) => {
  const at = (share: number): number => from + share * (1000 * seconds - from)
  return { tuned: at(0.27), raced: at(0.77), studied: at(0.97) }
}

export const trainingLoss = ({ part, problem }: Experiment, params: Params.Params<string>) =>
  measureOn(part, problem.conditional, params)

/** The race of the chosen ones, with a look at the test set now and then. The tracks fill while it runs. */
export const compete = Effect.fnUntraced(function* (
  { problem, test }: Experiment,
  progress: Progress,
  tracks: ReadonlyArray<Track.Track>,
  end: number
) {
  const now = () => performance.now()
  const from = now()
  progress.begin(tracks.map((track) => track.candidate.method))
  const first = yield* measureOn(test, problem.conditional, problem.start)
  for (const track of tracks) Track.evaluated(track, first)
  const show = (track: Track.Track): void => {
    const point = track.points.at(-1)
    progress.show(track.candidate.method, {
      fraction: (now() - from) / (end - from),
      secondsLeft: (end - now()) / 1000,
      step: track.steps,
      loss: Track.smoothed(track.points.slice(-60)).at(-1),
      accuracy: track.evaluations.at(-1)?.accuracy,
      kl: point?.kl,
      text: track.left === undefined ? undefined : "left the race"
    })
  }
  yield* race(
    tracks.map((track) => track.candidate),
    { deadline: end }
  ).pipe(
    Stream.runForEach((event) =>
      Effect.gen(function* () {
        Track.record(tracks, event)
        const track = tracks[event.runner]!
        if (event._tag === "Stepped" && Track.isDue(track)) {
          Track.evaluated(track, yield* measureOn(test, problem.conditional, track.params))
        }
        show(track)
      })
    )
  )
  tracks.forEach(show)
  progress.end()
})

/** Where every method stands: on the fixed part of the training set, on the test set, and after equal updates. */
export const compare = Effect.fnUntraced(function* (
  experiment: Experiment,
  tracks: ReadonlyArray<Track.Track>
) {
  const { problem, test } = experiment
  const common = Track.commonStep(tracks)
  const finals = yield* Effect.forEach(tracks, (track) =>
    Effect.gen(function* () {
      const kept = common === undefined ? undefined : track.kept.get(common)
      const final: Final = {
        method: track.candidate.method,
        train: yield* trainingLoss(experiment, track.params),
        test: yield* measureOn(test, problem.conditional, track.params),
        lossAtCommon: kept === undefined ? undefined : (yield* trainingLoss(experiment, kept)).loss
      }
      if (track.evaluations.at(-1)?.step !== track.steps) Track.evaluated(track, final.test)
      return final
    })
  )
  return { common, finals }
})

/** What the Fisher itself looks like, at the parameters that natural gradient came to. */
export const examine = (experiment: Experiment, progress: Progress, track: Track.Track, end: number) =>
  study({
    problem: experiment.problem,
    params: track.params,
    test: experiment.digits.test,
    small: pooled(experiment.digits.train, Math.max(1, Math.floor(experiment.digits.train.width / 7))),
    classes: experiment.digits.classes,
    seed: experiment.settings.seed,
    progress,
    end
  })

/** The services of training, for the settings. */
export const samplerOf = ({ draws, sampler, seed }: Settings) =>
  sampler === "monte-carlo"
    ? Sampler.monteCarlo({ draws, seed })
    : sampler === "exact"
      ? Sampler.exact
      : Sampler.empirical

export const deviceOf = ({ device }: Settings) => Device[device]
