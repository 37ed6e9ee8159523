/**
 * A distribution that counts w times, as an example of a weight does.
 *
 * *Math*: its loss is -w log p, whose score is w g and whose generalised Gauss-Newton matrix is w Lambda, Lambda = E_y[g g^T]: y is drawn
 * from p all the same. With w = 0 nothing of it is computed.
 */
import type { Distribution } from "../Likelihood.ts"

const scaled = (values: Float64Array, factor: number): Float64Array => values.map((value) => factor * value)

/** w times p. *Shapes*: z of `outputs` numbers, a factor of so many columns. */
export const weighted = (
  own: Distribution,
  weight: number,
  outputs: number,
  columns: number
): Distribution => {
  if (weight === 1) return own
  if (weight === 0) return { ...silent(new Float64Array(), outputs, columns), sample: own.sample }
  return {
    logProbability: (y) => weight * own.logProbability(y),
    score: (y) => scaled(own.score(y), weight),
    sample: own.sample,
    weights: new Float64Array(outputs).fill(weight),
    fisher: () => scaled(own.fisher(), weight),
    factor: () => scaled(own.factor(), Math.sqrt(weight)),
    klDivergence: (other) => weight * own.klDivergence(other)
  }
}

/** What counts nowhere, drawn as `y`. *Shapes*: z of `outputs` numbers, a factor of so many columns. */
export const silent = (y: Float64Array, outputs: number, columns: number): Distribution => ({
  logProbability: () => 0,
  score: () => new Float64Array(outputs),
  sample: () => y,
  weights: new Float64Array(outputs),
  fisher: () => new Float64Array(outputs * outputs),
  factor: () => new Float64Array(columns * outputs),
  klDivergence: () => 0
})
