/** What the laws of a likelihood measure at one point z. */

import type { Label } from "../oracle/likelihoods.ts"
import { type Matrix, matmul, norm, scale, slope, transpose, type Vector } from "../oracle/linear.ts"
import { type LawFamily, type SampledFamily, unit } from "./lawFamilies.ts"
import { matrixError, ratio, vectorError, worst } from "./measure.ts"
import { rows } from "./subject.ts"

/** Their sum, by halves: the rounding of n terms grows as log n. */
const total = (terms: ReadonlyArray<number>): number => {
  if (terms.length <= 8) return terms.reduce((a, b) => a + b, 0)
  const half = terms.length >> 1
  return total(terms.slice(0, half)) + total(terms.slice(half))
}

/** The columns of the factor, each of C numbers. */
const columns = (flat: ArrayLike<number>, outputs: number): Matrix =>
  Array.from({ length: flat.length / outputs }, (_, k) =>
    Array.from(flat).slice(k * outputs, (k + 1) * outputs)
  )

interface Outcome {
  readonly y: Label
  readonly probability: number
}

/** Every y with the probability that the library gives it; for a density the oracle's quadrature. */
export const outcomes = (
  { discrete, oracle, ours, weight = 1 }: SampledFamily,
  z: Vector
): ReadonlyArray<Outcome> => {
  const { logProbability } = ours.at(z)
  return oracle.support(z).map(({ probability, y }) => ({
    y,
    probability: discrete ? Math.exp(logProbability(y) / weight) : probability
  }))
}

/** L2: the largest |E_y[score_c]| over c, in units of the sum of the magnitudes of its terms. */
const scoreMean = (
  { averageUnit, ours }: SampledFamily,
  z: Vector,
  support: ReadonlyArray<Outcome>
): number => {
  const own = ours.at(z)
  const scores = support.map(({ y }) => own.score(y))
  const roundoff = averageUnit(z)
  return worst(
    Array.from(z, (_, c) => {
      const terms = support.map(({ probability }, i) => probability * scores[i]![c]!)
      return ratio(Math.abs(total(terms)), roundoff * total(terms.map(Math.abs)))
    })
  )
}

/** E_y[score score^T] / w from the library's scores, which are w times those of p. */
export const enumerated = (
  { ours, weight = 1 }: SampledFamily,
  z: Vector,
  support: ReadonlyArray<Outcome>
): Matrix => {
  const own = ours.at(z)
  const scores = support.map(({ y }) => own.score(y))
  return Array.from(z, (_, i) =>
    Array.from(z, (_, j) =>
      total(support.map(({ probability }, k) => (probability / weight) * scores[k]![i]! * scores[k]![j]!))
    )
  )
}

/** The largest error of the score over the support: of `sign` times the library's. */
const scoreError = (f: SampledFamily, z: Vector, sign: number): number => {
  const own = f.ours.at(z)
  return worst(
    f.oracle.support(z).map(({ y }) =>
      vectorError(
        own.score(y).map((s) => sign * s),
        f.oracle.score(z, y),
        unit(z),
        f.scoreSize(z, y)
      )
    )
  )
}

/** The largest error of log p over the support: of `factor` times the library's. */
const logError = (f: SampledFamily, z: Vector, factor: number): number => {
  const own = f.ours.at(z)
  return worst(
    f.oracle
      .support(z)
      .map(({ y }) =>
        ratio(
          Math.abs(factor * own.logProbability(y) - f.oracle.logProbability(z, y)),
          unit(z) * f.logSize(z, y)
        )
      )
  )
}

const factorSquared = (factor: Matrix): Matrix => matmul(transpose(factor), factor)

/**
 * The sum of p over every y; for a density the oracle's quadrature of p over the oracle's density, and for one variance the
 * trapezoidal rule, which is exact for a normal to exp(-79).
 */
export const totalProbability = (family: LawFamily, z: Vector, variance: number): number => {
  const { discrete, oracle, ours } = family
  const { logProbability } = ours.at(z)
  if (discrete) return total(outcomes(family, z).map(({ probability }) => probability))
  if (!oracle.name.startsWith("gaussian")) {
    return total(
      oracle
        .support(z)
        .map(({ probability, y }) => probability * Math.exp(logProbability(y) - oracle.logProbability(z, y)))
    )
  }
  const h = Math.sqrt(variance) / 2
  const grid = Array.from({ length: 37 }, (_, i) => (i - 18) * h)
  const walk = (y: ReadonlyArray<number>): number =>
    y.length === z.length
      ? Math.exp(logProbability(y)) * h ** z.length
      : grid.reduce((sum, offset) => sum + walk([...y, z[y.length]! + offset]), 0)
  return walk([])
}

/** At most 40 of them, evenly spread. */
const some = <A>(values: ReadonlyArray<A>): ReadonlyArray<A> => {
  const every = Math.ceil(values.length / 40)
  return values.filter((_, i) => i % every === 0)
}

/** The points where differences are taken: of size 1. */
export const middlePoints = ({ points }: Pick<LawFamily, "points">): ReadonlyArray<Vector> =>
  points.slice(points.length / 4, points.length / 2)

/** |(log p(z + h e_c) - log p(z - h e_c)) / 2h - scaled score_c| over the points, labels and coordinates. */
export const differenceError = (family: SampledFamily, h: number, scaled = 1): number =>
  norm(
    middlePoints(family).flatMap((z) =>
      Array.from(z, (_, c) => {
        const moved = (t: number) => family.ours.at(Float64Array.from(z, (v, i) => (i === c ? v + t : v)))
        const [own, up, down] = [family.ours.at(z), moved(h), moved(-h)]
        return some(family.oracle.support(z)).map(
          ({ y }) => (up.logProbability(y) - down.logProbability(y)) / (2 * h) - scaled * own.score(y)[c]!
        )
      }).flat()
    )
  )

