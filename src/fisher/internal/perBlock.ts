/**
 * One structure for each block of a space: what is block diagonal, whichever structure each block has.
 *
 * Which those are may depend on the space, so it is asked for them; they are of one pass, or some of two.
 */
import { Result } from "effect"
import { blockLayout, type Layout } from "../../model/ParamSpace.ts"
import type { BlockScores } from "../../model/Score.ts"
import type {
  AnyStructure,
  Moments,
  Operation,
  Operations,
  SolveError,
  Structure,
  TwoPass
} from "../Structure.ts"
import { merged } from "./arrays.ts"
import { isTwoPass } from "./twoPass.ts"

/** The structure of each block of a space, in their order. May throw `InvalidArgument` or `ShapeMismatch`. */
export type PartsOf<Part> = (space: Layout) => ReadonlyArray<Part>

/** What a block takes in a pass that is not its own. */
const nothing: Structure<never> = {
  name: "nothing",
  constants: [],
  moments: () => [],
  reduce: () => [],
  operations: () => ({})
}

const firstOf = (part: AnyStructure<never>): Structure<never> => (isTwoPass(part) ? part.first : nothing)

/** Those of the arrays that belong to each block. */
const cut = <A>(
  parts: ReadonlyArray<Structure<never>>,
  space: Layout,
  arrays: ReadonlyArray<A>
): ReadonlyArray<ReadonlyArray<A>> => {
  let to = 0
  return parts.map((part, i) => {
    const from = to
    to += part.moments(blockLayout(space, i)).length
    return arrays.slice(from, to)
  })
}

/** The scores of one block of parameters alone. */
const scoresOf = (scores: BlockScores, index: number): BlockScores => {
  const space = blockLayout(scores.space, index)
  const layer = scores.layers[index]!
  return { ...scores, space, layers: [{ ...layer, block: space.blocks[0]! }] }
}

const operations = (
  parts: ReadonlyArray<Structure<Operation>>,
  { kernels, means, space }: Moments
): Pick<Operations, Operation> => {
  const own = cut(parts, space, means)
  const each = parts.map((part, i) =>
    part.operations({ kernels, means: own[i]!, space: blockLayout(space, i) })
  )
  const part = (v: Float32Array, i: number): Float32Array => {
    const { columns, offset, rows } = space.blocks[i]!
    return v.subarray(offset, offset + rows * columns)
  }
  /** Maps each block's part; a failure of one is the failure of all. */
  const eachBlock = (
    f: (operations: Operations, i: number) => Result.Result<Float32Array, SolveError>
  ): Result.Result<Float32Array, SolveError> =>
    Result.gen(function* () {
      const out = new Float32Array(space.size)
      for (const [i, of] of each.entries()) out.set(yield* f(of, i), space.blocks[i]!.offset)
      return out
    })
  const written = (f: (operations: Operations, i: number) => Float32Array): Float32Array =>
    Result.getOrThrow(eachBlock((operations, i) => Result.succeed(f(operations, i))))
  const all: Operations = {
    apply: (v) => written((of, i) => of.apply(part(v, i))),
    solve: (g, damping) => eachBlock((of, i) => of.solve(part(g, i), damping)),
    factoredSolve: (g, damping) => eachBlock((of, i) => of.factoredSolve(part(g, i), damping)),
    power: (v, exponent, damping) => eachBlock((of, i) => of.power(part(v, i), exponent, damping)),
    sample: (noise, damping) => eachBlock((of, i) => of.sample(part(noise, i), damping)),
    trace: () => each.reduce((sum, of) => sum + of.trace(), 0),
    frobeniusNorm: () => Math.hypot(...each.map((of) => of.frobeniusNorm())),
    spectralNorm: () =>
      Result.map(Result.all(each.map((of) => of.spectralNorm())), (norms) => Math.max(...norms)),
    logDeterminant: (damping) =>
      Result.map(Result.all(each.map((of) => of.logDeterminant(damping))), (logs) =>
        logs.reduce((sum, value) => sum + value, 0)
      ),
    eigenvalues: () => Result.map(Result.all(each.map((of) => of.eigenvalues())), merged),
    diagonal: () => written((of) => of.diagonal()),
    toDense: () => {
      const out = new Float32Array(space.size ** 2)
      for (const [i, of] of each.entries()) {
        const { columns, offset, rows } = space.blocks[i]!
        const size = rows * columns
        const block = of.toDense()
        for (let r = 0; r < size; r++) {
          out.set(block.subarray(r * size, (r + 1) * size), (offset + r) * space.size + offset)
        }
      }
      return out
    },
    scale: (factor) => each.flatMap((of) => of.scale(factor)),
    sum: (other) => {
      const theirs = cut(parts, space, other)
      return each.flatMap((of, i) => of.sum(theirs[i]!))
    },
    restrict: (index) => ({ structure: parts[index]!, means: own[index]! })
  }
  // What one block lacks, the whole lacks.
  const able = Object.entries(all).filter(([name]) => each.every((of) => name in of))
  return Object.fromEntries(able) as unknown as Operations
}

/** A structure of blocks that take one pass; `constants` are those of all of them. */
export const perBlock = (
  name: string,
  partsOf: PartsOf<Structure<never>>,
  constants: ReadonlyArray<Float32Array> = []
): Structure<Operation> => ({
  name,
  constants,
  moments: (space) => partsOf(space).flatMap((part, i) => part.moments(blockLayout(space, i))),
  reduce: (scores) => partsOf(scores.space).flatMap((part, i) => part.reduce(scoresOf(scores, i))),
  // The types let a caller use only what all parts can do.
  operations: (moments) => operations(partsOf(moments.space) as ReadonlyArray<Structure<Operation>>, moments)
})

/** A structure of blocks of which some take two passes: in the first the others take nothing. */
export const perBlockTwice = (
  name: string,
  first: string,
  partsOf: PartsOf<AnyStructure<never>>
): TwoPass<Operation> => ({
  name,
  first: perBlock(first, (space) => partsOf(space).map(firstOf)),
  prepare: ({ kernels, means, space }) => {
    const parts = partsOf(space)
    const own = cut(parts.map(firstOf), space, means)
    const prepared = parts.map((part, i) =>
      isTwoPass(part)
        ? part.prepare({ kernels, means: own[i]!, space: blockLayout(space, i) })
        : Result.succeed<ReadonlyArray<Float32Array>>([])
    )
    return Result.map(Result.all(prepared), (each) => each.flat())
  },
  second: (constants, space) => {
    let from = 0
    const seconds = partsOf(space).map((part, i) => {
      if (!isTwoPass(part)) return part
      const second = part.second(constants.slice(from), blockLayout(space, i))
      from += second.constants.length
      return second
    })
    return perBlock(
      name,
      () => seconds,
      seconds.flatMap((second) => second.constants)
    )
  }
})
