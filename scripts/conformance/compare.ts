/** Rows of the table: one for each figure of a file, with the relative error of ours and a verdict. */
import { Cause, Effect } from "effect"
import type { Device } from "../../src/index.ts"
import { type Compared, type Field, find } from "./field.ts"
import { fieldsOf } from "./fields.ts"
import { type Leaf, pathName, type Reference, type UnusableFile } from "./reference.ts"
import { make, type Subject } from "./subject.ts"

/**
 * `ok`: within its bound. `off`: not, or ours could not be computed. `left out`: nothing of ours was compared. `not ours`: the figure is
 * not determined by what it is of; the note says why. `no figure`: a text or nothing where no field is known.
 */
export type Verdict = "ok" | "off" | "left out" | "not ours" | "no figure"

export interface Row {
  readonly quantity: string
  readonly verdict: Verdict
  /** Infinite where the two cannot be compared. */
  readonly error?: number
  readonly bound?: number
  readonly note?: string
}

export interface FileReport {
  readonly file: string
  /** The network, head and sizes. */
  readonly subject: string
  readonly rows: ReadonlyArray<Row>
}

/** The numbers of a leaf, NaN for what is none; or nothing, for a leaf that holds no number. */
const numbersOf = (value: unknown): Float64Array | undefined => {
  const entries: ReadonlyArray<unknown> = Array.isArray(value)
    ? value.flat(Number.POSITIVE_INFINITY)
    : [value]
  if (!entries.some((entry) => typeof entry === "number")) return undefined
  return Float64Array.from(entries, (entry) => (typeof entry === "number" ? entry : Number.NaN))
}

/** A leaf without a number: nothing where a figure may be missing, a fault where one is due, a remark elsewhere. */
const withoutNumber = (quantity: string, value: unknown, field: Field | undefined): Row | undefined => {
  if (field?._tag === "Lacking") return undefined
  const note = `holds ${JSON.stringify(value).slice(0, 40)}`
  const empty = value === null || (Array.isArray(value) && value.length === 0)
  return field === undefined || empty
    ? { quantity, verdict: "no figure", note }
    : { quantity, verdict: "off", error: Number.POSITIVE_INFINITY, note: `${note}, which is no number` }
}

interface Difference {
  readonly error: number
  /** Where the largest difference is. */
  readonly at: number
}

/** max |ours - theirs| / max |theirs|; infinite where an entry is not finite, or their numbers of entries differ. */
export const difference = (ours: ArrayLike<number>, theirs: ArrayLike<number>): Difference => {
  if (ours.length !== theirs.length) return { error: Number.POSITIVE_INFINITY, at: -1 }
  let [largest, most, at] = [0, 0, 0]
  for (let i = 0; i < theirs.length; i++) {
    const apart = Math.abs(ours[i]! - theirs[i]!)
    if (!Number.isFinite(apart)) return { error: Number.POSITIVE_INFINITY, at: i }
    largest = Math.max(largest, Math.abs(theirs[i]!))
    if (apart > most) [most, at] = [apart, i]
  }
  return { error: most === 0 ? 0 : most / largest, at }
}

const verdictOn = (quantity: string, bound: number, compared: Compared, figure: Float64Array): Row => {
  const { note, ours, theirs = figure, undetermined } = compared
  const { at, error } = difference(ours, theirs)
  if (error <= bound) {
    return { quantity, verdict: "ok", error, bound, ...(note === undefined ? {} : { note }) }
  }
  if (undetermined !== undefined) return { quantity, verdict: "not ours", error, bound, note: undetermined }
  const where =
    ours.length === theirs.length
      ? `at ${at} of ${theirs.length}: ${theirs[at]} in the file, ${ours[at]} ours`
      : `${theirs.length} numbers in the file, ${ours.length} ours`
  return { quantity, verdict: "off", error, bound, note: note === undefined ? where : `${note}; ${where}` }
}

const compare = Effect.fnUntraced(function* (
  { path, value }: Leaf,
  field: Field | undefined,
  as?: string
): Effect.fn.Return<Row | undefined, never, Device> {
  if (field?._tag === "Given") return undefined
  const figure = numbersOf(value)
  const name = pathName(path)
  if (figure === undefined) return withoutNumber(name, value, field)
  if (field === undefined) return { quantity: name, verdict: "left out", note: "unknown field" }
  if (field._tag === "Lacking") {
    return { quantity: name, verdict: "left out", note: `needs ${field.input}, which the file lacks` }
  }
  const said = as ?? field.as
  const quantity = said === undefined ? name : `${name} (${said})`
  return yield* field.ours(figure).pipe(
    Effect.map((compared) => verdictOn(quantity, field.bound, compared, figure)),
    Effect.catchCause((cause) => {
      const failure = Cause.squash(cause)
      const why = failure instanceof Error ? failure.message : String(failure)
      const row: Row = {
        quantity,
        verdict: "off",
        error: Number.POSITIVE_INFINITY,
        bound: field.bound,
        note: why
      }
      return Effect.succeed(row)
    })
  )
})

const described = ({ conditional: { network }, examples, reference }: Subject): string =>
  `${network.space.signature}, ${reference.head}, ${examples} examples, ${network.space.size} parameters`

/** Compares all that a file has figures for. *Fails* `UnusableFile`. */
export const compareFile = Effect.fnUntraced(function* (
  reference: Reference
): Effect.fn.Return<FileReport, UnusableFile, Device> {
  const subject = yield* make(reference)
  const { again, tree } = yield* fieldsOf(subject)
  const rows: Array<Row> = []
  for (const leaf of reference.leaves) {
    const row = yield* compare(leaf, find(tree, leaf.path))
    if (row !== undefined) rows.push(row)
    for (const { as, field, path } of again) {
      if (field._tag !== "Figure" || pathName(path) !== pathName(leaf.path)) continue
      const another = yield* compare(leaf, field, as)
      if (another !== undefined) rows.push(another)
    }
    yield* Effect.yieldNow
  }
  return { file: reference.file, subject: described(subject), rows }
})
