/**
 * `symmetricEigen` of assembly/eigen.ts with the vectors by several threads: the orthogonal matrix of the reduction by rows, the rotations of
 * QL by columns. The reduction and QL itself, a third of the time at 500, are one thread's.
 */
import { type Crew, ranges, task, tasksFor } from "./crew.ts"

/** Householder vectors of a block: as in assembly/orthogonal.ts. */
const block = 32

/** Rotations of a batch for each row, and multiplications of one on a column: as in assembly/ql.ts and assembly/rotations.ts. */
const [batch, perRotation] = [32, 2]

/** What `recordPart` returns. */
const [complete, failed] = [0, -1]

/** Bytes of scratch. */
export const eigenBytes = ({ exports }: Pick<Crew, "exports">, n: number, vectors: boolean): number =>
  exports.eigenBytes(n, vectors) + (vectors ? exports.eigenPartBytes(n) : 0)

export const symmetricEigen = (
  crew: Crew,
  n: number,
  a: number,
  values: number,
  vectors: boolean,
  scratch: number
): number => {
  const { exports, work } = crew
  if (!vectors || n === 0) return exports.symmetricEigen(n, a, values, vectors, scratch)
  const scale = exports.reducePart(work, n, a, scratch)
  if (scale === 0) return 0
  orthogonalRows(crew, n, a, scratch)
  exports.beginPart(work, n, scratch)
  const strips = cut(crew, exports.stripsOf(n), batch * perRotation * n * n).map(([from, end]) =>
    task("rotatePart", n, scratch, from, end)
  )
  let did: number
  do {
    did = exports.recordPart(work, n, scratch)
    if (did === failed) return 0
    crew.run(strips)
  } while (did !== complete)
  exports.finishPart(work, n, scale, values, scratch)
  crew.run(cut(crew, n, 8 * n * n).map(([from, end]) => task("scatterPart", n, scratch, a, from, end)))
  return 1
}

/** Ranges for work of so many multiplications in float64. */
const cut = (crew: Crew, n: number, multiplications: number): ReturnType<typeof ranges> =>
  ranges(n, tasksFor(crew, 2 * multiplications), 1)

const orthogonalRows = (crew: Crew, n: number, a: number, scratch: number): void => {
  const prepared = scratch + crew.exports.eigenBytes(n, true)
  const blocks = Math.ceil((n - 1) / block)
  crew.run(
    Array.from({ length: blocks }, (_, i) => task("preparePart", n, a, scratch, 1 + block * i, prepared))
  )
  const spare = prepared + crew.exports.eigenPartBytes(n) - 8 * 2 * block * n
  // The first rows meet more blocks; the last is taken first.
  const rows = cut(crew, n, (2 * n * n * n) / 3).map(([from, end]) =>
    task("rowsPart", n, scratch, from, end, prepared, spare)
  )
  crew.run(rows.toReversed())
}
