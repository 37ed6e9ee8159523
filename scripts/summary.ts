/**
 * The closing line of .ci/run, `N passed, N failed`, from the JSON report of vitest that the argument names.
 *
 * A test file that fails before its first test (a broken import) counts as one failed test. So does a missing report.
 */
import { existsSync, readFileSync } from "node:fs"

interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly testResults: ReadonlyArray<{
    readonly status: string
    readonly assertionResults: ReadonlyArray<{ readonly status: string }>
  }>
}

const [path = ""] = process.argv.slice(2)
let [passed, failed, skipped] = [0, 1, 0]
if (existsSync(path)) {
  const report: Report = JSON.parse(readFileSync(path, "utf8"))
  const broken = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some(({ status }) => status === "failed")
  )
  passed = report.numPassedTests
  failed = report.numFailedTests + broken.length
  skipped = report.numPendingTests + report.numTodoTests
}
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`)
