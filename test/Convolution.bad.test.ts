/** Bad input: convolutions that cannot be, and layers in places where they cannot stand. */
import { Effect } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import { Conditional, DataSource, Fisher, Likelihood, Network, Structure } from "../src/index.ts"
import { cases, fails, type Row, throws } from "./support/refusals.ts"
import { given, wrong } from "./support/small.ts"
import { checkEveryKernel } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const is = (value: unknown, ...says: ReadonlyArray<string>): Row => [
  JSON.stringify(value) ?? String(value),
  () => value,
  "InvalidArgument",
  ...says
]
const numbers = (name: string): ReadonlyArray<Row> => [
  is(-1, name, "-1"),
  ["NaN", () => Number.NaN, "InvalidArgument", name, "NaN"],
  ["infinity", () => Number.POSITIVE_INFINITY, "InvalidArgument", name, "Infinity"],
  is(1.5, name, "1.5"),
  is("3", name, '"3"'),
  ["a big integer", () => 3n, "InvalidArgument", name, "3n"],
  is(null, name, "null"),
  is([], name, "[]"),
  is([3], name, "[3]"),
  is([3, 3, 3], name, "[3,3,3]"),
  is([3, -1], name, "[3,-1]"),
  is([3, 0.5], name, "[3,0.5]"),
  ["a hole", () => Object.assign(new Array(2), { 1: 3 }), "InvalidArgument", name],
  is({ height: 3, width: 3 }, name, "height")
]
const conv = (options: object) => Network.conv2d(wrong({ filters: 2, kernel: 3, ...options }))

describe("options of conv2d", () => {
  throws([
    ...cases("kernel", (kernel) => conv({ kernel }), [
      ...numbers("kernel"),
      is(0, "kernel", "0"),
      is([0, 3], "kernel")
    ]),
    ...cases("stride", (stride) => conv({ stride }), [...numbers("stride"), is(0, "stride", "0")]),
    ...cases("dilation", (dilation) => conv({ dilation }), [...numbers("dilation"), is(0, "dilation", "0")]),
    ...cases("padding", (padding) => conv({ padding }), [
      ...numbers("padding"),
      is("full", "padding", '"full"'),
      is([[1, 2]], "padding"),
      is([[1, 2], 3], "padding"),
      is(
        [
          [1, 2],
          [3, -4]
        ],
        "padding"
      ),
      is([[1, 2, 3], [4]], "padding")
    ]),
    ...cases("filters", (filters) => conv({ filters }), [
      is(0, "filters", "0"),
      is(-2, "filters"),
      is(1.5, "filters"),
      is([2, 2], "filters"),
      ["nothing", () => undefined, "InvalidArgument", "filters"]
    ]),
    ["no options", () => Network.conv2d(wrong(undefined)), "InvalidArgument", "options"],
    ["no kernel", () => Network.conv2d(wrong({ filters: 2 })), "InvalidArgument", "kernel"],
    ["bias as text", () => conv({ bias: "no" }), "InvalidArgument", "bias", '"no"'],
    ["an option of another name", () => conv({ strides: 2 }), "InvalidArgument", "strides"]
  ])
})

const small = { height: 3, width: 4, channels: 2 }

describe("arrays of options", () => {
  const sequence = { length: 5, channels: 2 }
  /** A layer of an array of options on an input, and what is changed of the array. */
  const made: Readonly<Record<string, (array: Array<number>) => readonly [unknown, unknown]>> = {
    "conv2d's padding": (array) => [small, conv({ padding: [array, array] })],
    "conv2d's kernel": (array) => [small, conv({ kernel: array })],
    "conv1d's padding": (array) => [
      sequence,
      Network.conv1d(wrong({ filters: 2, kernel: 1, padding: array }))
    ],
    "maxPool1d's padding": (array) => [sequence, Network.maxPool1d(wrong({ size: 3, padding: array }))],
    "depthwiseConv2d's padding": (array) => [
      small,
      Network.depthwiseConv2d(wrong({ kernel: 2, padding: [array, array] }))
    ],
    "conv2dTranspose's outputPadding": (array) => [
      small,
      Network.conv2dTranspose(wrong({ filters: 2, kernel: 1, stride: 4, outputPadding: array }))
    ]
  }
  for (const [name, make] of Object.entries(made)) {
    it(`${name} is what it was when it was given; control: the array changed afterwards, given anew`, () => {
      const network = ([input, layer]: readonly [unknown, unknown]) => {
        const { outputs, space } = Network.sequential(wrong(input), [
          wrong(layer),
          wrong(Network.flatten),
          Network.dense(2)
        ])
        return [outputs, space.size, space.signature]
      }
      const array = [1, 1]
      const layer = make(array)
      const before = network(layer)
      array[0] = 2
      expect(network(layer)).toEqual(before)
      expect(network(make(array))).not.toEqual(before)
    })
  }
})

