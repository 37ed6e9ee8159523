/**
 * The ts blocks of Markdown files and docstrings as programs, as functions from text to text.
 *
 * A block is a program of its own, unless its fence says ```ts continue: then it goes on with the program before it.
 * ```ts no-run is type-checked only. `// => text` at the end of a line asserts the value of the expression that ends
 * there (or the argument of a `console.log`, or the variable declared, or what is returned).
 * A program keeps the lines of its blocks, so that every message can name the line in the document.
 */
import ts from "typescript"

export interface Problem {
  readonly path: string
  readonly line: number
  readonly message: string
}

export interface Block {
  readonly path: string
  /** The line of the document that holds the first line of the code. */
  readonly line: number
  readonly lines: ReadonlyArray<string>
  readonly continues: boolean
  readonly runs: boolean
}

export interface Program {
  /** A file name, from the document's name and the line of the first block. */
  readonly name: string
  readonly blocks: ReadonlyArray<Block>
  readonly text: string
  /** The places in the document, as `path:line`, of its `// =>` assertions. */
  readonly asserted: ReadonlyArray<string>
  readonly problems: ReadonlyArray<Problem>
}

interface Extracted {
  readonly blocks: ReadonlyArray<Block>
  readonly problems: ReadonlyArray<Problem>
}

/** The blocks of a Markdown text, of which `first` is the line number of the first line. */
export const fromMarkdown = (path: string, text: string, first = 1): Extracted => {
  const blocks: Array<Block> = []
  const problems: Array<Problem> = []
  const lines = text.split(/\r?\n/)
  for (let i = 0; i < lines.length; i++) {
    const open = /^(\s*)(`{3,}|~{3,})\s*([^`]*)$/.exec(lines[i] ?? "")
    if (open === null) continue
    const [, indent = "", fence = "", info = ""] = open
    const close = new RegExp(`^\\s*${fence}${fence[0]}*\\s*$`)
    const start = i + 1
    for (i = start; i < lines.length && !close.test(lines[i] ?? ""); i++);
    const [language = "", ...flags] = info.trim().split(/\s+/)
    if (language !== "ts" && language !== "typescript") continue
    const line = first + start
    const problem = (message: string) => problems.push({ path, line: line - 1, message })
    const unknown = flags.filter((flag) => flag !== "continue" && flag !== "no-run")
    if (i === lines.length) problem("this block is not closed")
    if (unknown.length > 0) problem(`a ts block is marked continue or no-run, not ${unknown.join(" ")}`)
    if (flags.length > 1) problem("a block that continues runs as the program before it does: drop no-run")
    const continues = flags.includes("continue")
    if (continues && blocks.length === 0) problem("there is no block before it to continue")
    const code = lines
      .slice(start, i)
      .map((text) => (text.startsWith(indent) ? text.slice(indent.length) : text))
    blocks.push({
      path,
      line,
      lines: code,
      continues: continues && blocks.length > 0,
      runs: !flags.includes("no-run")
    })
  }
  return { blocks, problems }
}

/** The blocks of all docstrings of a TypeScript source. */
export const fromSource = (path: string, text: string): Extracted => {
  const found = [...text.matchAll(/\/\*\*[\s\S]*?\*\//g)].map((comment) => {
    const first = text.slice(0, comment.index).split("\n").length
    const body = comment[0].slice(0, -2).replace(/^\/\*\*/, "")
    return fromMarkdown(path, body.replace(/^[ \t]*\*[ \t]?/gm, ""), first)
  })
  return {
    blocks: found.flatMap(({ blocks }) => blocks),
    problems: found.flatMap(({ problems }) => problems)
  }
}

/** The programs that the blocks of one document make; `assertPath` is where a program imports `is` from. */
export const toPrograms = (blocks: ReadonlyArray<Block>, assertPath: string): ReadonlyArray<Program> => {
  const groups: Array<Array<Block>> = []
  for (const block of blocks) {
    if (block.continues) groups.at(-1)?.push(block)
    else groups.push([block])
  }
  return groups.map((group) => toProgram(group, assertPath))
}

