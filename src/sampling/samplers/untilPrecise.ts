/**
 * As many independent draws for a block as its precision needs, found by Stein's two-stage rule.
 *
 * *Math*: let F be the mean output Fisher of a block of N examples, (1/N) sum_n Lambda_n, and F_K its estimate by K draws each. With
 * V_n = E_y|score score^T - Lambda_n|^2 = E_y|score|^4 - |Lambda_n|^2 (Frobenius norms) the draws give it the mean square error
 *
 *     E|F_K - F|^2 = (1/N) sum_n V_n / (N K),
 *
 * and K is the least number for which the root of it is at most `relativeError` |F|. |F| and |Lambda_n| are known; E_y|score|^4 is not,
 * and is estimated by a pilot. The K draws that are used are fresh: they do not depend on the pilot, so that the estimate is unbiased
 * for each K and hence for the K that was chosen.
 *
 * That bounds the mean squared score norm too, tr F: its error has the variance (1/N) sum_n (E|score|^4 - (tr Lambda_n)^2) / (N K),
 * which is at most the above over tr F >= |F|, since tr A >= |A| for A positive semidefinite. The norm alone would not do: it is
 * constant for a Bernoulli at 1/2, whose outer products are not. And it holds for all blocks together, since tr(A B) >= 0 gives
 * sum_b |A_b|^2 <= |sum_b A_b|^2: B blocks that are alike have an error sqrt(B) times smaller.
 *
 * *Source*: Stein 1945, A two-sample test for a linear hypothesis whose power is independent of the variance; Cox 1952, Estimation by
 * double sampling.
 */
import { Effect, Result, Schema } from "effect"
import { Positive, PositiveInt, Seed } from "../../Options.ts"
import { fold, type Key, make as makeKey, uniform } from "../../random/Key.ts"
import { type ClosedOutputs, closedForm, partsOf } from "../internal/closedForm.ts"
import { fits } from "../internal/fits.ts"
import { drawing, labelled } from "../internal/labelled.ts"
import { rootScore } from "../internal/rootScore.ts"
import type { Sampler } from "../Sampler.ts"
import { independent } from "./monteCarlo.ts"

/**
 * `relativeError`: the root-mean-square error of a block's mean output Fisher that the draws may cause, over its norm. `maxDraws`: the
 * most draws for each example, whatever the error then is. `seed`: of the draws and of the pilot.
 */
export const UntilPreciseOptions = Schema.Struct({
  relativeError: Positive,
  maxDraws: PositiveInt,
  seed: Seed
})

export const untilPrecise = (options: typeof UntilPreciseOptions.Type): typeof Sampler.Service => {
  const { maxDraws, relativeError, seed } = options
  const key = makeKey(seed)
  return {
    name: `untilPrecise(relative error ${relativeError}, at most ${maxDraws} draws, seed ${seed})`,
    draw: (outputs, round) =>
      Effect.fromResult(
        // As many draws as may be, so that no block fails where the ones before it did not.
        Result.flatMap(closedForm(outputs, "Sampler.untilPrecise"), (closed) =>
          Result.flatMap(fits(closed, maxDraws, round, "maxDraws"), () =>
            drawing(() => {
              const own = fold(key, round)
              return labelled(closed, own, drawsNeeded(closed, own, options), independent)
            })
          )
        )
      )
  }
}

/** The pilot has at least so many draws over a block, and two for each example. */
const leastPilot = 1024

/** It ends at `maxDraws` for each example, or at so many over a block: about half a second. */
const mostPilot = 2 ** 20

/**
 * How far the pilot's mean squared score norm may be from tr F, which is known. Where the Fisher comes from labels that are drawn
 * seldom, a pilot that has missed them shows no variance: then it goes on, and if it ends without them, `maxDraws` it is.
 */
const tolerance = 0.25

const drawsNeeded = (
  outputs: ClosedOutputs,
  key: Key,
  { maxDraws, relativeError }: typeof UntilPreciseOptions.Type
): number => {
  const known = moments(outputs)
  // Every y has the score 0, or there is one draw to choose from.
  if (known.squaredNorm === 0 || maxDraws === 1) return 1
  const { examples } = outputs.batch
  const pilot = startPilot(outputs, key)
  let draws = Math.max(2, Math.ceil(leastPilot / examples))
  let found = pilot(draws)
  while (Math.abs(found.trace - known.trace) > tolerance * known.trace) {
    if (draws >= maxDraws || draws * examples >= mostPilot) return maxDraws
    draws *= 2
    found = pilot(draws)
  }
  // Two standard errors more: what the pilot does not know is paid for in draws.
  const variance = found.fourth - known.squares + 2 * found.error
  const needed = Math.ceil(variance / (examples * relativeError ** 2 * known.squaredNorm))
  return needed <= maxDraws ? Math.max(1, needed) : maxDraws
}

/** tr F, |F|^2, and the mean of |Lambda_n|^2, of the blocks that the parts have. *Cost*: N C^2, C the outputs of a part. */
const moments = ({ batch: { examples }, distribution, size }: ClosedOutputs) => {
  const sums = new Map<number, Float64Array>()
  let squares = 0
  for (let n = 0; n < examples; n++) {
    for (const { distribution: own, output } of partsOf(distribution(n), size)) {
      const lambda = own.fisher()
      const sum = sums.get(output) ?? new Float64Array(lambda.length)
      sums.set(output, sum)
      for (let i = 0; i < lambda.length; i++) {
        sum[i] = sum[i]! + lambda[i]!
        squares += lambda[i]! ** 2
      }
    }
  }
  let [trace, squaredNorm] = [0, 0]
  for (const sum of sums.values()) {
    const stride = Math.sqrt(sum.length) + 1
    for (let i = 0; i < sum.length; i += stride) trace += sum[i]! / examples
    for (const value of sum) squaredNorm += (value / examples) ** 2
  }
  return { trace, squaredNorm, squares: squares / examples }
}

interface Pilot {
  /** The mean of |score|^2. */
  readonly trace: number
  /** The mean of |score|^4. */
  readonly fourth: number
  /** The standard error of `fourth`, from its variance within the examples. */
  readonly error: number
}

/** The pilot: asked for more draws, it goes on from those it has. Its key is none of the draws that are used. */
const startPilot = ({ batch: { examples, indices }, distribution }: ClosedOutputs, key: Key) => {
  const keys = Array.from(indices, (index) => fold(fold(key, index), 0))
  const sums = { second: 0, fourth: new Float64Array(examples), eighth: new Float64Array(examples) }
  let done = 0
  return (draws: number): Pilot => {
    for (let n = 0; n < examples; n++) {
      const own = distribution(n)
      for (let k = done; k < draws; k++) {
        let slot = 0
        const score = rootScore(own, own.score(own.sample(() => uniform(keys[n]!, k, slot++))))
        const square = score.reduce((sum, value) => sum + value * value, 0)
        sums.second += square
        sums.fourth[n] = sums.fourth[n]! + square ** 2
        sums.eighth[n] = sums.eighth[n]! + square ** 4
      }
    }
    done = draws
    const fourth = sums.fourth.reduce((sum, value) => sum + value, 0)
    const within = sums.eighth.reduce((sum, value, n) => sum + value - sums.fourth[n]! ** 2 / draws, 0)
    return {
      trace: sums.second / (draws * examples),
      fourth: fourth / (draws * examples),
      // The variance of one draw, over all of them.
      error: Math.sqrt(Math.max(0, within) / (draws - 1) / draws) / examples
    }
  }
}
