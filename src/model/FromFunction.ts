/**
 * A conditional whose network is a function of one's own: any tfjs program that TensorFlow.js can differentiate, in place of layers.
 *
 * *Math*: z = f(theta, x), with theta some tensors of named shapes. Its Jacobian J_n = dz_n/dtheta is J^T w by reverse-mode differentiation,
 * example by example; J v by differentiating that once more. Gradients are in the written form, so every structure that needs no layer
 * factors takes them.
 *
 * With few parameters, at most a quarter of the examples of a block, J is taken parameter by parameter over the whole block, once: a pass of
 * tfjs costs little more for a block than for one example.
 */
import type * as tf from "@tensorflow/tfjs"
import { Schema } from "effect"
import { InvalidArgument, NonFinite, ShapeMismatch } from "../Errors.ts"
import { decodeOrThrow, firstNonFinite, NonNegativeInt, PositiveInt, shown } from "../Options.ts"
import { isNumeric } from "./Batch.ts"
import { type Conditional, make } from "./Conditional.ts"
import { mapOf, type Own } from "./internal/ownMap.ts"
import type { SampledLikelihood } from "./Likelihood.ts"
import type { Network } from "./Network.ts"
import type { ParamBlock } from "./ParamSpace.ts"

/** The shapes of a function's parameters by name: `{ kernel: [3, 4], bias: [4], rate: [] }`. */
export type ParameterShapes = Readonly<Record<string, ReadonlyArray<number>>>

/** The parameters as a function is given them. */
export type TensorsOf<Shapes extends ParameterShapes> = { readonly [K in keyof Shapes]: TensorOf<Shapes[K]> }

type TensorOf<Shape extends ReadonlyArray<number>> = number extends Shape["length"]
  ? tf.Tensor
  : Shape["length"] extends keyof Ranks
    ? Ranks[Shape["length"]]
    : tf.Tensor

interface Ranks {
  readonly 0: tf.Scalar
  readonly 1: tf.Tensor1D
  readonly 2: tf.Tensor2D
  readonly 3: tf.Tensor3D
  readonly 4: tf.Tensor4D
}

/** What the types know of a function; at run time its signature says the parameters too, as in `"function f(w 3x4, b 4): 3 > 4"`. */
export type FunctionSignature<
  Name extends string,
  Features extends number,
  Outputs extends number
> = `function ${Name}(${string}): ${Features} > ${Outputs}`

export interface FunctionOptions<
  Name extends string,
  Shapes extends ParameterShapes,
  Features extends number,
  Outputs extends number
> {
  /** Tells its vectors and snapshots from those of other functions: a function that computes something else has another name. */
  readonly name: Name
  /**
   * Each is one block of the parameters, in this order, row-major: a matrix as it is, a vector or a number as one row, and with more
   * dimensions all but the last are rows.
   */
  readonly parameters: Shapes
  /** How many numbers an x has; 0 for a density. */
  readonly features: Features
  /** How many numbers a z has: C. */
  readonly outputs: Outputs
  /**
   * z `[N, C]` for x `[N, features]`: row n from row n of x alone, whatever N is. Synchronous, of tfjs operations, the same at every call.
   */
  readonly f: (parameters: TensorsOf<Shapes>, x: tf.Tensor2D) => tf.Tensor
  /** First values of some parameters, row-major: what `Conditional.init` gives them in place of normal numbers. */
  readonly initial?: { readonly [K in keyof Shapes]?: ArrayLike<number> }
}

const Dimensions = Schema.Array(PositiveInt).check(
  Schema.makeFilter((shape) => shape.length <= 6 || "Give at most 6 dimensions.")
)

const Options = Schema.Struct({
  name: Schema.NonEmptyString,
  parameters: Schema.Record(Schema.NonEmptyString, Dimensions).check(
    Schema.makeFilter(
      (shapes) => Object.keys(shapes).length > 0 || "Give the shape of at least one parameter."
    )
  ),
  features: NonNegativeInt,
  outputs: PositiveInt,
  f: Schema.Unknown.check(Schema.makeFilter((f) => typeof f === "function" || "Give a function.")),
  initial: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))
})

/** The options without the types of their names, decoded. */
interface Decoded extends Own {
  readonly features: number
  readonly initial?: Readonly<Record<string, unknown>>
}

