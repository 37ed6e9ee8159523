/** The bench: it runs, its lines have the fields that machines read, and what is wrong with its command line is said. */
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Schema } from "effect"
import { describe, expect, it } from "vitest"
import { nearestLine, withFits } from "../bench/linear.ts"
import type { Line } from "../bench/lines.ts"
import { Misuse, optionsOf } from "../bench/options.ts"
import { aligned, markdown, runOf, tablesOf } from "../bench/tables.ts"

const over0 = Schema.Finite.check(Schema.isGreaterThan(0))

const Fields = Schema.Struct({
  workload: Schema.Literals(["-", "b"]),
  what: Schema.String.check(Schema.isMinLength(1)),
  sampler: Schema.Literals(["-", "exact", "mc1", "mc8"]),
  device: Schema.Literal("wasm"),
  threads: Schema.Literal(1),
  ms: over0,
  u: over0
})

const isLine = Schema.is(Fields)

const run = (args: ReadonlyArray<string>) =>
  new Promise<{ readonly code: number | null; readonly said: string }>((resolve, reject) => {
    const child = spawn(process.execPath, ["bench/main.ts", ...args], { stdio: ["ignore", "ignore", "pipe"] })
    let said = ""
    child.stderr.on("data", (chunk) => {
      said += chunk
    })
    child.on("error", reject)
    child.on("close", (code) => resolve({ code, said }))
  })

const line = (workload: string, what: string, ms: number, more: Partial<Line> = {}): Line => ({
  workload,
  what,
  sampler: "mc1",
  device: "wasm",
  threads: 1,
  ms,
  u: ms / 20,
  ...more
})

