/** What the laws of a likelihood measure at one point z. */

import type { Label } from "../oracle/likelihoods.ts"
import { type Matrix, matmul, norm, scale, slope, transpose, type Vector } from "../oracle/linear.ts"
import { type Family, ordinaryPoints } from "./families.ts"
import { eps64, matrixError, ratio, vectorError, worst } from "./measure.ts"
import { rows } from "./subject.ts"

/** 2^-53 relative to z moves exp(z) by this much: no formula does better, and one that cancels does worse. */
export const unit = (z: Vector): number => z.length * eps64 * (1 + Math.max(...Array.from(z, Math.abs)))

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
export const outcomes = ({ discrete, oracle, ours }: Family, z: Vector): ReadonlyArray<Outcome> =>
  oracle.support(z).map(({ probability, y }) => ({
    y,
    probability: discrete ? Math.exp(ours.at(z).logProbability(y)) : probability
  }))

/** L2: the largest |E_y[score_c]| over c, in units of the sum of the magnitudes of its terms. */
const scoreMean = ({ ours }: Family, z: Vector, support: ReadonlyArray<Outcome>): number =>
  worst(
    Array.from(z, (_, c) => {
      const terms = support.map(({ probability, y }) => probability * ours.at(z).score(y)[c]!)
      const size = terms.reduce((sum, term) => sum + Math.abs(term), 0)
      return ratio(Math.abs(terms.reduce((a, b) => a + b, 0)), unit(z) * size)
    })
  )

/** E_y[score score^T] from the library's scores. */
const enumerated = ({ ours }: Family, z: Vector, support: ReadonlyArray<Outcome>): Matrix => {
  const weighted = support.map(({ probability, y }) =>
    ours
      .at(z)
      .score(y)
      .map((s) => Math.sqrt(probability) * s)
  )
  return matmul(transpose(weighted), weighted)
}

const factorSquared = (factor: Matrix): Matrix => matmul(transpose(factor), factor)

/** The magnitudes that log p(y|z) is a sum of. */
const logSize = ({ discrete, oracle }: Family, z: Vector, y: Label): number =>
  discrete
    ? Math.abs(oracle.logProbability(z, y))
    : Math.abs(oracle.logProbability(z, y) - oracle.logProbability(z, z)) +
      Math.abs(oracle.logProbability(z, z))

/** The magnitudes that KL(z || other) is a sum of. */
export const klSize = ({ discrete, oracle }: Family, z: Vector, other: Vector): number =>
  discrete
    ? oracle.expectation(
        z,
        (y) => Math.abs(oracle.logProbability(z, y)) + Math.abs(oracle.logProbability(other, y))
      )
    : oracle.kl(z, other)

/** The sum of p over every y; for a density by the trapezoidal rule, which is exact for a normal to exp(-79). */
export const totalProbability = (family: Family, z: Vector, variance: number): number => {
  const { logProbability } = family.ours.at(z)
  if (family.discrete) return outcomes(family, z).reduce((sum, { probability }) => sum + probability, 0)
  const h = Math.sqrt(variance) / 2
  const grid = Array.from({ length: 37 }, (_, i) => (i - 18) * h)
  const walk = (y: ReadonlyArray<number>): number =>
    y.length === z.length
      ? Math.exp(logProbability(y)) * h ** z.length
      : grid.reduce((sum, offset) => sum + walk([...y, z[y.length]! + offset]), 0)
  return walk([])
}

/** |(log p(z + h e_c) - log p(z - h e_c)) / 2h - scaled score_c| over the points, labels and coordinates. */
export const differenceError = ({ oracle, ours, outputs }: Family, h: number, scaled = 1): number =>
  norm(
    ordinaryPoints(outputs)
      .slice(8, 16)
      .flatMap((z) =>
        oracle.support(z).flatMap(({ y }) => {
          const at = (t: number, c: number) =>
            ours.at(Float64Array.from(z, (v, i) => (i === c ? v + t : v))).logProbability(y)
          const score = ours.at(z).score(y)
          return Array.from(z, (_, c) => (at(h, c) - at(-h, c)) / (2 * h) - scaled * score[c]!)
        })
      )
  )

export const steps = [0.2, 0.1, 0.05, 0.025]
export const order = (family: Family, scaled = 1): number =>
  slope(
    steps,
    steps.map((h) => differenceError(family, h, scaled))
  )

/** What each law measures at one point, and a wrong implementation that it must reject at ordinary points. */
export const pointLaws: Readonly<
  Record<
    string,
    {
      readonly control: string
      readonly error: (f: Family, z: Vector) => number
      readonly wrong: (f: Family, z: Vector) => number
    }
  >
> = {
  "E_y[score] is 0": {
    control: "y of a z that is 1e-3 away",
    error: (f, z) => scoreMean(f, z, outcomes(f, z)),
    wrong: (f, z) =>
      scoreMean(f, z, f.oracle.support(Float64Array.from(z, (v, c) => (c === 0 ? v + 1e-3 : v))))
  },
  "the score is the oracle's": {
    control: "the gradient of -log p",
    error: (f, z) =>
      worst(
        f.oracle.support(z).map(({ y }) => vectorError(f.ours.at(z).score(y), f.oracle.score(z, y), unit(z)))
      ),
    wrong: (f, z) =>
      worst(
        f.oracle.support(z).map(({ y }) =>
          vectorError(
            f.ours
              .at(z)
              .score(y)
              .map((s) => -s),
            f.oracle.score(z, y),
            unit(z)
          )
        )
      )
  },
  "Lambda is the oracle's": {
    control: "off by 1e-6",
    error: (f, z) => matrixError(rows(f.ours.at(z).fisher()), f.oracle.closedFormFisher(z), unit(z)),
    wrong: (f, z) =>
      matrixError(scale(1 + 1e-6, rows(f.ours.at(z).fisher())), f.oracle.closedFormFisher(z), unit(z))
  },
  "Lambda is E_y[score score^T]": {
    control: "one label alone, the empirical Fisher",
    error: (f, z) => matrixError(rows(f.ours.at(z).fisher()), enumerated(f, z, outcomes(f, z)), unit(z)),
    wrong: (f, z) =>
      matrixError(
        rows(f.ours.at(z).fisher()),
        enumerated(f, z, [{ ...f.oracle.support(z)[0]!, probability: 1 }]),
        unit(z)
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
  },
  "log p is the oracle's": {
    control: "in bits",
    error: (f, z) =>
      worst(
        f.oracle
          .support(z)
          .map(({ y }) =>
            ratio(
              Math.abs(f.ours.at(z).logProbability(y) - f.oracle.logProbability(z, y)),
              unit(z) * logSize(f, z, y)
            )
          )
      ),
    wrong: (f, z) =>
      worst(
        f.oracle
          .support(z)
          .map(({ y }) =>
            ratio(
              Math.abs(f.ours.at(z).logProbability(y) / Math.LN2 - f.oracle.logProbability(z, y)),
              unit(z) * logSize(f, z, y)
            )
          )
      )
  }
}
