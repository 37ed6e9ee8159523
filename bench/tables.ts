/** The lines of a run, or of some on different devices side by side, as tables: for a terminal and in Markdown. */
import type { Line } from "./lines.ts"
import { figures, machines } from "./peers.ts"

/** The lines of one device. */
export interface Run {
  readonly name: string
  readonly lines: ReadonlyArray<Line>
}

interface Column {
  readonly header: string
  readonly cell: (row: Line) => string
  /** The first to be left out where there is no room has the largest number. */
  readonly optional?: number
}

export interface Table {
  readonly title: string
  readonly columns: ReadonlyArray<Column>
  /** What a row is of: its line in the first run that has it. */
  readonly rows: ReadonlyArray<Line>
}

/** Such as native, or native x2 for two threads. */
export const runOf = (lines: ReadonlyArray<Line>): Run => {
  const [unit] = lines
  if (unit?.workload !== "-")
    throw new Error("These are no lines of the bench: the first is not of its unit.")
  return { name: unit.threads === 1 ? unit.device : `${unit.device} x${unit.threads}`, lines }
}

const keyOf = ({ examples, sampler, what, workload }: Line): string =>
  [workload, what, sampler, examples].join(" ")

const lineIn = ({ lines }: Run, row: Line): Line | undefined =>
  lines.find((line) => keyOf(line) === keyOf(row))

const number = (value: number | undefined): string =>
  value === undefined ? "" : value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2)

const ratio = (value: number | undefined, to: number | undefined): string =>
  value === undefined || to === undefined ? "" : (value / to).toFixed(2)

const percent = (value: number | undefined): string => (value === undefined ? "" : `${value.toFixed(1)} %`)

const workload: Column = { header: "", cell: (row) => row.workload }
const what: Column = { header: "what", cell: (row) => row.what }
const sampler: Column = { header: "sampler", cell: (row) => (row.sampler === "-" ? "" : row.sampler) }
const examples: Column = { header: "examples", cell: (row) => row.examples?.toLocaleString("en") ?? "" }

/** A column for each run. */
const each = (
  runs: ReadonlyArray<Run>,
  header: string,
  cell: (line: Line, run: Run) => string,
  optional?: number
): ReadonlyArray<Column> =>
  runs.map((run) => ({
    header: runs.length === 1 ? header : `${run.name} ${header}`.trim(),
    cell: (row) => {
      const line = lineIn(run, row)
      return line === undefined ? "" : cell(line, run)
    },
    ...(optional === undefined ? {} : { optional })
  }))

const ms = (runs: ReadonlyArray<Run>) => each(runs, "ms", (line) => number(line.ms))
const spread = (runs: ReadonlyArray<Run>) =>
  each(runs, "spread", (line) => (line.spread === undefined ? "" : `x${line.spread.toFixed(1)}`), 3)
const u = (runs: ReadonlyArray<Run>) => each(runs, "u", (line) => number(line.u))

/** NNGeometry's u as it was measured on each of the machines, and ours as parts of it. */
const peers = (runs: ReadonlyArray<Run>): ReadonlyArray<Column> =>
  machines.flatMap(({ machine, name }, i) => [
    { header: name, cell: (row) => number(figures(machine, row)), optional: 2 - i },
    ...each(runs, "ratio", (line) => ratio(line.u, figures(machine, line)))
  ])

/** The time of half a product as a part of the whole one's. */
const ofProduct = (runs: ReadonlyArray<Run>): ReadonlyArray<Column> =>
  each(runs, "of gemm", (half, run) => {
    if (!half.what.startsWith("syrk")) return ""
    const whole = { ...half, what: half.what.replace(/^syrk( packed)?/, "gemm A^T B") }
    return ratio(half.ms, lineIn(run, whole)?.ms)
  })

/** tfjs's time for the same, as a multiple of ours. */
const timesOurs = (runs: ReadonlyArray<Run>): ReadonlyArray<Column> =>
  each(runs, "times ours", (theirs, run) => {
    const ours = lineIn(run, { ...theirs, what: theirs.what.replace("tfjs ", "") })
    return ours === undefined ? "" : number(theirs.ms / ours.ms)
  })

