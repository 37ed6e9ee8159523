/** Cells of y for a goodness of fit: what the probability of each is, and which one a y falls in. */
import type { Label, OracleLikelihood } from "../oracle/likelihoods.ts"
import type { Vector } from "../oracle/linear.ts"

export interface Cells {
  readonly due: ReadonlyArray<number>
  readonly of: (y: Label) => number
}

/** A cell for each label of probability 1e-3 or more, and one for the rest. */
export const labelCells =
  (oracle: OracleLikelihood) =>
  (z: Vector): Cells => {
    const common = oracle.support(z).filter(({ probability }) => probability >= 1e-3)
    const cells = new Map(common.map(({ y }, i) => [Array.from(y).join(), i]))
    const rest = 1 - common.reduce((sum, { probability }) => sum + probability, 0)
    const due = common.map(({ probability }) => probability)
    return {
      due: rest > 1e-12 ? [...due, rest] : due,
      of: (y) => cells.get(Array.from(y).join()) ?? common.length
    }
  }

/** The joint cells of the quartiles of independent numbers made of y. */
export const quartileCells = (
  count: number,
  quartiles: (c: number) => ReadonlyArray<number>,
  numbers: (y: Label) => ReadonlyArray<number> = Array.from
): Cells => {
  const edges = Array.from({ length: count }, (_, c) => quartiles(c))
  return {
    due: new Array<number>(4 ** count).fill(4 ** -count),
    of: (y) =>
      numbers(y).reduce((index, value, c) => 4 * index + edges[c]!.filter((edge) => value >= edge).length, 0)
  }
}

export const normalQuartiles: ReadonlyArray<number> = [-0.6744897501960817, 0, 0.6744897501960817]

/** The joint cells of independent parts, each of so many numbers of y. */
export const jointCells = (
  parts: ReadonlyArray<{ readonly cells: Cells; readonly labels: number }>
): Cells => ({
  due: parts.reduce<ReadonlyArray<number>>(
    (all, { cells }) => all.flatMap((p) => cells.due.map((q) => p * q)),
    [1]
  ),
  of: (y) => {
    let [index, label] = [0, 0]
    for (const { cells, labels } of parts) {
      index = index * cells.due.length + cells.of(Array.from(y).slice(label, label + labels))
      label += labels
    }
    return index
  }
})
