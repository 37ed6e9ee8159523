/**
 * `npm run conformance -- FILE...`: compares natgrad with another library's figures in reference files, and exits 1 where one is off or
 * left out. `--json` for machines. See docs/conformance.md.
 */
import { parseArgs } from "node:util"
import { Effect } from "effect"
import { conformance, holds, lastLine, shownText } from "./conformance/run.ts"
import { totalsOf } from "./conformance/table.ts"

const usage =
  "Usage: npm run conformance -- [--json] FILE...\nGive reference files, such as test/fixtures/nngeometry/mlp_softmax.json."

const options = () => {
  try {
    return parseArgs({ allowPositionals: true, options: { json: { type: "boolean", default: false } } })
  } catch (cause) {
    console.error(String(cause))
    return undefined
  }
}

const main = async (): Promise<boolean> => {
  const given = options()
  if (given === undefined || given.positionals.length === 0) {
    console.error(usage)
    return false
  }
  const { positionals: files, values } = given
  const outcome = await Effect.runPromise(
    conformance(files, (shown) => {
      if (!values.json) console.log(shownText(shown))
    })
  )
  // JSON has no infinity: an error that is none is null there.
  console.log(
    values.json ? JSON.stringify({ ...outcome, totals: totalsOf(outcome.reports) }) : lastLine(outcome)
  )
  return holds(outcome)
}

const failed = (cause: unknown): boolean => {
  console.error(cause instanceof Error ? cause.message : String(cause))
  return false
}

if (!(await main().catch(failed))) process.exitCode = 1
