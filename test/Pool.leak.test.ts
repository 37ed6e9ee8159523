/** The workers of a pool end with it and never keep a process alive; its memory is steady, and a large one is given back. */
import { execFileSync } from "node:child_process"
import { existsSync, readdirSync } from "node:fs"
import { Effect } from "effect"
import { afterEach, describe, expect, it, vi } from "vitest"
import { Device } from "../src/index.ts"
import { keptBytes } from "../src/kernels/internal/arena.ts"
import { share } from "../src/kernels/pool/shared.ts"
import type { reference } from "../src/kernels/reference.ts"
import { compileShared, fusedWorks, kernelsOn } from "../src/kernels/wasm.ts"
import { smallPool, wasmBuilds } from "./support/kernels.ts"
import { identity, randomArray } from "./support/ratio.ts"

afterEach(() => vi.restoreAllMocks())

/** Threads of this process, as Linux counts them. */
const tasks = "/proc/self/task"
const threadsNow = (): number => readdirSync(tasks).length

/** The kernel forgets a thread some time after it ended. */
const settled = async (due: number): Promise<number> => {
  for (let i = 0; i < 100 && threadsNow() > due; i++) await new Promise((resolve) => setTimeout(resolve, 20))
  return threadsNow()
}

describe.skipIf(!existsSync(tasks))("workers", () => {
  const device = Device.wasmWith({ threads: 4 })
  const endings: Readonly<Record<string, Effect.Effect<unknown, unknown, Device>>> = {
    success: Effect.asVoid(Device),
    "a typed failure": Effect.andThen(Device, Effect.fail("no")),
    "a defect": Effect.andThen(Device, Effect.die("boom")),
    interruption: Effect.andThen(Device, Effect.interrupt)
  }
  it("are there while a Device is, and gone after each ending of its Scope", async () => {
    // Once, for what a process starts for good.
    await Effect.runPromise(Effect.provide(Effect.void, device))
    const before = await settled(threadsNow() - 1)
    for (const ending of Object.values(endings)) {
      let during = 0
      const counted = Effect.andThen(
        Effect.sync(() => void (during = threadsNow())),
        ending
      )
      await Effect.runPromiseExit(Effect.provide(counted, device))
      expect(during).toBeGreaterThanOrEqual(before + 3)
      expect(await settled(before)).toBeLessThanOrEqual(before)
    }
  })

  it("are shared by Devices of one number of threads, until the last of them is released", async () => {
    const before = threadsNow()
    const inner = Effect.provide(
      Effect.sync(() => threadsNow()),
      device,
      { local: true }
    )
    const program = Effect.gen(function* () {
      const alone = threadsNow()
      const both = yield* inner
      return [alone, both, threadsNow()]
    })
    const [alone, both, after] = await Effect.runPromise(Effect.provide(program, device))
    expect(alone).toBeGreaterThanOrEqual(before + 3)
    expect([both, after]).toEqual([alone, alone])
    expect(await settled(before)).toBeLessThanOrEqual(before)
  })
})

describe("a process", () => {
  const run = (...args: ReadonlyArray<string>): string =>
    execFileSync(process.execPath, ["--conditions=natgrad-source", "test/support/stay.ts", ...args], {
      timeout: 50_000,
      encoding: "utf8"
    })
  it("with workers that nobody closed ends by itself, with code 0", () => {
    expect(run()).toBe("true\n")
  })
  it("ends by itself after its Device was closed", () => {
    expect(run("--close")).toBe("true\n")
  })
})

/** Every operation once, at size n, against one thread. */
const everything = (kernels: typeof reference, n: number): void => {
  for (const one of [wasmBuilds.at(-1)!, kernels]) {
    const [x, out] = [identity(n), new Float64Array(n * n)]
    one.gemm({ m: n, n, k: n, a: x, b: x, out })
    expect(out).toEqual(x)
    one.syrk({ rows: n, n, a: x, out })
    one.cholesky({ n, a: x })
    one.choleskySolve({ n, l: x, columns: n, b: out })
    one.choleskyInverse({ n, l: x, out })
    one.symmetricEigen({ n, a: out, values: new Float64Array(n), vectors: true })
    expect(out).toEqual(identity(n))
  }
}

describe("the shared memory", () => {
  const start = async () => share(await compileShared(fusedWorks()), { threads: 3, grain: 1, patience: 5000 })

  it("is after 100 rounds what it is after one; control: not where operands grow by a page a round", async () => {
    const { arena, end } = await start()
    const kernels = kernelsOn(arena)
    everything(kernels, 60)
    const size = arena.size()
    for (let i = 0; i < 100; i++) everything(kernels, 60)
    expect(arena.size()).toBe(size)
    for (let i = 1; i <= 100; i++) arena.open([i * 2 ** 16])
    expect(arena.size()).toBeGreaterThan(size)
    await end()
  })

  it("grows under the workers, is given back past 128 MiB, and the workers come along, 5 times", async () => {
    const { arena, end } = await start()
    const kernels = kernelsOn(arena)
    const small = arena.size()
    for (let round = 0; round < 5; round++) {
      for (const n of [10, 130, 260]) everything(kernels, n)
      // In and out take 134 MB each.
      const n = 4100
      const out = new Float64Array(n * n).fill(Number.NaN)
      kernels.gemm({ m: n, n, k: 1, a: new Float64Array(n).fill(2), b: new Float64Array(n).fill(3), out })
      expect(out.every((value) => value === 6)).toBe(true)
      expect(arena.size()).toBeLessThanOrEqual(Math.max(small, keptBytes))
    }
    everything(kernels, 50)
    await end()
  })

  it("that cannot grow leaves a call to one thread, to the same bits", async () => {
    const pool = await smallPool(2, fusedWorks())
    const n = 90
    const a = randomArray(n * n, 3)
    const [due, out] = [new Float64Array(n * n), new Float64Array(n * n)]
    wasmBuilds.at(-1)!.gemm({ m: n, n, k: n, a, b: a, out: due })
    const grow = vi.spyOn(WebAssembly.Memory.prototype, "grow").mockImplementation(() => {
      throw new RangeError("no memory")
    })
    expect(pool.gemm({ m: n, n, k: n, a, b: a, out })).toBe(false)
    expect(grow).toHaveBeenCalled()
    pool.kernels.gemm({ m: n, n, k: n, a, b: a, out })
    expect(out).toEqual(due)
    grow.mockRestore()
    expect(pool.gemm({ m: n, n, k: n, a, b: a, out })).toBe(true)
    expect(out).toEqual(due)
    await pool.close()
  })
})