describe("a run of one round", () => {
  it("writes a JSON line for the unit and for each row of workload b, with all fields; a line without u is none", async () => {
    const folder = mkdtempSync(join(tmpdir(), "natgrad-bench-"))
    try {
      const json = join(folder, "lines.json")
      const { code, said } = await run(["--only", "b", "--rounds", "1", "--device", "wasm", "--json", json])
      expect(code, said).toBe(0)
      const lines: ReadonlyArray<Line> = readFileSync(json, "utf8")
        .trim()
        .split("\n")
        .map((text) => JSON.parse(text))
      expect(lines.filter((one) => !isLine(one))).toEqual([])
      expect(lines[0]).toMatchObject({ workload: "-", u: 1 })
      const rows = lines.slice(1).map(({ sampler, what }) => `${what} ${sampler}`)
      expect(new Set(rows).size).toBe(rows.length)
      expect(rows).toEqual(
        expect.arrayContaining(["gradient -", "dense exact", "dense mc1", "dense mc8", "product exact"])
      )
      const { u, ...without } = lines[1]!
      expect([u > 0, isLine(without)]).toEqual([true, false])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it("ends with 2 for a device that there is none of, and names those that there are", async () => {
    const { code, said } = await run(["--device", "abacus"])
    expect([code, said.includes("abacus"), said.includes("wasm, native")]).toEqual([2, true, true])
  })
})

describe("options of the bench", () => {
  for (const [args, needed] of [
    [
      ["--only", "a,z"],
      ["z", "a,b,c,d"]
    ],
    [
      ["--only", "a,"],
      ["nothing", "a,b,c,d"]
    ],
    [
      ["--rounds", "0"],
      ["0", "whole number"]
    ],
    [
      ["--rounds", "2.5"],
      ["2.5", "whole number"]
    ],
    [
      ["--threads", "many"],
      ["many", "whole number"]
    ],
    [
      ["--device", "webgpu", "--threads", "3"],
      ["3", "webgpu", "--threads 1"]
    ],
    [["--speed"], ["--speed", "--help"]]
  ] as const) {
    it(`${args.join(" ")} is refused, with its value and what to give`, () => {
      const said = (() => {
        try {
          return optionsOf(args)
        } catch (error) {
          return error instanceof Misuse ? error.message : error
        }
      })()
      expect(said).toEqual(expect.any(String))
      for (const text of needed) expect(said).toContain(text)
    })
  }

  it("control: what is right is taken", () => {
    expect(
      optionsOf(["--only", "a,linear", "--rounds", "3", "--device", "native", "--threads", "2"])
    ).toEqual({
      device: "native",
      threads: 2,
      only: ["a", "linear"],
      rounds: 3,
      json: undefined
    })
    expect(optionsOf(["--help"])).toBeUndefined()
  })
})

describe("the line through points", () => {
  const counts = [1000, 2000, 5000, 60_000]

  it("is theirs where they are on one, to 1e-12; a square is over 10 % off", () => {
    const { a, b } = nearestLine(counts.map((n) => [n, 3 + 0.02 * n]))
    expect(Math.abs(a / 3 - 1)).toBeLessThan(1e-12)
    expect(Math.abs(b / 0.02 - 1)).toBeLessThan(1e-12)
    const squares = withFits(counts.map((n) => line("linear", "kfac", 1 + (n / 1000) ** 2, { examples: n })))
    expect(Math.max(...squares.map(({ deviation }) => Math.abs(deviation!)))).toBeGreaterThan(10)
  })

  it("is of each structure alone: two lines of different slopes are 0.0 % off; as one they are not", () => {
    const both = counts.flatMap((n) => [
      line("linear", "kfac", 2 + 0.03 * n, { examples: n }),
      line("linear", "diagonal", 5 + 0.01 * n, { examples: n })
    ])
    expect(withFits(both).map(({ deviation }) => Math.abs(deviation!))).toEqual(both.map(() => 0))
    const mixed = withFits(both.map((one) => ({ ...one, what: "kfac" })))
    expect(Math.max(...mixed.map(({ deviation }) => Math.abs(deviation!)))).toBeGreaterThan(10)
  })
})

describe("tables", () => {
  const unit = { ...line("-", "product", 20), run: {} }
  const wasm = runOf([unit, line("a", "kfac", 40, { spread: 1.5 }), line("b", "dense", 80, { spread: 1.2 })])
  const native = runOf(
    [unit, line("a", "kfac", 10, { spread: 1.1 })].map((one) => ({ ...one, device: "native" }))
  )

  it("of two devices have a column for each, and leave empty what one has not measured", () => {
    const [table] = tablesOf([native, wasm])
    const rows = markdown(table!).split("\n")
    expect(rows.find((row) => row.startsWith("| a |"))).toContain("| 10.0 | 40.0 |")
    expect(rows.find((row) => row.startsWith("| b |"))).toContain("|  | 80.0 |")
  })

  it("are no wider than the terminal where leaving out the optional columns is enough; in a wide one all are there", () => {
    const [table] = tablesOf([wasm])
    const widest = (width: number) =>
      Math.max(
        ...aligned(table!, width)
          .split("\n")
          .map(({ length }) => length)
      )
    expect(widest(60)).toBeLessThanOrEqual(60)
    expect(widest(200)).toBeGreaterThan(60)
    expect(aligned(table!, 200)).toContain("spread")
  })

  it("of kernels have half a product over the whole one of its precision, and of one that is not there nothing", () => {
    const kernels = (what: string, ms: number) => line("kernels", what, ms, { sampler: "-" })
    const run = runOf([
      unit,
      kernels("gemm A^T B, f32", 40),
      kernels("gemm A^T B, f64", 90),
      kernels("syrk, f32", 22),
      kernels("syrk packed, f32", 20),
      kernels("syrk, f64", 45),
      kernels("syrk packed, f16", 1)
    ])
    const tables = tablesOf([run])
    expect(tables.map(({ title }) => title)).toEqual(["Kernels on typed arrays"])
    const rows = markdown(tables[0]!).split("\n")
    for (const [what, part] of [
      ["syrk, f32", "0.55"],
      ["syrk packed, f32", "0.50"],
      ["syrk, f64", "0.50"],
      ["syrk packed, f16", ""],
      ["gemm A^T B, f32", ""]
    ]) {
      expect(rows.find((row) => row.startsWith(`| ${what} |`))).toMatch(new RegExp(`\\| ${part} \\|$`))
    }
  })

  it("of lines without a unit are refused", () => {
    expect(() => runOf([line("a", "kfac", 1)])).toThrow("unit")
  })
})