const on =
  (input: unknown, ...layers: ReadonlyArray<unknown>) =>
  () =>
    Network.sequential(wrong(input), wrong(layers))

describe("networks", () => {
  const kernel = (size: unknown, options: object = {}) => conv({ kernel: size, ...options })
  throws([
    ["a kernel higher than the image", on(small, kernel([4, 1])), "ShapeMismatch", "4x1 pixels", "3x4x2"],
    ["a kernel wider than the image", on(small, kernel([1, 5])), "ShapeMismatch", "1x5 pixels", "3x4x2"],
    ["a dilation over the image", on(small, kernel(2, { dilation: [3, 1] })), "ShapeMismatch", "4x2 pixels"],
    ["padding that is too little", on(small, kernel(9, { padding: [2, 9] })), "ShapeMismatch", "9x9 pixels"],
    [
      "a second kernel larger than the first one's output",
      on(small, kernel(3), Network.tanh, kernel([2, 2])),
      "ShapeMismatch",
      "conv2d(2, 2x2)",
      "1x2x2"
    ],
    [
      "a dense layer on an image",
      on(small, kernel(3), Network.tanh, Network.dense(7)),
      "ShapeMismatch",
      "dense(7)",
      "tanh before it gives an image of 1x2x2",
      "flatten"
    ],
    [
      "a dense layer on the input",
      on(small, Network.dense(7)),
      "ShapeMismatch",
      "dense(7)",
      "3x4x2",
      "flatten"
    ],
    [
      "a convolution of numbers",
      on(24, kernel(3)),
      "ShapeMismatch",
      "conv2d(2, 3x3)",
      "24 numbers",
      "height"
    ],
    [
      "a convolution of what is flat",
      on(small, Network.flatten, kernel(3)),
      "ShapeMismatch",
      "conv2d(2, 3x3)",
      "flatten before it gives 24 numbers"
    ],
    [
      "a convolution after a dense layer",
      on(5, Network.dense(24), kernel(3)),
      "ShapeMismatch",
      "dense(24) before it gives 24 numbers"
    ],
    ["no parameters", on(small, Network.tanh, Network.flatten), "ShapeMismatch", "3x4x2 > tanh > flatten"],
    ["a convolution that was not called", on(small, Network.conv2d), "InvalidArgument", "layers"],
    [
      "too many patches",
      on({ height: 4096, width: 4096, channels: 3 }, kernel(3)),
      "InvalidArgument",
      "conv2d(2, 3x3)",
      "4096x4096x3"
    ],
    [
      "too much padding",
      on(small, kernel(1, { padding: 2 ** 40 })),
      "InvalidArgument",
      "padding 1099511627776:1099511627776"
    ],
    ["too many filters", on(small, conv({ filters: 2 ** 26 })), "InvalidArgument", "parameters"]
  ])
  throws(
    cases("image", (input) => Network.sequential(wrong(input), [wrong(Network.flatten), Network.dense(2)]), [
      is({ height: 0, width: 4, channels: 2 }, "height", "0"),
      is({ height: 3, width: -4, channels: 2 }, "width", "-4"),
      is({ height: 3, width: 4, channels: 1.5 }, "channels", "1.5"),
      is({ height: 3, width: 4 }, "channels", "undefined"),
      is({ ...small, batch: 5 }, "batch", "5"),
      is({ height: 2 ** 20, width: 2 ** 20, channels: 3 }, "1048576x1048576x3"),
      is([28, 28, 1], "features"),
      is(null, "features", "null"),
      is("28x28x1", "features")
    ])
  )
})

