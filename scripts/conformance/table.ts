/** Reports as text: a table of 80 columns for each file, and a last line. */
import { styleText } from "node:util"
import type { FileReport, Row, Verdict } from "./compare.ts"

export interface Totals {
  readonly figures: number
  readonly within: number
  readonly off: number
  readonly leftOut: number
  readonly notOurs: number
}

export const totalsOf = (reports: ReadonlyArray<FileReport>): Totals => {
  const rows = reports.flatMap((report) => report.rows)
  const count = (verdict: Verdict): number => rows.filter((row) => row.verdict === verdict).length
  return {
    figures: rows.length - count("no figure"),
    within: count("ok"),
    off: count("off"),
    leftOut: count("left out"),
    notOurs: count("not ours")
  }
}

/** The last line. */
export const summary = (totals: Totals, files: number, unusable: number): string => {
  const { figures, leftOut, notOurs, off, within } = totals
  const parts = [
    `${within} within bounds`,
    `${off} off`,
    `${leftOut} left out`,
    ...(notOurs > 0 ? [`${notOurs} not ours`] : [])
  ]
  const compared = `${figures} figures in ${files} file${files === 1 ? "" : "s"}: ${parts.join(", ")}`
  return unusable === 0 ? compared : `${compared}; ${unusable} not compared`
}

const width = 80
const errorWidth = 10
const boundWidth = 7
const verdictWidth = 9

const shownError = (error: number | undefined): string => {
  if (error === undefined) return "-"
  if (error === 0) return "0"
  return Number.isFinite(error) ? error.toExponential(1) : "infinite"
}

const shownBound = (bound: number | undefined): string =>
  bound === undefined ? "-" : bound === 0 ? "exact" : bound.toExponential(0)

const marked: Readonly<Record<Verdict, string>> = {
  ok: "ok",
  off: "OFF",
  "left out": "LEFT OUT",
  "not ours": "not ours",
  "no figure": "no figure"
}

/** Lines of at most so many characters, cut at spaces where there are any. */
const wrapped = (text: string, columns: number): ReadonlyArray<string> =>
  text.match(new RegExp(`\\S.{0,${columns - 1}}(?=\\s|$)|\\S{${columns}}`, "g")) ?? []

/** `colour` only where the output is a terminal that shows it: `styleText` asks the stream. */
const coloured = (verdict: Verdict, text: string): string => {
  if (verdict === "ok") return text
  return styleText(verdict === "off" || verdict === "left out" ? "red" : "yellow", text, {
    stream: process.stdout
  })
}

const nameWidth = width - errorWidth - boundWidth - verdictWidth - 6

const line = (cells: readonly [name: string, error: string, bound: string], verdict: string): string => {
  const [name, error, bound] = cells
  return `${name.padEnd(nameWidth)}  ${error.padStart(errorWidth)}  ${bound.padStart(boundWidth)}  ${verdict}`
}

const rowLines = ({ bound, error, note, quantity, verdict }: Row): ReadonlyArray<string> => {
  const cells = ["", shownError(error), shownBound(bound)] as const
  const last = coloured(verdict, marked[verdict])
  const name = quantity.length <= nameWidth ? [] : [quantity]
  const first = line([name.length === 0 ? quantity : "", cells[1], cells[2]], last)
  const notes = note === undefined ? [] : wrapped(note.replaceAll("\n", " "), width - 4)
  return [...name, first, ...notes.map((text) => `    ${text}`)]
}

/** The table of one file. */
export const table = ({ file, rows, subject }: FileReport): string =>
  [
    file,
    ...wrapped(subject, width),
    "",
    line(["quantity", "rel. error", "bound"], "verdict"),
    "-".repeat(width),
    ...rows.flatMap(rowLines),
    ""
  ].join("\n")
