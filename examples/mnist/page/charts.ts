/** The data of the report's plots: which lines, on which axes. No numbers are made here. */

import { rootMeanSquare } from "../draws.ts"
import type { Findings } from "../experiment.ts"
import { smoothed, type Track } from "../track.ts"

export interface Axis {
  readonly label: string
  readonly log: boolean
  /** Where the axis begins, unless its data say. */
  readonly from?: number
}

export interface Line {
  /** None where it is not to be in the legend. */
  readonly label: string | undefined
  /** Which of the page's colours, from 1. */
  readonly color: number
  readonly kind: "line" | "marked" | "points" | "dashed"
  readonly x: ReadonlyArray<number>
  readonly y: ReadonlyArray<number>
}

export interface Chart {
  readonly id: string
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  readonly lines: ReadonlyArray<Line>
  /** Where a vertical line is drawn. */
  readonly mark?: number
}

/** At most so many points of a line are drawn. */
const most = 400

const thin = <A>(values: ReadonlyArray<A>): ReadonlyArray<A> => {
  const every = Math.ceil(values.length / most)
  return values.filter((_, i) => i % every === 0 || i === values.length - 1)
}

/** Six digits are more than a plot shows. */
const short = (value: number): number => Number(value.toPrecision(6))

type Clock = "step" | "seconds"

const clocks: Readonly<Record<Clock, string>> = { step: "updates", seconds: "seconds of its steps" }

const lossLine =
  (clock: Clock) =>
  (track: Track, i: number): Line => {
    const losses = smoothed(track.points)
    const points = thin(track.points.map((point, j) => [point[clock], losses[j]!] as const))
    return {
      label: track.candidate.method,
      color: i + 1,
      kind: "line",
      x: points.map(([x]) => short(x)),
      y: points.map(([, y]) => short(y))
    }
  }

const accuracyLine =
  (clock: Clock) =>
  ({ candidate, evaluations }: Track, i: number): Line => ({
    label: candidate.method,
    color: i + 1,
    kind: "marked",
    x: evaluations.map((evaluation) => short(evaluation[clock])),
    y: evaluations.map(({ accuracy }) => short(100 * accuracy))
  })

/** How many per cent under the best the accuracies' axis begins: the start, at chance, would leave no room for the end. */
const shownUnderBest = 10

const trainingCharts = ({ common, tracks }: Findings): ReadonlyArray<Chart> => {
  const best = Math.max(
    ...tracks.flatMap(({ evaluations }) => evaluations.map(({ accuracy }) => 100 * accuracy))
  )
  const from = Math.max(0, Math.floor(best - shownUnderBest))
  return (["step", "seconds"] as const).flatMap((clock): ReadonlyArray<Chart> => {
    const x = { label: clocks[clock], log: false }
    const mark = clock === "step" && common !== undefined ? { mark: common } : {}
    return [
      {
        id: `loss-${clock}`,
        title: `Training loss against ${clocks[clock]}`,
        x,
        y: { label: "nats, smoothed", log: true },
        lines: tracks.map(lossLine(clock)),
        ...mark
      },
      {
        id: `accuracy-${clock}`,
        title: `Test accuracy against ${clocks[clock]}`,
        x,
        y: { label: "per cent", log: false, from },
        lines: tracks.map(accuracyLine(clock)),
        ...mark
      }
    ]
  })
}

/** Measured errors as points, and a line of slope -1/2 through the first root mean square. */
const errorChart = ({ study }: Findings): ReadonlyArray<Chart> => {
  const curves = (study?.errors ?? []).filter(({ points }) => points.length > 1)
  if (curves.length === 0) return []
  const lines = curves.flatMap(({ network, points, slope, structure }, i): ReadonlyArray<Line> => {
    const draws = points.map((point) => point.draws)
    const means = points.map(({ errors }) => rootMeanSquare(errors))
    const label = `${structure} of ${sizesOf(network)}`
    return [
      {
        label: `${label}: slope ${slope.toFixed(2)}`,
        color: i + 1,
        kind: "points",
        x: points.flatMap((point) => point.errors.map(() => point.draws)),
        y: points.flatMap(({ errors }) => errors.map(short))
      },
      {
        label: i === 0 ? "slope -1/2" : undefined,
        color: i + 1,
        kind: "dashed",
        x: draws,
        y: draws.map((count) => short(means[0]! * Math.sqrt(draws[0]! / count)))
      }
    ]
  })
  return [
    {
      id: "draws",
      title: "Error of a sampled Fisher against draws",
      x: { label: "draws of y for each x", log: true },
      y: { label: "relative Frobenius error", log: true },
      lines
    }
  ]
}

/** A network in short: `784-64-10`. */
export const sizesOf = (signature: string): string =>
  signature.match(/^\d+|(?<=dense\()\d+/g)?.join("-") ?? signature

const spectrumChart = ({ study }: Findings): ReadonlyArray<Chart> =>
  study === undefined
    ? []
    : [
        {
          id: "spectrum",
          title: "Eigenvalues of the Fisher",
          x: { label: "rank", log: true },
          y: { label: "eigenvalue", log: true },
          lines: study.spectra.map(({ network, structure, values }, i) => ({
            label: `${structure} of ${sizesOf(network)}`,
            color: i + 1,
            kind: "line",
            x: values.map(([rank]) => rank),
            y: values.map(([, value]) => short(value))
          }))
        }
      ]

/** The plots of a run, those alone that have data. */
export const chartsOf = (findings: Findings) => ({
  training: findings.tracks.some(({ points }) => points.length > 1) ? trainingCharts(findings) : [],
  fisher: [...errorChart(findings), ...spectrumChart(findings)]
})
