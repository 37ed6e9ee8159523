/** Convolutions. */
import { sequence } from "../../oracle/graph/build.ts"
import type { GraphNetwork } from "../../oracle/graph/graph.ts"
import { dense, flatten, type LayerNet, row, tanh } from "../layerRow.ts"
import { chained } from "./chained.ts"

type Conv2dPadding = readonly [readonly [number, number], readonly [number, number]]

const conv2dNet = (padding: Conv2dPadding): GraphNetwork =>
  sequence({ height: 5, width: 4, channels: 2 }, [
    { kind: "conv2d", filters: 3, kernel: [3, 2], stride: [2, 1], dilation: [1, 2], padding },
    tanh,
    { kind: "conv2d", filters: 2, kernel: [1, 2], bias: false },
    flatten,
    dense(2)
  ])

export const convolutions: Readonly<Record<string, LayerNet>> = {
  "conv2d with strides, padding and dilation": row({
    oracle: conv2dNet([
      [1, 0],
      [0, 2]
    ]),
    library: (N) =>
      N.sequential({ height: 5, width: 4, channels: 2 }, [
        N.conv2d({
          filters: 3,
          kernel: [3, 2],
          stride: [2, 1],
          dilation: [1, 2],
          padding: [
            [1, 0],
            [0, 2]
          ]
        }),
        N.tanh,
        N.conv2d({ filters: 2, kernel: [1, 2], bias: false }),
        N.flatten,
        N.dense(2)
      ]),
    wrong: [
      conv2dNet([
        [0, 1],
        [0, 2]
      ]),
      conv2dNet([
        [1, 0],
        [2, 0]
      ])
    ]
  }),
  "conv2d, an image of outputs": row({
    oracle: sequence({ height: 3, width: 4, channels: 2 }, [
      { kind: "conv2d", filters: 3, kernel: [2, 2] },
      { kind: "activation", name: "softplus" },
      { kind: "conv2d", filters: 2, kernel: [2, 1] }
    ]),
    library: (N) =>
      N.sequential({ height: 3, width: 4, channels: 2 }, [
        N.conv2d({ filters: 3, kernel: 2 }),
        N.softplus,
        N.conv2d({ filters: 2, kernel: [2, 1] })
      ])
  }),
  "conv2d of stride 1 after another, dilation and other padding on each end": chained(
    { height: 3, width: 2, channels: 2 },
    [
      { kind: "conv2d", filters: 3, kernel: [1, 1] },
      tanh,
      {
        kind: "conv2d",
        filters: 2,
        kernel: [2, 3],
        dilation: [2, 1],
        padding: [
          [1, 0],
          [1, 2]
        ]
      }
    ],
    (N) => [
      N.conv2d({ filters: 3, kernel: 1 }),
      N.tanh,
      N.conv2d({
        filters: 2,
        kernel: [2, 3],
        dilation: [2, 1],
        padding: [
          [1, 0],
          [1, 2]
        ]
      })
    ]
  ),
  "conv2d of stride 1 after another, padding beyond the kernel": chained(
    { height: 2, width: 3, channels: 2 },
    [
      { kind: "conv2d", filters: 4, kernel: [1, 1] },
      tanh,
      {
        kind: "conv2d",
        filters: 2,
        kernel: [1, 2],
        padding: [
          [1, 0],
          [0, 0]
        ]
      }
    ],
    (N) => [
      N.conv2d({ filters: 4, kernel: 1 }),
      N.tanh,
      N.conv2d({
        filters: 2,
        kernel: [1, 2],
        padding: [
          [1, 0],
          [0, 0]
        ]
      })
    ]
  ),
  "conv2d in groups, of strides and not": chained(
    { height: 3, width: 5, channels: 4 },
    [
      { kind: "conv2d", filters: 6, kernel: [2, 2], stride: [1, 2], groups: 2 },
      tanh,
      { kind: "conv2d", filters: 3, kernel: [1, 2], groups: 3, bias: false }
    ],
    (N) => [
      N.conv2d({ filters: 6, kernel: 2, stride: [1, 2], groups: 2 }),
      N.tanh,
      N.conv2d({ filters: 3, kernel: [1, 2], groups: 3, bias: false })
    ]
  ),
  "conv1d, causal with a dilation, and same with a stride": chained(
    { length: 5, channels: 2 },
    [
      { kind: "conv1d", filters: 3, kernel: 2, dilation: 2, padding: [2, 0] },
      tanh,
      { kind: "conv1d", filters: 2, kernel: 3, stride: 2, padding: [1, 1] }
    ],
    (N) => [
      N.conv1d({ filters: 3, kernel: 2, dilation: 2, padding: "causal" }),
      N.tanh,
      N.conv1d({ filters: 2, kernel: 3, stride: 2, padding: "same" })
    ],
    [
      [
        { kind: "conv1d", filters: 3, kernel: 2, dilation: 2, padding: [0, 2] },
        tanh,
        { kind: "conv1d", filters: 2, kernel: 3, stride: 2, padding: [1, 1] }
      ]
    ]
  ),
  "conv1d in groups, no bias, other padding on each end": chained(
    { length: 3, channels: 4 },
    [
      { kind: "conv1d", filters: 6, kernel: 3, groups: 2, padding: [2, 1], bias: false },
      tanh,
      { kind: "conv1d", filters: 3, kernel: 2, stride: 2, groups: 3 }
    ],
    (N) => [
      N.conv1d({ filters: 6, kernel: 3, groups: 2, padding: [2, 1], bias: false }),
      N.tanh,
      N.conv1d({ filters: 3, kernel: 2, stride: 2, groups: 3 })
    ]
  ),
  "depthwiseConv2d with strides, padding and dilation": chained(
    { height: 4, width: 3, channels: 2 },
    [
      {
        kind: "depthwiseConv2d",
        multiplier: 3,
        kernel: [2, 2],
        stride: [2, 1],
        padding: [
          [1, 0],
          [0, 2]
        ],
        dilation: [1, 2]
      },
      tanh,
      { kind: "depthwiseConv2d", multiplier: 1, kernel: [2, 2], bias: false }
    ],
    (N) => [
      N.depthwiseConv2d({
        multiplier: 3,
        kernel: 2,
        stride: [2, 1],
        padding: [
          [1, 0],
          [0, 2]
        ],
        dilation: [1, 2]
      }),
      N.tanh,
      N.depthwiseConv2d({ kernel: 2, bias: false })
    ]
  ),
  "conv2dTranspose with strides, and padding": chained(
    { height: 2, width: 3, channels: 2 },
    [
      {
        kind: "conv2dTranspose",
        filters: 3,
        kernel: [3, 2],
        stride: [2, 1],
        padding: [
          [2, 1],
          [0, 1]
        ],
        outputPadding: [1, 0]
      },
      tanh,
      { kind: "conv2d", filters: 2, kernel: [3, 2] }
    ],
    (N) => [
      N.conv2dTranspose({
        filters: 3,
        kernel: [3, 2],
        stride: [2, 1],
        padding: [
          [2, 1],
          [0, 1]
        ],
        outputPadding: [1, 0]
      }),
      N.tanh,
      N.conv2d({ filters: 2, kernel: [3, 2] })
    ],
    [
      [
        {
          kind: "conv2dTranspose",
          filters: 3,
          kernel: [3, 2],
          stride: [2, 1],
          padding: [
            [1, 2],
            [0, 1]
          ],
          outputPadding: [1, 0]
        },
        tanh,
        { kind: "conv2d", filters: 2, kernel: [3, 2] }
      ]
    ]
  ),
  'conv2dTranspose, "same" with a kernel over the stride and under it, no bias': chained(
    { height: 3, width: 2, channels: 2 },
    [
      { kind: "conv2d", filters: 4, kernel: [1, 1] },
      tanh,
      {
        kind: "conv2dTranspose",
        filters: 3,
        kernel: [3, 1],
        stride: [1, 2],
        padding: [
          [1, 1],
          [0, 0]
        ],
        outputPadding: [0, 1],
        bias: false
      },
      tanh,
      { kind: "conv2d", filters: 2, kernel: [2, 1], stride: [1, 3] }
    ],
    (N) => [
      N.conv2d({ filters: 4, kernel: 1 }),
      N.tanh,
      N.conv2dTranspose({ filters: 3, kernel: [3, 1], stride: [1, 2], padding: "same", bias: false }),
      N.tanh,
      N.conv2d({ filters: 2, kernel: [2, 1], stride: [1, 3] })
    ]
  )
}
