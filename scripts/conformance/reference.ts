/**
 * A reference file (test/fixtures/nngeometry/README.md): what a network, its parameters and its data are, and the figures that another
 * library got for them.
 *
 * What the figures are of is decoded here. The figures themselves stay as they are: leaves of the JSON, each with its path.
 */
import { readFile } from "node:fs/promises"
import { Data, Effect, Result, Schema, SchemaIssue } from "effect"

/** A file that cannot be compared at all. The message is one line that names the file and the remedy. */
export class UnusableFile extends Data.TaggedError("UnusableFile")<{
  readonly file: string
  readonly message: string
}> {}

export type Nested = number | ReadonlyArray<Nested>

const NestedNumbers: Schema.Codec<Nested> = Schema.Union([
  Schema.Finite,
  Schema.Array(Schema.suspend(() => NestedNumbers))
])

const Count = Schema.Int.check(Schema.isGreaterThan(0))

const Header = Schema.Struct({
  head: Schema.Literals(["softmax", "gaussian", "bernoulli"]),
  architecture: Schema.Array(Schema.String),
  x_shape: Schema.Array(Count),
  x: NestedNumbers,
  theta: NestedNumbers,
  y: Schema.optionalKey(NestedNumbers),
  v: Schema.optionalKey(NestedNumbers),
  regul: Schema.optionalKey(Schema.Finite),
  layers: Schema.optionalKey(
    Schema.Array(Schema.Struct({ id: Schema.optionalKey(Schema.Union([Schema.String, Schema.Finite])) }))
  )
})
type Header = typeof Header.Type

export type Head = Header["head"]

/** One value of the file that is no record: a figure, an input, a text. */
export interface Leaf {
  readonly path: Path
  readonly value: unknown
}
export type Path = ReadonlyArray<string>

export interface Reference {
  readonly file: string
  readonly head: Head
  readonly architecture: ReadonlyArray<string>
  readonly shape: ReadonlyArray<number>
  readonly x: Nested
  readonly theta: ReadonlyArray<number>
  readonly y: ReadonlyArray<number> | undefined
  readonly v: ReadonlyArray<number> | undefined
  readonly regul: number | undefined
  /** The names of the layers with parameters, where the file gives them. */
  readonly layerIds: ReadonlyArray<string | undefined>
  readonly leaves: ReadonlyArray<Leaf>
  /** The value at a path, where there is one. */
  readonly at: (...path: Path) => unknown
}

export const flattened = (nested: Nested): ReadonlyArray<number> =>
  typeof nested === "number" ? [nested] : nested.flatMap(flattened)

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const holdsRecords = (value: unknown): value is ReadonlyArray<unknown> =>
  Array.isArray(value) && value.some((entry) => isRecord(entry) || holdsRecords(entry))

/** Records, and arrays of records, are walked through; everything else is a leaf. */
const leavesOf = (value: unknown, path: Path): ReadonlyArray<Leaf> => {
  if (isRecord(value)) return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, [...path, key]))
  if (holdsRecords(value)) return value.flatMap((inner, i) => leavesOf(inner, [...path, String(i)]))
  return [{ path, value }]
}

const valueAt = (json: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (at, key) =>
      typeof at === "object" && at !== null && Object.hasOwn(at, key)
        ? (at as Record<string, unknown>)[key]
        : undefined,
    json
  )

/** A path as people write it: `kfac.factors[0].A`. */
export const pathName = (path: Path): string =>
  path.reduce(
    (name, key) => (/^\d+$/.test(key) ? `${name}[${key}]` : name === "" ? key : `${name}.${key}`),
    ""
  )

const standardIssues = SchemaIssue.makeFormatterStandardSchemaV1()

const headerOf = (file: string, json: unknown): Result.Result<Header, UnusableFile> =>
  Result.mapError(Schema.decodeUnknownResult(Header)(json), ({ issue }) => {
    const first = standardIssues(issue).issues[0]!
    const path = (first.path ?? []).map((part) => String(typeof part === "object" ? part.key : part))
    const what = path.length === 0 ? "the whole of it" : `"${pathName(path)}"`
    const why = first.message.replaceAll("\n", " ").replace(/\.$/, "")
    const fault = why === "Missing key" ? "is missing" : `is wrong (${why})`
    return new UnusableFile({
      file,
      message: `${file} is not a reference file: ${what} ${fault}. Give one in the format of test/fixtures/nngeometry/README.md.`
    })
  })

/** Decodes the text of a file. */
export const parse = (file: string, text: string): Result.Result<Reference, UnusableFile> =>
  Result.gen(function* () {
    const json = yield* Result.try({
      try: (): unknown => JSON.parse(text),
      catch: (cause) =>
        new UnusableFile({
          file,
          message: `${file} is not JSON: ${String(cause).replaceAll("\n", " ")}. Write it anew, and NaN or Infinity not at all.`
        })
    })
    const {
      head,
      architecture,
      layers = [],
      regul,
      theta,
      v,
      x,
      x_shape: shape,
      y
    } = yield* headerOf(file, json)
    return {
      file,
      head,
      architecture,
      shape,
      x,
      theta: flattened(theta),
      y: y === undefined ? undefined : flattened(y),
      v: v === undefined ? undefined : flattened(v),
      regul,
      layerIds: layers.map(({ id }) => (id === undefined ? undefined : String(id))),
      leaves: leavesOf(json, []),
      at: (...path) => valueAt(json, path)
    }
  })

/** Reads a file. */
export const read = (file: string): Effect.Effect<Reference, UnusableFile> =>
  Effect.tryPromise({
    try: () => readFile(file, "utf8"),
    catch: (cause) =>
      new UnusableFile({
        file,
        message: `${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}. Give the path of a reference file.`
      })
  }).pipe(Effect.flatMap((text) => Effect.fromResult(parse(file, text))))
