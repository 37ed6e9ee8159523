/**
 * Options are records with a Schema: this file has the numbers that they are made of, and the one way to read them.
 *
 * Every folder may import it, as it may `Errors.ts`.
 */
import { Result, Schema, SchemaIssue } from "effect"
import { InvalidArgument } from "./Errors.ts"

const number = (remedy: string, holds: (value: number) => boolean) =>
  Schema.Number.check(Schema.makeFilter((value) => holds(value) || remedy))

/** A whole number of at least 1. */
export const PositiveInt = number(
  "Give a whole number of at least 1.",
  (n) => Number.isSafeInteger(n) && n >= 1
)

/** A whole number of at least 0. */
export const NonNegativeInt = number(
  "Give a whole number of at least 0.",
  (n) => Number.isSafeInteger(n) && n >= 0
)

/** A whole number of blocks. */
export const multipleOf = (size: number) =>
  number(`Give a multiple of the blockSize ${size}.`, (n) => Number.isSafeInteger(n) && n % size === 0)

/** A seed: any whole number from 0 to 2^53 - 1, 0 among them. */
export const Seed = number(
  "A seed is a whole number from 0 to 2^53 - 1.",
  (n) => Number.isSafeInteger(n) && n >= 0
)

/** Any finite number. */
export const Finite = number("Give a finite number.", (n) => Number.isFinite(n))

/** A finite number over 0. */
export const Positive = number("Give a finite number over 0.", (n) => Number.isFinite(n) && n > 0)

/** A finite number over 0 whose reciprocal, and some multiples of both, are such numbers too. */
export const Moderate = number("Give a number from 1e-300 to 1e300.", (n) => n >= 1e-300 && n <= 1e300)

/** A finite number of at least 0. */
export const NonNegative = number("Give a finite number of at least 0.", (n) => Number.isFinite(n) && n >= 0)

/** How many times a class counts: 0, or a number whose root and square are such numbers too. */
export const ClassWeight = number(
  "Give 0 or a number from 1e-150 to 1e150.",
  (n) => n === 0 || (n >= 1e-150 && n <= 1e150)
)

/** A weight of the past in a moving average: from 0 to under 1. */
export const Decay = number("Give a number from 0 to under 1.", (n) => n >= 0 && n < 1)

const issues = SchemaIssue.makeFormatterStandardSchemaV1()

/** A value as an error shows it: text in quotes, records written out, a tensor by name. */
export const shown = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value)
  if (typeof value === "bigint") return `${value}n`
  if (typeof value === "symbol" || typeof value === "function") return `a ${typeof value}`
  if (typeof value !== "object" || value === null) return String(value)
  if ("dataSync" in value) return "a tensor"
  const type = value.constructor?.name ?? "object"
  if (type !== "Object" && type !== "Array") return `a value of type ${type}`
  try {
    const text = JSON.stringify(value)
    return text.length <= 80 ? text : `a value of type ${type}`
  } catch {
    return `a value of type ${type}`
  }
}

/** The options, or an `InvalidArgument` that names the field, its value and the remedy. */
export const decode = <A>(schema: Schema.Decoder<A>, options: unknown): Result.Result<A, InvalidArgument> =>
  Result.mapError(Schema.decodeUnknownResult(schema)(options, { onExcessProperty: "error" }), ({ issue }) => {
    const first = issues(issue).issues[0]!
    const path = (first.path ?? []).map((part) => (typeof part === "object" ? part.key : part))
    const argument = path.length === 0 ? "options" : path.map(String).join(".")
    const value = shown(
      path.reduce((at: unknown, key) => (at as Record<PropertyKey, unknown>)?.[key], options)
    )
    return new InvalidArgument({
      argument,
      value,
      message: `${argument} is ${value}. ${first.message.replace(/\.?$/, ".")}`
    })
  })

/** The same for the constructors of plain values. *Throws* `InvalidArgument`. */
export const decodeOrThrow = <A>(schema: Schema.Decoder<A>, options: unknown): A =>
  Result.getOrThrowWith(decode(schema, options), (error) => error)

/** What a constructor makes, or the typed error that it throws; anything else that it throws is a defect. */
export const attempt =
  <E extends { readonly _tag: string }>() =>
  <A>(make: () => A): Result.Result<A, E> =>
    Result.try({
      try: make,
      catch: (cause) => {
        if (cause instanceof Error && "_tag" in cause) return cause as Error & E
        throw cause
      }
    })

/**
 * Whether 0 x is 0 for every number: without a branch in the loop, and with four sums, none of which waits for another. One such function
 * for each type of array, as an engine compiles a loop for the types that it has met.
 */
const allFinite =
  () =>
  (values: Float32Array | Float64Array): boolean => {
    let [a, b, c, d] = [0, 0, 0, 0]
    const whole = values.length - (values.length % 4)
    for (let i = 0; i < whole; i += 4) {
      a += 0 * values[i]!
      b += 0 * values[i + 1]!
      c += 0 * values[i + 2]!
      d += 0 * values[i + 3]!
    }
    for (let i = whole; i < values.length; i++) a += 0 * values[i]!
    return a + b + c + d === 0
  }

const finite32 = allFinite()
const finite64 = allFinite()

/** Index of the first NaN or infinity, or -1. */
export const firstNonFinite = (values: ArrayLike<number>): number => {
  if (values instanceof Float32Array && finite32(values)) return -1
  if (values instanceof Float64Array && finite64(values)) return -1
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i
  return -1
}
