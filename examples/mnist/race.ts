/**
 * Runs several methods side by side on one machine: whichever has used the least time takes the next step.
 *
 * So all of them have used the same seconds at any moment, also where the run is stopped early, and a machine that slows down slows
 * all of them. Only the steps are timed: what is measured in between is on nobody's clock.
 */
import { Effect, Pull, Stream } from "effect"
import type { Errors } from "../../src/index.ts"
import type { Candidate, Step } from "./methods.ts"

/** Somebody in the race: the index of its candidate. */
export type Event =
  /** It took a step; `seconds` are those that its steps have taken. */
  | { readonly _tag: "Stepped"; readonly runner: number; readonly seconds: number; readonly step: Step }
  /** It left the race, such as where its loss is no number any more. */
  | { readonly _tag: "Left"; readonly runner: number; readonly reason: string }

interface Runner {
  readonly seconds: number
  readonly out: boolean
}

/** A learning rate too large ends in numbers that float32 cannot hold: of a grid, some may. */
const isOverflow = (error: {
  readonly _tag: string
}): error is Errors.NonFinite | Errors.NotPositiveDefinite =>
  error._tag === "NonFinite" || error._tag === "NotPositiveDefinite"

/** The steps of all candidates that are `active`, until `deadline`: a time of `performance.now`, in milliseconds. */
export const race = (
  candidates: ReadonlyArray<Candidate>,
  {
    active = () => true,
    deadline
  }: { readonly deadline: number; readonly active?: (runner: number) => boolean }
) =>
  Stream.unwrap(
    Effect.gen(function* () {
      const pulls = yield* Effect.forEach(candidates, ({ steps }) => Stream.toPull(Stream.rechunk(steps, 1)))
      const turn = Effect.fnUntraced(function* (runners: ReadonlyArray<Runner>) {
        const runner = leastUsed(runners, active)
        if (runner < 0 || performance.now() >= deadline) return undefined
        const from = performance.now()
        const event: Event = yield* pulls[runner]!.pipe(
          Effect.map(([step]): Event => {
            const seconds = runners[runner]!.seconds + (performance.now() - from) / 1000
            return { _tag: "Stepped", runner, seconds, step }
          }),
          Effect.catchIf(isOverflow, (error) => Effect.succeed(left(runner, error.message))),
          Pull.catchDone(() => Effect.succeed(left(runner, "Its steps came to an end.")))
        )
        return [event, runners.with(runner, after(event, runners[runner]!))] as const
      })
      return Stream.unfold(
        candidates.map((): Runner => ({ seconds: 0, out: false })),
        turn
      )
    })
  )

const left = (runner: number, reason: string): Event => ({ _tag: "Left", runner, reason })

const after = (event: Event, runner: Runner): Runner =>
  event._tag === "Left" ? { ...runner, out: true } : { seconds: event.seconds, out: false }

const leastUsed = (runners: ReadonlyArray<Runner>, active: (runner: number) => boolean): number => {
  let best = -1
  for (const [i, runner] of runners.entries()) {
    if (!runner.out && active(i) && (best < 0 || runner.seconds < runners[best]!.seconds)) best = i
  }
  return best
}
