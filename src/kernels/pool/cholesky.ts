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

/** Columns that a solve takes at a time. */
const solveUnit = 8

/** Multiplications that moving a number is worth. */
const move = 8

/** A = L L^T in place; the first pivot that is not a positive finite number, or -1. */
export const cholesky = (crew: Crew, n: number, a: number): number => {
  alongRows(crew, "mirrorPart", n, a)
  const failed = factor(crew, n, a, n)
  if (failed < 0) alongRows(crew, "foldPart", n, a)
  return failed
}

/** Copies one triangle of a matrix onto the other. */
const alongRows = (crew: Crew, part: "mirrorPart" | "foldPart", n: number, a: number): void => {
  const count = tasksFor(crew, move * n * n)
  // Later rows are longer; the last is taken first.
  const tasks = ranges(n, count, 16).map(([from, to]) => task(part, n, from, to, a))
  if (tasks.length > 1) crew.run(tasks)
  else crew.exports[part](crew.work, n, 0, n, a)
}

const factor = (crew: Crew, n: number, a: number, lda: number): number => {
  const { exports, work } = crew
  if (n <= small(crew)) return exports.factorPart(work, n, a, lda)
  const h = half(n)
  const first = factor(crew, h, a, lda)
  if (first >= 0) return first
  const [u, rest, r] = [a + 8 * h, a + 8 * h * (lda + 1), n - h]
  solve(crew, h, a, 1, lda, u, lda, r)
  const c = { c: rest, ldc: lda, mode: subtract, part: upper } as const
  multiply(crew, { ...float64, m: r, n: r, k: h, a: u, ars: 1, acs: lda, b: u, brs: lda, bcs: 1, ...c })
  const second = factor(crew, r, rest, lda)
  return second < 0 ? -1 : h + second
}

const float64 = { size: 8 } as const

/** Solves T X = B in place, the columns of B among the threads; see `solve` in assembly/triangle.ts. */
const solve = (
  crew: Crew,
  n: number,
  t: number,
  rs: number,
  cs: number,
  x: number,
  ldx: number,
  columns: number
): void => {
  const tasks = ranges(columns, tasksFor(crew, n * n * columns), solveUnit).map(([from, to]) =>
    task("solvePart", n, t, rs, cs, x + 8 * from, ldx, to - from)
  )
  if (tasks.length > 1) crew.run(tasks)
  else crew.exports.solvePart(crew.work, n, t, rs, cs, x, ldx, columns)
}

/** L L^T X = B in place. */
export const choleskySolve = (crew: Crew, n: number, l: number, columns: number, b: number): void => {
  const tasks = ranges(columns, tasksFor(crew, 2 * n * n * columns), solveUnit).map(([from, to]) =>
    task("choleskySolvePart", n, l, to - from, b + 8 * from, columns)
  )
  if (tasks.length > 1) crew.run(tasks)
  else crew.exports.choleskySolve(n, l, columns, b, crew.work)
}

/** out = (L L^T)^-1 = W^T W with W = L^-1, which replaces L. */
export const choleskyInverse = (crew: Crew, n: number, l: number, out: number): void => {
  crew.exports.clearPart(crew.work, n, l)
  invert(crew, n, l, n, out)
  square(crew, n, l, out, n)
  alongRows(crew, "mirrorPart", n, out)
}

const invert = (crew: Crew, n: number, l: number, ldl: number, spare: number): void => {
  const { exports, work } = crew
  if (n <= small(crew)) return void exports.invertPart(work, n, l, ldl, spare)
  const h = half(n)
  const r = n - h
  const [l21, l22] = [l + 8 * h * ldl, l + 8 * h * (ldl + 1)]
  invert(crew, h, l, ldl, spare)
  exports.setAsidePart(work, r, h, l21, ldl, spare)
  const c = { c: l21, ldc: ldl, mode: subtract, part: whole } as const
  multiply(crew, { ...float64, m: r, n: h, k: h, a: spare, ars: h, acs: 1, b: l, brs: ldl, bcs: 1, ...c })
  solve(crew, r, l22, ldl, 1, l21, ldl, h)
  invert(crew, r, l22, ldl, spare)
}

/** The lower triangle of out = W^T W for a lower triangular W; both have rows `ld` apart. */
const square = (crew: Crew, n: number, w: number, out: number, ld: number): void => {
  const { exports, work } = crew
  if (n <= small(crew, 48)) return void exports.squarePart(work, n, w, out, ld)
  const h = half(n)
  const r = n - h
  const [w21, w22] = [w + 8 * h * ld, w + 8 * h * (ld + 1)]
  square(crew, h, w, out, ld)
  const right = { b: w21, brs: ld, bcs: 1, ldc: ld } as const
  const corner = {
    ...float64,
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
  const below = { ...float64, m: r, n: h, k: r, a: w22, ars: 1, acs: ld, c: out + 8 * h * ld } as const
  multiply(crew, { ...below, ...right, mode: assign, part: whole })
  square(crew, r, w22, out + 8 * h * (ld + 1), ld)
}
