import type { SampledDistribution } from "../../model/Likelihood.ts"

/**
 * What a draw adds the square of to the Fisher, `[C]`: the score of p, times the root of the weight w.
 *
 * *Math*: `score` is w grad_z log p, and F is the mean of w (grad log p)^2: so it is divided by sqrt(w), and is 0 where w is.
 */
export const rootScore = (
  { weights }: Pick<SampledDistribution, "weights">,
  score: Float64Array
): Float64Array =>
  weights === undefined
    ? score
    : score.map((value, c) => (weights[c] === 0 ? 0 : value / Math.sqrt(weights[c]!)))
