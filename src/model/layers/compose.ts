/** Layers made of layers: f beside what it was given, or several branches merged. Their parameters are those of their parts. */
import { InvalidArgument } from "../../Errors.ts"
import { shown } from "../../Options.ts"
import type { Layer } from "../Layer.ts"
import type { Form } from "../Shape.ts"
import { type Chain, type ChainName, chainName, type Ending, placeChain, requireChain } from "./chain.ts"
import { type MergeKind, merged } from "./merge.ts"

/** Chains of layers from one value. */
export type Branches = ReadonlyArray<Chain>

/** The names of branches, such as `"dense(3) > tanh | identity"`. */
export type BranchNames<All extends Branches> = All extends readonly [infer Only extends Chain]
  ? ChainName<Only>
  : All extends readonly [infer First extends Chain, ...infer Rest extends Branches]
    ? `${ChainName<First>} | ${BranchNames<Rest>}`
    : string

/** The form that all branches end in where they begin with `Now`; never, where they do not agree. */
type Agreed<Now extends Form, All extends Branches> = All extends readonly [
  infer First extends Chain,
  ...infer Rest extends Branches
]
  ? Ending<Now, First> & Agreed<Now, Rest>
  : Form

/** The forms that the branches can begin with. */
type Beginnings<All extends Branches> = {
  [Now in Form]: [Agreed<Now, All>] extends [never] ? never : Now
}[Form]

/** The forms among them that end as another one. */
type Turned<All extends Branches> = {
  [Now in Form]: [Agreed<Now, All>] extends [never | Now] ? never : Now
}[Form]

type Endings<All extends Branches> = { [Now in Form]: Agreed<Now, All> }[Form]

/** What branches are, merged, for the compiler. */
export type Merged<Kind extends string, All extends Branches> = Layer<
  `${Kind}(${BranchNames<All>})`,
  Beginnings<All>,
  [Turned<All>] extends [never] ? "same" : Endings<All>
>

/** What branches must be, for the compiler: anything, or where they cannot fit, what is wrong. */
export type Agreeing<Kind extends string, All extends Branches> = [Beginnings<All>] extends [never]
  ? `the branches of ${Kind} do not end in one form: end them alike`
  : unknown

const branching =
  <const Kind extends MergeKind>(kind: Kind) =>
  <const All extends Branches>(branches: All & Agreeing<Kind, All>): Merged<Kind, All> => {
    const chains = decodedBranches(kind, branches)
    const name = `${kind}(${chains.map(chainName).join(" | ")})`
    return {
      _tag: "Layer",
      name: name as Merged<Kind, All>["name"],
      place: (graph, input) =>
        merged(
          kind,
          name,
          graph,
          chains.map((chain) => placeChain(graph, input, chain))
        )
    }
  }

const decodedBranches = (kind: MergeKind, branches: unknown): Branches => {
  if (!Array.isArray(branches) || branches.length < 2) {
    const value = Array.isArray(branches) ? `${branches.length} branches` : shown(branches)
    throw new InvalidArgument({
      argument: "branches",
      value,
      message: `branches of ${kind} is ${value}. Give two arrays of layers or more.`
    })
  }
  branches.forEach((chain, i) => requireChain(`branches.${i}`, chain))
  return branches.map((chain: Chain) => [...chain])
}

/**
 * The sum of branches of layers, each an array of them from the same input; [] is the input itself.
 *
 * *Throws*: `InvalidArgument` for fewer than two branches or what is no array of layers; when placed, `ShapeMismatch` for branches
 * that do not end in one shape.
 */
export const add = branching("add")

/** The product of branches, entry by entry. *Throws*: as `add`. */
export const multiply = branching("multiply")

/**
 * The channels of branches that have the same positions, side by side at each position; of numbers, one branch after the other.
 *
 * *Throws*: as `add`, for branches of unlike positions.
 */
export const concatenate = branching("concatenate")

/** What the layers of a residual must be, for the compiler: anything, or what is wrong. */
export type Returning<Layers extends Chain> = [Beginnings<readonly [readonly [], Layers]>] extends [never]
  ? "a residual ends in the form that it begins with: end its layers so"
  : unknown

/** A residual block, for the compiler. */
export type Residual<Layers extends Chain> = Layer<
  `residual(${ChainName<Layers>})`,
  Beginnings<readonly [readonly [], Layers]>,
  "same"
>

/**
 * x + f(x), with f the layers one after the other. *Source*: He, Zhang, Ren and Sun 2016, eq. 1.
 *
 * *Throws*: `InvalidArgument` for what is no array of layers; when placed, `ShapeMismatch` where f(x) has another shape than x.
 */
export const residual = <const Layers extends Chain>(
  layers: Layers & Returning<Layers>
): Residual<Layers> => {
  requireChain("layers", layers)
  const chain: Chain = [...layers]
  const name = `residual(${chainName(chain)})`
  return {
    _tag: "Layer",
    name: name as Residual<Layers>["name"],
    place: (graph, input) => merged("add", name, graph, [input, placeChain(graph, input, chain)])
  }
}
