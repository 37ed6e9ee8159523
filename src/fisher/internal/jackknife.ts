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

/** The sums over groups that everything is made of. */
export interface Tally {
  examples: number
  /** sum_b (n_b / N)^2 */
  weights: number
  /** Number by number: sums of squared differences, and of what makes the bias. */
  readonly draws: Sums
  readonly total: Sums
  /** Moment by moment: (1/2) sum_b |S'_b - S_b|^2, and sum_b |S_b - n_b m|^2. */
  readonly drawn: Float64Array
  readonly spread: Float64Array
  /** sum_b S_b */
  readonly sums: ReadonlyArray<Float64Array>
}

interface Sums {
  readonly squares: Float64Array
  readonly biases: Float64Array
}

const zeros = (count: number): Sums => ({
  squares: new Float64Array(count),
  biases: new Float64Array(count)
})

export const start = ({ means, values }: Whole): Tally => ({
  examples: 0,
  weights: 0,
  draws: zeros(values.length),
  total: zeros(values.length),
  drawn: new Float64Array(means.length),
  spread: new Float64Array(means.length),
  sums: means.map(({ length }) => new Float64Array(length))
})

/** What cancels to less than this is the rounding of float32 sums, and counts as 0: a dead unit's variance must not fall below. */
const rounding = 2 ** -16

/** N m - S_b */
const othersOf = ({ examples, means }: Whole, own: ReadonlyArray<Float64Array>): ReadonlyArray<Float64Array> =>
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

/** Adds one group to the tally. *Cost*: three evaluations of the numbers; one where no draw was made anew. */
export const count = (tally: Tally, whole: Whole, { anew, examples, own }: GroupSums): void => {
  const { examples: all, means, numbers, values } = whole
  const weight = examples / all
  tally.examples += examples
  tally.weights += weight ** 2
  for (const [i, sum] of own.entries()) {
    let spread = 0
    for (let j = 0; j < sum.length; j++) {
      tally.sums[i]![j]! += sum[j]!
      spread += (sum[j]! - examples * means[i]![j]!) ** 2
    }
    tally.spread[i]! += spread
  }
  const others = othersOf(whole, own)
  const without = numbers(meansOf(others, own, own, [0, 0], all - examples))
  for (const [i, value] of values.entries()) {
    const delta = (1 - weight) * (without[i]! - value)
    tally.total.squares[i]! += delta ** 2
    tally.total.biases[i]! += delta
  }
  if (anew === undefined) return
  for (const [i, sum] of own.entries()) {
    let drawn = 0
    for (let j = 0; j < sum.length; j++) drawn += (anew[i]![j]! - sum[j]!) ** 2
    tally.drawn[i]! += drawn / 2
  }
  const replaced = numbers(meansOf(others, own, anew, [0, 1], all))
  const both = numbers(meansOf(others, own, anew, [0.5, 0.5], all))
  for (const [i, value] of values.entries()) {
    tally.draws.squares[i]! += (replaced[i]! - value) ** 2 / 2
    tally.draws.biases[i]! += value + replaced[i]! - 2 * both[i]!
  }
}

const add = (to: Float64Array, from: Float64Array): void => {
  for (let i = 0; i < to.length; i++) to[i]! += from[i]!
}

/** Adds the groups of `part` to the tally. */
export const merge = (tally: Tally, part: Tally): Tally => {
  tally.examples += part.examples
  tally.weights += part.weights
  for (const of of ["draws", "total"] as const) {
    add(tally[of].squares, part[of].squares)
    add(tally[of].biases, part[of].biases)
  }
  add(tally.drawn, part.drawn)
  add(tally.spread, part.spread)
  for (const [i, sum] of tally.sums.entries()) add(sum, part.sums[i]!)
  return tally
}
