/**
 * `npm run bench`: what a gradient, a Fisher and a step cost, as ratios within one run.
 *
 * Rows are timed in turn, round after round, so that a disturbance of the machine meets all of them alike; a row's figure is its
 * median. `u` is the same time in units of one product 4096x512 by 512x512, timed in the same rounds on this machine's own BLAS where there
 * is one, whatever the device, and else on the device. The last column has NNGeometry's `u` for the row, and ours as a part of it.
 *
 * Workload t is a gradient beside tfjs's own, on its wasm backend as shipped; stream is K-FAC of up to 60,000 examples, with peak memory.
 *
 * `--device wasm|native`, `--threads N` (native), `--only a,d`, `--rounds N`, `--json FILE` for the lines as JSON; they are printed too when
 * the output is no terminal.
 */
import { writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { Effect } from "effect"
import { Device } from "../src/index.ts"
import { open } from "../src/kernels/native/library.ts"
import { native } from "../src/kernels/native.ts"
import { peer } from "./peers.ts"
import { shipped } from "./shipped.ts"
import { streams } from "./stream.ts"
import { type Row, unitOn, unitOnDevice, workloads } from "./workloads.ts"

const { values } = parseArgs({
  options: {
    device: { type: "string", default: "wasm" },
    threads: { type: "string", default: "1" },
    only: { type: "string", default: "a,b,c,d,t,stream" },
    rounds: { type: "string", default: "7" },
    json: { type: "string" }
  }
})

const threads = Number(values.threads)
const devices = { wasm: Device.wasm, native: Device.nativeWith({ threads }) }
const isDevice = (name: string): name is keyof typeof devices => name in devices
if (!isDevice(values.device)) {
  console.error(`--device is ${values.device}. Give one of ${Object.keys(devices).join(", ")}.`)
  process.exit(2)
}

const median = (times: ReadonlyArray<number>): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!

const time = <E>(row: Row<E>) =>
  Effect.gen(function* () {
    const start = performance.now()
    yield* row.run
    return performance.now() - start
  })

const lineOf = (row: Row<unknown>, times: ReadonlyArray<number>, unitTimes: ReadonlyArray<number>) => {
  const ms = median(times)
  return {
    workload: row.workload,
    what: row.what,
    sampler: row.sampler,
    device: values.device,
    threads,
    ms: Number(ms.toPrecision(4)),
    spread: Number((Math.max(...times) / Math.min(...times)).toPrecision(3)),
    u: Number((ms / median(unitTimes)).toPrecision(3))
  }
}

const print = (line: ReturnType<typeof lineOf>): void => {
  if (!process.stdout.isTTY) {
    console.log(JSON.stringify(line))
    return
  }
  const theirs = peer(line.workload, line.what, line.sampler)
  const cells = [
    line.workload,
    line.what.padEnd(13),
    line.sampler.padEnd(5),
    `${line.ms.toFixed(2)} ms`.padStart(11),
    `x${line.spread.toFixed(1)}`.padStart(6),
    `${line.u.toFixed(2)} u`.padStart(8),
    theirs === undefined ? "" : `${theirs.toFixed(2)} u`.padStart(9),
    theirs === undefined ? "" : (line.u / theirs).toFixed(2).padStart(6)
  ]
  console.log(cells.join("  ").trimEnd())
}

/** On the BLAS of this machine, if there is one. */
const unit = Effect.tryPromise(open).pipe(
  Effect.map((library) => unitOn(native(library))),
  Effect.catch(() => unitOnDevice)
)

const program = Effect.gen(function* () {
  const only = values.only.split(",")
  const rows = [yield* unit, ...(yield* workloads(only)), ...(only.includes("t") ? yield* shipped : [])]
  const times = rows.map((): Array<number> => [])
  for (let round = -1; round < Number(values.rounds); round++) {
    for (const [i, row] of rows.entries()) {
      const ms = yield* time(row)
      // The first round warms up.
      if (round >= 0) times[i]!.push(ms)
    }
  }
  if (process.stdout.isTTY) {
    console.log(
      `${values.device}, ${threads} thread${threads === 1 ? "" : "s"}; medians of ${values.rounds} rounds, slowest / fastest`
    )
    console.log("w  what           sampler     median         u of this   NNGeometry  ratio")
  }
  const lines = rows.map((row, i) => lineOf(row, times[i]!, times[0]!))
  for (const line of lines) print(line)
  if (only.includes("stream")) {
    for (const { examples, ms, peak } of streams([1000, 10_000, 60_000], values.device)) {
      console.log(
        process.stdout.isTTY
          ? `stream  K-FAC mc1 of ${examples} examples  ${ms.toFixed(0)} ms, ${((1000 * ms) / examples).toFixed(1)} us an example, peak ${peak.toFixed(0)} MiB`
          : JSON.stringify({
              workload: "stream",
              what: "kfac",
              sampler: "mc1",
              device: values.device,
              threads,
              examples,
              ms,
              peak
            })
      )
    }
  }
  if (values.json !== undefined)
    writeFileSync(values.json, lines.map((line) => `${JSON.stringify(line)}\n`).join(""))
})

await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(devices[values.device])))
