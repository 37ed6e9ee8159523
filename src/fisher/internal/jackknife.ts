/**
 * The spread and the bias of functions of a mean, from what leaving out or replacing a group of examples does to them.
 *
 * *Math*: m = (1/N) sum_b S_b is the mean moments, S_b the sum over the n_b examples of group b, S'_b the same with other draws of y, and
 * theta any function of m. Three sets of moments are compared with m, each the mean over a set of examples and so possible as
 * moments (a covariance stays one):
 *
 *     without_b = (N m - S_b) / (N - n_b)
 *     anew_b    = m + (S'_b - S_b) / N
 *     both_b    = m + (S'_b - S_b) / (2 N)
 *
 * The examples are independent, and so are their draws given x. With Delta_b = (1 - n_b / N) (theta(without_b) - theta(m)) the variance of
 * theta(m) is estimated by sum_b Delta_b^2 / (1 - sum_b (n_b / N)^2), and its bias by sum_b Delta_b: the jackknife, for groups of
 * unequal size. Given x, the variance is estimated by (1/2) sum_b (theta(anew_b) - theta(m))^2, and the bias, since (S_b + S'_b) / 2 has
 * half the variance of S_b, by sum_b [theta(m) + theta(anew_b) - 2 theta(both_b)]. Both variances are exact in the mean where theta is
 * linear, and err to the large side where it is not; the biases are those of second order.
 *
 * The B differences to theta(anew_b) are centred, and divided by B - 1: what theta(m) itself is away is in all of them, and would make
 * the error look larger exactly where it is large.
 *
 * *Source*: Quenouille 1956 and Tukey 1958 (jackknife); Efron and Stein 1981, Steele 1986 (its bias, and replacing).
 */
import type { Real } from "../../kernels/Kernels.ts"
import type { Moment } from "../Moment.ts"
import { wholeSum } from "./symmetric.ts"

/** The sums over one group of examples. */
export interface GroupSums {
  readonly examples: number
  /** S_b, moment by moment. */
  readonly own: ReadonlyArray<Real>
  /** S'_b, or nothing where the draws are no draws: they come out the same every time. */
  readonly anew: ReadonlyArray<Real> | undefined
}

/** What the groups are groups of. */
export interface Whole {
  /** N */
  readonly examples: number
  /** What m is the means of. */
  readonly moments: ReadonlyArray<Moment>
  /** m */
  readonly means: ReadonlyArray<Float32Array>
  /** theta, for several numbers at once. */
  readonly numbers: (means: ReadonlyArray<Float32Array>) => ReadonlyArray<number>
  /** theta(m) */
  readonly values: ReadonlyArray<number>
}

/** The sums over groups that everything is made of; those of one number for each theta, and of one for each moment. */
export interface Tally {
  examples: number
  /** B */
  groups: number
  /** sum_b (n_b / N)^2 */
  weights: number
  /** Of Delta_b, and their squares. */
  readonly left: Float64Array
  readonly leftSquares: Float64Array
  /** Of theta(anew_b) - theta(m), their squares, and theta(m) + theta(anew_b) - 2 theta(both_b). */
  readonly drawn: Float64Array
  readonly drawnSquares: Float64Array
  readonly drawnBends: Float64Array
  /** Of S_b, |S_b - n_b m|^2 and |S'_b - S_b|^2 / 2. */
  readonly sums: ReadonlyArray<Float64Array>
  readonly spread: Float64Array
  readonly drawnSpread: Float64Array
}

export const start = ({ means, values }: Whole): Tally => ({
  examples: 0,
  groups: 0,
  weights: 0,
  left: new Float64Array(values.length),
  leftSquares: new Float64Array(values.length),
  drawn: new Float64Array(values.length),
  drawnSquares: new Float64Array(values.length),
  drawnBends: new Float64Array(values.length),
  sums: means.map(({ length }) => new Float64Array(length)),
  spread: new Float64Array(means.length),
  drawnSpread: new Float64Array(means.length)
})

/** What cancels to less than this is the rounding of float32 sums, and counts as 0: a dead unit's variance must not fall below. */
const rounding = 2 ** -16

/** The moments without a group, with its other draws, and with both. */
interface Replicas {
  readonly without: ReadonlyArray<Float32Array>
  readonly anew: ReadonlyArray<Float32Array>
  readonly both: ReadonlyArray<Float32Array>
}

