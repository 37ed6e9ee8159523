/**
 * Tables of bad input: a program, and the typed error that it must end in.
 *
 * A program is a thunk. Its error may come out in three ways, and each table says in which one it must: an Effect *fails*, a pure
 * operation *returns* a failed `Result`, a constructor of a plain value *throws*. A defect is none of them.
 */
import { Cause, Effect, Exit, Result } from "effect"
import { expect, it } from "vitest"
import { Errors } from "../../src/index.ts"
import { tensorCounts } from "./tensors.ts"

export type Tag = keyof typeof Errors

/** The title of a case, its program, the error's tag, and what its message must contain. */
export type Case = readonly [title: string, program: () => unknown, tag: Tag, ...says: ReadonlyArray<string>]

/** A value that many programs refuse alike. It is a thunk, as tensors are not there before the tests run. */
export type Row = readonly [name: string, value: () => unknown, tag: Tag, ...says: ReadonlyArray<string>]

/** The cases of a program that is given each value in turn. */
export const cases = (
  of: string,
  program: (value: unknown) => unknown,
  rows: ReadonlyArray<Row>
): ReadonlyArray<Case> =>
  rows.map(([name, value, ...due]) => [`${of}: ${name}`, () => program(value()), ...due])

type Channel = "fails" | "returns" | "throws"

interface Outcome {
  readonly channel: Channel | "defect" | "success"
  readonly value: unknown
}

const ofEffect = async (effect: Effect.Effect<unknown, unknown>): Promise<Outcome> => {
  const exit = await Effect.runPromiseExit(effect)
  if (Exit.isSuccess(exit)) return { channel: "success", value: exit.value }
  const [reason] = exit.cause.reasons
  return reason !== undefined && Cause.isFailReason(reason)
    ? { channel: "fails", value: reason.error }
    : { channel: "defect", value: Cause.squash(exit.cause) }
}

const outcome = async (program: () => unknown): Promise<Outcome> => {
  try {
    const value = program()
    if (Effect.isEffect(value)) return await ofEffect(value as Effect.Effect<unknown, unknown>)
    if (!Result.isResult(value)) return { channel: "success", value }
    return Result.isFailure(value)
      ? { channel: "returns", value: value.failure }
      : { channel: "success", value: value.success }
  } catch (value) {
    return { channel: "throws", value }
  }
}

const described = ({ channel, value }: Outcome): string =>
  `${channel}: ${value instanceof Error ? `${value.name}: ${value.message}` : typeof value}`

const check =
  (channel: Channel) =>
  (cases: ReadonlyArray<Case>): void => {
    for (const [title, program, tag, ...says] of cases) {
      it(`${title}: ${channel} with ${tag}, 0 tensors left`, async () => {
        const before = tensorCounts()
        const ended = await outcome(program)
        expect(tensorCounts()).toEqual(before)
        if (!(ended.value instanceof Errors[tag]))
          expect.fail(`due ${channel} with ${tag}, was ${described(ended)}`)
        expect(ended.channel).toBe(channel)
        const { message } = ended.value
        for (const text of says) expect(message).toContain(text)
        expect(message, "a cause and a remedy, each a sentence").toMatch(/^\S.*[^.\s]\. [A-Z].*\.$/s)
      })
    }
  }

/** Effects that must fail with a typed error. */
export const fails = check("fails")

/** Pure operations that must return a failed `Result`. */
export const returns = check("returns")

/** Constructors of plain values that must throw a typed error. */
export const throws = check("throws")
