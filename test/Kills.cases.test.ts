/**
 * C1: killed with SIGKILL at random times, the next process goes on with what is left, to the same bits. `npm run torture` does it 1,000
 * times; here 180 processes of sums alone and 20 of Fisher.estimate are killed.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { kill } from "./support/kills.ts"

const seed = 11
const limit = 600_000

let folder = ""
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "natgrad-kills-"))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe(`processes killed at random times [seed ${seed}]`, () => {
  const flawless = { torn: 0, lost: 0, strange: 0, different: 0 }
  for (const [kind, kills] of [["sums", 180] as const, ["estimates", 20] as const]) {
    it(
      `of ${kills} ${kind}: 0 torn files, 0 lost snapshots, and every result identical to that of a process left alone`,
      async () => {
        const counts = await kill(kind, kills, seed, folder)
        expect(counts).toMatchObject(flawless)
        expect(counts.kills).toBeGreaterThanOrEqual(kills)
        // Most of them left a snapshot to go on with.
        expect(counts.resumes).toBeGreaterThan(kills / 4)
        expect(counts.results).toBeGreaterThan(0)
      },
      limit
    )
  }
  it(
    "control: of at most 100 that write in place, some leave a torn file",
    async () => {
      // How many of ten depends on what else the machine does.
      let torn = 0
      for (let round = 0; round < 10 && torn === 0; round++) {
        torn = (await kill("inPlace", 10, seed + round, folder)).torn
      }
      expect(torn).toBeGreaterThan(0)
    },
    limit
  )
})
