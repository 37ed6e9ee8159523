/** Pooling: in windows that overlap, leave pixels out or reach into the padding, and over all positions. */
import type { OracleOp } from "../../oracle/graph/graph.ts"
import { dense, type LayerNet, tanh, tokens } from "../layerRow.ts"
import { chained } from "./chained.ts"

const overlapping = {
  size: [3, 2],
  stride: [2, 1],
  padding: [
    [1, 0],
    [0, 1]
  ]
} as const

const embedded = (padding?: number): ReadonlyArray<OracleOp> => [
  { kind: "embedding", vocabulary: 6, size: 3, ...(padding !== undefined && { padding }) },
  dense(4),
  tanh
]

export const pools: Readonly<Record<string, LayerNet>> = {
  "maxPool2d, which leaves pixels out": chained(
    { height: 4, width: 6, channels: 2 },
    [
      { kind: "conv2d", filters: 3, kernel: [1, 2] },
      { kind: "maxPool2d", size: [2, 2] },
      tanh,
      { kind: "conv2d", filters: 2, kernel: [2, 1] }
    ],
    (N) => [
      N.conv2d({ filters: 3, kernel: [1, 2] }),
      N.maxPool2d({ size: 2 }),
      N.tanh,
      N.conv2d({ filters: 2, kernel: [2, 1] })
    ],
    [
      [
        { kind: "conv2d", filters: 3, kernel: [1, 2] },
        { kind: "averagePool2d", size: [2, 2] },
        tanh,
        { kind: "conv2d", filters: 2, kernel: [2, 1] }
      ]
    ]
  ),
  "maxPool2d in windows that overlap, with padding": chained(
    { height: 4, width: 3, channels: 2 },
    [
      { kind: "conv2d", filters: 3, kernel: [1, 2] },
      { kind: "maxPool2d", ...overlapping },
      { kind: "conv2d", filters: 2, kernel: [2, 1] }
    ],
    (N) => [
      N.conv2d({ filters: 3, kernel: [1, 2] }),
      N.maxPool2d(overlapping),
      N.conv2d({ filters: 2, kernel: [2, 1] })
    ]
  ),
  "averagePool2d, which leaves pixels out": chained(
    { height: 5, width: 4, channels: 2 },
    [
      { kind: "conv2d", filters: 3, kernel: [2, 2] },
      tanh,
      { kind: "averagePool2d", size: [3, 2] },
      { kind: "conv2d", filters: 2, kernel: [1, 1] }
    ],
    (N) => [
      N.conv2d({ filters: 3, kernel: 2 }),
      N.tanh,
      N.averagePool2d({ size: [3, 2] }),
      N.conv2d({ filters: 2, kernel: 1 })
    ]
  ),
  "averagePool2d in windows that overlap, with padding": chained(
    { height: 4, width: 3, channels: 2 },
    [
      { kind: "conv2d", filters: 3, kernel: [1, 2] },
      tanh,
      { kind: "averagePool2d", ...overlapping },
      { kind: "conv2d", filters: 2, kernel: [2, 1] }
    ],
    (N) => [
      N.conv2d({ filters: 3, kernel: [1, 2] }),
      N.tanh,
      N.averagePool2d(overlapping),
      N.conv2d({ filters: 2, kernel: [2, 1] })
    ]
  ),
  "maxPool1d and averagePool1d, same and valid": chained(
    { length: 6, channels: 2 },
    [
      dense(3),
      { kind: "maxPool1d", size: 3, stride: 2, padding: [0, 1] },
      tanh,
      dense(4),
      { kind: "averagePool1d", size: 2, stride: 1, padding: [0, 1] },
      tanh,
      dense(2),
      { kind: "averagePool1d", size: 2 }
    ],
    (N) => [
      N.dense(3),
      N.maxPool1d({ size: 3, stride: 2, padding: "same" }),
      N.tanh,
      N.dense(4),
      N.averagePool1d({ size: 2, stride: 1, padding: "same" }),
      N.tanh,
      N.dense(2),
      N.averagePool1d({ size: 2 })
    ]
  ),
  "globalAveragePool of an image": chained(
    { height: 2, width: 3, channels: 2 },
    [
      { kind: "conv2d", filters: 3, kernel: [1, 2] },
      tanh,
      { kind: "globalAveragePool" },
      dense(4),
      tanh,
      dense(2)
    ],
    (N) => [
      N.conv2d({ filters: 3, kernel: [1, 2] }),
      N.tanh,
      N.globalAveragePool,
      N.dense(4),
      N.tanh,
      N.dense(2)
    ]
  ),
  "globalMaxPool of an image": chained(
    { height: 2, width: 3, channels: 2 },
    [{ kind: "conv2d", filters: 3, kernel: [1, 2] }, { kind: "globalMaxPool" }, dense(4), tanh, dense(2)],
    (N) => [N.conv2d({ filters: 3, kernel: [1, 2] }), N.globalMaxPool, N.dense(4), N.tanh, N.dense(2)]
  ),
  "globalAveragePool of a masked sequence": {
    ...chained(
      5,
      [...embedded(2), { kind: "globalAveragePool" }, dense(2)],
      (N) => [
        N.embedding({ vocabulary: 6, size: 3, padding: 2 }),
        N.dense(4),
        N.tanh,
        N.globalAveragePool,
        N.dense(2)
      ],
      [[...embedded(), { kind: "globalAveragePool" }, dense(2)]]
    ),
    inputs: tokens(5, 6, 2)
  },
  "globalMaxPool of a masked sequence": {
    ...chained(
      5,
      [...embedded(2), { kind: "globalMaxPool" }, dense(2)],
      (N) => [
        N.embedding({ vocabulary: 6, size: 3, padding: 2 }),
        N.dense(4),
        N.tanh,
        N.globalMaxPool,
        N.dense(2)
      ],
      [[...embedded(), { kind: "globalMaxPool" }, dense(2)]]
    ),
    inputs: tokens(5, 6, 2)
  }
}
