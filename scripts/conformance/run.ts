/** Compares some reference files, one after the other. */
import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { Effect } from "effect"
import { Device, type Errors } from "../../src/index.ts"
import { compareFile, type FileReport } from "./compare.ts"
import { read } from "./reference.ts"
import { summary, table, totalsOf } from "./table.ts"

export interface Outcome {
  readonly reports: ReadonlyArray<FileReport>
  /** One line for each file that could not be compared. */
  readonly unusable: ReadonlyArray<string>
}

/** npm runs its scripts in the folder of the package; a path is meant from where npm was called. */
const located = (file: string): string => {
  const from = process.env["INIT_CWD"]
  return existsSync(file) || from === undefined ? file : resolve(from, file)
}

const noFigure = ({ rows }: FileReport): boolean => rows.every(({ verdict }) => verdict === "no figure")

/** Compares the files on the wasm device, in float32 as users have it. `show` is given each file's outcome when it is there. */
export const conformance = (
  files: ReadonlyArray<string>,
  show: (shown: FileReport | string) => void = () => {}
): Effect.Effect<Outcome, Errors.DeviceUnavailable> =>
  Effect.gen(function* () {
    const reports: Array<FileReport> = []
    const unusable: Array<string> = []
    const refuse = (message: string): void => {
      unusable.push(message)
      show(message)
    }
    for (const file of files) {
      yield* read(located(file)).pipe(
        Effect.flatMap(compareFile),
        Effect.match({
          onFailure: ({ message }) => refuse(message),
          onSuccess: (report) => {
            if (noFigure(report)) return refuse(`${file} has no figure. Give a file with figures to compare.`)
            reports.push(report)
            show(report)
          }
        })
      )
    }
    return { reports, unusable }
  }).pipe(Effect.provide(Device.wasm))

/** Whether everything was compared and is within its bound. */
export const holds = ({ reports, unusable }: Outcome): boolean => {
  const { leftOut, off } = totalsOf(reports)
  return unusable.length === 0 && off === 0 && leftOut === 0
}

/** What is shown of a file in the table, and the last line. */
export const shownText = (shown: FileReport | string): string =>
  typeof shown === "string" ? `${shown}\n` : table(shown)

export const lastLine = ({ reports, unusable }: Outcome): string =>
  summary(totalsOf(reports), reports.length, unusable.length)
