/**
 * The parameter space of a network: which numbers it has, and how they lie in one flat vector.
 *
 * The layout is tfjs's: layer after layer, a dense layer's kernel `[in, out]` row-major, then its bias `[out]`. So the block of a
 * dense layer is one row-major matrix `[in + 1, out]`, the bias its last row. That of a convolution is the same, with
 * in = kernel height x kernel width x channels: tfjs's HWIO kernel, row-major.
 *
 * `S`, the network's signature, keeps the vectors of different networks apart. Of the three kinds of vector, `Params` are points,
 * a `Tangent` is a direction of movement (an update) and a `Cotangent` a linear function of one (a gradient). The Fisher maps
 * tangents to cotangents, its inverse maps them back.
 */
import { InvalidArgument, ShapeMismatch } from "../Errors.ts"
import { shown } from "../Options.ts"

declare const Space: unique symbol

/**
 * How the gradient of a block comes about. `"outer"`: as a sum of outer products abar g^T, so that it has Kronecker factors.
 * `"unitwise"`: column by column, each with its own inputs (scale and shift of a normalisation, a depthwise convolution).
 * `"written"`: in no such way, as for a kernel that is used transposed too, or a function of one's own.
 */
export type BlockForm = "outer" | "unitwise" | "written"

/** One layer's part of the flat vector: a row-major matrix of `rows` x `columns`, its last row the bias if there is one. */
export interface ParamBlock {
  /** The layer that it belongs to, such as `"0 dense(64)"`. */
  readonly layer: string
  readonly offset: number
  readonly rows: number
  readonly columns: number
  readonly bias: boolean
  readonly form: BlockForm
}

/** A parameter space without its name in the types: for what is the same in every network. */
export interface Layout {
  /** The network's layers in one line, such as `"784 > dense(64) > tanh > dense(10)"`. */
  readonly signature: string
  readonly blocks: ReadonlyArray<ParamBlock>
  /** How many parameters: P. */
  readonly size: number
}

/** `S` is a phantom, and invariant: vectors of two networks have no common type. */
export interface ParamSpace<S extends string> extends Layout {
  readonly [Space]?: (_: S) => S
}

/** One block of a layout as a layout of its own. */
export const blockLayout = ({ blocks, signature }: Layout, index: number): Layout => {
  const block = blocks[index]!
  return {
    signature: `${signature}, block ${index}`,
    blocks: [{ ...block, offset: 0 }],
    size: block.rows * block.columns
  }
}

/** The parameters of one layer as a space of their own. *Throws* `InvalidArgument` for a block that is not there. */
export const block = <S extends string, const I extends number>(
  space: ParamSpace<S>,
  index: I
): ParamSpace<`${S}, block ${I}`> => {
  // A text "0" names a property too, and so does "length".
  if (!Number.isInteger(index) || space.blocks[index] === undefined) {
    throw new InvalidArgument({
      argument: "block",
      value: shown(index),
      message: `block is ${shown(index)}, and ${space.signature} has the blocks 0 to ${space.blocks.length - 1}. Give one of them.`
    })
  }
  return blockLayout(space, index)
}

/** Why a vector of the space `actual` is not one of `due`, or nothing: what the types cannot tell where sizes are not literals. */
export const mismatch = (what: string, due: Layout, actual: Layout): ShapeMismatch | undefined =>
  due.signature === actual.signature
    ? undefined
    : new ShapeMismatch({
        what,
        expected: due.signature,
        actual: actual.signature,
        message: `The ${what} is of the network ${actual.signature}, not of ${due.signature}. Take all vectors from one network.`
      })

/** *Throws* what `mismatch` finds. */
export const requireSame = (what: string, due: Layout, actual: Layout): void => {
  const other = mismatch(what, due, actual)
  if (other !== undefined) throw other
}
