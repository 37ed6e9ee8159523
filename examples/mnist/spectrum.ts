/** The eigenvalues of a Fisher. */
export interface Spectrum {
  readonly network: string
  readonly structure: string
  readonly examples: number
  /** P: how many eigenvalues there are. */
  readonly parameters: number
  /** Some of them with their rank, counted from 1 for the largest. */
  readonly values: ReadonlyArray<readonly [rank: number, value: number]>
}

/** Of ascending values those over the rounding of float32, the largest first, evenly spaced on a log scale of the rank. */
export const thinned = (ascending: Float64Array): ReadonlyArray<readonly [rank: number, value: number]> => {
  const values = ascending.toReversed()
  const floor = 1e-8 * (values[0] ?? 0)
  const kept: Array<readonly [number, number]> = []
  let next = 1
  for (let rank = 1; rank <= values.length && values[rank - 1]! > floor; rank++) {
    if (rank < next) continue
    kept.push([rank, values[rank - 1]!])
    next = Math.max(rank + 1, rank * 1.03)
  }
  return kept
}
