/**
 * Rows take turns, round after round, so that a disturbance of the machine meets all of them alike; the figure of a row is the median of
 * its rounds.
 */
import { Effect } from "effect"
import type { Device } from "../src/index.ts"

/** What was timed. */
export interface Label {
  readonly workload: string
  readonly what: string
  readonly sampler: string
  /** Where it is not the device of the run. */
  readonly device?: string
  /** How many examples were timed, where they are other than the workload's. */
  readonly examples?: number
  /** The factor by which the time is scaled up, where only a part of the examples was timed. */
  readonly scaled?: number
}

export interface Reading extends Label {
  readonly ms: number
}

/** What takes its turn in every round, and what it measures then. */
export type Turn<E> = Effect.Effect<ReadonlyArray<Reading>, E, Device>

/** All that was measured of one thing. */
export interface Series {
  readonly label: Label
  readonly times: ReadonlyArray<number>
  /** Peak resident memory, in MiB, where it was measured. */
  readonly peak?: number
}

export const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

/** So many ms a turn takes at least: what a run leaves to the garbage collector, and finds cold, is then mostly its own. */
const leastTime = 30

/** The time of one thing, as the mean of the runs of a turn, which follow one another: at least so many. */
export const timed = <E, R>(label: Label, run: Effect.Effect<unknown, E, R>, leastRuns = 1) =>
  Effect.gen(function* () {
    const start = performance.now()
    let runs = 0
    do {
      yield* run
      runs++
    } while (runs < leastRuns || performance.now() - start < leastTime)
    return [{ ...label, ms: ((label.scaled ?? 1) * (performance.now() - start)) / runs }]
  })

/** All turns in every round, and once before them to warm up; `say` is told which round begins. */
export const inTurns = Effect.fnUntraced(function* <E>(
  turns: ReadonlyArray<Turn<E>>,
  rounds: number,
  say: (round: number) => void
) {
  const all = new Map<string, { label: Label; times: Array<number> }>()
  for (let round = 0; round <= rounds; round++) {
    say(round)
    for (const turn of turns) {
      const readings = yield* turn
      if (round === 0) continue
      for (const { ms, ...label } of readings) {
        const key = JSON.stringify(label)
        const series = all.get(key) ?? { label, times: [] }
        series.times.push(ms)
        all.set(key, series)
      }
    }
  }
  return [...all.values()] as ReadonlyArray<Series>
})
