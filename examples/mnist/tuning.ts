/**
 * The learning rate of each method: short runs of a small grid, all with the same seconds.
 *
 * In two rounds, so that the seconds go where they decide: after the first, the best two of each method run on.
 */
import { Effect, Option, Stream } from "effect"
import { type Experiment, trainingLoss } from "./experiment.ts"
import { type Candidate, candidate, grid, type MethodName, methodNames } from "./methods.ts"
import type { Progress } from "./progress.ts"
import { race } from "./race.ts"
import * as Track from "./track.ts"

/** One learning rate of the grid, after its short run. */
export interface Tried {
  readonly method: MethodName
  readonly learningRate: number
  readonly updates: number
  readonly seconds: number
  /** On the fixed part of the training set; undefined where the run left float32's range. */
  readonly loss: number | undefined
  /** Whether it was among the two that ran on. */
  readonly second: boolean
  readonly chosen: boolean
}

/** How much of the time the first round has. */
const firstShare = 0.45

/** Runs the grid until `end`, a time of `performance.now`. */
export const tune = Effect.fnUntraced(function* (experiment: Experiment, progress: Progress, end: number) {
  const candidates = candidatesOf(experiment)
  // What runs first pays for the compiler: a few steps of each method, that count for nothing.
  for (const method of methodNames) {
    const { steps } = candidates.find((each) => each.method === method)!
    yield* steps.pipe(Stream.take(3), Stream.runDrain)
  }
  const from = performance.now()
  const tracks = candidates.map((each) => Track.open(each, experiment.problem.start))
  const losses: Array<number> = candidates.map(() => Number.POSITIVE_INFINITY)
  const active = candidates.map(() => true)

  const measureActive = Effect.forEach(tracks, (track, i) =>
    active[i] && track.left === undefined
      ? Effect.map(trainingLoss(experiment, track.params), ({ loss }) => {
          losses[i] = loss
        })
      : Effect.void
  )
  // The losses are measured twice, for all and for the two best of each method; that has to end in time too.
  yield* trainingLoss(experiment, experiment.problem.start)
  const measuring = (performance.now() - from) * (candidates.length + 2 * methodNames.length)
  const deadline = Math.max(from + 0.5 * (end - from), end - measuring)
  const half = from + firstShare * (deadline - from)
  let round = 1

  progress.begin(["tuning"])
  yield* race(candidates, { deadline, active: (runner) => active[runner]! }).pipe(
    Stream.runForEach((event) =>
      Effect.gen(function* () {
        Track.record(tracks, event)
        const { method, learningRate } = candidates[event.runner]!
        progress.show("tuning", {
          fraction: (performance.now() - from) / (end - from),
          secondsLeft: (end - performance.now()) / 1000,
          text: `${method}, rate ${learningRate}`.padEnd(28)
        })
        if (round === 1 && performance.now() > half) {
          round = 2
          yield* measureActive
          for (const [i, { method }] of candidates.entries())
            active[i] = ranked(candidates, losses, method, i) < 2
        }
      })
    )
  )
  yield* measureActive
  const tried = tracks.map(({ candidate: { learningRate, method }, seconds, steps }, i): Tried => {
    const second = active[i]!
    const loss = Number.isFinite(losses[i]) ? losses[i] : undefined
    const rivals = losses.map((value, j) => (active[j] ? value : Number.POSITIVE_INFINITY))
    const chosen = second && ranked(candidates, rivals, method, i) === 0
    return { method, learningRate, updates: steps, seconds, loss, second, chosen }
  })
  const rates = tried.flatMap((each) => (each.chosen ? [each.learningRate] : [])).join(", ")
  progress.show("tuning", { fraction: 1, secondsLeft: 0, text: `chosen rates ${rates}`.padEnd(28) })
  progress.end()
  return tried
})

const candidatesOf = ({ problem, settings }: Experiment): ReadonlyArray<Candidate> =>
  methodNames.flatMap((method) => {
    const asked = method === "natural gradient" ? Option.toArray(settings.learningRate) : []
    return (asked.length > 0 ? asked : grid[method]).map((rate) => candidate(problem, settings, method, rate))
  })

/** How many candidates of the method have a lower loss than candidate `i` (or the same, and come first). */
const ranked = (
  candidates: ReadonlyArray<Candidate>,
  losses: ReadonlyArray<number>,
  method: MethodName,
  i: number
): number =>
  candidates.filter(
    (each, j) => each.method === method && (losses[j]! < losses[i]! || (losses[j] === losses[i] && j < i))
  ).length

/** The chosen candidate of each method, at its start again. */
export const chosen = (
  { problem, settings }: Experiment,
  tried: ReadonlyArray<Tried>
): ReadonlyArray<Candidate> =>
  tried.flatMap((each) => (each.chosen ? [candidate(problem, settings, each.method, each.learningRate)] : []))
