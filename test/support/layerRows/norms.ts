/** Normalisations, with scale and shift on and off. */
import { dense, type LayerNet, tanh } from "../layerRow.ts"
import { chained } from "./chained.ts"

const layerNorms: Readonly<Record<string, LayerNet>> = {
  "layerNorm on numbers": chained(
    3,
    [dense(4), { kind: "layerNorm", epsilon: 0.001 }, tanh, dense(2)],
    (N) => [N.dense(4), N.layerNorm(), N.tanh, N.dense(2)],
    [[dense(4), { kind: "layerNorm", epsilon: 0.01 }, tanh, dense(2)]]
  ),
  "layerNorm on a sequence, without shift and without scale": chained(
    { length: 4, channels: 3 },
    [
      dense(5),
      { kind: "layerNorm", epsilon: 0.01, shift: false },
      tanh,
      { kind: "layerNorm", epsilon: 0.25, scale: false },
      dense(2)
    ],
    (N) => [
      N.dense(5),
      N.layerNorm({ epsilon: 0.01, shift: false }),
      N.tanh,
      N.layerNorm({ epsilon: 0.25, scale: false }),
      N.dense(2)
    ]
  ),
  "layerNorm on an image, its parameters off and on": chained(
    { height: 3, width: 2, channels: 4 },
    [
      { kind: "layerNorm", epsilon: 0.1, scale: false, shift: false },
      { kind: "conv2d", filters: 3, kernel: [2, 1] },
      { kind: "layerNorm", epsilon: 0.01 }
    ],
    (N) => [
      N.layerNorm({ epsilon: 0.1, scale: false, shift: false }),
      N.conv2d({ filters: 3, kernel: [2, 1] }),
      N.layerNorm({ epsilon: 0.01 })
    ]
  ),
  "rmsNorm on a sequence": chained(
    { length: 4, channels: 3 },
    [dense(5), { kind: "rmsNorm", epsilon: 0.01 }, tanh, dense(2)],
    (N) => [N.dense(5), N.rmsNorm({ epsilon: 0.01 }), N.tanh, N.dense(2)],
    [[dense(5), { kind: "layerNorm", epsilon: 0.01, shift: false }, tanh, dense(2)]]
  ),
  "rmsNorm on numbers": chained(
    3,
    [{ kind: "rmsNorm", epsilon: 1e-6 }, dense(4), tanh, { kind: "rmsNorm", epsilon: 1e-6 }, dense(2)],
    (N) => [N.rmsNorm(), N.dense(4), N.tanh, N.rmsNorm(), N.dense(2)]
  )
}

const groupNorms: Readonly<Record<string, LayerNet>> = {
  "groupNorm on a sequence": chained(
    { length: 4, channels: 2 },
    [dense(6), { kind: "groupNorm", groups: 2, epsilon: 0.001 }, tanh, dense(3)],
    (N) => [N.dense(6), N.groupNorm({ groups: 2 }), N.tanh, N.dense(3)],
    [[dense(6), { kind: "groupNorm", groups: 3, epsilon: 0.001 }, tanh, dense(3)]]
  ),
  "groupNorm on numbers, one group and several": chained(
    3,
    [
      dense(6),
      { kind: "groupNorm", groups: 3, epsilon: 0.01, shift: false },
      tanh,
      dense(4),
      { kind: "groupNorm", groups: 1, epsilon: 0.1, scale: false },
      dense(2)
    ],
    (N) => [
      N.dense(6),
      N.groupNorm({ groups: 3, epsilon: 0.01, shift: false }),
      N.tanh,
      N.dense(4),
      N.groupNorm({ groups: 1, epsilon: 0.1, scale: false }),
      N.dense(2)
    ]
  ),
  "groupNorm on an image, a group a channel": chained(
    { height: 3, width: 2, channels: 4 },
    [
      { kind: "conv2d", filters: 3, kernel: [2, 1] },
      { kind: "groupNorm", groups: 3, epsilon: 0.01 },
      { kind: "activation", name: "silu" },
      { kind: "flatten" },
      dense(2)
    ],
    (N) => [
      N.conv2d({ filters: 3, kernel: [2, 1] }),
      N.groupNorm({ groups: 3, epsilon: 0.01 }),
      N.silu,
      N.flatten,
      N.dense(2)
    ]
  )
}

const mean = [0.5, -0.25, 1, 0, -0.75]
const variance = [0.5, 1.5, 2, 0.25, 0]

const batchNorms: Readonly<Record<string, LayerNet>> = {
  "batchNorm on a sequence": chained(
    { length: 4, channels: 3 },
    [dense(5), { kind: "batchNorm", mean, variance, epsilon: 0.01 }, tanh, dense(2)],
    (N) => [N.dense(5), N.batchNorm({ mean, variance, epsilon: 0.01 }), N.tanh, N.dense(2)],
    [[dense(5), { kind: "batchNorm", mean, variance: mean.map((v) => v * v), epsilon: 0.01 }, tanh, dense(2)]]
  ),
  "batchNorm on numbers, without scale, shift and both": chained(
    3,
    [
      dense(5),
      { kind: "batchNorm", mean, variance, epsilon: 0.5, scale: false },
      tanh,
      { kind: "batchNorm", mean, variance, epsilon: 0.25, shift: false },
      { kind: "batchNorm", mean, variance, epsilon: 0.125, scale: false, shift: false },
      dense(2)
    ],
    (N) => [
      N.dense(5),
      N.batchNorm({ mean, variance, epsilon: 0.5, scale: false }),
      N.tanh,
      N.batchNorm({ mean: Float32Array.from(mean), variance, epsilon: 0.25, shift: false }),
      N.batchNorm({ mean, variance, epsilon: 0.125, scale: false, shift: false }),
      N.dense(2)
    ]
  )
}

export const norms: Readonly<Record<string, LayerNet>> = { ...layerNorms, ...groupNorms, ...batchNorms }
