/**
 * Numbers that belong to eigenvectors, such as EKFAC's scales, where eigenvalues are so near to each other that rounding mixes their
 * vectors.
 *
 * *Math*: an error E of a matrix turns the vectors i and j by about |E| / |lambda_i - lambda_j| (first-order perturbation), and moves their
 * scales by that times 2 sqrt(s_i s_j). Where this is more than the bound of a comparison, the two scales are no figures, but their sum
 * is: the second moment of the gradient in the space that both vectors span.
 */
import { type Compared, product } from "./field.ts"

/** Eigenvalues of G and of A, ascending. */
export type Spectra = readonly [g: Float64Array, a: Float64Array]

/** The error of a factor in float32, of its largest eigenvalue. */
const rounding = 2 ** -21

/** For each eigenvalue, ascending, the number of its group. `coupling(i, j)` is sqrt(s_i s_j) at most, of the largest scale. */
const groups = (
  values: Float64Array,
  coupling: (i: number, j: number) => number
): { readonly of: ReadonlyArray<number>; readonly count: number } => {
  const error = rounding * Math.abs(values.at(-1) ?? 0)
  const of: Array<number> = []
  let count = 0
  /** The last eigenvalue that the group so far reaches to. */
  let reach = -1
  for (let i = 0; i < values.length; i++) {
    if (i > reach) count++
    of.push(count - 1)
    for (let j = values.length - 1; j > Math.max(i, reach); j--) {
      if (2 * error * coupling(i, j) > product * (values[j]! - values[i]!)) reach = j
    }
    reach = Math.max(reach, i)
  }
  return { of, count }
}

/**
 * Scales `[dim G, dim A]` of two sources, summed where their vectors are not told apart.
 */
export const spectralSums = (ours: ArrayLike<number>, theirs: Float64Array, [g, a]: Spectra): Compared => {
  if (theirs.length !== ours.length) return { ours }
  const [rows, columns] = [g.length, a.length]
  const largest = theirs.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const root = theirs.map((value) => Math.sqrt(Math.max(0, value) / largest))
  const most = (n: number, product: (k: number) => number): number => {
    let found = 0
    for (let k = 0; k < n; k++) found = Math.max(found, product(k))
    return found
  }
  const inG = groups(g, (i, j) => most(columns, (k) => root[i * columns + k]! * root[j * columns + k]!))
  const inA = groups(a, (i, j) => most(rows, (k) => root[k * columns + i]! * root[k * columns + j]!))
  const count = inG.count * inA.count
  if (count === ours.length) return { ours }
  const summed = (scales: ArrayLike<number>): Float64Array => {
    const sums = new Float64Array(count)
    for (let at = 0; at < scales.length; at++) {
      const group = inG.of[Math.floor(at / columns)]! * inA.count + inA.of[at % columns]!
      sums[group] = sums[group]! + scales[at]!
    }
    return sums
  }
  return {
    ours: summed(ours),
    theirs: summed(theirs),
    note: `${ours.length} scales as ${count} sums, within eigenvalues that float32 does not tell apart`
  }
}

/**
 * How far rounding may move a matrix with these numbers `[dim G, dim A]` along its vectors: the largest of |E| / |lambda_i - lambda_j| times
 * the difference of the numbers along i and j.
 */
export const mixing = (numbers: Float64Array, [g, a]: Spectra): number => {
  const [rows, columns] = [g.length, a.length]
  const along = (values: Float64Array, others: number, at: (i: number, k: number) => number): number => {
    const error = rounding * Math.abs(values.at(-1) ?? 0)
    let most = 0
    for (let j = 0; j < values.length; j++) {
      for (let i = 0; i < j; i++) {
        const gap = values[j]! - values[i]!
        const turn = gap > error ? error / gap : 1
        for (let k = 0; k < others; k++) {
          most = Math.max(most, turn * Math.abs(numbers[at(i, k)]! - numbers[at(j, k)]!))
        }
      }
    }
    return most
  }
  return Math.max(
    along(g, columns, (i, k) => i * columns + k),
    along(a, rows, (i, k) => k * columns + i)
  )
}
