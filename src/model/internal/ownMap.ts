/**
 * The map of a network that is a function of one's own: z, and the two products with its Jacobian.
 *
 * With few parameters J is taken parameter by parameter over a whole block when it is linearised, and kept; else gradients example by example
 * when they are asked for. Both are the same numbers to rounding.
 */
import * as tf from "@tensorflow/tfjs"
import { InvalidArgument, ShapeMismatch, TensorFailure } from "../../Errors.ts"
import { shown } from "../../Options.ts"
import { sumOf } from "../../tensor/Device.ts"
import {
  jacobian,
  mixedRow,
  pulledBack,
  pulledBackSum,
  pushedForward,
  type RowsFunction,
  rowsAlone
} from "../../tensor/Gradients.ts"
import { variance } from "../Init.ts"
import { drawn } from "../layers/affine.ts"
import type { OwnMap, OwnPoint } from "../Network.ts"
import type { Layout, ParamBlock } from "../ParamSpace.ts"
import type { WrittenScore } from "../Score.ts"

/** A function of named parameters and rows, with their shapes: what `Conditional.fromFunction` is given. */
export interface Own {
  readonly name: string
  readonly parameters: Readonly<Record<string, ReadonlyArray<number>>>
  readonly outputs: number
  readonly f: (parameters: Readonly<Record<string, tf.Tensor>>, x: tf.Tensor2D) => unknown
}

/** How many times fewer than the examples of a block the parameters must be for J to be taken by parameters. */
const few = 4

/** `initial`: first values of the parameters that are not drawn. */
export const mapOf = (options: Own, initial: ReadonlyMap<string, Float32Array>): OwnMap => {
  const { outputs, parameters } = options
  const tensors = (
    blocks: ReadonlyArray<ParamBlock>,
    weights: OwnPoint["weights"]
  ): ReadonlyArray<tf.Tensor> =>
    blocks.map(({ layer }, i) => weights[i]!.kernel.reshape([...parameters[layer]!]))
  /** f of the parameters that move; the others are where it is taken. */
  const at = ({ frozen, space, weights }: OwnPoint): [RowsFunction, ReadonlyArray<tf.Tensor>] => {
    const held = tensors(frozen, weights.slice(space.blocks.length))
    const named = (of: ReadonlyArray<ParamBlock>, values: ReadonlyArray<tf.Tensor>) =>
      of.map(({ layer }, i) => [layer, values[i]!] as const)
    return [
      (moving, x) =>
        zOf(options, Object.fromEntries([...named(space.blocks, moving), ...named(frozen, held)]), x),
      tensors(space.blocks, weights)
    ]
  }
  return {
    initialise: (key, init, { columns, layer, rows }) =>
      initial.get(layer) ?? drawn(key, variance(init, rows, columns), rows, columns, false),
    forward: (point, x) => {
      const [f, moving] = at(point)
      return f(moving, x)
    },
    linearize: (point, x) => {
      const { space } = point
      const [f, moving] = at(point)
      const z = f(moving, x)
      const alone = x.shape[0] < 2 ? undefined : rowsAlone(f, moving, x, z)
      const known = few * space.size <= x.shape[0] ? jacobian(f, moving, x, outputs) : undefined
      // The tensors of the parameters are those of this program: a later one makes its own.
      const later = <A>(use: (f: RowsFunction, moving: ReadonlyArray<tf.Tensor>) => A): A =>
        differentiated(options, () => use(...at(point)))
      return {
        output: z,
        tape: [x, z, ...(alone === undefined ? [] : [alone]), ...(known ?? [])],
        ...(alone && {
          verdict: { numbers: alone, refusal: (numbers) => mixing(options, mixedRow(numbers), x.shape[0]) }
        }),
        scores: (cotangent) =>
          known === undefined
            ? written(
                space,
                later((f, moving) => pulledBack(f, moving, x, cotangent))
              )
            : written(
                space,
                known.map((j) => fromLeft(cotangent, j))
              ),
        pullback: (cotangent) => later((f, moving) => pulledBackSum(f, moving, x, cotangent)),
        pushforward: (direction) => {
          const v = tensors(space.blocks, direction)
          if (known !== undefined) return fromRight(known, v)
          return later(
            (f, moving) =>
              pushedForward(f, moving, x, outputs, v) ??
              fromRight(pulledBack(f, moving, x, units(outputs, x.shape[0])), v)
          )
        }
      }
    }
  }
}

