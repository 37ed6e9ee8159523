/** Softmax, dropout and reshape. */
import { dense, flatten, type LayerNet, tanh } from "../layerRow.ts"
import { chained } from "./chained.ts"

export const pointwise: Readonly<Record<string, LayerNet>> = {
  "softmax on numbers, and dropout": chained(
    3,
    [dense(4), { kind: "softmax" }, { kind: "dropout" }, dense(2)],
    (N) => [N.dense(4), N.softmax, N.dropout(0.5), N.dense(2)]
  ),
  "softmax on a sequence": chained(
    { length: 4, channels: 3 },
    [dense(5), { kind: "softmax" }, dense(2)],
    (N) => [N.dense(5), N.softmax, N.dense(2)],
    [
      [
        dense(5),
        flatten,
        { kind: "softmax" },
        { kind: "reshape", shape: { length: 4, channels: 5 } },
        dense(2)
      ]
    ]
  ),
  "reshape of numbers, a sequence and an image": chained(
    5,
    [
      dense(12),
      { kind: "reshape", shape: { length: 4, channels: 3 } },
      dense(2),
      { kind: "reshape", shape: { height: 2, width: 4, channels: 1 } },
      { kind: "conv2d", filters: 3, kernel: [2, 1] },
      { kind: "reshape", shape: 12 },
      tanh,
      { kind: "reshape", shape: { length: 6, channels: 2 } }
    ],
    (N) => [
      N.dense(12),
      N.reshape({ length: 4, channels: 3 }),
      N.dense(2),
      N.reshape({ height: 2, width: 4, channels: 1 }),
      N.conv2d({ filters: 3, kernel: [2, 1] }),
      N.reshape(12),
      N.tanh,
      N.reshape({ length: 6, channels: 2 })
    ]
  )
}
