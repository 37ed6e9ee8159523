/**
 * How two operands are laid against each other, where that is by rows, by columns or whole.
 */

/** Numbers from one to the next, within a row and from row to row: 0 where an operand is repeated. */
export interface Steps {
  readonly inner: number
  readonly outer: number
}

export interface Broadcast {
  /** The shape of the result: `outer` rows of `inner` numbers. */
  readonly shape: ReadonlyArray<number>
  readonly outer: number
  readonly inner: number
  readonly stepsA: Steps
  readonly stepsB: Steps
}

/** `undefined` where the shapes do not go together, or only by more than rows and columns. */
export const broadcast = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): Broadcast | undefined => {
  const rank = Math.max(a.length, b.length)
  const [sidesA, sidesB] = [padded(a, rank), padded(b, rank)]
  if (sidesA.some((side, i) => side !== sidesB[i] && side !== 1 && sidesB[i] !== 1)) return undefined
  const shape = sidesA.map((side, i) => (side === 1 ? sidesB[i]! : side))
  // From the last axis on, as long as each operand keeps to one way: to be as wide as the result, or to be repeated.
  const axes = shape.map((_, i) => i).filter((i) => shape[i] !== 1)
  const way = (i: number): string => `${sidesA[i] === 1} ${sidesB[i] === 1}`
  const last = axes.at(-1)
  const split = last === undefined ? 0 : axes.findLastIndex((i) => way(i) !== way(last)) + 1
  const rows = axes.slice(0, split)
  if (rows.some((i) => way(i) !== way(rows[0]!))) return undefined
  const sizeOver = (over: ReadonlyArray<number>): number => over.reduce((size, i) => size * shape[i]!, 1)
  const [outer, inner] = [sizeOver(rows), sizeOver(axes.slice(split))]
  const steps = (sides: ReadonlyArray<number>): Steps => {
    const within = last === undefined || sides[last] !== 1
    const across = rows.length > 0 && sides[rows[0]!] !== 1
    return { inner: within ? 1 : 0, outer: across ? (within ? inner : 1) : 0 }
  }
  return { shape, outer, inner, stepsA: steps(sidesA), stepsB: steps(sidesB) }
}

const padded = (shape: ReadonlyArray<number>, rank: number): ReadonlyArray<number> => [
  ...Array<number>(rank - shape.length).fill(1),
  ...shape
]
