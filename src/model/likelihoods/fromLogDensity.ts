/**
 * A likelihood of one's own: its log-density, and a rule to draw from it.
 *
 * The log-density is either a tfjs function of rows, which is differentiated, or one of plain numbers with its score beside it. It is
 * sampled, unless its closed forms are given too.
 *
 * *Fails* where it is used: `InvalidLabel` for a draw that `holds` refuses, `TensorFailure` for what a tfjs log-density throws and for one
 * that mixes rows, `NonFinite` for a score or a loss that is not finite. What functions of plain numbers throw is a defect. Whether the score
 * is the derivative of the log-density, and the draws are from it, nothing here can know: the mean of the scores of many draws must be 0.
 */
import { Schema } from "effect"
import { InvalidLabel, ShapeMismatch } from "../../Errors.ts"
import { decodeOrThrow, PositiveInt, shown } from "../../Options.ts"
import { gradientsOf, type RowFunction, type Rows, valuesOf } from "../../tensor/RowFunction.ts"
import type {
  Distribution,
  Likelihood,
  Many,
  OutputRows,
  SampledDistribution,
  SampledLikelihood
} from "../Likelihood.ts"

/** A number, or one for each number of outputs. */
type Size = number | ((outputs: number) => number)

interface Own {
  /** With every parameter: it tells sums of one likelihood from those of another. */
  readonly name: string
  /** How many numbers a y is; by the number of outputs if they may be any. */
  readonly labelSize: Size
  /** How many outputs a network needs; any number unless said. */
  readonly outputs?: number
  /** How many different y there are; `Infinity`, a density, unless said. */
  readonly support?: Size
  /** Whether y is one that can be drawn; every finite y unless said. */
  readonly holds?: (y: ArrayLike<number>) => boolean
  /** A y from uniform numbers in (0, 1): as many calls of `uniform` as it needs. */
  readonly sample: (z: Float64Array, uniform: () => number) => ArrayLike<number>
}

/**
 * With a log-density that tfjs differentiates: `[R, labelSize]` and `[R, C]` to `[R]`, each row by itself. Float32: the score has some 6
 * digits, and fewer where terms cancel.
 */
export interface Differentiated extends Own {
  readonly logDensity: RowFunction
  readonly score?: never
}

/** With a log-density of plain numbers, in nats, and its gradient in z, `[C]`. */
export interface Scored extends Own {
  readonly logDensity: (y: ArrayLike<number>, z: Float64Array) => number
  readonly score: (y: ArrayLike<number>, z: Float64Array) => ArrayLike<number>
}

export type LogDensityOptions = Differentiated | Scored

/** What makes a likelihood one of closed forms. */
export interface ClosedForms {
  /** How many columns the factor has. */
  readonly columns: Size
  /** S with S S^T = E_y[score score^T], column after column: `[columns, C]`. */
  readonly factor: (z: Float64Array) => ArrayLike<number>
  /** KL(p(.|z) || p(.|other)), in nats. */
  readonly klDivergence: (z: Float64Array, other: Float64Array) => number
}

const Callable = Schema.Unknown.check(
  Schema.makeFilter((value) => typeof value === "function" || "Give a function.")
)

export const FromLogDensityOptions = Schema.Struct({
  name: Schema.NonEmptyString,
  labelSize: Schema.Union([PositiveInt, Callable]),
  outputs: Schema.optionalKey(PositiveInt),
  support: Schema.optionalKey(
    Schema.Union([
      Schema.Number.check(Schema.makeFilter((n) => n >= 1 || "Give a number of at least 1, or Infinity.")),
      Callable
    ])
  ),
  holds: Schema.optionalKey(Callable),
  sample: Callable,
  logDensity: Callable,
  score: Schema.optionalKey(Callable),
  closedForms: Schema.optionalKey(
    Schema.Struct({
      columns: Schema.Union([PositiveInt, Callable]),
      factor: Callable,
      klDivergence: Callable
    })
  )
})

export type FromLogDensityOptions = LogDensityOptions & { readonly closedForms?: ClosedForms }

/** Numbers that a function of the user's gave, of which so many are due. *Throws*: `ShapeMismatch`. */
const numbers = (name: string, what: string, values: ArrayLike<number>, due: number): Float64Array => {
  if (values?.length === due) return Float64Array.from(values)
  throw new ShapeMismatch({
    what: `${what} of ${name}`,
    expected: `${due} numbers`,
    actual: shown(values),
    message: `The ${what} of ${name} gave ${shown(values)}. Give an array of ${due} numbers.`
  })
}

const sizeOf = (size: Size, outputs: number): number => (typeof size === "number" ? size : size(outputs))

/** Why a size that depends on the outputs is none for so many of them, or nothing. */
const wrongSize = (
  { closedForms, labelSize, name, support = Number.POSITIVE_INFINITY }: FromLogDensityOptions,
  outputs: number
): ShapeMismatch | undefined => {
  const sizes = { labelSize, support, "closedForms.columns": closedForms?.columns ?? 1 }
  for (const [what, size] of Object.entries(sizes)) {
    const value = sizeOf(size, outputs)
    if (value >= 1 && (Number.isSafeInteger(value) || what === "support")) continue
    return new ShapeMismatch({
      what: `${what} of ${name}`,
      expected: "at least 1",
      actual: shown(value),
      message: `${what} of ${name} is ${shown(value)} for ${outputs} outputs. Give a whole number of at least 1, or a network of other outputs.`
    })
  }
  return undefined
}

