/** Self-attention: causal or not, with a key size or without, with and without biases and masks. */
import { builder, sequence } from "../../oracle/graph/build.ts"
import type { GraphNetwork, OracleOp } from "../../oracle/graph/graph.ts"
import { dense, flatten, type LayerNet, row, tanh, tokens } from "../layerRow.ts"

const attention = (
  options: Omit<Extract<OracleOp, { readonly kind: "selfAttention" }>, "kind" | "block">
): OracleOp => ({ kind: "selfAttention", ...options })

const attended = (causal: boolean): GraphNetwork =>
  sequence({ length: 4, channels: 2 }, [attention({ heads: 3, keySize: 2, causal }), flatten, dense(2)])

const attendedTokens = (padding?: number): GraphNetwork =>
  sequence(4, [
    { kind: "embedding", vocabulary: 5, size: 2, ...(padding !== undefined && { padding }) },
    attention({ heads: 3, keySize: 2, bias: false }),
    dense(3)
  ])

const transformer = (causal: boolean): GraphNetwork => {
  const graph = builder(4)
  const norm: OracleOp = { kind: "layerNorm", epsilon: 1e-2 }
  const embedded = graph.chain(graph.x, [
    { kind: "embedding", vocabulary: 5, size: 3, padding: 1 },
    { kind: "positionalEmbedding" }
  ])
  const mixed = graph.residual(embedded, [norm, attention({ heads: 2, keySize: 2, bias: false, causal })])
  const moved = graph.residual(mixed, [norm, dense(2), { kind: "activation", name: "gelu" }, dense(3)])
  graph.chain(moved, [dense(2)])
  return graph.network()
}

export const attentions: Readonly<Record<string, LayerNet>> = {
  "self-attention, causal, with a key size": row({
    oracle: attended(true),
    library: (N) =>
      N.sequential({ length: 4, channels: 2 }, [
        N.selfAttention({ heads: 3, keySize: 2, causal: true }),
        N.flatten,
        N.dense(2)
      ]),
    wrong: [attended(false)]
  }),
  "self-attention between dense layers, no bias": row({
    oracle: sequence({ length: 3, channels: 2 }, [
      dense(4),
      attention({ heads: 2, keySize: 2, bias: false }),
      tanh,
      dense(2)
    ]),
    library: (N) =>
      N.sequential({ length: 3, channels: 2 }, [
        N.dense(4),
        N.selfAttention({ heads: 2, bias: false }),
        N.tanh,
        N.dense(2)
      ])
  }),
  "self-attention of tokens with padding": row({
    oracle: attendedTokens(1),
    library: (N) =>
      N.sequential(4, [
        N.embedding({ vocabulary: 5, size: 2, padding: 1 }),
        N.selfAttention({ heads: 3, keySize: 2, bias: false }),
        N.dense(3)
      ]),
    inputs: tokens(4, 5, 1),
    wrong: [attendedTokens()]
  }),
  "a transformer of tokens with padding, causal": row({
    oracle: transformer(true),
    library: (N) =>
      N.sequential(4, [
        N.embedding({ vocabulary: 5, size: 3, padding: 1 }),
        N.positionalEmbedding,
        N.residual([
          N.layerNorm({ epsilon: 1e-2 }),
          N.selfAttention({ heads: 2, keySize: 2, bias: false, causal: true })
        ]),
        N.residual([N.layerNorm({ epsilon: 1e-2 }), N.dense(2), N.gelu, N.dense(3)]),
        N.dense(2)
      ]),
    inputs: tokens(4, 5, 1),
    wrong: [transformer(false)]
  })
}