const written = ({ blocks }: Layout, gradients: ReadonlyArray<tf.Tensor3D>): ReadonlyArray<WrittenScore> =>
  gradients.map((gradient, i) => ({ _tag: "Written", block: blocks[i]!, gradient }))

/** sum_c w[k, n, c] J[c, n, p], `[K, N, P]`. */
const fromLeft = (w: tf.Tensor3D, j: tf.Tensor3D): tf.Tensor3D => {
  const [columns, examples, outputs] = w.shape
  const size = j.shape[2]
  return sumOf(outputs, (c) =>
    tf.mul(tf.slice(w, [0, 0, c], [columns, examples, 1]), tf.slice(j, [c, 0, 0], [1, examples, size]))
  )
}

/** sum_p J[c, n, p] v[p], `[N, C]`. */
const fromRight = (js: ReadonlyArray<tf.Tensor3D>, v: ReadonlyArray<tf.Tensor>): tf.Tensor2D => {
  const parts = js.map((j, i) => {
    const [outputs, examples, size] = j.shape
    const change = tf.matMul(
      j.reshape<tf.Tensor2D>([outputs * examples, size]),
      v[i]!.reshape<tf.Tensor2D>([size, 1])
    )
    return tf.transpose(change.reshape<tf.Tensor2D>([outputs, examples]))
  })
  return tf.addN(parts)
}

/** For every example the unit vectors of z, `[C, N, C]`. */
const units = (outputs: number, examples: number): tf.Tensor3D =>
  tf.tile(tf.eye(outputs).reshape<tf.Tensor3D>([outputs, 1, outputs]), [1, examples, 1])

const textOf = (cause: unknown): string => String(cause).replace(/[.\s]+$/, "")

/** z as f gives it, checked; a tensor of this program, whatever f returns. */
const zOf = (options: Own, parameters: Readonly<Record<string, tf.Tensor>>, x: tf.Tensor2D): tf.Tensor2D => {
  const { f, name, outputs } = options
  let value: unknown
  try {
    value = f(parameters, x)
  } catch (cause) {
    const message = `The function ${name} threw ${textOf(cause)}. Give one that computes z for every x and these parameters.`
    throw new TensorFailure({ stage: `function ${name}`, cause, message })
  }
  const rows = x.shape[0]
  if (isMatrix(value, rows, outputs)) return value.clone()
  // Its failure is nobody's: this one is told instead.
  if (value instanceof Promise) value.catch(() => undefined)
  const actual = described(value)
  throw new ShapeMismatch({
    what: `z of the function ${name}`,
    expected: `a float32 tensor [${rows}, ${outputs}]`,
    actual,
    message: `The function ${name} gave ${actual} for ${rows} rows of x. Give a float32 tensor [${rows}, ${outputs}], a row for each.`
  })
}

const isMatrix = (value: unknown, rows: number, columns: number): value is tf.Tensor2D =>
  value instanceof tf.Tensor &&
  !value.isDisposed &&
  value.dtype === "float32" &&
  value.rank === 2 &&
  value.shape[0] === rows &&
  value.shape[1] === columns

const described = (value: unknown): string =>
  value instanceof tf.Tensor
    ? `a ${value.isDisposed ? "disposed " : ""}tensor [${value.shape.join(", ")}] of ${value.dtype}`
    : value instanceof Promise
      ? "a promise"
      : shown(value)

const mixing = (
  { name }: Own,
  row: "first" | "last" | undefined,
  rows: number
): InvalidArgument | undefined =>
  row &&
  new InvalidArgument({
    argument: "f",
    value: name,
    message: `The function ${name} gives the ${row} example another z alone than among ${rows}. Let row n of z depend on row n of x alone.`
  })

/** What tfjs says of a function that it cannot differentiate, in words that name it. */
const differentiated = <A>({ name }: Own, run: () => A): A => {
  try {
    return run()
  } catch (cause) {
    if (cause instanceof ShapeMismatch || cause instanceof TensorFailure) throw cause
    const message = `The function ${name} cannot be differentiated: ${textOf(cause)}. Use operations that have a gradient on this device; on Device.cpu more have one.`
    throw new TensorFailure({ stage: `gradient of function ${name}`, cause, message })
  }
}
