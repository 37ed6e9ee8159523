/**
 * A network in the making: operations that take values of earlier ones.
 *
 * A layer adds its operations here (`Layer.place`); so does a program of one's own that `Network.graph` runs. Every parametric operation has
 * one block of parameters, and may have that of an earlier one: `shared` is how.
 */
import { InvalidArgument, ShapeMismatch } from "../Errors.ts"
import type { BuiltLayer, BuiltMerge, Layer } from "./Layer.ts"
import type { ParamBlock } from "./ParamSpace.ts"
import { described, type Form, formOf, type Shape, sizeOf } from "./Shape.ts"

/** A value of the network: x, or what an operation gives. */
export interface Node {
  /** Its place among the values: 0 is x. */
  readonly index: number
  readonly shape: Shape
  /** Of the layer that gives it, for errors. */
  readonly name: string
}

/** An operation in its place. */
export interface NetworkLayer {
  readonly name: string
  readonly operation:
    | { readonly _tag: "Layer"; readonly layer: BuiltLayer }
    | { readonly _tag: "Merge"; readonly merge: BuiltMerge }
  /** The values that it takes: 0 is x, and i + 1 what operation i gives. */
  readonly inputs: ReadonlyArray<number>
  /** How many numbers its output has. */
  readonly outputs: number
  /** Index of its block in the space, or -1 where it has no parameters. */
  readonly block: number
}

export interface Graph {
  /**
   * Adds an operation of one input, with a block of parameters of its own if it has any; `block` gives it that of a shared layer.
   *
   * *Throws* `ShapeMismatch` where a shared layer has other parameters here than at its first place; `InvalidArgument` for an input that is
   * no value of this network.
   */
  readonly add: (name: string, layer: BuiltLayer, input: Node, block?: number) => Node
  /**
   * Adds an operation of several inputs, which `build` makes once they are known to be values of this network.
   *
   * *Throws* `InvalidArgument` where they are not.
   */
  readonly merge: (name: string, build: () => BuiltMerge, inputs: ReadonlyArray<Node>) => Node
  /** Adds a layer. *Throws* `ShapeMismatch` for one that does not take this input, naming the layer before it. */
  readonly place: (layer: Layer<string>, input: Node) => Node
  /**
   * Places a layer with the parameters that it had at the first call of this name, in order.
   *
   * *Throws* `InvalidArgument` where that was another layer.
   */
  readonly share: (name: string, layer: Layer<string>, input: Node) => Node
  /** The blocks that `share` gave to this name, none before its first call. */
  readonly blocksOf: (name: string) => ReadonlyArray<number>
  /** Says that a block is used in more ways than as a sum of outer products, and gives its shape. */
  readonly written: (block: number) => Pick<ParamBlock, "rows" | "columns" | "bias">
}

/** What was built. */
export interface Built {
  readonly layers: ReadonlyArray<NetworkLayer>
  readonly blocks: ReadonlyArray<ParamBlock>
}

interface Shared {
  /** The layer's name. */
  readonly layer: string
  readonly blocks: Array<number>
  next: number
}

/**
 * A new graph with x for its only value, and what was built when it is done: a copy, which nothing that is placed later changes.
 *
 * `built` *throws* `InvalidArgument` for an output that is no value of it.
 */
