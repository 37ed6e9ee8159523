/** Builders of networks: chains, and graphs with residual and parallel branches. */
import type { GraphNetwork, OracleNode, OracleOp, Shape } from "./graph.ts"
import type { MergeOp } from "./merge.ts"

/** Builds a graph node by node. A value is known by its number; that of x is 0. */
export interface Builder {
  readonly x: 0
  /** The value that the operation makes of the given ones. */
  readonly apply: (op: OracleOp, ...inputs: ReadonlyArray<number>) => number
  /** The operations one after the other, from a value on. */
  readonly chain: (from: number, ops: ReadonlyArray<OracleOp>) => number
  /** a + chain(a). */
  readonly residual: (from: number, ops: ReadonlyArray<OracleOp>) => number
  /** Several chains from one value, merged. */
  readonly parallel: (
    from: number,
    branches: ReadonlyArray<ReadonlyArray<OracleOp>>,
    merge: MergeOp["kind"]
  ) => number
  /** The network, whose output is the last value made unless said. */
  readonly network: (output?: number) => GraphNetwork
}

export const builder = (input: Shape): Builder => {
  const nodes: Array<OracleNode> = []
  const apply: Builder["apply"] = (op, ...inputs) => nodes.push({ op, inputs })
  const chain: Builder["chain"] = (from, ops) => ops.reduce((value, op) => apply(op, value), from)
  return {
    x: 0,
    apply,
    chain,
    residual: (from, ops) => apply({ kind: "add" }, from, chain(from, ops)),
    parallel: (from, branches, kind) => apply({ kind }, ...branches.map((ops) => chain(from, ops))),
    network: (output) => ({ input, nodes: [...nodes], ...(output !== undefined && { output }) })
  }
}

/** The operations one after the other. */
export const sequence = (input: Shape, ops: ReadonlyArray<OracleOp>): GraphNetwork => ({
  input,
  nodes: ops.map((op, i) => ({ op, inputs: [i] }))
})
