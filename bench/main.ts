/**
 * `npm run bench`: what a gradient, a Fisher and a step cost, as ratios within one run.
 *
 * Rows are timed in turn, round after round, so that a disturbance of the machine meets all of them alike; a row's figure is its
 * median. `u` is the same time in units of one product 4096x512 by 512x512 on the same device, timed in the same rounds.
 * `--only a,d` picks workloads; `--rounds N`; JSON lines for machines when the output is no terminal.
 */
import { parseArgs } from "node:util"
import { Effect } from "effect"
import { Device } from "../src/index.ts"
import { type Row, unit, workloads } from "./workloads.ts"

const { values } = parseArgs({
  options: { only: { type: "string", default: "a,b,c,d" }, rounds: { type: "string", default: "7" } }
})

const median = (times: ReadonlyArray<number>): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!

const time = <E>(row: Row<E>) =>
  Effect.gen(function* () {
    const start = performance.now()
    yield* row.run
    return performance.now() - start
  })

const print = (row: Row<unknown>, times: ReadonlyArray<number>, unitTimes: ReadonlyArray<number>): void => {
  const ms = median(times)
  const line = {
    workload: row.workload,
    what: row.what,
    sampler: row.sampler,
    device: "wasm",
    threads: 1,
    ms: Number(ms.toPrecision(4)),
    spread: Number((Math.max(...times) / Math.min(...times)).toPrecision(3)),
    u: Number((ms / median(unitTimes)).toPrecision(3))
  }
  if (!process.stdout.isTTY) {
    console.log(JSON.stringify(line))
    return
  }
  const cells = [
    line.workload,
    line.what.padEnd(12),
    line.sampler.padEnd(8),
    `${ms.toFixed(2)} ms`.padStart(12)
  ]
  console.log(`${cells.join("  ")}  ${line.u.toFixed(2).padStart(7)} u  (slowest / fastest ${line.spread})`)
}

const program = Effect.gen(function* () {
  const rows = [yield* unit, ...(yield* workloads(values.only.split(",")))]
  const times = rows.map((): Array<number> => [])
  for (let round = -1; round < Number(values.rounds); round++) {
    for (const [i, row] of rows.entries()) {
      const ms = yield* time(row)
      // The first round warms up.
      if (round >= 0) times[i]!.push(ms)
    }
  }
  for (const [i, row] of rows.entries()) print(row, times[i]!, times[0]!)
})

await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(Device.wasm)))
