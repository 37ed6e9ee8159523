/**
 * The board: the first page of a shared memory, from which threads take tasks, and the way a call puts them there and waits for them.
 *
 * A task is a call of an export of the module. The ticket counts the tasks that nobody has taken yet, and whoever lowers it by one has taken
 * that one: so the ticket alone says what is free, and a thread that comes late finds nothing. The caller takes tasks as the others do.
 * It never waits for a thread that has taken none: one that is asleep, late or dead costs nothing but its help.
 */

/** Places of the board, each in a cache line of its own: the ticket, the tasks not yet done, whether one trapped, and the tasks. */
export const ticketAt = 0
export const leftAt = 16
export const failedAt = 32
export const tasksAt = 48

/** Numbers of 32 bits of a task: its part, and what that is called with after the scratch. */
export const longest = 16

/** Tasks that the board has room for. */
export const capacity = 512

/** The ticket that sends workers home. */
export const closedTicket = -1

/** A call of a part, by its number; addresses and sizes after the scratch. */
export type Task = readonly [part: number, ...operands: ReadonlyArray<number>]

/** A task that was taken did not come back: its thread is dead, or it trapped. The memory may still be written to. */
export class Lost extends Error {}

/** How often the caller looks before it sleeps. */
const looks = 1000

export interface Board {
  /** Runs tasks that need not wait for each other. *Throws* `Lost`. */
  readonly run: (tasks: ReadonlyArray<Task>) => void
  /** Sends workers home. */
  readonly close: () => void
}

/**
 * The board of a memory.
 *
 * `call` does a task on the caller's thread. `patience`: milliseconds that a task may take which another thread has taken, or ten times what
 * this call has taken so far, if that is more.
 */
export const makeBoard = (
  memory: WebAssembly.Memory,
  helpers: number,
  call: (task: Task) => void,
  patience: number
): Board => {
  const board = new Int32Array(memory.buffer, 0, tasksAt + capacity * longest)
  const sleeps = maySleep(board)
  const wait = (since: number): void => {
    for (let i = 0; i < looks; i++) if (Atomics.load(board, leftAt) === 0) return
    const now = performance.now()
    const end = now + Math.max(patience, 10 * (now - since))
    while (true) {
      const left = Atomics.load(board, leftAt)
      if (left === 0) return
      const rest = end - performance.now()
      if (rest <= 0) throw new Lost("a worker does not answer")
      if (sleeps) Atomics.wait(board, leftAt, left, rest)
    }
  }
  const runSome = (tasks: ReadonlyArray<Task>): void => {
    const since = performance.now()
    for (const [i, task] of tasks.entries()) board.set(task, tasksAt + longest * i)
    Atomics.store(board, leftAt, tasks.length)
    Atomics.store(board, ticketAt, tasks.length)
    if (helpers > 0 && tasks.length > 1) Atomics.notify(board, ticketAt, helpers)
    for (let open = taken(board); open >= 0; open = taken(board)) {
      try {
        call(tasks[open]!)
      } catch (cause) {
        throw new Lost(String(cause))
      }
      Atomics.sub(board, leftAt, 1)
    }
    wait(since)
    if (Atomics.load(board, failedAt) !== 0) throw new Lost("a worker failed")
  }
  return {
    run: (tasks) => {
      for (let i = 0; i < tasks.length; i += capacity) runSome(tasks.slice(i, i + capacity))
    },
    close: () => {
      Atomics.store(board, ticketAt, closedTicket)
      Atomics.notify(board, ticketAt)
    }
  }
}

/** Takes a task; its index, or -1 where all are taken. */
const taken = (board: Int32Array): number => {
  while (true) {
    const open = Atomics.load(board, ticketAt)
    if (open <= 0) return -1
    if (Atomics.compareExchange(board, ticketAt, open, open - 1) === open) return open - 1
  }
}

/** The main thread of a browser may not sleep: it looks on. */
const maySleep = (board: Int32Array): boolean => {
  try {
    Atomics.wait(board, failedAt, 1, 0)
    return true
  } catch {
    return false
  }
}