export const make = (
  input: Shape
): { readonly graph: Graph; readonly input: Node; readonly built: (output: Node) => Built } => {
  const layers: Array<NetworkLayer> = []
  const blocks: Array<ParamBlock> = []
  const shared = new Map<string, Shared>()
  let sharing: Shared | undefined
  const path: Array<{ readonly label: string; next: number }> = [{ label: "", next: 0 }]

  const x: Node = { index: 0, shape: input, name: "the input" }
  const nodes = new Set<unknown>([x])

  const added = (layer: NetworkLayer, shape: Shape): Node => {
    layers.push(layer)
    const node = { index: layers.length, shape, name: layer.name }
    nodes.add(node)
    return node
  }
  const newBlock = (name: string, { shape }: BuiltLayer): number => {
    const offset = blocks.reduce((sum, { columns, rows }) => sum + rows * columns, 0)
    blocks.push({ ...shape!, layer: path.at(-1)!.label || name, offset })
    return blocks.length - 1
  }
  const blockFor = (name: string, layer: BuiltLayer): number => {
    if (layer.shape === undefined) return -1
    if (sharing === undefined) return newBlock(name, layer)
    const known = sharing.blocks[sharing.next++]
    if (known !== undefined) return requireAlike(name, layer, blocks[known]!, known)
    const made = newBlock(name, layer)
    sharing.blocks.push(made)
    return made
  }

  const graph: Graph = {
    add: (name, layer, node, block) => {
      requireNode(nodes, node)
      return added(
        {
          name,
          operation: { _tag: "Layer", layer },
          inputs: [node.index],
          outputs: sizeOf(layer.output),
          block: block ?? blockFor(name, layer)
        },
        layer.output
      )
    },
    merge: (name, build, inputs) => {
      for (const node of inputs) requireNode(nodes, node)
      const merge = build()
      return added(
        {
          name,
          operation: { _tag: "Merge", merge },
          inputs: inputs.map(({ index }) => index),
          outputs: sizeOf(merge.output),
          block: -1
        },
        merge.output
      )
    },
    place: (layer, node) => {
      requireLayer(layer)
      requireNode(nodes, node)
      requireForm(layer, node)
      const { label, next } = path.at(-1)!
      path.at(-1)!.next = next + 1
      path.push({ label: `${label}${label === "" ? "" : " / "}${next} ${layer.name}`, next: 0 })
      try {
        return layer.place(graph, node)
      } finally {
        path.pop()
      }
    },
    share: (name, layer, node) => {
      const own = shared.get(name) ?? { layer: layer.name, blocks: [], next: 0 }
      requireSameLayer(name, own, layer)
      shared.set(name, own)
      const outer = sharing
      own.next = 0
      sharing = own
      try {
        return graph.place(layer, node)
      } finally {
        sharing = outer
      }
    },
    blocksOf: (name) => shared.get(name)?.blocks ?? [],
    written: (block) => (blocks[block] = { ...blocks[block]!, form: "written" })
  }
  const built = (output: Node): Built => {
    if (!nodes.has(output)) throw noOutput(output)
    return { layers: [...layers], blocks: [...blocks] }
  }
  return { graph, input: x, built }
}

const requireAlike = (name: string, { shape }: BuiltLayer, block: ParamBlock, index: number): number => {
  if (shape!.rows === block.rows && shape!.columns === block.columns && shape!.bias === block.bias)
    return index
  throw new ShapeMismatch({
    what: name,
    expected: `${block.rows} x ${block.columns} parameters`,
    actual: `${shape!.rows} x ${shape!.columns}`,
    message: `The shared layer ${name} has ${shape!.rows} x ${shape!.columns} parameters here and ${block.rows} x ${block.columns} at its first place, ${block.layer}. Give it inputs of one size.`
  })
}

const requireSameLayer = (name: string, first: Shared, layer: Layer<string>): void => {
  if (first.layer === layer.name) return
  throw new InvalidArgument({
    argument: "layer",
    value: layer.name,
    message: `The layer shared as "${name}" is ${layer.name} here and ${first.layer} at its first place. Give one layer everywhere, or another name.`
  })
}

export const isLayer = (value: unknown): value is Layer<string> =>
  typeof value === "object" && value !== null && "_tag" in value && value._tag === "Layer"

const requireLayer = (value: unknown): void => {
  if (isLayer(value)) return
  throw new InvalidArgument({
    argument: "layer",
    value: typeof value === "function" ? `the function ${value.name}` : String(value),
    message: "What was placed is no layer. Give a layer of Network, such as Network.dense(10)."
  })
}

const requireNode = (nodes: ReadonlySet<unknown>, value: unknown): void => {
  if (nodes.has(value)) return
  throw new InvalidArgument({
    argument: "input",
    value: typeof value,
    message:
      "What a layer was placed on is no value of this network. Give the input, or what a layer placed before gave."
  })
}

const noOutput = (value: unknown): InvalidArgument =>
  new InvalidArgument({
    argument: "build",
    value: typeof value,
    message:
      "What build returned is no value of this network. Return what a layer placed on its graph gave, such as graph.place(layer, input)."
  })

const plural: Readonly<Record<Form, string>> = {
  numbers: "numbers",
  sequence: "a sequence",
  image: "an image"
}

/** What to do about a layer that is given another form than it takes. */
const remedy = (takes: ReadonlyArray<Form>, given: Form, first: boolean): string => {
  if (takes.includes("numbers")) return "Put Network.flatten before it."
  if (given !== "numbers") return "Put Network.reshape before it."
  const shape = takes.includes("image") ? "{ height, width, channels }" : "{ length, channels }"
  return first
    ? `Give the network ${shape} in place of a number.`
    : `Put it before the ${takes.includes("image") ? "image" : "sequence"} is flattened.`
}

const requireForm = ({ name, takes }: Layer<string>, { index, name: before, shape }: Node): void => {
  const given = formOf(shape)
  if (takes === undefined || takes.includes(given)) return
  const due = takes.map((form) => plural[form]).join(" or ")
  const what = index === 0 ? "the input is" : `${before} before it gives`
  throw new ShapeMismatch({
    what: name,
    expected: due,
    actual: described(shape),
    message: `${name} takes ${due}, and ${what} ${described(shape)}. ${remedy(takes, given, index === 0)}`
  })
}