/**
 * A conditional with a function of one's own for its network.
 *
 * `Conditional.init` draws a parameter that `initial` does not give from the normal distribution, as a kernel of its rows and columns.
 *
 * *Cost*: a gradient of the loss is a pass forwards and backwards over each block. The scores of K columns are, with P parameters and blocks of
 * N examples, 3 P passes over a block where 4 P <= N and tfjs has the second derivatives; else min(K, C) passes over each single example. A pass
 * is 0.05 to 0.1 ms for each operation of f, more where the operations are large. *Memory*: P floats for each example and column; where
 * 4 P <= N, for each example and output too.
 *
 * *Throws*: `InvalidArgument`, `ShapeMismatch`, `NonFinite` for options that are none. *Fails* where it is used: `ShapeMismatch` where f gives
 * no float32 tensor `[N, C]`, `InvalidArgument` where it is differentiated and mixes examples (the first and the last of a block are held to
 * what they are alone), `TensorFailure` for what f throws and for an operation without gradient, `NonFinite`.
 *
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs"
 * import { Conditional, Likelihood } from "natgrad"
 *
 * const decay = Conditional.fromFunction(
 *   {
 *     name: "decay",
 *     parameters: { height: [], rate: [] },
 *     features: 1,
 *     outputs: 1,
 *     f: ({ height, rate }, t) => tf.mul(height, tf.exp(tf.neg(tf.mul(rate, t)))),
 *     initial: { height: [1], rate: [0.5] }
 *   },
 *   Likelihood.gaussian({ variance: 0.01 })
 * )
 * decay.network.space.signature // => "function decay(height 1, rate 1): 1 > 1"
 * Array.from(Conditional.init(decay, { seed: 0 }).values) // => [1, 0.5]
 * ```
 */
export const fromFunction = <
  const Name extends string,
  const Shapes extends ParameterShapes,
  const Features extends number,
  const Outputs extends number
>(
  options: FunctionOptions<Name, Shapes, Features, Outputs>,
  likelihood: SampledLikelihood
): Conditional<FunctionSignature<Name, Features, Outputs>> => {
  const decoded = decodeOrThrow(Options, options)
  return make(networkOf(decoded as Decoded), likelihood)
}

const networkOf = <S extends string>(options: Decoded): Network<S> => {
  const { features, name, outputs, parameters } = options
  const blocks: Array<ParamBlock> = []
  let size = 0
  for (const [layer, shape] of Object.entries(parameters)) {
    const columns = shape.at(-1) ?? 1
    const rows = shape.slice(0, -1).reduce((product, n) => product * n, 1)
    blocks.push({ layer, offset: size, rows, columns, bias: false, form: "written" })
    size += rows * columns
  }
  requireSize(name, size)
  const initial = initialOf(options, blocks)
  const shapes = Object.entries(parameters).map(([key, shape]) => `${key} ${shape.join("x") || 1}`)
  return {
    space: { signature: `function ${name}(${shapes.join(", ")}): ${features} > ${outputs}`, blocks, size },
    input: features,
    features,
    output: outputs,
    outputs,
    layers: [],
    own: mapOf(options, initial),
    frozen: []
  }
}

/** 4 GiB of float32. */
const mostNumbers = 2 ** 30

const requireSize = (name: string, size: number): void => {
  if (size <= mostNumbers) return
  throw new InvalidArgument({
    argument: "parameters",
    value: `${size} numbers`,
    message: `The function ${name} has ${size} parameters, over the ${mostNumbers} that an array holds. Give smaller shapes.`
  })
}

/** The values of `initial`, checked. */
const initialOf = (
  { initial = {}, name }: Decoded,
  blocks: ReadonlyArray<ParamBlock>
): ReadonlyMap<string, Float32Array> =>
  new Map(
    Object.entries(initial).map(([key, values]) => {
      const block = blocks.find(({ layer }) => layer === key)
      if (block === undefined) {
        throw new InvalidArgument({
          argument: "initial",
          value: shown(key),
          message: `initial holds ${shown(key)}, which is no parameter of the function ${name}. Give values of ${blocks.map(({ layer }) => layer).join(", ")}.`
        })
      }
      return [key, numbersOf(`initial ${key}`, values, block.rows * block.columns)]
    })
  )

const numbersOf = (what: string, values: unknown, due: number): Float32Array => {
  const list = isNumeric(values) ? values : []
  if (list.length !== due) {
    throw new ShapeMismatch({
      what,
      expected: `${due} numbers`,
      actual: shown(values),
      message: `${what} is ${shown(values)}. Give an array of ${due} numbers.`
    })
  }
  const strange = Array.from(list, (value) => (typeof value === "number" ? Math.fround(value) : Number.NaN))
  const index = firstNonFinite(strange)
  if (index < 0) return Float32Array.from(strange)
  throw new NonFinite({
    what,
    index,
    value: shown(list[index]),
    message: `${what} holds ${shown(list[index])} at index ${index}. Every number must be finite in float32.`
  })
}