/** Where a line of a program (from 1) stands in the document. */
export const locate = (
  { blocks }: Program,
  line: number
): { readonly block: Block; readonly line: number } => {
  let before = 0
  for (const block of blocks) {
    if (line <= before + block.lines.length) return { block, line: block.line + line - before - 1 }
    before += block.lines.length
  }
  const block = blocks.at(-1)
  if (block === undefined) throw new Error("a program has at least one block")
  return { block, line: block.line + block.lines.length - 1 }
}

const toProgram = (blocks: ReadonlyArray<Block>, assertPath: string): Program => {
  const [head] = blocks
  if (head === undefined) throw new Error("a program has at least one block")
  const name = `${head.path.replace(/\.(md|ts)$/, "").replaceAll(/[^A-Za-z0-9]+/g, "-")}-${head.line}.ts`
  const code = blocks.flatMap(({ lines }) => lines).join("\n")
  const program: Program = { name, blocks, text: code, asserted: [], problems: [] }
  const { text, problems, asserted } = instrument(program)
  // Imports are hoisted, so this one may stand at the end, where it moves no line.
  const end = asserted.length > 0 ? `\nimport { is as _is } from ${JSON.stringify(assertPath)}\n` : "\n"
  return { ...program, text: text + end, asserted, problems }
}

const marker = /\/\/ => ?(.*)$/

/** Wraps each expression that a `// =>` follows in `_is(expression, text, place)`. */
const instrument = (program: Program) => {
  const code = program.text
  const file = ts.createSourceFile(program.name, code, ts.ScriptTarget.ESNext, true)
  const statements = new Map<number, ts.Statement>()
  const visit = (node: ts.Node): void => {
    ts.forEachChild(node, visit)
    const end = contentEnd(node)
    if (end === undefined || !/^[ \t]*;?[ \t]*\/\/ => /.test(code.slice(end))) return
    const line = file.getLineAndCharacterOfPosition(end).line
    // The children come first, so a line belongs to the innermost statement that ends on it.
    if (!statements.has(line)) statements.set(line, node as ts.Statement)
  }
  visit(file)
  const problems: Array<Problem> = []
  const asserted: Array<string> = []
  const edits: Array<readonly [position: number, text: string]> = []
  for (const [index, line] of code.split("\n").entries()) {
    const expected = marker.exec(line)?.[1]?.trim()
    if (expected === undefined) continue
    const { block, line: at } = locate(program, index + 1)
    const place = `${block.path}:${at}`
    const statement = statements.get(index)
    const wrapped =
      statement && wrap(statement, file, `${JSON.stringify(expected)}, ${JSON.stringify(place)})`)
    if (wrapped === undefined) {
      problems.push({
        path: block.path,
        line: at,
        message: "no expression ends on this line for // => to assert"
      })
    } else {
      asserted.push(place)
      edits.push(...wrapped)
    }
  }
  const text = edits
    .sort(([a], [b]) => b - a)
    .reduce((text, [position, insert]) => text.slice(0, position) + insert + text.slice(position), code)
  return { text, problems, asserted }
}

/** Where a statement ends, its semicolon left out: without semicolons that may stand on a line below. */
const contentEnd = (node: ts.Node): number | undefined => {
  if (ts.isExpressionStatement(node)) return node.expression.end
  if (ts.isVariableStatement(node)) return node.declarationList.end
  return ts.isReturnStatement(node) ? node.expression?.end : undefined
}

/** What to insert, and where, so that the value of a statement is asserted; `rest` closes the call. */
const wrap = (statement: ts.Statement, file: ts.SourceFile, rest: string) => {
  const around = (node: ts.Expression): ReadonlyArray<readonly [number, string]> => [
    [node.getStart(file), "_is(("],
    [node.end, `), ${rest}`]
  ]
  if (ts.isReturnStatement(statement)) return statement.expression && around(statement.expression)
  if (ts.isVariableStatement(statement)) {
    const { declarations, end } = statement.declarationList
    const name = declarations.at(-1)?.name
    return name && ts.isIdentifier(name) ? [[end, `; _is(${name.text}, ${rest}`] as const] : undefined
  }
  if (!ts.isExpressionStatement(statement)) return undefined
  const { expression } = statement
  if (!ts.isCallExpression(expression) || expression.expression.getText(file) !== "console.log") {
    return around(expression)
  }
  const [argument, ...others] = expression.arguments
  return argument && others.length === 0 ? around(argument) : undefined
}
