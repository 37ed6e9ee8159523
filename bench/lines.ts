/** The lines that the bench writes: one for each thing that was measured. */
import { type Label, median, type Series } from "./turns.ts"

/** Milliseconds, and `u`: the same in units of one product 4096x512 by 512x512. */
export interface Line extends Label {
  readonly device: string
  readonly threads: number
  /** The median of the rounds. */
  readonly ms: number
  readonly u: number
  /** Slowest over fastest of the rounds, where there are some. */
  readonly spread?: number
  /** Peak resident memory, in MiB. */
  readonly peak?: number
  /** Where a line was fitted through points: its time there, and by how many percent of that this one is off. */
  readonly fit?: number
  readonly deviation?: number
  /** Percent of the whole that it is a part of. */
  readonly share?: number
  /** Of the line of the unit alone: what ran, where and when. */
  readonly run?: Readonly<Record<string, string>>
}

const digits = (value: number, count: number): number => Number(value.toPrecision(count))

export const lineOf = (
  { label, peak, times }: Series,
  where: { readonly device: string; readonly threads: number },
  unit: number
): Line => {
  const ms = median(times)
  const { device = where.device, sampler, what, workload, ...more } = label
  return {
    workload,
    what,
    sampler,
    device,
    // tfjs as shipped has one thread.
    threads: label.device === undefined ? where.threads : 1,
    ...more,
    ms: digits(ms, 4),
    u: digits(ms / unit, 3),
    ...(times.length > 1 ? { spread: digits(Math.max(...times) / Math.min(...times), 3) } : {}),
    ...(peak === undefined ? {} : { peak: Math.round(peak) })
  }
}

/** Of lines of one whole each: which part of it each is. */
export const withShares = (lines: ReadonlyArray<Line>): ReadonlyArray<Line> =>
  lines.map((line) => {
    if (!line.what.startsWith("time in ")) return line
    const whole = lines.filter(
      ({ what, workload }) => what.startsWith("time in ") && workload === line.workload
    )
    const sum = whole.reduce((total, { ms }) => total + ms, 0)
    return { ...line, share: digits((100 * line.ms) / sum, 3) }
  })
