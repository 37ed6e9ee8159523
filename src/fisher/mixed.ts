/**
 * A structure for each layer: what is dense where that is affordable, and cheap elsewhere.
 *
 * *Math*: F is block diagonal over the layers, each block in its own structure. *Cost*: the sum of theirs; two passes over the data if
 * one of them takes two.
 */
import { Result } from "effect"
import { InvalidArgument, ShapeMismatch } from "../Errors.ts"
import { blockLayout, type Layout } from "../model/ParamSpace.ts"
import type { BlockScores } from "../model/Score.ts"
import { shown } from "../Options.ts"
import { merged } from "./internal/arrays.ts"
import { isTwoPass } from "./internal/twoPass.ts"
import type {
  AnyStructure,
  Moments,
  Operation,
  Operations,
  OperationsOf,
  SolveError,
  Structure,
  TwoPass
} from "./Structure.ts"

type Mixed<Parts extends ReadonlyArray<AnyStructure<never>>> =
  Parts[number] extends Structure<never>
    ? Structure<OperationsOf<Parts[number]>>
    : TwoPass<OperationsOf<Parts[number]>>

/** What a layer takes in a pass that is not its own. */
const nothing: Structure<never> = {
  name: "nothing",
  constants: [],
  moments: () => [],
  reduce: () => [],
  operations: () => ({})
}

/** Where each layer's moments lie among all of them. */
const ranges = (parts: ReadonlyArray<Structure<never>>, space: Layout) => {
  let to = 0
  return parts.map((part, i) => {
    const from = to
    to += part.moments(blockLayout(space, i)).length
    return { from, to }
  })
}

const requireEach = (parts: ReadonlyArray<unknown>, space: Layout): void => {
  if (parts.length === space.blocks.length) return
  throw new ShapeMismatch({
    what: "structures of Structure.mixed",
    expected: String(space.blocks.length),
    actual: String(parts.length),
    message: `The number of structures in Structure.mixed is ${parts.length}, and ${space.signature} has ${space.blocks.length} layers with parameters. Give one for each.`
  })
}

const requireStructures = (parts: unknown): void => {
  const known = (part: unknown): boolean =>
    typeof part === "object" && part !== null && ("second" in part || "moments" in part)
  const strange = Array.isArray(parts) ? parts.findIndex((part) => !known(part)) : undefined
  if (strange === -1) return
  const [argument, value] =
    strange === undefined
      ? ["parts", parts]
      : [`parts[${strange}]`, (parts as ReadonlyArray<unknown>)[strange]]
  throw new InvalidArgument({
    argument: String(argument),
    value: shown(value),
    message: `${argument} is ${shown(value)}. Give a list of structures, such as [Structure.kfac, Structure.dense].`
  })
}

/** The block's scores of one layer alone. */
const scoresOf = (scores: BlockScores, index: number): BlockScores => {
  const space = blockLayout(scores.space, index)
  const layer = scores.layers[index]!
  return { ...scores, space, layers: [{ ...layer, block: space.blocks[0]! }] }
}

const operations = (
  parts: ReadonlyArray<Structure<Operation>>,
  { kernels, means, space }: Moments
): Pick<Operations, Operation> => {
  const at = ranges(parts, space)
  const meansOf = (of: ReadonlyArray<Float32Array>, i: number) => of.slice(at[i]!.from, at[i]!.to)
  const each = parts.map((part, i) =>
    part.operations({ kernels, means: meansOf(means, i), space: blockLayout(space, i) })
  )
  const part = (v: Float32Array, i: number): Float32Array => {
    const { columns, offset, rows } = space.blocks[i]!
    return v.subarray(offset, offset + rows * columns)
  }
  const eachLayer = (
    f: (operations: Operations, i: number) => Result.Result<Float32Array, SolveError>
  ): Result.Result<Float32Array, SolveError> =>
    Result.map(Result.all(each.map(f)), (parts) => {
      const out = new Float32Array(space.size)
      for (const [i, values] of parts.entries()) out.set(values, space.blocks[i]!.offset)
      return out
    })
  const written = (f: (operations: Operations, i: number) => Float32Array): Float32Array =>
    Result.getOrThrow(eachLayer((operations, i) => Result.succeed(f(operations, i))))
  const all: Operations = {
    apply: (v) => written((of, i) => of.apply(part(v, i))),
    solve: (g, damping) => eachLayer((of, i) => of.solve(part(g, i), damping)),
    factoredSolve: (g, damping) => eachLayer((of, i) => of.factoredSolve(part(g, i), damping)),
    power: (v, exponent, damping) => eachLayer((of, i) => of.power(part(v, i), exponent, damping)),
    sample: (noise, damping) => eachLayer((of, i) => of.sample(part(noise, i), damping)),
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
    sum: (other) => each.flatMap((of, i) => of.sum(meansOf(other, i))),
    restrict: (index) => ({ structure: parts[index]!, means: meansOf(means, index) })
  }
  // What one layer lacks, the whole lacks.
  const able = Object.entries(all).filter(([name]) => each.every((of) => name in of))
  return Object.fromEntries(able) as unknown as Operations
}

const onePass = (parts: ReadonlyArray<Structure<never>>, name: string): Structure<Operation> => ({
  name,
  constants: parts.flatMap(({ constants }) => constants),
  moments: (space) => {
    requireEach(parts, space)
    return parts.flatMap((part, i) => part.moments(blockLayout(space, i)))
  },
  reduce: (scores) => parts.flatMap((part, i) => part.reduce(scoresOf(scores, i))),
  // The types let a caller use only what all parts can do.
  operations: (moments) => operations(parts as ReadonlyArray<Structure<Operation>>, moments)
})

const twoPass = (parts: ReadonlyArray<AnyStructure<never>>, name: string): TwoPass<Operation> => {
  const firsts = parts.map((part) => (isTwoPass(part) ? part.first : nothing))
  return {
    name,
    first: onePass(firsts, `${name}, first pass`),
    prepare: ({ kernels, means, space }) => {
      const at = ranges(firsts, space)
      const prepared = parts.map((part, i) =>
        isTwoPass(part)
          ? part.prepare({
              kernels,
              means: means.slice(at[i]!.from, at[i]!.to),
              space: blockLayout(space, i)
            })
          : Result.succeed<ReadonlyArray<Float32Array>>([])
      )
      return Result.map(Result.all(prepared), (each) => each.flat())
    },
    second: (constants, space) => {
      let from = 0
      const seconds = parts.map((part, i) => {
        if (!isTwoPass(part)) return part
        const layout = blockLayout(space, i)
        const second = part.second(constants.slice(from), layout)
        from += second.constants.length
        return second
      })
      return onePass(seconds, name)
    }
  }
}

/**
 * One structure for each layer with parameters, in their order: `Structure.mixed([Structure.kfac, Structure.dense])`. It can do what all
 * of them can.
 *
 * *Throws*: `InvalidArgument` for what is no list of structures. *Fails* when used: `ShapeMismatch` for another number of structures
 * than the network has layers with parameters.
 */
export const mixed = <const Parts extends ReadonlyArray<AnyStructure<never>>>(parts: Parts): Mixed<Parts> => {
  requireStructures(parts)
  const name = `mixed(${parts.map((part) => part.name).join(", ")})`
  const made = parts.some(isTwoPass)
    ? twoPass(parts, name)
    : onePass(parts as ReadonlyArray<Structure<never>>, name)
  // Its operations are those of all its parts, which `Mixed` says.
  return made as unknown as Mixed<Parts>
}
