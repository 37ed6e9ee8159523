/** Likelihoods of C independent numbers, each with a z of its own: Lambda is diagonal. */
import { InvalidLabel } from "../../Errors.ts"
import type { Likelihood } from "../Likelihood.ts"
import { diagonalMatrix } from "./matrix.ts"

/** p(y|z) of one number y at one z. */
export interface One {
  readonly logProbability: (y: number) => number
  readonly score: (y: number) => number
  readonly sample: (uniform: () => number) => number
  /** The root of Lambda, so that it holds where Lambda over- or underflows. */
  readonly deviation: number
  readonly klDivergence: (other: number) => number
}

export interface Independent {
  readonly name: string
  /** For the error of a label that `holds` refuses: "A Poisson label is ...". */
  readonly remedy: string
  readonly holds: (y: number) => boolean
  /** How many different y one number has. */
  readonly support: number
  readonly at: (z: number) => One
}

const sum = (values: ArrayLike<number>): number => {
  let total = 0
  for (let i = 0; i < values.length; i++) total += values[i]!
  return total
}

/** The likelihood of y that are C such numbers. */
export const independent = ({ at, holds, name, remedy, support }: Independent): Likelihood => ({
  name,
  labelSize: (outputs) => outputs,
  support: (outputs) => support ** outputs,
  columns: (outputs) => outputs,
  misfit: () => undefined,
  invalid: (y, _, example) => {
    const wrong = Array.from(y).find((value) => !holds(value))
    return wrong === undefined
      ? undefined
      : new InvalidLabel({
          likelihood: name,
          example,
          value: String(wrong),
          message: `A label of example ${example} is ${wrong}. ${remedy}`
        })
  },
  at: (z) => {
    const each = Array.from(z, at)
    const deviations = Float64Array.from(each, ({ deviation }) => deviation)
    return {
      logProbability: (y) => sum(each.map((one, c) => one.logProbability(y[c]!))),
      score: (y) => Float64Array.from(each, (one, c) => one.score(y[c]!)),
      sample: (uniform) => Float64Array.from(each, (one) => one.sample(uniform)),
      fisher: () => diagonalMatrix(deviations.map((d) => d * d)),
      factor: () => diagonalMatrix(deviations),
      klDivergence: (other) => sum(each.map((one, c) => one.klDivergence(other[c]!)))
    }
  }
})
