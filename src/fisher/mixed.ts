/**
 * A structure for each layer: what is dense where that is affordable, and cheap elsewhere.
 *
 * *Math*: F is block diagonal over the layers, each block in its own structure. *Cost*: the sum of theirs; two passes over the data if
 * one of them takes two.
 */
import { InvalidArgument, ShapeMismatch } from "../Errors.ts"
import type { Layout } from "../model/ParamSpace.ts"
import { shown } from "../Options.ts"
import { perBlock, perBlockTwice } from "./internal/perBlock.ts"
import { isTwoPass } from "./internal/twoPass.ts"
import type { AnyStructure, OfLayers, OperationsOf, Structure, TwoPass } from "./Structure.ts"

type Mixed<Parts extends ReadonlyArray<AnyStructure<never>>> = (Parts[number] extends Structure<never>
  ? Structure<OperationsOf<Parts[number]>>
  : TwoPass<OperationsOf<Parts[number]>>) &
  Marked<Parts[number]>

/** Marked where one part is. */
type Marked<Part> = true extends (Part extends unknown ? ("needs" extends keyof Part ? true : never) : never)
  ? OfLayers
  : unknown

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
  const given =
    <Part>(each: ReadonlyArray<Part>) =>
    (space: Layout): ReadonlyArray<Part> => {
      requireEach(each, space)
      return each
    }
  const single = parts.filter((part): part is Structure<never> => !isTwoPass(part))
  const made =
    single.length < parts.length
      ? perBlockTwice(name, `${name}, first pass`, given(parts))
      : perBlock(
          name,
          given(single),
          single.flatMap(({ constants }) => constants)
        )
  // Its operations are those of all its parts, which `Mixed` says.
  return made as unknown as Mixed<Parts>
}
