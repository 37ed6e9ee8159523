/** How far a Fisher of sampled y is from the one with the exact expectation over y, by the number of draws. */
import { Effect } from "effect"
import {
  type Conditional,
  DataSource,
  Fisher,
  type ParamSpace,
  type Params,
  Sampler,
  type Structure
} from "../../src/index.ts"

export interface ErrorCurve {
  readonly network: string
  readonly structure: string
  readonly examples: number
  /** For each number of draws the error of each independent estimate, relative to the exact one's norm. */
  readonly points: ReadonlyArray<{ readonly draws: number; readonly errors: ReadonlyArray<number> }>
  /** Of a straight line through the root mean squares, log against log; independent draws have -1/2. */
  readonly slope: number
}

/** The structures whose Frobenius norms can be taken from their moments alone. */
type Cheap = typeof Structure.kfac | typeof Structure.diagonal | typeof Structure.dense

export interface ErrorOptions {
  readonly name: string
  readonly conditional: Conditional.Conditional<string>
  readonly params: Params.Params<string>
  readonly structure: Cheap
  readonly source: typeof DataSource.Service
  readonly seed: number
  readonly tell: (text: string) => void
  /** No estimate is begun after it. */
  readonly end: number
}

/** The largest number of draws is 2 to this power. */
const doublings = 8

/** Independent estimates for each number of draws. */
const repeats = 4

export const errorCurve = Effect.fnUntraced(function* (options: ErrorOptions) {
  const { conditional, end, name, params, seed, source, structure, tell } = options
  const estimate = (sampler: typeof Sampler.exact | ReturnType<typeof Sampler.monteCarlo>, round: number) =>
    Fisher.estimate(conditional, params, structure, { round }).pipe(
      Effect.provide(sampler),
      Effect.provideService(DataSource, source),
      Effect.tap(Effect.yieldNow)
    )
  const exact = yield* estimate(Sampler.exact, 0)
  const points: Array<ErrorCurve["points"][number]> = []
  for (let power = 0; power <= doublings && performance.now() < end; power++) {
    const draws = 2 ** power
    const errors: Array<number> = []
    for (let repeat = 0; repeat < repeats && performance.now() < end; repeat++) {
      tell(`error of a sampled ${structure.name} Fisher, ${draws} draws`)
      // Each estimate has a round of its own, and so draws of its own.
      const sampled = yield* estimate(Sampler.monteCarlo({ draws, seed }), power * repeats + repeat)
      errors.push(relativeDistance(sampled, exact))
    }
    if (errors.length > 1) points.push({ draws, errors })
  }
  const curve: ErrorCurve = {
    network: name,
    structure: structure.name,
    examples: exact.examples,
    points,
    slope: slopeOf(points.map(({ draws, errors }) => [Math.log(draws), Math.log(rootMeanSquare(errors))]))
  }
  return curve
})

interface Moments extends Pick<Fisher.Fisher<string, "apply">, "means" | "structure"> {
  readonly space: ParamSpace.Layout
}

/** |F - E|_F / |E|_F from the moments: the numbers of F itself, or for K-FAC <A (x) G, B (x) H> = <A, B> <G, H>. */
export const relativeDistance = (fisher: Moments, exact: Moments): number => {
  const cross = inner(fisher, exact)
  const norm = inner(exact, exact)
  return Math.sqrt(Math.max(0, inner(fisher, fisher) - 2 * cross + norm) / norm)
}

const inner = (self: Moments, that: Moments): number => {
  const products = self.structure.moments(self.space).map((moment, i) => {
    const [mean, other] = [self.means[i]!, that.means[i]!]
    return moment._tag === "Symmetric" ? symmetricDot(mean, other) : dot(mean, other)
  })
  if (self.structure.name !== "kfac") return products.reduce((sum, value) => sum + value, 0)
  let sum = 0
  for (let i = 0; i < products.length; i += 2) sum += products[i]! * products[i + 1]!
  return sum
}

const dot = (a: Float32Array, b: Float32Array): number => {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

/** <A, B> of two symmetric matrices from their lower triangles. */
const symmetricDot = (a: Float32Array, b: Float32Array): number => {
  let [sum, onDiagonal] = [0, 0]
  for (let i = 0, at = 0; at < a.length; at += ++i + 1) onDiagonal += a[at]! * b[at]!
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return 2 * sum - onDiagonal
}

export const rootMeanSquare = (values: ReadonlyArray<number>): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length)

/** Least squares; NaN for less than two points. */
const slopeOf = (points: ReadonlyArray<readonly [x: number, y: number]>): number => {
  const mean = (which: 0 | 1): number => points.reduce((sum, point) => sum + point[which], 0) / points.length
  const [mx, my] = [mean(0), mean(1)]
  const over = points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0)
  return over / points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0)
}
