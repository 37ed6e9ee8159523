/** Residuals and branches, merged in every way. */
import { builder } from "../../oracle/graph/build.ts"
import type { GraphNetwork } from "../../oracle/graph/graph.ts"
import { dense, flatten, type LayerNet, row, sigmoid, tanh } from "../layerRow.ts"

const residualOf = (skip: boolean): GraphNetwork => {
  const graph = builder({ length: 4, channels: 3 })
  const ops = [dense(2), tanh, dense(3)]
  const y = skip ? graph.residual(graph.x, ops) : graph.chain(graph.x, ops)
  graph.chain(y, [flatten, dense(2)])
  return graph.network()
}

const branched = (merge: "add" | "multiply"): GraphNetwork => {
  const graph = builder(3)
  graph.chain(graph.parallel(graph.x, [[dense(4), tanh], [dense(4, false)], [dense(4)]], merge), [dense(2)])
  return graph.network()
}

const concatenated = (turned: boolean): GraphNetwork => {
  const graph = builder({ length: 3, channels: 2 })
  const branches = [[dense(3), tanh], [], [dense(2, false)]]
  const y = graph.parallel(graph.x, turned ? branches.toReversed() : branches, "concatenate")
  graph.chain(y, [sigmoid, dense(2)])
  return graph.network()
}

const ofNumbers = (turned: boolean): GraphNetwork => {
  const graph = builder(3)
  const branches = [[], [dense(2), sigmoid]]
  const y = graph.parallel(graph.x, turned ? branches.toReversed() : branches, "concatenate")
  graph.chain(y, [dense(4), tanh, dense(2)])
  return graph.network()
}

export const compositions: Readonly<Record<string, LayerNet>> = {
  "a residual on a sequence": row({
    oracle: residualOf(true),
    library: (N) =>
      N.sequential({ length: 4, channels: 3 }, [
        N.residual([N.dense(2), N.tanh, N.dense(3)]),
        N.flatten,
        N.dense(2)
      ]),
    wrong: [residualOf(false)]
  }),
  "the sum of three branches": row({
    oracle: branched("add"),
    library: (N) =>
      N.sequential(3, [
        N.add([[N.dense(4), N.tanh], [N.dense(4, { bias: false })], [N.dense(4)]]),
        N.dense(2)
      ]),
    wrong: [branched("multiply")]
  }),
  "the product of three branches": row({
    oracle: branched("multiply"),
    library: (N) =>
      N.sequential(3, [
        N.multiply([[N.dense(4), N.tanh], [N.dense(4, { bias: false })], [N.dense(4)]]),
        N.dense(2)
      ]),
    wrong: [branched("add")]
  }),
  "three branches of a sequence, concatenated": row({
    oracle: concatenated(false),
    library: (N) =>
      N.sequential({ length: 3, channels: 2 }, [
        N.concatenate([[N.dense(3), N.tanh], [], [N.dense(2, { bias: false })]]),
        N.sigmoid,
        N.dense(2)
      ]),
    wrong: [concatenated(true)]
  }),
  "numbers concatenated": row({
    oracle: ofNumbers(false),
    library: (N) =>
      N.graph("concatenated", 3, (x, graph) => {
        const y = graph.place(N.sigmoid, graph.place(N.dense(2), x))
        const all = N.merge.concatenate(graph, [x, y])
        return graph.place(N.dense(2), graph.place(N.tanh, graph.place(N.dense(4), all)))
      }),
    wrong: [ofNumbers(true)]
  })
}
