/** A program stopped at each of its operations in turn, and what it left behind. */
import { Effect, Fiber, Scheduler } from "effect"
import { tensorCounts } from "./tensors.ts"

/** Calls `onOperation` before every operation of every fiber that runs with it. */
const watching = (onOperation: (fiber: Fiber.Fiber<unknown, unknown>) => void): Scheduler.Scheduler => {
  const mixed = new Scheduler.MixedScheduler()
  return {
    executionMode: mixed.executionMode,
    makeDispatcher: () => mixed.makeDispatcher(),
    shouldYield: (fiber) => {
      onOperation(fiber)
      return mixed.shouldYield(fiber)
    }
  }
}

/**
 * Whom the interruption reaches first. `whole`: the program, as a timeout or Ctrl-C does, whatever fiber of it is at work.
 * `part`: the fiber at work; the program follows some turns later, as one that lost a fiber may never end by itself.
 */
export type Reach = "whole" | "part"

interface Stopped {
  readonly operations: number
  readonly ended: "success" | "interrupted" | "otherwise"
  readonly left: boolean
}

/** Turns of the event loop that a program with an interrupted part may go on for. */
const turns = 3

const stopAt = Effect.fnUntraced(function* <R>(
  program: Effect.Effect<unknown, unknown, R>,
  at: number,
  reach: Reach
): Effect.fn.Return<Stopped, never, R> {
  const before = tensorCounts()
  let operations = 0
  let whole: Fiber.Fiber<unknown, unknown> | undefined
  const scheduler = watching((fiber) => {
    if (++operations === at) (reach === "whole" ? (whole ?? fiber) : fiber).interruptUnsafe()
  })
  whole = yield* Effect.forkChild(Effect.provideService(program, Scheduler.Scheduler, scheduler))
  if (reach === "part" && at > 0) {
    for (let turn = 0; turn < turns; turn++)
      yield* Effect.promise(() => new Promise((done) => setImmediate(done)))
    yield* Fiber.interrupt(whole)
  }
  const exit = yield* Fiber.await(whole)
  const after = tensorCounts()
  const ended =
    exit._tag === "Success"
      ? "success"
      : exit.cause.reasons.some((reason) => reason._tag === "Interrupt")
        ? "interrupted"
        : "otherwise"
  return { operations, ended, left: JSON.stringify(after) !== JSON.stringify(before) }
})

export interface Everywhere {
  /** How many operations the program has. */
  readonly operations: number
  /** At how many of them it was stopped, and did end by it. */
  readonly interrupted: number
  /** After how many of them something was left. */
  readonly leaking: number
}

/** Stops the program at operation 1, 2, ... up to its last. */
export const everywhere = Effect.fnUntraced(function* <R>(
  program: Effect.Effect<unknown, unknown, R>,
  reach: Reach = "whole"
): Effect.fn.Return<Everywhere, never, R> {
  const { ended, operations } = yield* stopAt(program, 0, reach)
  if (ended !== "success") return yield* Effect.die(`the program alone ended in ${ended}`)
  let interrupted = 0
  let leaking = 0
  for (let at = 1; at <= operations; at++) {
    const stopped = yield* stopAt(program, at, reach)
    if (stopped.ended === "interrupted") interrupted++
    if (stopped.left) leaking++
  }
  return { operations, interrupted, leaking }
})
