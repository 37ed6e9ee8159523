/**
 * Which file may import which, as a function from the texts of the files to the violations.
 *
 * The folders of src/ are ordered: optim -> fisher -> sampling -> model -> linalg | tensor | random -> kernels.
 * A folder imports itself and folders of a lower level, so equal levels do not see each other. Under all of them lie
 * the ground files, src/Errors.ts and src/Options.ts; over them the other files beside src/index.ts, which only that
 * one imports.
 * Every rule has a control in test/Imports.laws.test.ts; check-imports.ts runs it on the disk.
 */
import { posix } from "node:path"
import ts from "typescript"

/** The text of every file by its path from the root, such as `src/optim/Damping.ts`. */
export type Files = Readonly<Record<string, string>>

export type Rule =
  | "order"
  | "unlisted"
  | "ground"
  | "index"
  | "outside"
  | "internal"
  | "closed"
  | "oracle"
  | "engine"
  | "random"
  | "cycle"

export interface Violation {
  readonly path: string
  readonly line: number
  readonly rule: Rule
  readonly message: string
}

interface Import {
  readonly specifier: string
  readonly line: number
  readonly typeOnly: boolean
}

interface Source {
  readonly path: string
  readonly file: ts.SourceFile
  readonly imports: ReadonlyArray<Import>
}

type Report = (at: Pick<Violation, "path" | "line">, rule: Rule, message: string) => void

const levels: Readonly<Record<string, number>> = {
  kernels: 0,
  linalg: 1,
  tensor: 1,
  random: 1,
  model: 2,
  sampling: 3,
  fisher: 4,
  optim: 5
}

/** Files that every folder may import. Each imports, of ours, only those before it in this list. */
const ground: ReadonlyArray<string> = ["Errors.ts", "Options.ts"]

/** What reads or changes the state of the tfjs engine. */
const engine: ReadonlySet<string> = new Set([
  "setBackend",
  "removeBackend",
  "registerBackend",
  "registerKernel",
  "unregisterKernel",
  "registerGradient",
  "unregisterGradient",
  "ready",
  "env",
  "engine",
  "tidy",
  "keep",
  "dispose",
  "disposeVariables"
])
const readers: ReadonlySet<string> = new Set(["dataSync", "arraySync"])
const asyncReaders: ReadonlySet<string> = new Set(["data", "array"])
const isRandomOp = (name: string) =>
  name.startsWith("random") || ["multinomial", "truncatedNormal", "rand", "dropout"].includes(name)

/** Every violation, ordered by path and line. */
export const check = (files: Files): ReadonlyArray<Violation> => {
  const violations: Array<Violation> = []
  const report: Report = ({ path, line }, rule, message) =>
    void violations.push({ path, line, rule, message })
  const sources = Object.entries(files)
    .filter(([path]) => path.endsWith(".ts"))
    .map(([path, text]) => parse(path, text))
  for (const source of sources) {
    checkImports(source, report)
    if (source.path.startsWith("src/")) checkUses(source, report)
  }
  checkClosed(files, report)
  checkCycles(sources, report)
  return violations.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.line - b.line))
}

const lineOf = (file: ts.SourceFile, node: ts.Node) =>
  file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1

const parse = (path: string, text: string): Source => {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true)
  const imports: Array<Import> = []
  const add = (node: ts.Node, specifier: ts.Node | undefined, typeOnly: boolean) => {
    if (specifier !== undefined && ts.isStringLiteralLike(specifier)) {
      imports.push({ specifier: specifier.text, line: lineOf(file, node), typeOnly })
    }
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node, node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword)
    } else if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, node.isTypeOnly)
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      add(node, node.argument.literal, true)
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node, node.arguments[0], false)
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return { path, file, imports }
}

/** The path that a relative specifier names, or undefined for a package. */
const target = (path: string, specifier: string): string | undefined =>
  specifier.startsWith(".") ? posix.join(posix.dirname(path), specifier).replace(/\.js$/, ".ts") : undefined

/** `optim` for src/optim/x.ts, `Errors.ts` for src/Errors.ts. */
const folderOf = (path: string): string => path.split("/")[1] ?? ""
const isFolder = (name: string) => !name.endsWith(".ts")

