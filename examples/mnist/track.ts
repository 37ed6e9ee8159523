/** What is kept of one method's run: every step's loss, some evaluations, and parameters at steps that other runs stop at too. */
import type { Params } from "../../src/index.ts"
import type { Measured } from "./measure.ts"
import type { Candidate } from "./methods.ts"
import type { Event } from "./race.ts"

export interface Point {
  readonly step: number
  readonly seconds: number
  /** Of the batch, before the step. */
  readonly loss: number
  readonly kl: number | undefined
}

export interface Evaluation {
  readonly step: number
  readonly seconds: number
  readonly loss: number
  readonly accuracy: number
}

/** Filled while the run goes on: a value of this type is a log, read when the run has ended or was stopped. */
export interface Track {
  readonly candidate: Candidate
  readonly points: Array<Point>
  /** On the test set, the start among them. */
  readonly evaluations: Array<Evaluation>
  /** Parameters after some steps: those that all tracks may be compared at. */
  readonly kept: Map<number, Params.Params<string>>
  params: Params.Params<string>
  steps: number
  seconds: number
  /** Why it left the race, if it did. */
  left: string | undefined
}

export const open = (candidate: Candidate, start: Params.Params<string>): Track => ({
  candidate,
  points: [],
  evaluations: [],
  kept: new Map(),
  params: start,
  steps: 0,
  seconds: 0,
  left: undefined
})

/** How far apart the steps are whose parameters are kept. */
const spacing = 1.03

/** Steps whose parameters are kept: a few per cent apart, the same for every track. */
export const isMark = (step: number): boolean =>
  Math.floor(Math.log(step) / Math.log(spacing)) > Math.floor(Math.log(step - 1) / Math.log(spacing)) ||
  step < 32

/** Adds what happened to the track of its runner. */
export const record = (tracks: ReadonlyArray<Track>, event: Event): void => {
  const track = tracks[event.runner]!
  if (event._tag === "Left") {
    track.left = event.reason
    return
  }
  const { kl, loss, params, step } = event.step
  track.points.push({ step, seconds: event.seconds, loss, kl })
  track.params = params
  track.steps = step
  track.seconds = event.seconds
  if (isMark(step)) track.kept.set(step, params)
  const common = commonStep(tracks) ?? 0
  for (const kept of track.kept.keys()) if (kept < common) track.kept.delete(kept)
}

/** The last step that every track has taken and kept, if there is one. Those that left the race do not count. */
export const commonStep = (tracks: ReadonlyArray<Track>): number | undefined => {
  const least = Math.min(...tracks.filter((track) => track.left === undefined).map((track) => track.steps))
  for (let step = Number.isFinite(least) ? least : 0; step > 0; step--) if (isMark(step)) return step
  return undefined
}

/** Seconds of a run between two evaluations grow with the run, so that they are even on a log scale. */
export const isDue = ({ evaluations, seconds }: Track): boolean => {
  const last = evaluations.at(-1)?.seconds ?? 0
  return seconds >= Math.max(0.25, 1.25 * last)
}

export const evaluated = (track: Track, measured: Measured): void => {
  const { seconds, steps } = track
  track.evaluations.push({ step: steps, seconds, loss: measured.loss, accuracy: measured.accuracy })
}

/** The first evaluation that reached an accuracy. */
export const reached = (track: Track, accuracy: number): Evaluation | undefined =>
  track.evaluations.find((evaluation) => evaluation.accuracy >= accuracy)

/** The loss of the batches, smoothed: a moving average that gives the last 5 steps about two thirds of the weight. */
export const smoothed = (points: ReadonlyArray<Point>): ReadonlyArray<number> => {
  let sum = 0
  let weight = 0
  return points.map(({ loss }) => {
    sum = 0.8 * sum + loss
    weight = 0.8 * weight + 1
    return sum / weight
  })
}
