/**
 * Whether cost grows linearly, in N and in draws: K-FAC and the diagonal of the MLP 784-64-10 over a stream.
 *
 * In draws the likelihood is Gaussian: of a categorical, equal draws become one, and 16 of them cost less than 16 columns.
 *
 * `node bench/linear.ts DEVICE THREADS ROUNDS` prints a line of JSON; `linear` runs it.
 */
import { Effect, Layer } from "effect"
import { Conditional, Fisher, Likelihood, Sampler, Structure } from "../src/index.ts"
import { answer, child, type Place } from "./children.ts"
import { network, noise } from "./stream.ts"
import { inTurns, type Series, timed } from "./turns.ts"
import { samplers } from "./workloads.ts"

const counts = [1000, 2000, 5000, 10_000, 20_000, 40_000, 60_000]
const draws = [1, 2, 4, 8, 16]
const drawExamples = 5000
/** A short run is timed as the mean of some, so that every point is of at least so many examples. */
const least = 20_000

const inExamples = (what: "kfac" | "diagonal") => {
  const conditional = Conditional.make(network(), Likelihood.categorical)
  const params = Conditional.init(conditional, { seed: 1 })
  return counts.map((examples) =>
    timed(
      { workload: "linear", what, sampler: "mc1", examples },
      Fisher.estimate(conditional, params, Structure[what]).pipe(
        Effect.provide(Layer.mergeAll(samplers.mc1, noise(examples)))
      ),
      Math.ceil(least / examples)
    )
  )
}

const inDraws = () => {
  const conditional = Conditional.make(network(), Likelihood.gaussian({ variance: 1 }))
  const params = Conditional.init(conditional, { seed: 1 })
  const data = noise(drawExamples)
  return draws.map((count) =>
    timed(
      { workload: "draws", what: "kfac", sampler: `mc${count}`, examples: drawExamples },
      Fisher.estimate(conditional, params, Structure.kfac).pipe(
        Effect.provide(Layer.mergeAll(Sampler.monteCarlo({ draws: count, seed: 0 }), data))
      ),
      Math.ceil(least / drawExamples)
    )
  )
}

const measure = (rounds: number) =>
  inTurns([...inExamples("kfac"), ...inExamples("diagonal"), ...inDraws()], rounds, () => {})

/** In a process of its own, where no other data waits for the garbage collector to walk it. */
export const linear = (place: Place, rounds: number): ReadonlyArray<Series> =>
  child("linear.ts", place, String(rounds))

/** A point of a line, where one was fitted: its time there, and by how many percent of that the measured one is off. */
export interface OnLine {
  readonly fit?: number
  readonly deviation?: number
}

/** The line a + b x that is nearest to the points, deviations counted as parts of their y. */
export const nearestLine = (points: ReadonlyArray<readonly [number, number]>) => {
  let [s, sx, sxx, sy, sxy] = [0, 0, 0, 0, 0]
  for (const [x, y] of points) {
    const w = 1 / (y * y)
    s += w
    sx += w * x
    sxx += w * x * x
    sy += w * y
    sxy += w * x * y
  }
  const b = (s * sxy - sx * sy) / (s * sxx - sx * sx)
  return { a: (sy - b * sx) / s, b }
}

/** Puts each line of `linear` on the straight line of its kind. */
export const withFits = <
  L extends { workload: string; what: string; sampler: string; examples?: number; ms: number }
>(
  lines: ReadonlyArray<L>
): ReadonlyArray<L & OnLine> => {
  const x = ({ examples = 0, sampler, workload }: L): number =>
    workload === "draws" ? Number(sampler.slice(2)) : examples
  return lines.map((line) => {
    if (line.workload !== "linear" && line.workload !== "draws") return line
    const kin = lines.filter(({ what, workload }) => what === line.what && workload === line.workload)
    const { a, b } = nearestLine(kin.map((one) => [x(one), one.ms]))
    const fit = a + b * x(line)
    return {
      ...line,
      fit: Number(fit.toPrecision(4)),
      deviation: Number((100 * (line.ms / fit - 1)).toFixed(1))
    }
  })
}

if (import.meta.main) await answer((rounds) => measure(Number(rounds)))
