/** Networks that are no chains, and layers that share their parameters. */
import { builder, sequence } from "../../oracle/graph/build.ts"
import type { GraphNetwork } from "../../oracle/graph/graph.ts"
import { dense, type LayerNet, row, sigmoid, tanh, tokens } from "../layerRow.ts"
import { sumOfTwo } from "../ownMerge.ts"

const forked = (): GraphNetwork => {
  const graph = builder(3)
  const a = graph.chain(graph.x, [dense(4), tanh])
  const b = graph.chain(a, [dense(4), sigmoid])
  const c = graph.apply({ kind: "add" }, a, b)
  graph.chain(graph.apply({ kind: "add" }, c, graph.apply(dense(4, false), b)), [dense(2)])
  return graph.network()
}

export const graphs: Readonly<Record<string, LayerNet>> = {
  "a graph whose values have several consumers": row({
    oracle: forked(),
    library: (N) =>
      N.graph("forked", 3, (x, graph) => {
        const a = graph.place(N.tanh, graph.place(N.dense(4), x))
        const b = graph.place(N.sigmoid, graph.place(N.dense(4), a))
        const c = sumOfTwo(graph, a, b)
        return graph.place(N.dense(2), sumOfTwo(graph, c, graph.place(N.dense(4, { bias: false }), b)))
      })
  }),
  "a table of tokens and its transpose": row({
    oracle: sequence(4, [
      { kind: "embedding", vocabulary: 5, size: 3, padding: 0, block: "tokens" },
      tanh,
      dense(3),
      { kind: "dense", units: 5, block: "tokens", transposed: true }
    ]),
    inputs: tokens(4, 5, 0),
    library: (N) =>
      N.sequential(4, [
        N.shared("tokens", N.embedding({ vocabulary: 5, size: 3, padding: 0 })),
        N.tanh,
        N.dense(3),
        N.transposed("tokens")
      ])
  })
}