const checkImports = (source: Source, report: Report) => {
  const inSrc = source.path.startsWith("src/")
  if (inSrc && isFolder(folderOf(source.path)) && !Object.hasOwn(levels, folderOf(source.path))) {
    const known = Object.keys(levels).join(", ")
    report({ path: source.path, line: 1 }, "unlisted", `the folders of src/ are ${known} and no other`)
  }
  for (const imported of source.imports) {
    const at = { path: source.path, line: imported.line }
    const to = target(source.path, imported.specifier)
    if (to === undefined) {
      if (inSrc && /^natgrad(\/|$)/.test(imported.specifier)) {
        report(at, "outside", `src/ imports its own files by path, not as "${imported.specifier}"`)
      }
      continue
    }
    if (inSrc) checkOrder(source.path, to, at, report)
    if (!source.path.startsWith("test/")) checkInternal(source.path, to, at, report)
    if (source.path.startsWith("test/oracle/") && to.startsWith("src/") && !imported.typeOnly) {
      report(at, "oracle", `the oracle shares no code with src/, so it cannot import ${to}`)
    }
  }
}

const checkOrder = (from: string, to: string, at: Pick<Violation, "path" | "line">, report: Report) => {
  const [here, there] = [folderOf(from), folderOf(to)]
  if (!to.startsWith("src/"))
    return report(at, "outside", `src/ imports nothing outside src/, but this is ${to}`)
  const toTop = !isFolder(there) && !ground.includes(there)
  if (toTop && from !== "src/index.ts") return report(at, "index", `only src/index.ts may import ${to}`)
  if (ground.includes(here)) {
    const below = ground.slice(0, ground.indexOf(here))
    if (!below.includes(there))
      report(at, "ground", `${from} imports of ours ${below.join(", ") || "nothing"}, not ${to}`)
    return
  }
  if (!isFolder(here) || ground.includes(there) || here === there) return
  const [a, b] = [levels[here], levels[there]]
  if (a === undefined || b === undefined || b < a) return
  const why = a === b ? "they are of one level" : `${there} is above ${here}`
  report(at, "order", `src/${here} may not import src/${there}: ${why}`)
}

const checkInternal = (from: string, to: string, at: Pick<Violation, "path" | "line">, report: Report) => {
  const owner = /^(.*\/)internal\//.exec(to)?.[1]
  if (owner !== undefined && !from.startsWith(owner)) {
    report(at, "internal", `${to} is closed: only files under ${owner} import it`)
  }
}