/** Log-density and score of one y, and the scores of many where they are had at once. */
const evaluation = (options: LogDensityOptions) => {
  const { name } = options
  if (options.score !== undefined) {
    const { logDensity, score } = options
    return {
      logProbability: logDensity,
      score: (y: ArrayLike<number>, z: Float64Array) => numbers(name, "score", score(y, z), z.length),
      open: undefined
    }
  }
  const { logDensity } = options
  const values = (rows: Rows) => valuesOf(`log-density of ${name}`, logDensity, rows)
  const gradients = (rows: Rows) => gradientsOf(`score of ${name}`, logDensity, rows)
  return {
    logProbability: (y: ArrayLike<number>, z: Float64Array) => values({ rows: 1, y, z })[0]!,
    score: (y: ArrayLike<number>, z: Float64Array) => Float64Array.from(gradients({ rows: 1, y, z })),
    open: (outputs: OutputRows): Many => ({
      logProbabilities: (y) => Float64Array.from(values({ rows: outputs.examples, y, z: outputs.z })),
      scores: (y, factors) => scoresOf(outputs, y, factors, gradients)
    })
  }
}

/** Those of the y whose factor is not 0, in one program: whatever a label of factor 0 is, it is not looked at. */
const scoresOf = (
  { examples, size, z }: OutputRows,
  y: Float64Array,
  factors: Float64Array,
  gradients: (rows: Rows) => Float32Array
): Float32Array => {
  const out = new Float32Array(factors.length * size)
  const used = Array.from(factors.keys()).filter((row) => factors[row] !== 0)
  if (used.length === 0) return out
  const labelSize = y.length / factors.length
  const [labels, at] = [new Float64Array(used.length * labelSize), new Float64Array(used.length * size)]
  for (const [i, row] of used.entries()) {
    const from = (row % examples) * size
    labels.set(y.subarray(row * labelSize, (row + 1) * labelSize), i * labelSize)
    at.set(z.subarray(from, from + size), i * size)
  }
  const scores = gradients({ rows: used.length, y: labels, z: at })
  for (const [i, row] of used.entries()) {
    for (let c = 0; c < size; c++) out[row * size + c] = factors[row]! * scores[i * size + c]!
  }
  return out
}

const closed = (name: string, { columns, factor, klDivergence }: ClosedForms, z: Float64Array) => {
  const count = sizeOf(columns, z.length)
  const columnsAt = () => numbers(name, "factor", factor(z), count * z.length)
  return {
    factor: columnsAt,
    fisher: () => {
      const size = z.length
      const [s, lambda] = [columnsAt(), new Float64Array(size * size)]
      for (let k = 0; k < count; k++) {
        for (let i = 0; i < size; i++) {
          for (let j = 0; j < size; j++) lambda[i * size + j]! += s[k * size + i]! * s[k * size + j]!
        }
      }
      return lambda
    },
    klDivergence: (other: ArrayLike<number>) => klDivergence(z, Float64Array.from(other))
  }
}

const make = (options: FromLogDensityOptions): SampledLikelihood => {
  decodeOrThrow(FromLogDensityOptions, options)
  const {
    closedForms,
    holds = (y) => Array.from(y).every(Number.isFinite),
    labelSize,
    name,
    outputs: due,
    sample,
    support = Number.POSITIVE_INFINITY
  } = options
  const { logProbability, open, score } = evaluation(options)
  const at = (outputs: ArrayLike<number>): SampledDistribution | Distribution => {
    const z = Float64Array.from(outputs)
    return {
      logProbability: (y) => logProbability(y, z),
      score: (y) => score(y, z),
      sample: (uniform) => numbers(name, "sample", sample(z, uniform), sizeOf(labelSize, z.length)),
      ...(closedForms && closed(name, closedForms, z))
    }
  }
  return {
    name,
    labelSize: (outputs) => sizeOf(labelSize, outputs),
    support: (outputs) => sizeOf(support, outputs),
    misfit: (outputs) =>
      due === undefined || outputs === due ? wrongSize(options, outputs) : wrongOutputs(name, due, outputs),
    invalid: (y, _, example) => (holds(y) ? undefined : wrongLabel(name, example, y)),
    at,
    ...(open && { many: { at, open } }),
    ...(closedForms && { columns: (outputs: number) => sizeOf(closedForms.columns, outputs) })
  }
}

/**
 * A likelihood from a log-density and a rule to draw from it; with `closedForms` every sampler works with it.
 *
 * *Math*: the score is grad_z log p(y|z), with `score` or by reverse-mode differentiation of `logDensity`. *Cost*: the scores of a block
 * with all its draws are one tensor program, and so are its losses; inside `product` or `positions` there is one for each y, of some 0.3
 * ms. *Throws*: `InvalidArgument`.
 */
export const fromLogDensity = make as {
  (options: Scored & { readonly closedForms: ClosedForms }): Likelihood
  (options: Differentiated & { readonly closedForms: ClosedForms }): Likelihood
  (options: Scored & { readonly closedForms?: never }): SampledLikelihood
  (options: Differentiated & { readonly closedForms?: never }): SampledLikelihood
}

const wrongOutputs = (name: string, due: number, actual: number): ShapeMismatch =>
  new ShapeMismatch({
    what: "outputs of the network",
    expected: String(due),
    actual: String(actual),
    message: `The network has ${actual} outputs and ${name} takes ${due}. Give both the same number.`
  })

const wrongLabel = (likelihood: string, example: number, y: ArrayLike<number>): InvalidLabel => {
  const value = Array.from(y).join(", ")
  return new InvalidLabel({
    likelihood,
    example,
    value,
    message: `A label of example ${example} is ${value}. The likelihood ${likelihood} does not hold it: give one that it can draw.`
  })
}
