/**
 * Networks that are graphs of operations, and their values.
 *
 * Value 0 is x and value i + 1 what node i makes of earlier values. The parameters theta are the blocks one after the other, each
 * row-major, in the order in which the nodes first use them. Nodes that give their blocks the same name share them.
 */
import type { Rows, Vector } from "../linear.ts"
import type { Form, Operation, Slot } from "./operation.ts"
import { type OracleOp, operation, sharedName } from "./operations.ts"
import { forgetMask, type Shape, sizeOf, type Value } from "./values.ts"

export type { OracleOp } from "./operations.ts"
export type { Shape, Value } from "./values.ts"

export interface OracleNode {
  readonly op: OracleOp
  /** Which values it reads. */
  readonly inputs: ReadonlyArray<number>
}

export interface GraphNetwork {
  readonly input: Shape
  readonly nodes: ReadonlyArray<OracleNode>
  /** Which value is the network's output: the last unless said. */
  readonly output?: number
}

export interface GraphBlock {
  readonly name: string
  readonly rows: number
  readonly columns: number
  /** Whether the last row is a bias. */
  readonly bias: boolean
  readonly offset: number
  readonly form: Form
  /** At how many positions the block is applied, T: over all its uses. */
  readonly positions: number
}

/** One use of a block of the outer form, as it came in an evaluation. */
export interface Use {
  /** The block's place in `blocksOf`. */
  readonly block: number
  readonly abar: Rows
  readonly mask: Value["mask"]
}

/** Adds delta to entry [t, column] of what the use of that number makes of its block. */
export interface Nudge {
  readonly use: number
  readonly t: number
  readonly column: number
  readonly delta: number
}

export interface Evaluation {
  readonly values: ReadonlyArray<Value>
  /** In the order of the nodes, and in a node of its slots. */
  readonly uses: ReadonlyArray<Use>
  /** The output, 0 at masked positions. */
  readonly z: Float64Array
}

/** A network with its shapes and blocks worked out. */
export interface Plan {
  readonly net: GraphNetwork
  readonly operations: ReadonlyArray<Operation>
  readonly shapes: ReadonlyArray<Shape>
  readonly blocks: ReadonlyArray<GraphBlock>
  /** slots[i][k] is the block of slot k of node i. */
  readonly slots: ReadonlyArray<ReadonlyArray<number>>
  readonly output: number
}

type Growing = Omit<GraphBlock, "offset">

/** The block when one more use of it is counted. */
const withUse = (block: Growing, slot: Slot): Growing => {
  const fail = () => new RangeError(`the uses of block ${block.name} do not agree`)
  const positions = block.positions + slot.positions
  const forms = [block.form, slot.form]
  if (forms.includes("elementwise") && block.form !== slot.form) throw fail()
  const [kernel, own] = [block, slot].map(({ bias, rows }) => rows - (bias ? 1 : 0))
  if (kernel !== own || block.columns !== slot.columns) throw fail()
  if (slot.form === "written") return { ...block, form: "written", positions }
  // A transposed use came first and could not know of the bias.
  if (block.form === "written") return { ...block, rows: slot.rows, bias: slot.bias, positions }
  if (block.bias !== slot.bias) throw fail()
  return { ...block, positions }
}

export const planOf = (net: GraphNetwork): Plan => {
  const operations: Array<Operation> = []
  const shapes: Array<Shape> = [net.input]
  const growing: Array<Growing> = []
  const slots = net.nodes.map(({ inputs, op }, i) => {
    const given = inputs.map((k) => {
      if (!Number.isInteger(k) || k < 0 || k > i) throw new RangeError(`node ${i} reads value ${k}`)
      return shapes[k]!
    })
    const made = operation(op, given)
    operations.push(made)
    shapes.push(made.shape)
    return made.slots.map((slot) => {
      const prefix = sharedName(op) ?? `${i}.${op.kind}`
      const name = slot.part === "" ? prefix : `${prefix}.${slot.part}`
      const { bias, columns, form, positions, rows } = slot
      const place = growing.findIndex((block) => block.name === name)
      if (place < 0) return growing.push({ name, rows, columns, bias, form, positions }) - 1
      growing[place] = withUse(growing[place]!, slot)
      return place
    })
  })
  let offset = 0
  const blocks = growing.map((block) => {
    offset += block.rows * block.columns
    return { ...block, offset: offset - block.rows * block.columns }
  })
  return { net, operations, shapes, blocks, slots, output: net.output ?? net.nodes.length }
}

export const planSize = ({ blocks }: Plan): number =>
  blocks.reduce((sum, { columns, rows }) => sum + rows * columns, 0)

const check = (what: string, v: Vector, length: number): void => {
  if (v.length !== length) throw new RangeError(`${what} has ${v.length} entries, not ${length}`)
}

const matrixOf = ({ columns, offset, rows }: GraphBlock, theta: Vector): Rows =>
  Array.from({ length: rows }, (_, i) =>
    Float64Array.from({ length: columns }, (_, j) => theta[offset + i * columns + j]!)
  )

/** s with the nudge in it. */
const nudged = (s: Rows, { column, delta, t }: Nudge): Rows =>
  s.map((row, position) => (position === t ? row.map((v, j) => (j === column ? v + delta : v)) : row))

/** All values of the network at theta and x, with a nudge if there is one. */
export const evaluate = (plan: Plan, theta: Vector, x: Vector, nudge?: Nudge): Evaluation => {
  check("theta", theta, planSize(plan))
  check("x", x, sizeOf(plan.net.input))
  const values: Array<Value> = [{ shape: plan.net.input, data: Float64Array.from(x) }]
  const uses: Array<Use> = []
  plan.operations.forEach((made, i) => {
    const inputs = plan.net.nodes[i]!.inputs.map((k) => values[k]!)
    const slots = plan.slots[i]!
    const value = made.apply(made.seesMasks ? inputs : inputs.map(forgetMask), {
      parameters: (slot) => matrixOf(plan.blocks[slots[slot]!]!, theta),
      outer: (slot, abar, s, mask) => {
        uses.push({ block: slots[slot]!, abar, mask })
        return nudge?.use === uses.length - 1 ? nudged(s, nudge) : s
      }
    })
    values.push(value)
  })
  return { values, uses, z: forgetMask(values[plan.output]!).data }
}

/** The blocks in the order of theta. */
export const blocksOf = (net: GraphNetwork): ReadonlyArray<GraphBlock> => planOf(net).blocks

/** The number of parameters, P. */
export const size = (net: GraphNetwork): number => planSize(planOf(net))

/** The shape of every value: [0] of x and [i + 1] of node i. */
export const shapesOf = (net: GraphNetwork): ReadonlyArray<Shape> => planOf(net).shapes

export const outputShape = (net: GraphNetwork): Shape => {
  const { output, shapes } = planOf(net)
  return shapes[output]!
}

/** The number of outputs, C. */
export const outputSize = (net: GraphNetwork): number => sizeOf(outputShape(net))

/** Every value, with its mask: [0] is x and [i + 1] what node i makes. */
export const valuesOf = (net: GraphNetwork, theta: Vector, x: Vector): ReadonlyArray<Value> =>
  evaluate(planOf(net), theta, x).values

/** z = f(x, theta), [C], 0 at masked positions. */
export const outputs = (net: GraphNetwork, theta: Vector, x: Vector): Float64Array =>
  evaluate(planOf(net), theta, x).z
