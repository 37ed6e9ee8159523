/**
 * `npm run docs`: type-checks and runs every ts block of README.md, docs/ and the docstrings of src/ (see docs.ts).
 *
 * The programs are written to .cache/docs/, where "natgrad" is this package and, under the condition natgrad-source,
 * its src/. Each runs in an empty folder. `npm run docs -- docs/page.md` takes the named files instead of all.
 */
import { spawn } from "node:child_process"
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  type Block,
  fromMarkdown,
  fromSource,
  locate,
  type Problem,
  type Program,
  toPrograms
} from "./docs.ts"

const root = join(import.meta.dirname, "..")
const folder = join(root, ".cache", "docs")
const limitSeconds = 120
const shownLines = 30

interface Outcome {
  readonly code: number | null
  readonly output: string
}

const node = (
  args: ReadonlyArray<string>,
  cwd: string,
  asserted: ReadonlyArray<string> = []
): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    const env = { ...process.env, DOCS_ASSERTIONS: JSON.stringify(asserted) }
    const child = spawn(process.execPath, args, {
      cwd,
      env,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: limitSeconds * 1000
    })
    let output = ""
    child.stdout?.on("data", (data) => (output += data))
    child.stderr?.on("data", (data) => (output += data))
    child.on("error", reject)
    child.on("close", (code) => resolve({ code, output }))
  })

const readPrograms = (named: ReadonlyArray<string>) => {
  const paths =
    named.length > 0 ? named : globSync(["README.md", "docs/**/*.md", "src/**/*.ts"], { cwd: root })
  const problems: Array<Problem> = []
  const programs: Array<Program> = []
  for (const path of paths.map((path) => path.replaceAll("\\", "/")).sort()) {
    const text = readFileSync(join(root, path), "utf8")
    const extracted = (path.endsWith(".md") ? fromMarkdown : fromSource)(path, text)
    const made = toPrograms(extracted.blocks, "../../scripts/docs-assert.ts")
    programs.push(...made)
    problems.push(...extracted.problems, ...made.flatMap(({ problems }) => problems))
  }
  return { programs, problems }
}

const writePrograms = (programs: ReadonlyArray<Program>) => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const options = { noUnusedLocals: false, noUnusedParameters: false }
  const config = { extends: "../../tsconfig.json", compilerOptions: options, include: ["*.ts"] }
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config))
  for (const { name, text } of programs) writeFileSync(join(folder, name), text)
}

/** The type errors in the programs. Those in src/ are left to `npm run types`. */
const typeProblems = async (programs: ReadonlyArray<Program>): Promise<ReadonlyArray<Problem>> => {
  const tsc = join(root, "node_modules", "@typescript", "native", "bin", "tsc")
  const { code, output } = await node([tsc, "-p", join(folder, "tsconfig.json"), "--pretty", "false"], root)
  const problems: Array<Problem> = []
  let elsewhere = 0
  // A line that starts with a blank goes on with the message before it.
  for (const message of output.split(/\n(?!\s)/)) {
    const [, path = "", line = "1", text = ""] = /^(.+?)\((\d+),\d+\): ([\s\S]*)$/.exec(message) ?? []
    const program = programs.find(({ name }) => path === `.cache/docs/${name}`)
    if (program !== undefined) {
      const at = locate(program, Number(line))
      problems.push({ path: at.block.path, line: at.line, message: text.trimEnd() })
    } else if (message.trim() !== "") elsewhere++
  }
  if (code !== 0 && problems.length + elsewhere === 0)
    throw new Error(`tsc ended with ${code} and no message`)
  if (elsewhere > 0) console.error(`docs: ${elsewhere} type errors outside the blocks: see npm run types`)
  return problems
}

const escaped = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")

/** Runs a program. Its own file and lines in the output become those of the document. */
const runProblem = async (program: Program): Promise<Problem | undefined> => {
  const cwd = join(folder, "run", program.name)
  mkdirSync(cwd, { recursive: true })
  const args = ["--conditions=natgrad-source", join(folder, program.name)]
  const { code, output } = await node(args, cwd, program.asserted)
  if (code === 0) return undefined
  const { path, line } = locate(program, 1).block
  const own = new RegExp(`(?:file://)?[^\\s(]*/${escaped(program.name)}:(\\d+)`, "g")
  const shown = output
    .replace(own, (_, number: string) => `${path}:${locate(program, Number(number)).line}`)
    .trimEnd()
    .split("\n")
  const where = new RegExp(`${escaped(path)}:(\\d+)`).exec(shown.join("\n"))?.[1]
  const ended = code === null ? `was stopped after ${limitSeconds} s` : `ended with code ${code}`
  const message = [`the program ${ended}`, ...shown.slice(0, shownLines)].join("\n    ").trimEnd()
  return { path, line: Number(where ?? line), message }
}

const isIn = (problem: Problem, { path, line, lines }: Block) =>
  problem.path === path && problem.line >= line - 1 && problem.line <= line + lines.length

const { programs, problems } = readPrograms(process.argv.slice(2))
const failures: Array<Problem> = [...problems]
if (programs.length > 0) {
  writePrograms(programs)
  failures.push(...(await typeProblems(programs)))
}
const fails = (block: Block) => failures.some((failure) => isIn(failure, block))
const queue = programs.filter(({ blocks }) => blocks[0]?.runs && !blocks.some(fails))
const ran = queue.flatMap(({ blocks }) => blocks).length
const worker = async () => {
  for (let program = queue.shift(); program !== undefined; program = queue.shift()) {
    const problem = await runProblem(program)
    if (problem !== undefined) failures.push(problem)
  }
}
await Promise.all([worker(), worker()])

failures.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.line - b.line))
for (const { path, line, message } of failures) console.error(`${path}:${line}  ${message}`)
const failed = programs.flatMap(({ blocks }) => blocks).filter(fails).length
console.log(`docs: ${ran} blocks ran, ${failed} failed`)
if (failures.length > 0) process.exitCode = 1
