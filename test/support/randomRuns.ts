/** Runs a law over random cases: what failed, with the seed that shows it again. */
import { Cause, Effect, Layer } from "effect"
import { type DataSource, type Device, Fisher, type Sampler, type Structure } from "../../src/index.ts"
import {
  libraryOf,
  onlySeed,
  type RandomCase,
  randomCase,
  seedBase,
  seedsOf,
  type Wishes
} from "./randomCases.ts"

/** How far a case is from a law, and how far a wrong implementation is: undefined where that is right too. */
export interface Verdict {
  readonly error: number
  readonly wrong: number | undefined
}

/** The verdicts of a case by name. */
export type Verdicts = Readonly<Record<string, Verdict>>

type Services = Sampler | Device | DataSource

/** With the case's data, sampler and device. */
export const runCase =
  (c: RandomCase) =>
  <A, E>(program: Effect.Effect<A, E, Services>): Effect.Effect<A, unknown> =>
    program.pipe(Effect.provide(Layer.mergeAll(libraryOf(c).data, c.sampler, c.device)))

/** The library's Fisher in the case's blocks, by the case's sampler. */
export const estimated = <Op extends Structure.Operation>(
  c: RandomCase,
  structure: Structure.AnyStructure<Op>
): Effect.Effect<Fisher.Fisher<string, Op>, unknown, Services> => {
  const { conditional, params } = libraryOf(c)
  return Fisher.estimate(conditional, params, structure, { blockSize: c.blockSize })
}

export interface Law {
  /** How many cases. */
  readonly count: number
  readonly wishes?: Wishes
  /** What an error may be at most, and what that of a wrong implementation must be over. */
  readonly bound: number
  /** In how many of the cases a wrong implementation must be wrong at least, as a part of 1; 0.5 unless said. */
  readonly wrongIn?: number
  readonly verdicts: (c: RandomCase) => Effect.Effect<Verdicts, unknown, Services>
}

export interface Found {
  readonly name: string
  readonly value: number
  readonly at: string
}

export interface Report {
  /** What does not hold, or is not told from what is wrong: none is due. */
  readonly failures: ReadonlyArray<string>
  /** The largest error of each name. */
  readonly largest: ReadonlyArray<Found>
  /** The least error of each wrong implementation. */
  readonly leastWrong: ReadonlyArray<Found>
}

const told = (c: RandomCase): string => `NATGRAD_SEED=${c.seed}: ${c.title}`

/** One case's verdicts, or the failure that it ended with. */
const judged = ({ verdicts, wishes }: Law, seed: number) =>
  Effect.suspend(() => {
    const c = randomCase(seed, wishes)
    return runCase(c)(verdicts(c)).pipe(
      Effect.map((given) => ({ c, given, died: undefined as string | undefined })),
      Effect.catchCause((cause) =>
        Effect.succeed({ c, given: {} as Verdicts, died: `${Cause.pretty(cause)} at ${told(c)}` })
      )
    )
  }).pipe(Effect.tap(Effect.yieldNow))

/** All cases of a law, one after another. */
export const report = async (law: Law): Promise<Report> => {
  const { bound, count, wrongIn = 0.5 } = law
  const seeds = seedsOf(count)
  const results = await Effect.runPromise(Effect.forEach(seeds, (seed) => judged(law, seed)))
  const failures: Array<string> = []
  const largest = new Map<string, Found>()
  const leastWrong = new Map<string, Found>()
  const wrongs = new Map<string, number>()
  for (const { c, died, given } of results) {
    if (died !== undefined) failures.push(died)
    for (const [name, { error, wrong }] of Object.entries(given)) {
      // NaN is over any bound.
      if (!(error <= bound)) failures.push(`${name}: ${error} is over ${bound} at ${told(c)}`)
      if (!(error <= (largest.get(name)?.value ?? -1))) largest.set(name, { name, value: error, at: told(c) })
      wrongs.set(name, (wrongs.get(name) ?? 0) + (wrong === undefined ? 0 : 1))
      if (wrong === undefined) continue
      if (!(wrong > bound)) failures.push(`control of ${name}: ${wrong} is within ${bound} at ${told(c)}`)
      if (!(wrong >= (leastWrong.get(name)?.value ?? Number.POSITIVE_INFINITY)))
        leastWrong.set(name, { name, value: wrong, at: told(c) })
    }
  }
  if (onlySeed === undefined) {
    for (const [name, number] of wrongs) {
      if (number < wrongIn * count)
        failures.push(`control of ${name}: only ${number} of ${count} cases have one`)
    }
  }
  return { failures, largest: [...largest.values()], leastWrong: [...leastWrong.values()] }
}

/** What failed, for a test to expect none of. `NATGRAD_REPORT` prints how near the nearest was. */
export const failuresOf = async (law: Law): Promise<ReadonlyArray<string>> => {
  const { failures, largest, leastWrong } = await report(law)
  if (process.env["NATGRAD_REPORT"]) {
    for (const { at, name, value } of largest) console.info(`  largest ${name}: ${value} at ${at}`)
    for (const { at, name, value } of leastWrong) console.info(`  least wrong ${name}: ${value} at ${at}`)
  }
  return failures
}

/** 1,000 cases on a machine that does other things too. */
export const patient = { timeout: 600_000 }

/** For a file's first line of output: how to have other cases, and one of them. */
export const announced = (file: string): string =>
  onlySeed === undefined
    ? `${file}: seeds from ${seedBase} on. NATGRAD_SEED_BASE=n gives others, NATGRAD_SEED=n one of them.`
    : `${file}: the case of seed ${onlySeed} alone.`
