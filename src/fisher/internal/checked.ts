import { Result, Schema } from "effect"
import { InvalidArgument, NonFinite, ShapeMismatch } from "../../Errors.ts"
import { type Layout, mismatch } from "../../model/ParamSpace.ts"
import { decode, firstNonFinite, NonNegative, shown } from "../../Options.ts"

interface OfSpace {
  readonly _tag: string
  readonly space: Layout
}

/**
 * Why this is no vector of the kind that is due, of the network `due`, or nothing. The types say it too; here it is said to a program
 * that was not compiled against them.
 */
export const unfit = (
  what: string,
  kinds: ReadonlyArray<"Tangent" | "Cotangent" | "Params">,
  due: Layout,
  vector: OfSpace
): ShapeMismatch | undefined => {
  const kind: string | undefined = (vector as OfSpace | null | undefined)?._tag
  if (kinds.some((one) => one === kind)) return mismatch(what, due, vector.space)
  const expected = kinds.join(" or ")
  const actual = typeof kind === "string" ? kind : shown(vector)
  const makers = kinds.map((one) => `${one}.make`).join(" or ")
  return new ShapeMismatch({
    what,
    expected,
    actual,
    message: `The ${what} is ${actual}, and a ${expected} is due. Make one with ${makers}, of the network of this Fisher.`
  })
}

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

/** 256 MiB of float32. */
const mostEntries = 2 ** 26

/** *Throws* `InvalidArgument` for a network whose Fisher is too large to be written out. */
export const requireWritable = ({ signature, size }: Layout): void => {
  if (size ** 2 <= mostEntries) return
  throw new InvalidArgument({
    argument: "fisher",
    value: `${size} x ${size}`,
    message: `The Fisher of ${signature} written out is ${size} x ${size} numbers, over the ${mostEntries} that are allowed. Restrict it to a layer, or take a smaller network.`
  })
}

/** The values. *Throws* `NonFinite` where float32 does not hold them. */
export const requireFinite = (values: Float32Array, what: string): Float32Array =>
  Result.getOrThrowWith(finite(values, what), (error) => error)