/** |KL(z - d / 2 || z + d / 2) + KL(z + d / 2 || z - d / 2) - scaled d^T Lambda d| at the same points, |d| = h. */
export const curvatureError = ({ ours, ...family }: LawFamily, h: number, scaled = 1): number => {
  const direction = Float64Array.from(family.drawn, (_, c) => (c % 2 === 0 ? 1 : -0.5))
  const length = norm(direction)
  return norm(
    middlePoints(family).map((z) => {
      const moved = (sign: number) =>
        Float64Array.from(z, (v, c) => v + (sign * h * direction[c]!) / (2 * length))
      const [from, to] = [moved(-1), moved(1)]
      const d = Float64Array.from(to, (v, c) => v - from[c]!)
      const lambda = rows(ours.at(z).fisher())
      const form = matmul([d], matmul(lambda, transpose([d])))[0]![0]!
      return ours.at(from).klDivergence(to) + ours.at(to).klDivergence(from) - scaled * form
    })
  )
}

export const steps = [0.2, 0.1, 0.05, 0.025]
export const order = (family: SampledFamily, scaled = 1): number =>
  slope(
    steps,
    steps.map((h) => differenceError(family, h, scaled))
  )
export const curvatureOrder = (family: LawFamily, scaled = 1): number =>
  slope(
    steps,
    steps.map((h) => curvatureError(family, h, scaled))
  )

/** |scaled Lambda - E_y[Hessian of -log p]|, in units of the mean size of the Hessians. */
export const hessianError = ({ averageUnit, oracle, ours }: LawFamily, z: Vector, scaled = 1): number => {
  const support = oracle
    .support(z)
    .map(({ probability, y }) => ({ probability, hessian: oracle.hessian(z, y) }))
  const mean = Array.from(z, (_, i) =>
    Array.from(z, (_, j) => total(support.map(({ hessian, probability }) => probability * hessian[i]![j]!)))
  )
  const size = total(
    support.map(({ hessian, probability }) => probability * norm(hessian.flatMap((row) => [...row])))
  )
  return matrixError(scale(scaled, rows(ours.at(z).fisher())), mean, averageUnit(z), size)
}

/** Whether -log p of some y is not convex in z: a 1 x 1 or 2 x 2 minor of its Hessian is below 0. */
export const hasConcaveLabel = ({ oracle }: LawFamily, z: Vector): boolean =>
  oracle.support(z).some(({ y }) => {
    const h = oracle.hessian(z, y)
    return h.some((row, i) => row.some((v, j) => h[i]![i]! < 0 || h[i]![i]! * h[j]![j]! < v * v * (1 - 1e-9)))
  })

/** What a law measures at one point, and a wrong implementation that it must reject at ordinary points. */
interface PointLaw<F> {
  readonly control: string
  readonly error: (f: F, z: Vector) => number
  readonly wrong: (f: F, z: Vector) => number
}

/** Of every likelihood. */
export const sampledLaws: Readonly<Record<string, PointLaw<SampledFamily>>> = {
  "E_y[score] is 0": {
    control: "y of a z that is 1e-3 away",
    error: (f, z) => scoreMean(f, z, outcomes(f, z)),
    wrong: (f, z) =>
      scoreMean(f, z, f.oracle.support(Float64Array.from(z, (v, c) => (c === 0 ? v + 1e-3 : v))))
  },
  "the score is the oracle's": {
    control: "the gradient of -log p",
    error: (f, z) => scoreError(f, z, 1),
    wrong: (f, z) => scoreError(f, z, -1)
  },
  "log p is the oracle's": {
    control: "in bits",
    error: (f, z) => logError(f, z, 1),
    wrong: (f, z) => logError(f, z, 1 / Math.LN2)
  }
}

/** Of those of closed forms. */
export const pointLaws: Readonly<Record<string, PointLaw<LawFamily>>> = {
  ...sampledLaws,
  "Lambda is the oracle's": {
    control: "off by 1e-6",
    error: (f, z) => matrixError(rows(f.ours.at(z).fisher()), f.oracle.closedFormFisher(z), unit(z)),
    wrong: (f, z) =>
      matrixError(scale(1 + 1e-6, rows(f.ours.at(z).fisher())), f.oracle.closedFormFisher(z), unit(z))
  },
  "Lambda is E_y[score score^T]": {
    control: "one label alone, the empirical Fisher",
    error: (f, z) =>
      matrixError(rows(f.ours.at(z).fisher()), enumerated(f, z, outcomes(f, z)), f.averageUnit(z)),
    wrong: (f, z) =>
      matrixError(
        rows(f.ours.at(z).fisher()),
        enumerated(f, z, [{ ...f.oracle.support(z)[0]!, probability: 1 }]),
        f.averageUnit(z)
      )
  },
  "Lambda is the sum of the factor's columns squared": {
    control: "Lambda for its root",
    error: (f, z) =>
      matrixError(
        factorSquared(columns(f.ours.at(z).factor(), f.outputs)),
        f.oracle.closedFormFisher(z),
        unit(z)
      ),
    wrong: (f, z) =>
      matrixError(factorSquared(rows(f.ours.at(z).fisher())), f.oracle.closedFormFisher(z), unit(z))
  }
}
