/** `npm run imports`: the rules of imports.ts on the files of this repository. */
import { globSync, readFileSync } from "node:fs"
import { check } from "./imports.ts"

const paths = globSync(["src/**/*.ts", "examples/**/*.ts", "bench/**/*.ts", "test/**/*.ts", "package.json"])
  .map((path) => path.replaceAll("\\", "/"))
  .sort()
const violations = check(Object.fromEntries(paths.map((path) => [path, readFileSync(path, "utf8")])))

for (const { path, line, rule, message } of violations) console.error(`${path}:${line}  ${rule}: ${message}`)
console.log(`imports: ${paths.length} files, ${violations.length} violations`)
if (violations.length > 0) process.exitCode = 1
