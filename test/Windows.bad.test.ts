/** Bad input: windows that cannot be, of all layers besides conv2d that have them, and their signatures. */
import { beforeAll, describe, expect, it } from "vitest"
import { Network } from "../src/index.ts"
import { cases, type Row, throws } from "./support/refusals.ts"
import { wrong } from "./support/small.ts"
import { checkEveryKernel } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const is = (value: unknown, ...says: ReadonlyArray<string>): Row => [
  JSON.stringify(value) ?? String(value),
  () => value,
  "InvalidArgument",
  ...says
]
/** No whole number of at least `least`. */
const noCount = (name: string, least: number): ReadonlyArray<Row> => [
  is(least - 1, name, String(least - 1)),
  is(1.5, name, "1.5"),
  ["NaN", () => Number.NaN, "InvalidArgument", name, "NaN"],
  ["infinity", () => Number.POSITIVE_INFINITY, "InvalidArgument", name, "Infinity"],
  is("3", name, '"3"'),
  is(null, name, "null"),
  ["a big integer", () => 3n, "InvalidArgument", name, "3n"]
]
const noPair = (name: string, least: number): ReadonlyArray<Row> => [
  ...noCount(name, least),
  is([3], name, "[3]"),
  is([3, 3, 3], name),
  is([3, least - 1], name),
  is([3, 0.5], name)
]

type Make = (options: object) => unknown

const makers: Readonly<Record<string, Make>> = {
  conv2d: (options) => Network.conv2d(wrong({ filters: 6, kernel: 3, ...options })),
  conv1d: (options) => Network.conv1d(wrong({ filters: 6, kernel: 3, ...options })),
  depthwiseConv2d: (options) => Network.depthwiseConv2d(wrong({ kernel: 3, ...options })),
  conv2dTranspose: (options) => Network.conv2dTranspose(wrong({ filters: 6, kernel: 3, ...options })),
  maxPool2d: (options) => Network.maxPool2d(wrong({ size: 3, ...options })),
  averagePool2d: (options) => Network.averagePool2d(wrong({ size: 3, ...options })),
  maxPool1d: (options) => Network.maxPool1d(wrong({ size: 3, ...options })),
  averagePool1d: (options) => Network.averagePool1d(wrong({ size: 3, ...options }))
}

/** A row of cases for each value of an option. */
const option = (layer: string, name: string, rows: ReadonlyArray<Row>) =>
  cases(`${layer}, ${name}`, (value) => makers[layer]!({ [name]: value }), rows)

describe("options", () => {
  throws([
    ...option("conv2d", "groups", noCount("groups", 1)),
    ...["kernel", "stride", "dilation"].flatMap((name) => option("depthwiseConv2d", name, noPair(name, 1))),
    ...option("depthwiseConv2d", "multiplier", noCount("multiplier", 1)),
    ...["kernel", "stride"].flatMap((name) => option("conv2dTranspose", name, noPair(name, 1))),
    ...option("conv2dTranspose", "outputPadding", noPair("outputPadding", 0)),
    ...["filters", "kernel", "stride", "dilation", "groups"].flatMap((name) =>
      option("conv1d", name, [...noCount(name, 1), is([2, 2], name)])
    ),
    ...["maxPool2d", "averagePool2d"].flatMap((layer) =>
      ["size", "stride"].flatMap((name) => option(layer, name, noPair(name, 1)))
    ),
    ...["maxPool1d", "averagePool1d"].flatMap((layer) =>
      ["size", "stride"].flatMap((name) => option(layer, name, [...noCount(name, 1), is([2, 2], name)]))
    ),
    ...Object.keys(makers).flatMap((layer) =>
      option(layer, "padding", [
        ...noCount("padding", 0).filter(([name]) => name !== "null"),
        is("full", "padding", '"full"'),
        is([[1, 2]], "padding"),
        is([1, -2], "padding")
      ])
    ),
    ...["maxPool2d", "maxPool1d", "conv2d"].flatMap((layer) =>
      option(layer, "padding", [is("causal", "padding")])
    ),
    ...Object.keys(makers).flatMap((layer) => [
      ...option(layer, "strides", [is(2, "strides")]),
      [
        `${layer} of no options`,
        () => Network[layer as "conv2d"](wrong(undefined)),
        "InvalidArgument",
        "options"
      ] as const
    ]),
    ...["conv1d", "depthwiseConv2d", "conv2dTranspose"].flatMap((layer) =>
      option(layer, "bias", [is("no", "bias", '"no"')])
    )
  ])
})

const image = { height: 3, width: 4, channels: 2 }
const sequence = { length: 5, channels: 2 }
const on =
  (input: unknown, layer: unknown, ...layers: ReadonlyArray<unknown>) =>
  () =>
    Network.sequential(wrong(input), wrong([layer, ...layers, Network.flatten, Network.dense(2)]))