/** Those, and the tally of the sums that they are made of: one pass over them, as they can be millions of numbers. */
const replicas = (
  { drawnSpread, spread, sums }: Tally,
  { examples: all, means, moments }: Whole,
  { anew = [], examples, own }: GroupSums
): Replicas => {
  const made = () => means.map(({ length }) => new Float32Array(length))
  const out = { without: made(), anew: made(), both: made() }
  for (const [i, mean] of means.entries()) {
    const [a, b, sum] = [own[i]!, anew[i] ?? own[i]!, sums[i]!]
    const [without, redrawn, both] = [out.without[i]!, out.anew[i]!, out.both[i]!]
    let [away, apart] = [0, 0]
    for (let j = 0; j < mean.length; j++) {
      const m = mean[j]!
      const x = a[j]!
      const y = b[j]!
      const rest = all * m - x
      const others = Math.abs(rest) <= rounding * Math.abs(x) ? 0 : rest
      without[j] = others / (all - examples)
      redrawn[j] = (others + y) / all
      both[j] = (others + (x + y) / 2) / all
      sum[j]! += x
      away += (x - examples * m) ** 2
      apart += (y - x) ** 2
    }
    spread[i]! += wholeSum(moments[i]!, away, (j) => (a[j]! - examples * mean[j]!) ** 2)
    drawnSpread[i]! += wholeSum(moments[i]!, apart, (j) => (b[j]! - a[j]!) ** 2) / 2
  }
  return out
}

/** Adds one group to the tally. *Cost*: three evaluations of the numbers; one where no draw was made anew. */
export const count = (tally: Tally, whole: Whole, group: GroupSums): void => {
  const { examples: all, numbers, values } = whole
  const weight = group.examples / all
  tally.examples += group.examples
  tally.groups += 1
  tally.weights += weight ** 2
  const moments = replicas(tally, whole, group)
  const without = numbers(moments.without)
  for (const [i, value] of values.entries()) {
    const delta = (1 - weight) * (without[i]! - value)
    tally.left[i]! += delta
    tally.leftSquares[i]! += delta ** 2
  }
  if (group.anew === undefined) return
  const [anew, both] = [numbers(moments.anew), numbers(moments.both)]
  for (const [i, value] of values.entries()) {
    const difference = anew[i]! - value
    tally.drawn[i]! += difference
    tally.drawnSquares[i]! += difference ** 2
    tally.drawnBends[i]! += value + anew[i]! - 2 * both[i]!
  }
}

const plus = (a: Real, b: Real): Float64Array => {
  const out = new Float64Array(a)
  for (let i = 0; i < out.length; i++) out[i]! += b[i]!
  return out
}

/** Two groups as one. */
export const together = (self: GroupSums, that: GroupSums): GroupSums => {
  const sum = (a: GroupSums["own"], b: GroupSums["own"]) => a.map((each, i) => plus(each, b[i]!))
  const drawn = self.anew !== undefined || that.anew !== undefined
  return {
    examples: self.examples + that.examples,
    own: sum(self.own, that.own),
    anew: drawn ? sum(self.anew ?? self.own, that.anew ?? that.own) : undefined
  }
}

/** The variance and the bias of the i-th number, by draws and by all. */
export const errorsOf = (
  { drawn, drawnBends, drawnSquares, groups, left, leftSquares, weights }: Tally,
  i: number
) => {
  const centred = (squares: number, sum: number): number => Math.max(0, squares - sum ** 2 / groups)
  return {
    draws: { variance: centred(drawnSquares[i]!, drawn[i]!) / 2 / (1 - 1 / groups), bias: drawnBends[i]! },
    total: { variance: centred(leftSquares[i]!, left[i]!) / (1 - weights), bias: left[i]! }
  }
}

/** The mean square distance of the i-th moment from what it estimates, by draws and by all. */
export const distancesOf = ({ drawnSpread, examples, spread, weights }: Tally, i: number) => ({
  draws: drawnSpread[i]! / examples ** 2,
  total: spread[i]! / (1 - weights) / examples ** 2
})

/** As many groups of equal size as would know as much, less one for the mean. */
export const degreesOfFreedom = ({ weights }: Tally): number => 1 / weights - 1
