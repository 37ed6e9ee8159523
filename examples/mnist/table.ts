/** The table at the end of a run: a column for each method, within 80 columns. */
import type { Findings } from "./experiment.ts"
import { reached, type Track } from "./track.ts"

/** The accuracy that the table and the report ask the time to. */
export const goal = 0.97

export interface Row {
  readonly what: string
  /** One for each track. */
  readonly cells: ReadonlyArray<string>
}

const cell = (value: number | undefined, format: (value: number) => string): string =>
  value === undefined || !Number.isFinite(value) ? "-" : format(value)

const percent = (value: number): string => `${(100 * value).toFixed(2)} %`
const loss = (value: number): string => value.toFixed(4)

/** What is told of each method, for the terminal and for the report alike. */
export const rowsOf = ({ common, finals, tracks }: Findings): ReadonlyArray<Row> => {
  const each = (what: string, f: (track: Track, index: number) => string): Row => ({
    what,
    cells: tracks.map(f)
  })
  const equal = (f: (track: Track) => string): ReadonlyArray<Row> =>
    tracks.some((track) => track.left !== undefined) ? [each("left the race", f)] : []
  return [
    each("learning rate", ({ candidate }) => String(candidate.learningRate)),
    each("updates", ({ steps }) => String(steps)),
    each("seconds", ({ seconds }) => seconds.toFixed(1)),
    each("training loss", (_, i) => cell(finals[i]?.train.loss, loss)),
    each("test loss", (_, i) => cell(finals[i]?.test.loss, loss)),
    each("test accuracy", (_, i) => cell(finals[i]?.test.accuracy, percent)),
    ...(common === undefined
      ? []
      : [each(`training loss, ${common} updates`, (_, i) => cell(finals[i]?.lossAtCommon, loss))]),
    each(`updates to ${100 * goal} % on test`, (track) => cell(reached(track, goal)?.step, String)),
    each(`seconds to ${100 * goal} % on test`, (track) =>
      cell(reached(track, goal)?.seconds, (seconds) => seconds.toFixed(1))
    ),
    ...equal(({ left }) => (left === undefined ? "" : "yes"))
  ]
}

const firstWidth = 28
const width = 17

/** The table as lines of text. */
export const tableOf = (findings: Findings): ReadonlyArray<string> => {
  const line = ({ cells, what }: Row): string =>
    what.padEnd(firstWidth) + cells.map((text) => text.padStart(width)).join("")
  const head = line({ what: "", cells: findings.tracks.map(({ candidate }) => candidate.method) })
  return [head, "-".repeat(head.length), ...rowsOf(findings).map(line)]
}