describe("networks", () => {
  throws([
    [
      "filters that do not fall into groups",
      () => Network.conv2d({ filters: 6, kernel: 2, groups: 4 }),
      "InvalidArgument",
      "6 filters",
      "4 groups"
    ],
    [
      "the same along a sequence",
      () => Network.conv1d({ filters: 3, kernel: 2, groups: 2 }),
      "InvalidArgument",
      "3 filters",
      "2 groups"
    ],
    [
      "channels that do not fall into groups",
      on(image, Network.conv2d({ filters: 6, kernel: 2, groups: 3 })),
      "ShapeMismatch",
      "conv2d(6, 2x2, groups 3)",
      "3x4x2",
      "2 channels"
    ],
    [
      "a kernel longer than the sequence",
      on(sequence, Network.conv1d({ filters: 2, kernel: 3, dilation: 3 })),
      "ShapeMismatch",
      "7 positions",
      "5x2"
    ],
    [
      "a depthwise kernel higher than the image",
      on(image, Network.depthwiseConv2d({ kernel: [4, 1] })),
      "ShapeMismatch",
      "4x1 pixels"
    ],
    [
      "a window wider than the image",
      on(image, Network.maxPool2d({ size: [1, 5] })),
      "ShapeMismatch",
      "maxPool2d(1x5)",
      "1x5 pixels"
    ],
    [
      "a window longer than the sequence",
      on(sequence, Network.averagePool1d({ size: 6 })),
      "ShapeMismatch",
      "averagePool1d(6)",
      "6 positions"
    ],
    [
      "a window in the padding alone",
      on(image, Network.averagePool2d({ size: 2, padding: 2 })),
      "ShapeMismatch",
      "averagePool2d(2x2, padding 2:2x2:2)",
      "padding alone"
    ],
    [
      "the same of a maximum along a sequence",
      on(sequence, Network.maxPool1d({ size: 1, padding: [0, 1] })),
      "ShapeMismatch",
      "maxPool1d(1, padding 0:1)"
    ],
    [
      "a transposed convolution whose padding cuts all off",
      on(image, Network.conv2dTranspose({ filters: 2, kernel: 1, padding: 2 })),
      "ShapeMismatch",
      "conv2dTranspose(2, 1x1, padding 2:2x2:2)"
    ],
    [
      "as much output padding as the stride",
      () => Network.conv2dTranspose({ filters: 2, kernel: 3, stride: [2, 3], outputPadding: [2, 0] }),
      "InvalidArgument",
      "2x0",
      "2x3"
    ],
    [
      'output padding with "same"',
      () => Network.conv2dTranspose({ filters: 2, kernel: 3, stride: 2, padding: "same", outputPadding: 1 }),
      "InvalidArgument",
      "1x1",
      '"same"'
    ],
    [
      "too many patches of a transposed convolution",
      on({ ...image, height: 4096 }, Network.conv2dTranspose({ filters: 2, kernel: 3, stride: 64 })),
      "InvalidArgument",
      "patches"
    ],
    [
      "a sequence for an image",
      on(sequence, Network.maxPool2d({ size: 2 })),
      "ShapeMismatch",
      "an image",
      "5x2"
    ],
    [
      "an image for a sequence",
      on(image, Network.conv1d({ filters: 2, kernel: 2 })),
      "ShapeMismatch",
      "a sequence"
    ],
    ["numbers", on(24, Network.globalAveragePool), "ShapeMismatch", "globalAveragePool", "24 numbers"]
  ])
})

/** Options, as many networks as there are of them. */
const different: Readonly<Record<string, ReadonlyArray<object>>> = {
  conv2d: [{}, { groups: 2 }, { groups: 3 }, { bias: false }],
  conv1d: [
    {},
    { filters: 12 },
    { kernel: 2 },
    { stride: 2 },
    { dilation: 2 },
    { groups: 2 },
    { padding: "same" },
    { padding: "causal" },
    { padding: 1 },
    { padding: [1, 11] },
    { padding: [11, 1] },
    { bias: false }
  ],
  depthwiseConv2d: [
    {},
    { kernel: [2, 1] },
    { kernel: [1, 2] },
    { multiplier: 2 },
    { stride: [2, 1] },
    { stride: [1, 2] },
    { dilation: [1, 2] },
    { padding: "same" },
    { padding: [1, 0] },
    { bias: false }
  ],
  conv2dTranspose: [
    { stride: 2 },
    { stride: 2, outputPadding: 1 },
    { stride: 2, outputPadding: [1, 0] },
    { stride: 2, padding: "same" },
    { stride: 2, padding: 1 },
    { stride: [2, 3] },
    { filters: 3 },
    { kernel: 2 },
    { bias: false }
  ],
  maxPool2d: [
    {},
    { size: [2, 3] },
    { size: [3, 2] },
    { stride: 2 },
    { stride: [1, 3] },
    { padding: "same" },
    { padding: 1 }
  ],
  averagePool1d: [
    {},
    { size: 2 },
    { stride: 2 },
    { padding: "same" },
    { padding: [1, 0] },
    { padding: [0, 1] }
  ]
}

describe("signatures", () => {
  const name = (layer: string, options: object) => (makers[layer]!(options) as { readonly name: string }).name
  it("tell every option apart; control: options that say the default", () => {
    for (const [layer, options] of Object.entries(different)) {
      const names = options.map((own) => name(layer, own))
      expect(new Set(names).size).toBe(names.length)
    }
    expect(name("conv2d", { groups: 1 })).toBe(name("conv2d", {}))
    expect(name("conv1d", { stride: 1, dilation: 1, groups: 1, padding: "valid" })).toBe(name("conv1d", {}))
    expect(name("maxPool2d", { stride: [3, 3], padding: 0 })).toBe(name("maxPool2d", {}))
    expect(name("averagePool1d", { stride: 3 })).toBe(name("averagePool1d", {}))
    expect(name("depthwiseConv2d", { multiplier: 1 })).toBe(name("depthwiseConv2d", {}))
    expect(name("conv2dTranspose", { outputPadding: [0, 0] })).toBe(name("conv2dTranspose", {}))
  })
})
