/**
 * `npm start`: trains a classifier of handwritten digits by natural gradient, beside SGD and Adam, and writes a report.
 *
 * Everything that is told, on the terminal and in the report, was measured in this run.
 */
import { appendFile, mkdir, writeFile } from "node:fs/promises"
import { dirname, resolve } from "node:path"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Cause, Console, Data, Effect, Option, Ref, Runtime } from "effect"
import { CliError, Command } from "effect/cli"
import { DataSource } from "../../src/index.ts"
import { readDigits } from "./data.ts"
import * as Experiment from "./experiment.ts"
import { sizesOf } from "./page/charts.ts"
import { pageOf } from "./page/page.ts"
import { type Progress, progressOn } from "./progress.ts"
import { flags, type Settings } from "./settings.ts"
import { tableOf } from "./table.ts"
import * as Track from "./track.ts"
import { chosen, tune } from "./tuning.ts"

/** Something that was asked for cannot be: told in one line, with exit code 1. */
class Refused extends Data.TaggedError("Refused")<{ readonly message: string }> {}

/** A dense Fisher of more parameters would not fit the time, nor the memory. */
const mostForDense = 2000

const refuse = ({ problem, settings }: Experiment.Experiment) => {
  const { size } = problem.conditional.network.space
  return settings.structure === "dense" && size > mostForDense
    ? Effect.fail(
        new Refused({
          message: `The network has ${size} parameters: its dense Fisher would hold ${size} x ${size} numbers. Use --structure kfac, or a data set of small images (up to ${mostForDense} parameters).`
        })
      )
    : Effect.void
}

/** The phases, one after the other. What each finds is in `found` as soon as it is over, so that nothing is lost by Ctrl-C. */
const phases = Effect.fnUntraced(function* (
  experiment: Experiment.Experiment,
  progress: Progress,
  found: Ref.Ref<Experiment.Findings>
) {
  const { problem, settings } = experiment
  const { raced, studied, tuned } = Experiment.plan(settings.seconds, performance.now())
  const tried = yield* tune(experiment, progress, tuned)
  const candidates = chosen(experiment, tried)
  const tracks = candidates.map((each) => Track.open(each, problem.start))
  yield* Ref.update(found, (findings) => ({ ...findings, tried, tracks }))
  yield* Experiment.compete(experiment, progress, tracks, raced)
  const compared = yield* Experiment.compare(experiment, tracks)
  yield* Ref.update(found, (findings) => ({ ...findings, ...compared }))
  const study = yield* Experiment.examine(experiment, progress, tracks[0]!, studied)
  yield* Ref.update(found, (findings) => ({ ...findings, study }))
})

const writing = (path: string, write: () => Promise<unknown>) =>
  Effect.tryPromise({
    try: write,
    catch: (cause) =>
      new Refused({
        message: `The report cannot be written to ${path}: ${cause}. Name another place with --report.`
      })
  })

/** Finds out before the work whether there will be a place for the report; an older one stays until the new one is written. */
const makePlace = (path: string) =>
  writing(path, async () => {
    await mkdir(dirname(path), { recursive: true })
    await appendFile(path, "")
  })

/** The report and the table, of whatever was found. */
const conclude = Effect.fnUntraced(function* (
  experiment: Experiment.Experiment,
  progress: Progress,
  found: Ref.Ref<Experiment.Findings>,
  stopped: boolean
) {
  progress.end()
  const before = yield* Ref.get(found)
  if (stopped) progress.say("\nStopped. Writing the report with what there is.")
  const started = before.tracks.some((track) => track.steps > 0)
  const findings =
    before.finals.length === 0 && started
      ? { ...before, ...(yield* Experiment.compare(experiment, before.tracks)) }
      : before
  if (started) for (const line of ["", ...tableOf(findings), ""]) progress.say(line)
  const path = resolve(experiment.settings.report)
  const page = yield* pageOf(experiment, findings, { stopped, seconds: performance.now() / 1000 })
  yield* writing(path, () => writeFile(path, page))
  for (const { network, slope, structure } of findings.study?.errors ?? []) {
    if (Number.isFinite(slope))
      progress.say(`sampled ${structure} Fisher of ${sizesOf(network)}: error ~ draws^${slope.toFixed(2)}`)
  }
  progress.say(`${(performance.now() / 1000).toFixed(0)} s in all. The report: ${path}`)
})

const job = Effect.fnUntraced(function* (settings: Settings) {
  const progress = progressOn(process.stdout)
  yield* makePlace(resolve(settings.report))
  const digits = yield* readDigits(Option.getOrUndefined(settings.data))
  const experiment = yield* Experiment.prepare(settings, digits)
  yield* refuse(experiment)
  const { conditional } = experiment.problem
  progress.say(`${digits.name}: ${digits.train.count} training and ${digits.test.count} test images`)
  progress.say(`p(y|x): ${conditional.network.space.signature}, ${conditional.network.space.size} parameters`)
  const found = yield* Ref.make(Experiment.nothing)
  yield* phases(experiment, progress, found).pipe(
    Effect.onInterrupt(() => Effect.orDie(conclude(experiment, progress, found, true))),
    Effect.andThen(
      Effect.uninterruptible(Effect.suspend(() => conclude(experiment, progress, found, false)))
    ),
    Effect.provideService(DataSource, experiment.train),
    Effect.provide([Experiment.samplerOf(settings), Experiment.deviceOf(settings)])
  )
})

const command = Command.make("npm start --", flags, job).pipe(
  Command.withDescription(
    "Trains a classifier of MNIST digits by natural gradient, beside SGD and Adam, and writes a report"
  )
)

/** What went wrong, in its own words. The command has told by itself what is wrong with a flag; a defect is told in full. */
const tell = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.void
  if (Cause.hasDies(cause)) return Console.error(Cause.pretty(cause))
  const error = Cause.squash(cause)
  return CliError.isCliError(error)
    ? Effect.void
    : Console.error(error instanceof Error ? error.message : error)
}

Command.run(command, { version: "0.1.0" }).pipe(
  Effect.provide(NodeServices.layer),
  Effect.tapCause(tell),
  NodeRuntime.runMain({ disableErrorReporting: true, teardown: Runtime.defaultTeardown })
)
