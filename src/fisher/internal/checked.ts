import { Result, Schema } from "effect"
import { type InvalidArgument, NonFinite } from "../../Errors.ts"
import { decode, firstNonFinite, NonNegative } from "../../Options.ts"

/** The values, or why they are no result. */
export const finite = (values: Float32Array, what: string): Result.Result<Float32Array, NonFinite> => {
  const index = firstNonFinite(values)
  return index < 0 ? Result.succeed(values) : Result.fail(overflow(what, index, values[index]!))
}

/** The number, or why it is no result. */
export const finiteNumber = (value: number, what: string): Result.Result<number, NonFinite> =>
  Number.isFinite(value) ? Result.succeed(value) : Result.fail(overflow(what, 0, value))

const overflow = (what: string, index: number, value: number): NonFinite =>
  new NonFinite({
    what,
    index,
    value: String(value),
    message: `The ${what} is ${value} at index ${index}: too large for float32. Give more damping or smaller vectors.`
  })

const DampingOptions = Schema.Struct({ damping: NonNegative })

/** A damping that is added to the Fisher: a finite number of at least 0. */
export const decodeAbsolute = (damping: number): Result.Result<number, InvalidArgument> =>
  Result.map(decode(DampingOptions, { damping }), (options) => options.damping)
