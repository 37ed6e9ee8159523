/** Parameters with several uses, of one layer, of several and transposed. */
import { sequence } from "../../oracle/graph/build.ts"
import type { OracleOp } from "../../oracle/graph/graph.ts"
import { dense, type LayerNet, row, sigmoid, tanh, tokens } from "../layerRow.ts"

const sharedDense = (units: number, bias = true): OracleOp => ({ kind: "dense", units, bias, block: "a" })
const transposedDense = (units: number): OracleOp => ({ kind: "dense", units, transposed: true, block: "a" })

export const sharings: Readonly<Record<string, LayerNet>> = {
  "a dense layer shared by three places": row({
    oracle: sequence(3, [sharedDense(3), tanh, dense(3), sharedDense(3), sigmoid, sharedDense(3), dense(2)]),
    library: (N) =>
      N.sequential(3, [
        N.shared("a", N.dense(3)),
        N.tanh,
        N.dense(3),
        N.shared("a", N.dense(3)),
        N.sigmoid,
        N.shared("a", N.dense(3)),
        N.dense(2)
      ])
  }),
  "a dense layer shared by two places of a sequence with padding": row({
    oracle: sequence(4, [
      { kind: "embedding", vocabulary: 5, size: 3, padding: 2 },
      sharedDense(3),
      tanh,
      sharedDense(3),
      dense(2, false)
    ]),
    library: (N) =>
      N.sequential(4, [
        N.embedding({ vocabulary: 5, size: 3, padding: 2 }),
        N.shared("a", N.dense(3)),
        N.tanh,
        N.shared("a", N.dense(3)),
        N.dense(2, { bias: false })
      ]),
    inputs: tokens(4, 5, 2)
  }),
  "self-attention shared by two places": row({
    oracle: sequence({ length: 3, channels: 2 }, [
      { kind: "selfAttention", heads: 2, keySize: 4, block: "a" },
      tanh,
      { kind: "selfAttention", heads: 2, keySize: 4, block: "a" }
    ]),
    library: (N) =>
      N.sequential({ length: 3, channels: 2 }, [
        N.shared("a", N.selfAttention({ heads: 2, keySize: 4 })),
        N.tanh,
        N.shared("a", N.selfAttention({ heads: 2, keySize: 4 }))
      ])
  }),
  "a kernel used twice and its transpose, on a sequence": row({
    oracle: sequence({ length: 2, channels: 3 }, [
      sharedDense(3, false),
      tanh,
      dense(3),
      transposedDense(3),
      sigmoid,
      sharedDense(3, false)
    ]),
    library: (N) =>
      N.sequential({ length: 2, channels: 3 }, [
        N.shared("a", N.dense(3, { bias: false })),
        N.tanh,
        N.dense(3),
        N.transposed("a"),
        N.sigmoid,
        N.shared("a", N.dense(3, { bias: false }))
      ])
  })
}
