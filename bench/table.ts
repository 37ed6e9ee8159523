/**
 * `node bench/table.ts FILE...`: the tables of docs/performance.md, from what `npm run bench -- --json FILE` wrote on each device.
 *
 * Its first lines say what ran where and when.
 */
import { readFileSync } from "node:fs"
import type { Line } from "./lines.ts"
import { markdown, runOf, tablesOf } from "./tables.ts"

const runs = process.argv.slice(2).map((file) =>
  runOf(
    readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((text): Line => JSON.parse(text))
  )
)
if (runs.length === 0) {
  console.error("There is no file. Give some that npm run bench -- --json FILE wrote.")
  process.exitCode = 2
}
for (const { lines } of runs) {
  const { ms, run = {}, what } = lines[0]!
  console.log(
    `- ${run["date"]}, Node ${run["node"]}, tfjs ${run["tfjs"]}, ${run["machine"]}: \`${run["command"]}\`; the unit ${ms} ms on ${what}.`
  )
}
for (const table of tablesOf(runs)) console.log(`\n${markdown(table).trimEnd()}`)
