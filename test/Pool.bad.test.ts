/** What can go wrong with threads: bad options, engines without them, workers that do not start, die, sleep or trap. None of it hangs. */
import { Effect } from "effect"
import { afterEach, describe, expect, it, vi } from "vitest"
import { Device, Errors } from "../src/index.ts"
import { Lost, makeBoard } from "../src/kernels/pool/board.ts"
import { program } from "../src/kernels/pool/worker.ts"
import { NoThreads } from "../src/kernels/pool.ts"
import { smallPool, wasmBuilds } from "./support/kernels.ts"
import { randomArray } from "./support/ratio.ts"

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

const failureOf = (threads: number): Promise<unknown> =>
  Effect.runPromise(Effect.provide(Effect.void, Device.wasmWith({ threads })).pipe(Effect.flip))

describe("threads", () => {
  for (const threads of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "2" as unknown as number]) {
    it(`${threads} (a ${typeof threads}) is an InvalidArgument that names it`, async () => {
      const error = await failureOf(threads)
      expect(error).toBeInstanceOf(Errors.InvalidArgument)
      expect(error).toMatchObject({
        argument: "threads",
        value: typeof threads === "string" ? '"2"' : String(threads)
      })
    })
  }

  it("1 is wasm itself, and needs no workers", async () => {
    vi.stubGlobal("SharedArrayBuffer", undefined)
    const name = await Effect.runPromise(
      Device.use(({ name }) => Effect.succeed(name)).pipe(Effect.provide(Device.wasmWith({ threads: 1 })))
    )
    expect(name).toBe("wasm")
  })
})

describe("an engine", () => {
  const refused = async (what: string): Promise<void> => {
    const error = await failureOf(2)
    expect(error).toBeInstanceOf(Errors.DeviceUnavailable)
    expect(error).toMatchObject({ device: "wasm", message: expect.stringContaining(what) })
    expect((error as Error).message).toMatch(/Cross-Origin-Opener-Policy.*Device\.wasm, which/)
  }
  it("without SharedArrayBuffer is a DeviceUnavailable with the remedy", async () => {
    vi.stubGlobal("SharedArrayBuffer", undefined)
    await refused("SharedArrayBuffer is missing")
  })
  it("without workers is one too", async () => {
    vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined as never)
    vi.stubGlobal("Worker", undefined)
    await refused("there are no workers here")
  })
  it("that has them again starts: a failure is not remembered", async () => {
    await Effect.runPromise(Effect.provide(Effect.void, Device.wasmWith({ threads: 2 })))
  })
})

/** The product that one thread gives, and the one that a pool of these workers gives. */
const n = 120
const a = randomArray(n * n, 7)
const productBy = (kernels: (typeof wasmBuilds)[number], x = a): Float64Array => {
  const out = new Float64Array(n * n)
  kernels.gemm({ m: n, n, k: n, a: x, b: x, transposeB: true, out })
  return out
}
const due = productBy(wasmBuilds[0]!)

/** Whether both products of operands of their own are the same bits; the shared memory still has the product of the last call. */
const agrees = (kernels: (typeof wasmBuilds)[number], seed: number): boolean => {
  const x = randomArray(n * n, seed)
  const [first, second] = [wasmBuilds[0]!, kernels].map((one) => productBy(one, x))
  return first!.every((value, o) => value === second![o])
}

/** The program, with something else in place of doing a task. */
const instead = (what: string): string => {
  const changed = program.replace("calls[part](work, ...operands)", what)
  expect(changed).not.toBe(program)
  return changed
}

describe("a worker", () => {
  const starts: Readonly<Record<string, string>> = {
    "that throws at once": "throw new Error('no')",
    "that is no program": "const const",
    "that ends at once": "process.exit(3)",
    "that has no such export": program.replace("exports[name]", "exports[name].no.such")
  }
  for (const [title, source] of Object.entries(starts)) {
    it(`${title} is NoThreads`, async () => {
      await expect(smallPool(3, false, { program: source })).rejects.toBeInstanceOf(NoThreads)
    })
  }

  // The task is taken and never done.
  const deaths: Readonly<Record<string, string>> = {
    "that sleeps for good": "Atomics.wait(board, 40, 0)",
    "that turns in a loop": "while (true);",
    "that leaves": "process.exit()",
    "that traps": "throw new WebAssembly.RuntimeError('trap')"
  }
  for (const [title, what] of Object.entries(deaths)) {
    it(`${title} in a task leaves the call to one thread, to the same bits, and later ones`, async () => {
      const pool = await smallPool(2, false, { program: instead(what), patience: 200 })
      // The caller may be done before the worker is awake.
      for (let i = 0; i < 20; i++) expect(agrees(pool.kernels, i)).toBe(true)
      await new Promise((resolve) => setTimeout(resolve, 20))
      for (let i = 20; i < 40; i++) expect(agrees(pool.kernels, i)).toBe(true)
      await pool.close()
      expect(productBy(pool.kernels)).toEqual(due)
    })
  }

  it("that died between two calls is not waited for: the caller does all tasks", async () => {
    const pool = await smallPool(3, false, {
      program: program.replace('port.postMessage("ready")', 'port.postMessage("ready"); process.exit()'),
      patience: 600_000
    })
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(pool.gemm({ m: n, n, k: n, a, b: a, transposeB: true, out: new Float64Array(n * n) })).toBe(true)
    expect(productBy(pool.kernels)).toEqual(due)
    await pool.close()
  })

  it("control: a worker that does no task, but says so, gives another product", async () => {
    const pool = await smallPool(2, false, { program: instead("0") })
    const end = performance.now() + 20_000
    let wrong = false
    // Until the worker is awake in time to take a task.
    for (let seed = 0; !wrong && performance.now() < end; seed++) wrong = !agrees(pool.kernels, seed)
    expect(wrong).toBe(true)
    await pool.close()
  })
})

describe("the board", () => {
  const memory = () => new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })
  it("does every task once, at 1 to 1,500 of them, with no help and with help that never comes", () => {
    for (const count of [1, 2, 7, 512, 513, 1500]) {
      const done: Array<number> = []
      const board = makeBoard(memory(), 2, ([part]) => void done.push(part), 1000)
      board.run(Array.from({ length: count }, (_, i) => [i]))
      expect(done.toSorted((p, q) => p - q)).toEqual(Array.from({ length: count }, (_, i) => i))
    }
  })
  it("of which one task traps on the caller's thread is Lost, and nobody waits for it", () => {
    const board = makeBoard(
      memory(),
      0,
      () => {
        throw new WebAssembly.RuntimeError("trap")
      },
      600_000
    )
    expect(() => board.run([[0], [1]])).toThrow(Lost)
  })
  it("where a thread may not sleep, as in a browser, waits by looking", async () => {
    const wait = vi.spyOn(Atomics, "wait").mockImplementation(() => {
      throw new TypeError("Atomics.wait cannot be called in this context")
    })
    const pool = await smallPool(3, false)
    for (let i = 0; i < 50; i++) expect(productBy(pool.kernels)).toEqual(due)
    expect(wait).toHaveBeenCalledTimes(1)
    await pool.close()
  })
})
