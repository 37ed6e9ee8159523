/**
 * Products by several threads: the result is cut into blocks, and each is computed by one thread. An entry depends on its row, its column and
 * k alone, bit for bit (assembly/gemm.ts), so no cut shows.
 */
import type { Task } from "./board.ts"
import { type Crew, ranges, task, tasksFor } from "./crew.ts"

/** What becomes of C, and which part of it is computed: as in assembly/tile.ts and assembly/gemm.ts. */
export const [assign, add, subtract] = [0, 1, -1] as const
export const [whole, lower, upper] = [0, 1, 2] as const

/** C = A B, C += A B or C -= A B; see `gemm` in assembly/gemm.ts. Addresses are bytes, strides count numbers of `size` bytes. */
export interface Product {
  readonly size: 4 | 8
  readonly m: number
  readonly n: number
  readonly k: number
  readonly a: number
  readonly ars: number
  readonly acs: number
  readonly b: number
  readonly brs: number
  readonly bcs: number
  readonly c: number
  readonly ldc: number
  readonly mode: typeof assign | typeof add | typeof subtract
  /** Other than `whole` for a square C alone. */
  readonly part: typeof whole | typeof lower | typeof upper
}

/** Rows of a tile, and its bytes in a row: a cut between two tiles costs nothing. */
const [tileRows, tileBytes] = [5, 32]

/** A block of C with fewer entries than this packs more than it multiplies. */
const leastBlock = 4096

/** Whole tiles of either precision in both directions. */
const squareUnit = 40

export const multiply = (crew: Crew, p: Product): void => {
  const { k, m, n, part, size } = p
  const entries = part === whole ? m * n : (m * n) / 2
  const count = Math.min(
    tasksFor(crew, (entries * k * size) / 4),
    Math.max(crew.threads, Math.floor(entries / leastBlock))
  )
  if (count <= 1) {
    const call = size === 4 ? crew.exports.gemmPart32 : crew.exports.gemmPart64
    const { a, acs, ars, b, bcs, brs, c, ldc, mode } = p
    call(crew.work, m, n, k, a, ars, acs, b, brs, bcs, c, ldc, mode, part)
  } else crew.run(part === whole ? grid(p, count) : triangle(p, count))
}

/** Rows i0 to i1 and columns j0 to j1 of a product. */
const block = (
  p: Product,
  [i0, i1]: readonly [number, number],
  [j0, j1]: readonly [number, number],
  part: Product["part"]
): Task => {
  const { a, acs, ars, b, bcs, brs, c, k, ldc, mode, size } = p
  const [left, right, to] = [a + size * i0 * ars, b + size * j0 * bcs, c + size * (i0 * ldc + j0)]
  const name = size === 4 ? "gemmPart32" : "gemmPart64"
  return task(name, i1 - i0, j1 - j0, k, left, ars, acs, right, brs, bcs, to, ldc, mode, part)
}

/** Blocks nearly square, which pack the least. */
const grid = (p: Product, count: number): ReadonlyArray<Task> => {
  let [rows, columns] = [1, 1]
  while (rows * columns < count) {
    if (p.m * columns >= p.n * rows) rows *= 2
    else columns *= 2
  }
  return ranges(p.m, rows, tileRows).flatMap((i) =>
    ranges(p.n, columns, tileBytes / p.size).map((j) => block(p, i, j, whole))
  )
}

/** How many blocks a side has of which `count` make a triangle; 1 where it is not cut. */
const sidesOf = (count: number): number => (count === 1 ? 1 : Math.ceil(Math.sqrt(2 * count)))

const triangle = (p: Product, count: number): ReadonlyArray<Task> => {
  const cuts = ranges(p.m, sidesOf(count), squareUnit)
  const beside = cuts.flatMap((i, at) =>
    cuts.slice(0, at).map((j) => (p.part === lower ? block(p, i, j, whole) : block(p, j, i, whole)))
  )
  // The last is taken first, and these are half the work.
  return [...cuts.map((i) => block(p, i, i, p.part)), ...beside]
}

/** C (n x n) = A^T A for a k x n matrix A, or with `rows` A A^T for an n x k one. */
export const square = (
  crew: Crew,
  size: 4 | 8,
  n: number,
  k: number,
  a: number,
  rows: boolean,
  c: number
): void => {
  const count = tasksFor(crew, (n * n * k * size) / 8)
  const cuts = ranges(n, sidesOf(count), squareUnit)
  if (cuts.length > 1) crew.run(squareTasks(size, n, k, a, rows, c, cuts))
  else (size === 4 ? crew.exports.syrk32 : crew.exports.syrk64)(n, k, a, rows, c, crew.work)
}

const squareTasks = (
  size: 4 | 8,
  n: number,
  k: number,
  a: number,
  rows: boolean,
  c: number,
  cuts: ReturnType<typeof ranges>
): ReadonlyArray<Task> => {
  const name = size === 4 ? "syrkPart32" : "syrkPart64"
  const [rs, cs] = rows ? [k, 1] : [1, n]
  const block = (i: (typeof cuts)[number], j: (typeof cuts)[number]): Task =>
    task(name, n, k, a, rs, cs, c, ...i, ...j)
  const beside = cuts.flatMap((i, at) => cuts.slice(0, at).map((j) => block(i, j)))
  return [...cuts.map((i) => block(i, i)), ...beside]
}
