/**
 * The memory that threads share: the board in its first page, scratch for each thread, then the operands of a call.
 *
 * A memory that grew large is left behind after the call, as the arena of one thread does: its board is closed, and the workers go over to
 * the next one. The caller does not wait for them.
 */
import { type Arena, arenaOver, type Held, page } from "../internal/arena.ts"
import { type Board, makeBoard, type Task } from "./board.ts"
import { type Crew, type PartExports, parts } from "./crew.ts"
import { eigenBytes } from "./eigen.ts"
import { operations } from "./operations.ts"
import { type Assignment, NoThreads, startWorker, type Worker } from "./worker.ts"

export interface Settings {
  readonly threads: number
  readonly grain: number
  readonly patience: number
  readonly program?: string
}

export interface Shared {
  readonly arena: Arena
  /** Ends the workers; the arena must not be used any more. */
  readonly end: () => Promise<void>
}

/** Starts the workers on a first memory. *Rejects*: `NoThreads`. */
export const share = async (module: WebAssembly.Module, settings: Settings): Promise<Shared> => {
  const maximum = largest()
  const fresh = () => open(module, maximum, settings)
  let current = fresh()
  const workers = await startAll(current.assignments, settings.program)
  const renew = (): Held => {
    current.board.close()
    current = fresh()
    for (const [i, worker] of workers.entries()) worker.assign(current.assignments[i]!)
    return current.held
  }
  const { exports } = current
  return {
    arena: arenaOver(current.held, renew, 0, (n, vectors) => eigenBytes({ exports }, n, vectors)),
    end: async () => {
      current.board.close()
      await Promise.all(workers.map((worker) => worker.end()))
    }
  }
}

const startAll = async (
  assignments: ReadonlyArray<Assignment>,
  program: string | undefined
): Promise<ReadonlyArray<Worker>> => {
  const starts = await Promise.allSettled(assignments.map((assignment) => startWorker(assignment, program)))
  const workers = starts.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []))
  const failed = starts.find((start) => start.status === "rejected")
  if (failed === undefined) return workers
  await Promise.all(workers.map((worker) => worker.end()))
  throw failed.reason
}

/** The most pages that a shared memory may have here: address space is set aside for all of them, and a phone has less of it. */
const largest = (): number => {
  if (typeof SharedArrayBuffer === "undefined") {
    throw new NoThreads("threads cannot share memory here, since SharedArrayBuffer is missing")
  }
  for (let maximum = 2 ** 16; maximum >= 2 ** 10; maximum /= 2) {
    try {
      new WebAssembly.Memory({ initial: 1, maximum, shared: true })
      return maximum
    } catch {
      // Half of it may do.
    }
  }
  throw new NoThreads("no memory can be shared here")
}

interface OpenedMemory {
  readonly held: Held
  readonly exports: PartExports
  readonly board: Board
  readonly assignments: ReadonlyArray<Assignment>
}

/** A memory with an instance for the caller, and what the workers are told. */
const open = (
  module: WebAssembly.Module,
  maximum: number,
  { grain, patience, threads }: Settings
): OpenedMemory => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum, shared: true })
  const exports = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as PartExports
  const scratch = Math.ceil(exports.workBytes() / page) * page
  const workOf = (thread: number): number => page + thread * scratch
  const start = workOf(threads)
  memory.grow(start / page - 1)
  const call = ([part, ...operands]: Task): void => void exports[parts[part]!](workOf(0), ...operands)
  const board = makeBoard(memory, threads - 1, call, patience)
  const crew: Crew = { exports, work: workOf(0), threads, grain, run: board.run }
  return {
    held: { memory, exports: operations(crew), start },
    exports,
    board,
    assignments: Array.from({ length: threads - 1 }, (_, i) => ({
      module,
      memory,
      parts,
      work: workOf(i + 1)
    }))
  }
}
