/** What the operations of a pool work with: the instance of the caller's thread, its scratch, and the board. */
import type { Exports } from "../internal/arena.ts"
import type { Task } from "./board.ts"

type Numbers = (work: number, ...operands: ReadonlyArray<number>) => number

/** The exports of assembly/parts.ts that a task may name; its number is the place here. */
export const parts = [
  "gemmPart32",
  "gemmPart64",
  "syrkPart32",
  "syrkPart64",
  "solvePart",
  "choleskySolvePart",
  "mirrorPart",
  "foldPart",
  "preparePart",
  "rowsPart",
  "rotatePart",
  "scatterPart"
] as const

export type Part = (typeof parts)[number]

/** The exports of assembly/parts.ts that the caller alone calls. */
type Step =
  | "factorPart"
  | "invertPart"
  | "squarePart"
  | "clearPart"
  | "setAsidePart"
  | "reducePart"
  | "beginPart"
  | "recordPart"
  | "finishPart"

/** What assembly/parts.ts exports. */
export interface PartExports
  extends Pick<Exports, "workBytes" | "eigenBytes" | "syrk32" | "syrk64" | "symmetricEigen">,
    Readonly<Record<Part | Step, Numbers>> {
  /** Bytes of scratch for eigenvectors by parts, behind those of `eigenBytes`. */
  readonly eigenPartBytes: (n: number) => number
  readonly stripsOf: (n: number) => number
}

export interface Crew {
  readonly exports: PartExports
  /** The scratch of the caller's thread. */
  readonly work: number
  /** Threads, with the caller's. */
  readonly threads: number
  /** Multiplications in float32 that are worth a task. */
  readonly grain: number
  /** Runs tasks that need not wait for each other. */
  readonly run: (tasks: ReadonlyArray<Task>) => void
}

/** The task that calls a part with these operands. */
export const task = (part: Part, ...operands: ReadonlyArray<number>): Task => [
  parts.indexOf(part),
  ...operands
]

/** Tasks for each thread: of equal ones, so many that a thread which is held up keeps the others waiting for a fourth of its share. */
const each = 4

/** Into how many tasks work of so many multiplications is cut; 1 where it is not worth it. */
export const tasksFor = ({ grain, threads }: Crew, multiplications: number): number =>
  threads === 1 ? 1 : Math.max(1, Math.min(each * threads, Math.floor(multiplications / grain)))

/** 0 .. n - 1 as at most `count` ranges [from, to), all but the last of them of one length, a multiple of `unit`. */
export const ranges = (
  n: number,
  count: number,
  unit: number
): ReadonlyArray<readonly [from: number, to: number]> => {
  const length = Math.ceil(n / count / unit) * unit
  return Array.from({ length: Math.ceil(n / length) }, (_, i) => [i * length, Math.min(n, (i + 1) * length)])
}
