/** What a program of check-docs.ts imports: the function behind its `// =>` assertions. */
import { inspect } from "node:util"

/** The texts that stand for a value after `// =>`: as String, JSON and Node's inspect write it. */
const forms = (value: unknown): ReadonlyArray<string> => {
  const shown = inspect(value, { breakLength: Number.POSITIVE_INFINITY, compact: true, depth: 10 })
  if (typeof value === "object" && value !== null) return [shown, JSON.stringify(value, plain)]
  return typeof value === "string" ? [value, shown, JSON.stringify(value)] : [shown, String(value)]
}

/** JSON has no typed arrays and writes NaN as null, which would let a NaN pass for a null. */
const plain = (_key: string, value: unknown) => {
  if (ArrayBuffer.isView(value) && "length" in value)
    return Array.from(value as unknown as ArrayLike<unknown>)
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value
}

const sameJson = (text: string, json: string | undefined) => {
  try {
    return JSON.stringify(JSON.parse(text)) === json
  } catch {
    return false
  }
}

const reached = new Set<string>()
const places: ReadonlyArray<string> = JSON.parse(process.env["DOCS_ASSERTIONS"] ?? "[]")

process.on("exit", () => {
  for (const place of places) {
    if (reached.has(place)) continue
    process.exitCode = 1
    console.error(`${place}  the program ended without reaching this assertion`)
  }
})

/** Asserts that `text` stands for `value`, and returns the value. A failure is printed and shows in the exit code. */
export const is = <A>(value: A, text: string, place: string): A => {
  reached.add(place)
  const accepted = forms(value)
  if (!accepted.includes(text) && !sameJson(text, accepted.at(-1))) {
    process.exitCode = 1
    console.error(`${place}  expected ${text} but the value is ${accepted[0]}`)
  }
  return value
}
