/** Where and with what a run was made. */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { availableParallelism, cpus, totalmem } from "node:os"

const resolve = createRequire(import.meta.url).resolve

/** The version in the package.json that lies over a module of the package. */
const versionOf = (name: string): string => {
  try {
    return String(JSON.parse(readFileSync(resolve(`${name}/package.json`), "utf8")).version)
  } catch {
    return "unknown"
  }
}

const packages = ["effect", "@tensorflow/tfjs", "@tensorflow/tfjs-backend-wasm", "uplot"] as const

/** Name and value of each fact. */
export const factsOf = (): ReadonlyArray<readonly [name: string, value: string]> => [
  ["date", new Date().toISOString().replace(/\.\d+Z$/, "Z")],
  ["command line", ["node", "examples/mnist/main.ts", ...process.argv.slice(2)].join(" ")],
  [
    "machine",
    `${cpus()[0]?.model.trim() ?? "unknown processor"}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`
  ],
  ["system", `${process.platform} ${process.arch}, Node ${process.versions.node}`],
  ...packages.map((name) => [name, versionOf(name)] as const)
]
