/**
 * Fine-tuning: some blocks of a conditional's parameters as constants of its network, the others as its parameters.
 *
 * Nothing is computed for a frozen block: it has no gradient, no moment and no factor, and below the first block that moves no cotangent is
 * pulled back at all. The Fisher is the diagonal block of the whole one that belongs to what moves.
 */
import { InvalidArgument, ShapeMismatch } from "../Errors.ts"
import { shown } from "../Options.ts"
import type { Conditional } from "./Conditional.ts"
import type { NetworkLayer } from "./Graph.ts"
import { digest } from "./internal/digest.ts"
import type { FrozenBlock, Network } from "./Network.ts"
import { type Layout, type ParamBlock, requireSame } from "./ParamSpace.ts"
import * as Params from "./Params.ts"

/** Blocks by their index in the space: those to freeze, or all but those that stay free. */
export type FrozenBlocks =
  | { readonly blocks: ReadonlyArray<number> }
  | { readonly allBut: ReadonlyArray<number> }

/** The signature of a network of which some blocks are frozen. */
export type FrozenSignature<S extends string> = `${S}, frozen ${string}`

export interface Frozen<S extends string> {
  readonly conditional: Conditional<FrozenSignature<S>>
  /** The parameters that still move, as they were. */
  readonly params: Params.Params<FrozenSignature<S>>
  /** All parameters: these, and the frozen ones. *Throws* `ShapeMismatch` for parameters of another network. */
  readonly thaw: (params: Params.Params<FrozenSignature<S>>) => Params.Params<S>
}

/**
 * The conditional with some blocks held at their values in `params`: `freeze(conditional, params, { allBut: [2] })`.
 *
 * *Throws*: `InvalidArgument` for a block that is not there, or both `blocks` and `allBut`; `ShapeMismatch` where none is left, or for parameters of another network.
 */
export const freeze = <S extends string>(
  { likelihood, network }: Conditional<S>,
  params: Params.Params<S>,
  which: FrozenBlocks
): Frozen<S> => {
  const { space } = network
  requireSame("vector of parameters", space, params.space)
  const fixed = indicesOf(space, which)
  const valuesOf = ({ columns, offset, rows }: ParamBlock) =>
    params.values.slice(offset, offset + rows * columns)
  const free = space.blocks.filter((_, i) => !fixed.has(i))
  const frozen = space.blocks
    .filter((_, i) => fixed.has(i))
    .map((block) => ({ block, values: valuesOf(block) }))
  const blocks = laidOut(free)
  const size = blocks.reduce((sum, { columns, rows }) => sum + rows * columns, 0)
  if (size === 0) throw nothingLeft(space)
  const signature = `${space.signature}, frozen ${nameOf(fixed, frozen)}`
  const made: Network<FrozenSignature<S>> = {
    ...network,
    space: { signature, blocks, size },
    layers: renumbered(network.layers, space.blocks.length, fixed),
    frozen: [...frozen, ...network.frozen]
  }
  const moving = new Float32Array(size)
  for (const [i, { offset }] of blocks.entries()) moving.set(valuesOf(free[i]!), offset)
  return {
    conditional: { network: made, likelihood },
    params: Params.make(made.space, moving),
    thaw: (moved) => {
      requireSame("vector of parameters", made.space, moved.space)
      const values = params.values.slice()
      for (const [i, { columns, offset, rows }] of blocks.entries()) {
        values.set(moved.values.subarray(offset, offset + rows * columns), free[i]!.offset)
      }
      return Params.make(space, values)
    }
  }
}

const laidOut = (blocks: ReadonlyArray<ParamBlock>): ReadonlyArray<ParamBlock> => {
  let size = 0
  return blocks.map((block) => {
    const offset = size
    size += block.rows * block.columns
    return { ...block, offset }
  })
}

/** The frozen blocks after those that move, and before those that were frozen already. */
const renumbered = (
  layers: ReadonlyArray<NetworkLayer>,
  count: number,
  fixed: ReadonlySet<number>
): ReadonlyArray<NetworkLayer> => {
  const before = (block: number, frozen: boolean): number =>
    Array.from({ length: block }, (_, i) => i).filter((i) => fixed.has(i) === frozen).length
  return layers.map((layer) => {
    const { block } = layer
    if (block < 0 || block >= count) return layer
    return {
      ...layer,
      block: fixed.has(block) ? count - fixed.size + before(block, true) : before(block, false)
    }
  })
}

/** Which they are and what they hold: networks that differ in it are different functions. */
const nameOf = (fixed: ReadonlySet<number>, frozen: ReadonlyArray<FrozenBlock>): string => {
  const names = [...fixed].sort((a, b) => a - b)
  return names.map((block, i) => `${block} (${digest(frozen[i]!.values)})`).join(", ")
}

const indicesOf = (space: Layout, which: FrozenBlocks): ReadonlySet<number> => {
  requireOne(which)
  const [argument, given] =
    typeof which === "object" && which !== null && "allBut" in which
      ? (["allBut", which.allBut] as const)
      : (["blocks", which?.blocks] as const)
  if (!Array.isArray(given)) throw noBlock(space, argument, given)
  const strange = given.findIndex((index) => !Number.isInteger(index) || space.blocks[index] === undefined)
  if (strange >= 0) throw noBlock(space, argument, given[strange])
  return argument === "blocks"
    ? new Set(given)
    : new Set([...space.blocks.keys()].filter((index) => !given.includes(index)))
}

/** The compiler takes a record of both, too. */
const requireOne = (which: FrozenBlocks): void => {
  if (typeof which !== "object" || which === null || !("allBut" in which && "blocks" in which)) return
  throw new InvalidArgument({
    argument: "which",
    value: shown(which),
    message: "Both blocks and allBut are given, and each says which blocks are frozen. Give one of them."
  })
}

const noBlock = ({ blocks, signature }: Layout, argument: string, value: unknown): InvalidArgument =>
  new InvalidArgument({
    argument,
    value: shown(value),
    message: `${argument} holds ${shown(value)}, and ${signature} has the blocks 0 to ${blocks.length - 1}. Give an array of some of them.`
  })

const nothingLeft = ({ signature }: Layout): ShapeMismatch =>
  new ShapeMismatch({
    what: "frozen blocks",
    expected: "at least one block that is not frozen",
    actual: "all of them",
    message: `With these blocks frozen, no parameter of ${signature} is left. Leave one free.`
  })
