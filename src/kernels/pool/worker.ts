/**
 * Threads: node:worker_threads where there are some, else the Worker of browsers. Their program is a text, so that neither a bundler nor
 * Node has a file to find.
 */
import { capacity, closedTicket, failedAt, leftAt, longest, tasksAt, ticketAt } from "./board.ts"

/** What a worker is told: where to take tasks from. */
export interface Assignment {
  readonly module: WebAssembly.Module
  readonly memory: WebAssembly.Memory
  /** The exports by their numbers on the board. */
  readonly parts: ReadonlyArray<string>
  /** Where this worker's scratch is, in bytes. */
  readonly work: number
}

/** One thread beside the caller's. */
export interface Worker {
  /** Gives it another board, which it takes once the one before is closed. */
  readonly assign: (to: Assignment) => void
  /** Ends it, whatever it does. */
  readonly end: () => Promise<void>
}

/** Why there are no threads. */
export class NoThreads extends Error {}

/** How often a worker without a task looks again before it sleeps, some 50 us: tasks of one operation follow each other closely. */
const looks = 3000

/**
 * The program of a worker. It answers an assignment once it has an instance of the module, and then takes tasks until the board is closed
 * (board.ts); its event loop does not turn meanwhile.
 */
export const program = `
const port = globalThis.process?.getBuiltinModule?.("node:worker_threads")?.parentPort ?? globalThis
const serve = ({ module, memory, parts, work }) => {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } })
  const calls = parts.map((name) => exports[name])
  const board = new Int32Array(memory.buffer, 0, ${tasksAt + capacity * longest})
  port.postMessage("ready")
  let looked = 0
  while (true) {
    const open = Atomics.load(board, ${ticketAt})
    if (open === ${closedTicket}) return
    if (open === 0) {
      if (looked++ > ${looks}) Atomics.wait(board, ${ticketAt}, 0)
      continue
    }
    if (Atomics.compareExchange(board, ${ticketAt}, open, open - 1) !== open) continue
    looked = 0
    const from = ${tasksAt} + ${longest} * (open - 1)
    const [part, ...operands] = board.subarray(from, from + ${longest})
    try {
      calls[part](work, ...operands)
    } catch {
      Atomics.store(board, ${failedAt}, 1)
    }
    if (Atomics.sub(board, ${leftAt}, 1) === 1) Atomics.notify(board, ${leftAt})
  }
}
if (port === globalThis) port.onmessage = ({ data }) => serve(data)
else port.on("message", serve)
`

/** Milliseconds that a worker has to start. */
const patience = 20_000

/** Starts a worker; resolves when it takes tasks. *Rejects*: `NoThreads`. */
export const startWorker = (assignment: Assignment, source = program): Promise<Worker> =>
  new Promise((resolve, reject) => {
    const failed = (cause: unknown): void => {
      clearTimeout(timer)
      reject(
        new NoThreads(`a worker did not start (${cause instanceof Error ? cause.message : String(cause)})`)
      )
      void worker?.end()
    }
    // Keeps Node's event loop alive while a worker starts.
    const timer = setTimeout(() => failed(`no answer in ${patience / 1000} s`), patience)
    const ready = (): void => {
      clearTimeout(timer)
      resolve(worker!)
    }
    let worker: Worker | undefined
    try {
      worker = (nodeWorker() ?? browserWorker())(source, ready, failed)
      worker.assign(assignment)
    } catch (cause) {
      failed(cause)
    }
  })

/** Starts a program, and says when it posts a message and when it fails; both may come several times. */
type Start = (source: string, ready: () => void, failed: (cause: unknown) => void) => Worker

/** By way of `process`, not of an import, which bundlers for browsers would look for. */
const nodeWorker = (): Start | undefined => {
  const threads = globalThis.process?.getBuiltinModule?.("node:worker_threads")
  if (threads === undefined) return undefined
  return (source, ready, failed) => {
    // Flags of the process, such as a loader or --input-type, are not for this program.
    const worker = new threads.Worker(source, { eval: true, execArgv: [] })
    worker.on("message", ready)
    // Listened to for good: an error that nobody hears ends the process.
    worker.on("error", failed)
    worker.on("exit", (code) => failed(`it ended with code ${code}`))
    worker.unref()
    return {
      assign: (to) => worker.postMessage(to),
      end: async () => void (await worker.terminate())
    }
  }
}

const browserWorker = (): Start => {
  if (typeof globalThis.Worker === "undefined") throw new NoThreads("there are no workers here")
  return (source, ready, failed) => {
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }))
    const worker = new globalThis.Worker(url)
    worker.onmessage = () => {
      URL.revokeObjectURL(url)
      ready()
    }
    worker.onerror = (event) => failed(event.message || "its program was refused")
    return {
      assign: (to) => worker.postMessage(to),
      end: () => Promise.resolve(worker.terminate())
    }
  }
}
