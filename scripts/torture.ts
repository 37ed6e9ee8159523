/**
 * `npm run torture -- --kills 1000 --seed 0`: kills processes that keep sums in a Checkpoint with SIGKILL at random times, and lets
 * others go on with what is left, until as many were killed as asked.
 *
 * Four of five are processes of sums alone, the others are estimates of K-FAC, Gram and EKFAC. One line for every 100 kills, then one for
 * all: the exit code is 1 where a file was torn, a snapshot was lost, or a result has other bits than that of a process left alone.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { type Counts, flawless, kill, nothing } from "../test/support/kills.ts"

const { values } = parseArgs({
  options: { kills: { type: "string", default: "1000" }, seed: { type: "string", default: "0" } }
})
const [kills, seed] = [Number(values.kills), Number(values.seed)]
if (!(Number.isSafeInteger(kills) && kills > 0 && Number.isSafeInteger(seed) && seed >= 0)) {
  console.error("--kills is a whole number of at least 1, --seed one of at least 0.")
  process.exit(2)
}

const added = (a: Counts, b: Counts): Counts => {
  const sum = nothing()
  for (const key of Object.keys(sum) as Array<keyof Counts>) sum[key] = a[key] + b[key]
  return sum
}

const line = ({ different, kills, lost, results, resumes, strange, torn, writing }: Counts): string =>
  `${kills} kills, ${writing} of them in a write, ${resumes} resumes, ${torn} torn files, ${lost} lost snapshots, ` +
  `${strange} other failures, ${results} results, identical: ${different === 0 && results > 0 ? "yes" : "no"}`

const folder = mkdtempSync(join(tmpdir(), "natgrad-torture-"))
const estimates = Math.max(1, Math.floor(kills / 5))
let printed = 0
const progress = (counts: Counts): void => {
  if (counts.kills < printed + 100) return
  printed += 100
  console.log(line(counts))
}
try {
  console.log(`torture: ${kills} kills, seed ${seed}, ${folder}`)
  const sums = kills > estimates ? await kill("sums", kills - estimates, seed, folder, progress) : nothing()
  const all = added(
    sums,
    await kill("estimates", estimates, seed, folder, (counts) => progress(added(sums, counts)))
  )
  console.log(line(all))
  if (!flawless(all) || all.kills < kills) process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
