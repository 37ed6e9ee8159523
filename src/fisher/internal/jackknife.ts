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

/** The sums over one group of examples. */
export interface GroupSums {
  readonly examples: number
  /** S_b, moment by moment. */
  readonly own: ReadonlyArray<Float64Array>
  /** S'_b, or nothing where the draws are no draws: they come out the same every time. */
  readonly anew: ReadonlyArray<Float64Array> | undefined
}

/** What the groups are groups of. */
export interface Whole {
  /** N */
  readonly examples: number
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

/** N m - S_b */
const othersOf = (
  { examples, means }: Whole,
  own: ReadonlyArray<Float64Array>
): ReadonlyArray<Float64Array> =>
  means.map((mean, i) => {
    const out = new Float64Array(mean.length)
    for (let j = 0; j < out.length; j++) {
      const part = own[i]![j]!
      const rest = examples * mean[j]! - part
      out[j] = Math.abs(rest) <= rounding * Math.abs(part) ? 0 : rest
    }
    return out
  })

/** (others + weight own + more anew) / examples */
const meansOf = (
  others: ReadonlyArray<Float64Array>,
  own: ReadonlyArray<Float64Array>,
  anew: ReadonlyArray<Float64Array>,
  [weight, more]: readonly [number, number],
  examples: number
): ReadonlyArray<Float32Array> =>
  others.map((other, i) => {
    const [a, b] = [own[i]!, anew[i]!]
    const out = new Float32Array(other.length)
    for (let j = 0; j < out.length; j++) out[j] = (other[j]! + weight * a[j]! + more * b[j]!) / examples
    return out
  })

const add = (to: Float64Array, from: ArrayLike<number>): void => {
  for (let i = 0; i < to.length; i++) to[i]! += from[i]!
}

/** |a - weight b|^2 */
const distance = (a: Float64Array, weight: number, b: ArrayLike<number>): number => {
  let sum = 0
  for (let j = 0; j < a.length; j++) sum += (a[j]! - weight * b[j]!) ** 2
  return sum
}

const countAnew = (
  tally: Tally,
  { examples, numbers, values }: Whole,
  others: ReadonlyArray<Float64Array>,
  own: ReadonlyArray<Float64Array>,
  anew: ReadonlyArray<Float64Array>
): void => {
  const replaced = numbers(meansOf(others, own, anew, [0, 1], examples))
  const both = numbers(meansOf(others, own, anew, [0.5, 0.5], examples))
  for (const [i, value] of values.entries()) {
    const difference = replaced[i]! - value
    tally.drawn[i]! += difference
    tally.drawnSquares[i]! += difference ** 2
    tally.drawnBends[i]! += value + replaced[i]! - 2 * both[i]!
  }
  for (const [i, sum] of own.entries()) tally.drawnSpread[i]! += distance(sum, 1, anew[i]!) / 2
}

/** Adds one group to the tally. *Cost*: three evaluations of the numbers; one where no draw was made anew. */
export const count = (tally: Tally, whole: Whole, { anew, examples, own }: GroupSums): void => {
  const { examples: all, means, numbers, values } = whole
  const weight = examples / all
  tally.examples += examples
  tally.groups += 1
  tally.weights += weight ** 2
  for (const [i, sum] of own.entries()) {
    add(tally.sums[i]!, sum)
    tally.spread[i]! += distance(sum, examples, means[i]!)
  }
  const others = othersOf(whole, own)
  const without = numbers(meansOf(others, own, own, [0, 0], all - examples))
  for (const [i, value] of values.entries()) {
    const delta = (1 - weight) * (without[i]! - value)
    tally.left[i]! += delta
    tally.leftSquares[i]! += delta ** 2
  }
  if (anew !== undefined) countAnew(tally, whole, others, own, anew)
}

/** Adds the groups of `part` to the tally. */
export const merge = (tally: Tally, part: Tally): Tally => {
  tally.examples += part.examples
  tally.groups += part.groups
  tally.weights += part.weights
  for (const name of ["left", "leftSquares", "drawn", "drawnSquares", "drawnBends"] as const) {
    add(tally[name], part[name])
  }
  add(tally.spread, part.spread)
  add(tally.drawnSpread, part.drawnSpread)
  for (const [i, sum] of tally.sums.entries()) add(sum, part.sums[i]!)
  return tally
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

/** Groups of equal size that would know as much, less one for the mean. Rounding must not cost another. */
export const degreesOfFreedom = ({ weights }: Tally): number => Math.floor(1 / weights + 1e-6) - 1