describe("data", () => {
  const conditional = Conditional.make(
    Network.sequential(small, [Network.conv2d({ filters: 2, kernel: 3 }), Network.flatten, Network.dense(2)]),
    Likelihood.categorical
  )
  const params = Conditional.init(conditional, { seed: 0 })
  const source = (features: number) =>
    DataSource.fromArrays({ x: [new Float32Array(features).fill(1)], y: [0] })
  fails([
    [
      "one channel where there are two",
      () => given({ source: source(12) })(Fisher.estimate(conditional, params, Structure.kfac)),
      "ShapeMismatch",
      "12 features",
      "takes 24"
    ],
    [
      "images as tables of tables",
      () => given()(Conditional.predict(conditional, params, wrong([[[[1, 2]]]]))),
      "InvalidArgument",
      "x"
    ],
    [
      "infinite outputs",
      () =>
        given()(
          Conditional.predict(conditional, { ...params, values: params.values.map(() => 3e38) }, [
            new Float32Array(24).fill(3)
          ])
        ),
      "NonFinite",
      "outputs of the network"
    ]
  ])
})

describe("signatures", () => {
  const signature = (options: object, image = small) =>
    Network.sequential(image, [wrong(conv({ filters: 2, kernel: 2, ...options }))]).space.signature
  const different: ReadonlyArray<object> = [
    {},
    { filters: 3 },
    { kernel: [1, 2] },
    { kernel: [2, 1] },
    { stride: [1, 2] },
    { stride: [2, 1] },
    { dilation: [1, 2] },
    { dilation: [2, 1] },
    { padding: "same" },
    { padding: 1 },
    { padding: [0, 1] },
    { padding: [1, 0] },
    {
      padding: [
        [0, 1],
        [0, 0]
      ]
    },
    {
      padding: [
        [1, 0],
        [0, 0]
      ]
    },
    {
      padding: [
        [0, 0],
        [0, 1]
      ]
    },
    {
      padding: [
        [0, 0],
        [1, 0]
      ]
    },
    { padding: [1, 11] },
    { padding: [11, 1] },
    { bias: false }
  ]
  it("tell every option apart, and every shape of image; control: options that say the default", () => {
    const names = different.map((options) => signature(options))
    expect(new Set(names).size).toBe(names.length)
    const images = [small, { height: 4, width: 3, channels: 2 }, { height: 2, width: 3, channels: 4 }]
    expect(new Set(images.map((image) => signature({}, image))).size).toBe(images.length)
    const unsaid = { kernel: [2, 2], stride: [1, 1], dilation: 1, bias: true }
    for (const padding of [
      "valid",
      0,
      [0, 0],
      [
        [0, 0],
        [0, 0]
      ]
    ]) {
      expect(signature({ ...unsaid, padding })).toBe(signature({}))
    }
    expect(signature({ padding: [2, 1] })).toBe(
      signature({
        padding: [
          [2, 2],
          [1, 1]
        ]
      })
    )
  })
  it("keep vectors of two geometries apart where the types do not: ShapeMismatch; control: of one geometry", async () => {
    const of = (options: object) =>
      Conditional.make(
        Network.sequential(small, [wrong(conv({ kernel: 2, ...options }))]),
        Likelihood.bernoulli
      )
    const [here, there] = [
      of({
        padding: [
          [1, 0],
          [0, 1]
        ]
      }),
      of({
        padding: [
          [0, 1],
          [0, 1]
        ]
      })
    ]
    const x = [new Float32Array(24).fill(1)]
    const predict = (at: typeof here) =>
      Effect.runPromise(given()(Effect.exit(Conditional.predict(here, Conditional.init(at, { seed: 0 }), x))))
    expect((await predict(here))._tag).toBe("Success")
    expect(String(await predict(there))).toContain("ShapeMismatch")
  })
})