/** Every internal/ folder of src/ is null in the exports map of package.json, so that no user can import it either. */
const checkClosed = (files: Files, report: Report) => {
  const manifest = files["package.json"]
  if (manifest === undefined) return
  const exports: Readonly<Record<string, unknown>> = JSON.parse(manifest).exports ?? {}
  const folders = new Set(Object.keys(files).flatMap((path) => /^src\/(.*?internal)\//.exec(path)?.[1] ?? []))
  for (const folder of folders) {
    if (exports[`./${folder}/*`] !== null) {
      report({ path: "package.json", line: 1 }, "closed", `exports must hold "./${folder}/*": null`)
    }
  }
}

/** tfjs engine state outside src/tensor, and randomness that is not keyed. */
const checkUses = ({ path, file }: Source, report: Report) => {
  const inTensor = path.startsWith("src/tensor/")
  const at = (node: ts.Node) => ({ path, line: lineOf(file, node) })
  const namespaces = { tfjs: new Set(["tf"]), effect: new Set<string>(), math: new Set(["Math"]) }
  /** `name` was taken out of the module or namespace `kind`. */
  const use = (kind: keyof typeof namespaces, name: string, node: ts.Node) => {
    if (kind === "tfjs" && engine.has(name) && !inTensor) {
      report(at(node), "engine", `tf.${name} is engine state: only src/tensor may use it`)
    }
    const random =
      (kind === "tfjs" && isRandomOp(name)) ||
      (kind === "effect" && name === "Random") ||
      (kind === "math" && name === "random")
    if (random) report(at(node), "random", `${name} of ${kind} is not keyed: draw from src/random`)
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) uses(node, namespaces, use)
    else if (ts.isPropertyAccessExpression(node)) member(node.expression, node.name.text, node.name)
    else if (ts.isQualifiedName(node)) member(node.left, node.right.text, node.right)
    else if (ts.isElementAccessExpression(node) && ts.isStringLiteralLike(node.argumentExpression)) {
      member(node.expression, node.argumentExpression.text, node)
    } else if (ts.isVariableDeclaration(node) && ts.isObjectBindingPattern(node.name) && node.initializer) {
      for (const element of node.name.elements) {
        member(node.initializer, (element.propertyName ?? element.name).getText(file), element)
      }
    }
    if (ts.isCallExpression(node) && !inTensor) readout(node)
    ts.forEachChild(node, visit)
  }
  const member = (object: ts.Node, name: string, node: ts.Node) => {
    if (!ts.isIdentifier(object)) return
    for (const kind of ["tfjs", "effect", "math"] as const) {
      if (namespaces[kind].has(object.text)) use(kind, name, node)
    }
  }
  const readout = (call: ts.CallExpression) => {
    if (!ts.isPropertyAccessExpression(call.expression)) return
    const name = call.expression.name.text
    if (readers.has(name) || (asyncReaders.has(name) && call.arguments.length === 0)) {
      report(at(call.expression.name), "engine", `.${name}() reads a tensor out: only src/tensor may do it`)
    }
  }
  visit(file)
}

/** Registers the namespaces that an import binds and uses the names that it takes. */
const uses = (
  node: ts.ImportDeclaration,
  namespaces: { readonly tfjs: Set<string>; readonly effect: Set<string> },
  use: (kind: "tfjs" | "effect", name: string, node: ts.Node) => void
) => {
  const specifier = ts.isStringLiteral(node.moduleSpecifier) ? node.moduleSpecifier.text : ""
  if (specifier === "effect/Random") return use("effect", "Random", node)
  const kind = specifier.startsWith("@tensorflow/") ? "tfjs" : specifier === "effect" ? "effect" : undefined
  const bindings = node.importClause?.namedBindings
  if (kind === undefined || node.importClause === undefined) return
  if (node.importClause.name) namespaces[kind].add(node.importClause.name.text)
  if (bindings === undefined) return
  if (ts.isNamespaceImport(bindings)) namespaces[kind].add(bindings.name.text)
  else for (const name of bindings.elements) use(kind, (name.propertyName ?? name.name).text, name)
}

/** One violation for each group of files of src/ that import each other at run time, with a shortest cycle in it. */
const checkCycles = (sources: ReadonlyArray<Source>, report: Report) => {
  const edges = new Map<string, Map<string, number>>()
  for (const { path, imports } of sources.filter((source) => source.path.startsWith("src/"))) {
    const to = new Map<string, number>()
    for (const imported of imports) {
      const file = target(path, imported.specifier)
      if (file !== undefined && !imported.typeOnly && !to.has(file)) to.set(file, imported.line)
    }
    edges.set(path, to)
  }
  const reported = new Set<string>()
  for (const start of [...edges.keys()].sort()) {
    if (reported.has(start)) continue
    const cycle = shortestCycle(start, edges)
    if (cycle === undefined) continue
    for (const path of cycle) reported.add(path)
    const line = edges.get(start)?.get(cycle[1] ?? start) ?? 1
    report({ path: start, line }, "cycle", `${cycle.join(" -> ")}: break it, or use \`import type\``)
  }
}

const shortestCycle = (start: string, edges: ReadonlyMap<string, ReadonlyMap<string, number>>) => {
  const from = new Map<string, string>()
  const queue = [start]
  for (let i = 0; i < queue.length; i++) {
    const here = queue[i] ?? start
    for (const next of edges.get(here)?.keys() ?? []) {
      if (next === start) {
        const cycle = [start]
        for (let path = here; path !== start; path = from.get(path) ?? start) cycle.unshift(path)
        return [start, ...cycle]
      }
      if (edges.has(next) && !from.has(next)) {
        from.set(next, here)
        queue.push(next)
      }
    }
  }
  return undefined
}
