/**
 * The recursions of assembly/cholesky.ts, their products and solves by several threads. The halves are the same, so the bits are too; a
 * half that is small is left to one thread.
 */
import { type Crew, ranges, task, tasksFor } from "./crew.ts"
import { add, assign, lower, multiply, subtract, upper, whole } from "./products.ts"

/** As in assembly/triangle.ts. */
const half = (n: number): number => ((n >> 1) + 7) & ~7

/** Rows of a half that one thread factorises, inverts or squares; not fewer than where the recursions of assembly/ end. */
const small = (crew: Crew, end = 24): number => Math.max(end, Math.min(128, crew.grain))

/** Bytes of the columns that a solve takes at a time. */
const solveBytes = 64

/** A crew, and the bytes of the numbers of a call. */
interface At {
  readonly crew: Crew
  readonly size: 4 | 8
}

/** Multiplications that moving a number is worth. */
const move = 8

/** A = L L^T in place; the first pivot that is not a positive finite number, or -1. */
export const cholesky = (on: At, n: number, a: number): number => {
  alongRows(on, "mirrorPart", n, a)
  const failed = factor(on, n, a, n)
  if (failed < 0) alongRows(on, "foldPart", n, a)
  return failed
}

/** Copies one triangle of a matrix onto the other. */
const alongRows = ({ crew, size }: At, part: "mirrorPart" | "foldPart", n: number, a: number): void => {
  const count = tasksFor(crew, move * n * n)
  // Later rows are longer; the last is taken first.
  const tasks = ranges(n, count, 16).map(([from, to]) => task(part, size, n, from, to, a))
  if (tasks.length > 1) crew.run(tasks)
  else crew.exports[part](crew.work, size, n, 0, n, a)
}

const factor = (on: At, n: number, a: number, lda: number): number => {
  const { crew, size } = on
  if (n <= small(crew)) return crew.exports.factorPart(crew.work, size, n, a, lda)
  const h = half(n)
  const first = factor(on, h, a, lda)
  if (first >= 0) return first
  const [u, rest, r] = [a + size * h, a + size * h * (lda + 1), n - h]
  solve(on, h, a, 1, lda, u, lda, r)
  const c = { c: rest, ldc: lda, mode: subtract, part: upper } as const
  multiply(crew, { size, m: r, n: r, k: h, a: u, ars: 1, acs: lda, b: u, brs: lda, bcs: 1, ...c })
  const second = factor(on, r, rest, lda)
  return second < 0 ? -1 : h + second
}

/** Solves T X = B in place, the columns of B among the threads; see `solve` in assembly/triangle.ts. */
const solve = (
  { crew, size }: At,
  n: number,
  t: number,
  rs: number,
  cs: number,
  x: number,
  ldx: number,
  columns: number
): void => {
  const count = tasksFor(crew, (n * n * columns * size) / 8)
  const tasks = ranges(columns, count, solveBytes / size).map(([from, to]) =>
    task("solvePart", size, n, t, rs, cs, x + size * from, ldx, to - from)
  )
  if (tasks.length > 1) crew.run(tasks)
  else crew.exports.solvePart(crew.work, size, n, t, rs, cs, x, ldx, columns)
}

/** L L^T X = B in place. */
export const choleskySolve = ({ crew, size }: At, n: number, l: number, columns: number, b: number): void => {
  const count = tasksFor(crew, (n * n * columns * size) / 4)
  const tasks = ranges(columns, count, solveBytes / size).map(([from, to]) =>
    task("choleskySolvePart", size, n, l, to - from, b + size * from, columns)
  )
  if (tasks.length > 1) crew.run(tasks)
  else crew.exports.choleskySolvePart(crew.work, size, n, l, columns, b, columns)
}

/** out = (L L^T)^-1 = W^T W with W = L^-1, which replaces L. */
export const choleskyInverse = (on: At, n: number, l: number, out: number): void => {
  const { crew, size } = on
  crew.exports.clearPart(crew.work, size, n, l)
  invert(on, n, l, n, out)
  square(on, n, l, out, n)
  alongRows(on, "mirrorPart", n, out)
}

const invert = (on: At, n: number, l: number, ldl: number, spare: number): void => {
  const { crew, size } = on
  const { exports, work } = crew
  if (n <= small(crew)) return void exports.invertPart(work, size, n, l, ldl, spare)
  const h = half(n)
  const r = n - h
  const [l21, l22] = [l + size * h * ldl, l + size * h * (ldl + 1)]
  invert(on, h, l, ldl, spare)
  exports.setAsidePart(work, size, r, h, l21, ldl, spare)
  const c = { c: l21, ldc: ldl, mode: subtract, part: whole } as const
  multiply(crew, { size, m: r, n: h, k: h, a: spare, ars: h, acs: 1, b: l, brs: ldl, bcs: 1, ...c })
  solve(on, r, l22, ldl, 1, l21, ldl, h)
  invert(on, r, l22, ldl, spare)
}

/** The lower triangle of out = W^T W for a lower triangular W; both have rows `ld` apart. */
const square = (on: At, n: number, w: number, out: number, ld: number): void => {
  const { crew, size } = on
  if (n <= small(crew, 48)) return void crew.exports.squarePart(crew.work, size, n, w, out, ld)
  const h = half(n)
  const r = n - h
  const [w21, w22] = [w + size * h * ld, w + size * h * (ld + 1)]
  square(on, h, w, out, ld)
  const right = { b: w21, brs: ld, bcs: 1, ldc: ld } as const
  const corner = {
    size,
    m: h,
    n: h,
    k: r,
    a: w21,
    ars: 1,
    acs: ld,
    c: out,
    mode: add,
    part: lower
  } as const
  multiply(crew, { ...corner, ...right })
  const below = { size, m: r, n: h, k: r, a: w22, ars: 1, acs: ld, c: out + size * h * ld } as const
  multiply(crew, { ...below, ...right, mode: assign, part: whole })
  square(on, r, w22, out + size * h * (ld + 1), ld)
}
