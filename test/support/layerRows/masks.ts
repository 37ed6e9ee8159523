/** Embeddings, and what makes, keeps and ends masks. */
import type { OracleOp } from "../../oracle/graph/graph.ts"
import { dense, flatten, type LayerNet, tanh, tokens } from "../layerRow.ts"
import { dyadic } from "../measure.ts"
import { chained } from "./chained.ts"

/** Normals, some positions of which have one value in all channels. */
const withMaskedPositions =
  (length: number, channels: number, value: number): LayerNet["inputs"] =>
  (random, examples) =>
    Array.from({ length: examples }, (_, n) => {
      const x = dyadic(random.normals(length * channels), 12)
      const t = n % (length + 1)
      return t < length ? x.fill(value, t * channels, (t + 1) * channels) : x
    })

const embedded = (padding?: number): ReadonlyArray<OracleOp> => [
  { kind: "embedding", vocabulary: 6, size: 3, ...(padding !== undefined && { padding }) },
  { kind: "positionalEmbedding" },
  dense(5),
  tanh
]

export const masks: Readonly<Record<string, LayerNet>> = {
  "embedding and positionalEmbedding": {
    ...chained(4, [...embedded(), dense(2)], (N) => [
      N.embedding({ vocabulary: 6, size: 3 }),
      N.positionalEmbedding,
      N.dense(5),
      N.tanh,
      N.dense(2)
    ]),
    inputs: tokens(4, 6)
  },
  "embedding with padding, a masked sequence of outputs": {
    ...chained(
      4,
      [...embedded(2), { kind: "layerNorm", epsilon: 0.01 }, dense(2)],
      (N) => [
        N.embedding({ vocabulary: 6, size: 3, padding: 2 }),
        N.positionalEmbedding,
        N.dense(5),
        N.tanh,
        N.layerNorm({ epsilon: 0.01 }),
        N.dense(2)
      ],
      [[...embedded(), { kind: "layerNorm", epsilon: 0.01 }, dense(2)]]
    ),
    inputs: tokens(4, 6, 2)
  },
  "embedding with padding, flattened": {
    ...chained(
      4,
      [
        { kind: "embedding", vocabulary: 6, size: 3, padding: 0 },
        { kind: "groupNorm", groups: 3, epsilon: 0.1 },
        flatten,
        dense(2)
      ],
      (N) => [
        N.embedding({ vocabulary: 6, size: 3, padding: 0 }),
        N.groupNorm({ groups: 3, epsilon: 0.1 }),
        N.flatten,
        N.dense(2)
      ]
    ),
    inputs: tokens(4, 6, 0)
  },
  masking: {
    ...chained(
      { length: 4, channels: 3 },
      [{ kind: "masking", value: -1.5 }, dense(5), tanh, { kind: "masking", value: 0 }, dense(2)],
      (N) => [N.masking({ value: -1.5 }), N.dense(5), N.tanh, N.masking({ value: 0 }), N.dense(2)],
      [[{ kind: "masking", value: 0 }, dense(5), tanh, dense(2)]]
    ),
    inputs: withMaskedPositions(4, 3, -1.5)
  },
  "masking, all that keeps a mask, and a reshape that ends it": {
    ...chained(
      { length: 4, channels: 3 },
      [
        { kind: "masking", value: 0.5 },
        { kind: "positionalEmbedding" },
        { kind: "rmsNorm", epsilon: 0.1 },
        {
          kind: "batchNorm",
          mean: [1, 0, -1],
          variance: [0.5, 1, 2],
          epsilon: 0.01,
          scale: false,
          shift: false
        },
        { kind: "softmax" },
        { kind: "dropout" },
        { kind: "reshape", shape: { length: 6, channels: 2 } },
        dense(3)
      ],
      (N) => [
        N.masking({ value: 0.5 }),
        N.positionalEmbedding,
        N.rmsNorm({ epsilon: 0.1 }),
        N.batchNorm({ mean: [1, 0, -1], variance: [0.5, 1, 2], epsilon: 0.01, scale: false, shift: false }),
        N.softmax,
        N.dropout(0.3),
        N.reshape({ length: 6, channels: 2 }),
        N.dense(3)
      ]
    ),
    inputs: withMaskedPositions(4, 3, 0.5)
  }
}
