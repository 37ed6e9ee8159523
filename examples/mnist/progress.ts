/** How a run is watched: one line for each thing under way, on a terminal or in a plain log. */
import { MultiBar, type SingleBar } from "cli-progress"

/** What a line can tell; only what there is. */
export interface Status {
  /** From 0 to 1. */
  readonly fraction: number
  readonly secondsLeft: number
  readonly step?: number
  readonly loss?: number | undefined
  readonly accuracy?: number | undefined
  readonly kl?: number | undefined
  readonly text?: string | undefined
}

export interface Progress {
  /** Opens lines with these names; those before have been closed. */
  readonly begin: (names: ReadonlyArray<string>) => void
  readonly show: (name: string, status: Status) => void
  /** Closes the lines, and leaves their last state where it is. */
  readonly end: () => void
  /** A line of its own, while no others are open. */
  readonly say: (line: string) => void
}

/** What a progress writes to. */
export type Output = NodeJS.WriteStream

export const progressOn = (output: Output): Progress => (output.isTTY ? live(output) : plain(output))

const nameWidth = 16

/** The fields of a line, the dispensable ones last; each of fixed width, so that nothing jumps. */
const fields = ({ accuracy, kl, loss, secondsLeft, step, text }: Status): ReadonlyArray<string> => {
  const left = `${Math.max(0, Math.ceil(secondsLeft))} s`.padStart(5)
  if (text !== undefined) return [text, left]
  const shownLoss = loss === undefined ? "-" : loss.toFixed(4)
  const shownAccuracy = accuracy === undefined ? "-" : `${(100 * accuracy).toFixed(1)}%`
  return [
    `step ${String(step ?? 0).padStart(4)}`,
    `loss ${shownLoss.padEnd(6)}`,
    `test ${shownAccuracy.padStart(5)}`,
    left,
    (kl === undefined ? "" : `KL ${kl.toExponential(0)}`).padEnd(7)
  ]
}

/** A line of at most `width` characters: as many fields as fit, and a bar where room is left. */
export const lineOf = (name: string, status: Status, width: number): string => {
  const head = name.padEnd(nameWidth)
  const kept: Array<string> = []
  let used = head.length
  for (const field of fields(status)) {
    if (used + 2 + field.length > width) break
    kept.push(field)
    used += 2 + field.length
  }
  const room = Math.min(30, width - used - 1)
  const bar = room < 4 ? "" : ` ${barOf(status.fraction, room)}`
  return `${head}${bar}${kept.map((field) => `  ${field}`).join("")}`.slice(0, Math.max(0, width))
}

const barOf = (fraction: number, width: number): string => {
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * width)
  return "█".repeat(full) + "░".repeat(width - full)
}

/** Lines that are redrawn in place. */
const live = (output: Output): Progress => {
  let bars: MultiBar | undefined
  let open = new Map<string, SingleBar>()
  const end = (): void => {
    bars?.stop()
    bars = undefined
    open = new Map()
  }
  return {
    begin: (names) => {
      end()
      bars = new MultiBar({
        stream: output,
        hideCursor: true,
        fps: 5,
        // One column stays free: a terminal wraps where a line fills it to the end.
        format: (_, __, { name, status }) => lineOf(name, status, (output.columns ?? 80) - 1)
      })
      const status: Status = { fraction: 0, secondsLeft: 0, text: "" }
      for (const name of names) open.set(name, bars.create(1, 0, { name, status }))
    },
    show: (name, status) => open.get(name)?.update(Math.min(1, status.fraction), { name, status }),
    end,
    say: (line) => void output.write(`${line}\n`)
  }
}

/** How often a plain log gets a line for each thing under way, in milliseconds. */
const interval = 2000

const plain = (output: Output): Progress => {
  let latest = new Map<string, Status>()
  let written = 0
  const write = (): void => {
    written = performance.now()
    for (const [name, status] of latest)
      output.write(`${name.padEnd(nameWidth)}  ${fields(status).join("  ").trimEnd()}\n`)
    latest = new Map()
  }
  return {
    begin: () => {
      written = performance.now()
    },
    show: (name, status) => {
      latest.set(name, status)
      if (performance.now() - written >= interval) write()
    },
    end: write,
    say: (line) => void output.write(`${line}\n`)
  }
}
