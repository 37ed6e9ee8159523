/**
 * `npm run bench`: what a gradient, a Fisher and a step cost, as ratios within one run. `npm run bench -- --help` has the options.
 *
 * `u` is the time in units of one product 4096x512 by 512x512, timed in the same rounds on this machine's own BLAS where there is one,
 * whatever the device, and else on the device.
 */
import { writeFileSync } from "node:fs"
import { cpus } from "node:os"
import * as tf from "@tensorflow/tfjs"
import { Effect } from "effect"
import { open } from "../src/kernels/native/library.ts"
import { native } from "../src/kernels/native.ts"
import { arithmetic } from "./arithmetic.ts"
import type { Place } from "./children.ts"
import { layerOf } from "./devices.ts"
import { profiles } from "./effect.ts"
import { linear, withFits } from "./linear.ts"
import { type Line, lineOf, withShares } from "./lines.ts"
import { Misuse, type Options, optionsOf, type Part, usage } from "./options.ts"
import { shipped } from "./shipped.ts"
import { stages } from "./stages.ts"
import { streams } from "./stream.ts"
import { aligned, runOf, tablesOf } from "./tables.ts"
import { tfjs } from "./tfjs.ts"
import { inTurns, median, type Series, type Turn, timed } from "./turns.ts"
import { unitOn, unitOnDevice, workloads } from "./workloads.ts"

/** On the BLAS of this machine, if there is one, which takes all threads that there are unless told. */
const unitBy = (threads: number) =>
  Effect.tryPromise(open).pipe(
    Effect.map((library) => {
      library.setThreads(threads)
      return unitOn(native(library))
    }),
    Effect.catch(() => unitOnDevice),
    Effect.map(({ run, ...label }) => timed(label, run))
  )

const rows = (part: "a" | "b" | "c" | "d") =>
  Effect.map(workloads([part]), (all) => all.map(({ run, ...label }) => timed(label, run)))

/** What takes turns. */
const turnsOf = {
  a: rows("a"),
  b: rows("b"),
  c: rows("c"),
  d: rows("d"),
  t: shipped,
  kernels: arithmetic,
  stages,
  tfjs
}

/** What is measured in processes of its own, when the turns are over. */
const afterwards = {
  linear,
  stream: (place: Place) => streams([1000, 10_000, 60_000], place),
  effect: profiles
}

const isAfterwards = (part: Part): part is keyof typeof afterwards => part in afterwards

const say = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`)
}

const runHere = ({ device, only, rounds, threads }: Options): NonNullable<Line["run"]> => ({
  date: new Date().toISOString().slice(0, 10),
  node: process.versions.node,
  tfjs: tf.version_core,
  machine: `${cpus()[0]?.model ?? "unknown"}, ${cpus().length} cores`,
  command: `npm run bench -- --device ${device} --threads ${threads} --only ${only.join(",")} --rounds ${rounds}`
})

const measured = Effect.fnUntraced(function* (options: Options) {
  const { device, only, rounds, threads } = options
  const one = yield* unitBy(threads)
  const turns: Array<Turn<unknown>> = [one]
  for (const part of only) {
    if (isAfterwards(part)) continue
    // The unit comes again with each part, to be timed as often as a disturbance may change.
    turns.push(one, ...(yield* turnsOf[part]))
  }
  const inRounds = yield* inTurns(turns, rounds, (round) => say(`round ${round} of ${rounds}`))
  const series: Array<Series> = [...inRounds]
  for (const part of only.filter(isAfterwards)) {
    say(part)
    series.push(...afterwards[part]({ device, threads }, rounds))
  }
  say("")
  const unitMs = median(inRounds[0]!.times)
  const [first, ...lines] = series.map((one) => lineOf(one, { device, threads }, unitMs))
  return [{ ...first!, run: runHere(options) }, ...withShares(withFits(lines))]
})

const print = (lines: ReadonlyArray<Line>, { json, rounds }: Options): void => {
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("")
  if (json !== undefined) writeFileSync(json, text)
  if (!process.stdout.isTTY) {
    process.stdout.write(text)
    return
  }
  const run = runOf(lines)
  const { ms, what } = lines[0]!
  console.log(`${run.name}; medians of ${rounds} rounds; the unit ${ms} ms on ${what}\n`)
  for (const table of tablesOf([run])) console.log(aligned(table, process.stdout.columns ?? 80))
}

const main = async (): Promise<void> => {
  const options = optionsOf(process.argv.slice(2))
  if (options === undefined) {
    process.stdout.write(usage)
    return
  }
  const lines = Effect.scoped(measured(options)).pipe(
    Effect.provide(layerOf(options.device, options.threads))
  )
  print(await Effect.runPromise(lines), options)
}

try {
  await main()
} catch (cause) {
  if (!(cause instanceof Misuse)) throw cause
  console.error(cause.message)
  process.exitCode = 2
}