const kinds: ReadonlyArray<{
  readonly title: string
  readonly holds: (line: Line) => boolean
  readonly columns: (runs: ReadonlyArray<Run>) => ReadonlyArray<Column>
}> = [
  {
    title: "Gradients, Fishers, products and solves",
    holds: (line) =>
      line.workload !== "kernels" &&
      line.fit === undefined &&
      line.peak === undefined &&
      !/^(stage|tfjs|time in) /.test(line.what),
    columns: (runs) => [workload, what, sampler, ...ms(runs), ...spread(runs), ...u(runs), ...peers(runs)]
  },
  {
    title: "Kernels on typed arrays",
    holds: ({ what, workload }) => workload === "kernels" && !what.startsWith("tfjs "),
    columns: (runs) => [what, ...ms(runs), ...spread(runs), ...u(runs), ...ofProduct(runs)]
  },
  {
    title: "The stages of an estimate",
    holds: ({ what }) => what.startsWith("stage "),
    columns: (runs) => [workload, what, sampler, ...ms(runs), ...spread(runs), ...u(runs)]
  },
  {
    title: "Plain tfjs, on its backends as shipped",
    holds: ({ what }) => what.startsWith("tfjs "),
    columns: (runs) => [
      workload,
      what,
      sampler,
      { header: "backend", cell: ({ device }) => device },
      ...ms(runs),
      ...spread(runs),
      ...timesOurs(runs),
      { header: "scaled by", cell: ({ scaled }) => number(scaled), optional: 1 }
    ]
  },
  {
    title: "Against N, and against draws",
    holds: ({ fit }) => fit !== undefined,
    columns: (runs) => [
      workload,
      what,
      sampler,
      examples,
      ...ms(runs),
      ...each(runs, "line", ({ fit }) => number(fit)),
      ...each(runs, "off by", ({ deviation }) => percent(deviation))
    ]
  },
  {
    title: "A stream, each N in a process of its own",
    holds: ({ peak }) => peak !== undefined,
    columns: (runs) => [
      what,
      sampler,
      examples,
      ...ms(runs),
      ...each(runs, "peak MiB", ({ peak }) => String(peak))
    ]
  },
  {
    title: "Whose time it is, in blocks of 64 examples",
    holds: ({ what }) => what.startsWith("time in "),
    columns: (runs) => [
      workload,
      what,
      sampler,
      ...ms(runs),
      ...each(runs, "share", ({ share }) => percent(share))
    ]
  }
]

/** The tables that these runs have lines for. */
export const tablesOf = (runs: ReadonlyArray<Run>): ReadonlyArray<Table> =>
  kinds.flatMap(({ columns, holds, title }) => {
    const lines = runs.flatMap((run) => run.lines.slice(1).filter(holds))
    const rows = [...new Map(lines.toReversed().map((line) => [keyOf(line), line])).values()].toReversed()
    if (rows.length === 0) return []
    const filled = columns(runs).filter(({ cell }) => rows.some((row) => cell(row) !== ""))
    return [{ title, columns: filled, rows }]
  })

/** As wide as it must be, without the optional columns that do not fit. */
export const aligned = ({ columns, rows, title }: Table, width: number): string => {
  const texts = columns.map(({ cell, header }) => [header, ...rows.map(cell)])
  const widths = texts.map((column) => Math.max(...column.map((text) => text.length)))
  const needed = widths.reduce((sum, of) => sum + of + 2, -2)
  const least = Math.max(...columns.map(({ optional = 0 }) => optional))
  if (needed > width && least > 0) {
    const fewer = columns.filter(({ optional = 0 }) => optional < least)
    return aligned({ columns: fewer, rows, title }, width)
  }
  const isText = ({ header }: Column) => header === "" || header === "what" || header === "sampler"
  const lines = ["", ...rows].map((_, r) =>
    texts
      .map((column, c) =>
        isText(columns[c]!) ? column[r]!.padEnd(widths[c]!) : column[r]!.padStart(widths[c]!)
      )
      .join("  ")
      .trimEnd()
  )
  return `${title}\n\n${lines.join("\n")}\n`
}

/** Without the spread. */
export const markdown = ({ columns, rows, title }: Table): string => {
  const shown = columns.filter(({ optional }) => optional !== 3)
  const line = (cells: ReadonlyArray<string>) => `| ${cells.join(" | ")} |`
  return [
    `## ${title}\n`,
    line(shown.map(({ header }) => header)),
    `|${shown.map(() => "---|").join("")}`,
    ...rows.map((row) => line(shown.map(({ cell }) => cell(row)))),
    ""
  ].join("\n")
}
