/**
 * Equal draws of one example as one draw, whose weight is the sum of theirs.
 *
 * *Math*: sum_k w_k s(y_k) s(y_k)^T = sum_y (sum_{k: y_k = y} w_k) s(y) s(y)^T, exactly; K draws from C classes are at most min(K, C) terms.
 */

/** Draws as `Draws.Labels` has them. */
export interface Labelled {
  readonly columns: number
  /** `[K, N, labelSize]` */
  readonly labels: Float64Array
  /** `[K, N]` */
  readonly weights: Float64Array
}

/**
 * The different draws of every example in the order in which they first come, or the draws themselves where no column is saved. A
 * draw of weight 0 is left out; an example with fewer draws than another ends in columns of weight 0.
 *
 * *Cost*: K N labelSize, by a hash table over the draws of an example.
 */
export const collapsed = (draws: Labelled, examples: number, labelSize: number): Labelled => {
  const { columns, labels, weights } = draws
  const find = finder(labels, columns, examples, labelSize)
  /** For each draw the column that it goes to, or -1. */
  const target = new Int32Array(columns * examples).fill(-1)
  let most = 1
  for (let n = 0; n < examples; n++) {
    let different = 0
    for (let k = 0; k < columns; k++) {
      const row = k * examples + n
      // A weight that is none is left for the check of the weights to find.
      if (!(weights[row]! >= 0)) return draws
      if (weights[row] === 0) continue
      const first = find(n, k)
      target[row] = first === k ? different++ : target[first * examples + n]!
    }
    most = Math.max(most, different)
  }
  if (most === columns) return draws
  const kept = new Float64Array(most * examples * labelSize)
  const sums = new Float64Array(most * examples)
  for (let k = 0; k < columns; k++) {
    for (let n = 0; n < examples; n++) {
      const row = k * examples + n
      if (target[row] === -1) continue
      const to = target[row]! * examples + n
      // Equal draws are equal labels: whichever comes last is as good as the first.
      for (let i = 0; i < labelSize; i++) kept[to * labelSize + i] = labels[row * labelSize + i]!
      sums[to] = sums[to]! + weights[row]!
    }
  }
  return { columns: most, labels: kept, weights: sums }
}

/**
 * The first draw of example n, among those it was asked for, that is the same y as draw k. Examples are asked for in ascending
 * order: an entry of an example before is below n K + 1, and so counts as empty.
 */
const finder = (labels: Float64Array, columns: number, examples: number, labelSize: number) => {
  const size = 2 ** Math.ceil(Math.log2(2 * columns))
  const table = new Int32Array(size)
  return (n: number, k: number): number => {
    const at = (k * examples + n) * labelSize
    for (let place = hash(labels, at, labelSize) & (size - 1); ; place = (place + 1) & (size - 1)) {
      const found = table[place]! - 1 - n * columns
      if (found < 0) {
        table[place] = 1 + n * columns + k
        return k
      }
      if (same(labels, at, (found * examples + n) * labelSize, labelSize)) return found
    }
  }
}

const same = (labels: Float64Array, a: number, b: number, length: number): boolean => {
  for (let i = 0; i < length; i++) if (labels[a + i] !== labels[b + i]) return false
  return true
}

/** FNV-1a over the whole parts, and the finaliser of MurmurHash3: two y that share a hash cost a comparison, no more. */
const hash = (labels: Float64Array, from: number, length: number): number => {
  let h = 0x811c9dc5 | 0
  for (let i = 0; i < length; i++) h = Math.imul(h ^ labels[from + i]!, 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
