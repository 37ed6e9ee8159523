/** Bad input: normalisations, embeddings, masks and pointwise layers that cannot be, or stand where they cannot; tokens that are none. */
import * as tf from "@tensorflow/tfjs"
import { Effect } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import { Conditional, DataSource, Device, Fisher, Likelihood, Network, Structure } from "../src/index.ts"
import type { SingleLayer } from "../src/model/Layer.ts"
import type { Shape } from "../src/model/Shape.ts"
import { cases, fails, type Row, throws } from "./support/refusals.ts"
import { given, wrong } from "./support/small.ts"
import { devices, runWith } from "./support/subject.ts"
import { checkEveryKernel } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const is = (value: unknown, ...says: ReadonlyArray<string>): Row => [
  typeof value === "object" ? (JSON.stringify(value) ?? "nothing") : String(value),
  () => value,
  "InvalidArgument",
  ...says
]
const notNumbers = (name: string): ReadonlyArray<Row> => [
  is(Number.NaN, name, "NaN"),
  is(Number.POSITIVE_INFINITY, name, "Infinity"),
  is("3", name, '"3"'),
  is(3n, name, "3n"),
  is(null, name, "null"),
  is([3], name, "[3]")
]
const notCounts = (name: string, least: number): ReadonlyArray<Row> => [
  ...notNumbers(name),
  is(least - 1, name, String(least - 1)),
  is(1.5, name, "1.5")
]
const notSwitches = (name: string): ReadonlyArray<Row> => [is("no", name, '"no"'), is(0, name, "0")]

type Make = (options: object) => unknown
const layerNorm: Make = (options) => Network.layerNorm(wrong(options))
const rmsNorm: Make = (options) => Network.rmsNorm(wrong(options))
const groupNorm: Make = (options) => Network.groupNorm(wrong({ groups: 2, ...options }))
const batchNorm: Make = (options) => Network.batchNorm(wrong({ mean: [0, 1], variance: [1, 2], ...options }))
const embedding: Make = (options) => Network.embedding(wrong({ vocabulary: 5, size: 3, ...options }))

describe("options of normalisations", () => {
  for (const [name, make] of Object.entries({ layerNorm, rmsNorm, groupNorm, batchNorm })) {
    throws([
      ...cases(`epsilon of ${name}`, (epsilon) => make({ epsilon }), [
        ...notNumbers("epsilon"),
        is(0, "epsilon", "0", "1e-30"),
        is(-0.001, "epsilon", "-0.001"),
        is(1e-46, "epsilon"),
        is(1e39, "epsilon")
      ]),
      [`momentum of ${name}`, () => make({ momentum: 0.9 }), "InvalidArgument", "momentum", "0.9"]
    ])
  }
  for (const [name, make] of Object.entries({ layerNorm, groupNorm, batchNorm })) {
    throws([
      ...cases(`scale of ${name}`, (scale) => make({ scale }), notSwitches("scale")),
      ...cases(`shift of ${name}`, (shift) => make({ shift }), notSwitches("shift"))
    ])
  }
  const statistics: ReadonlyArray<Row> = [
    is("01", '"01"'),
    is(7, "7"),
    is(null, "null"),
    is([], "empty"),
    is([0, "1"], '"1"', "at 1"),
    is([0, null], "null", "at 1"),
    ["NaN", () => [Number.NaN, 1], "InvalidArgument", "NaN", "at 0"],
    ["infinity", () => [1, Number.POSITIVE_INFINITY], "InvalidArgument", "Infinity", "at 1"],
    ["more than float32 holds", () => [1e39, 1], "InvalidArgument", "1e+39", "at 0"],
    ["nothing", () => undefined, "InvalidArgument", "undefined"]
  ]
  throws([
    ...cases("groups", (groups) => groupNorm({ groups }), notCounts("groups", 1)),
    ...cases("mean", (mean) => batchNorm({ mean }), statistics),
    ...cases("variance", (variance) => batchNorm({ variance }), [
      ...statistics,
      is([1, -1e-6], "-0.000001", "at 1", "at least 0")
    ]),
    ["scale of rmsNorm", () => rmsNorm({ scale: false }), "InvalidArgument", "scale"],
    ["one mean, two variances", () => batchNorm({ mean: [1] }), "ShapeMismatch", "1 means", "2 variances"],
    ["layerNorm of null", () => Network.layerNorm(wrong(null)), "InvalidArgument", "options"],
    ["groupNorm of nothing", () => Network.groupNorm(wrong(undefined)), "InvalidArgument", "options"],
    ["batchNorm without statistics", () => Network.batchNorm(wrong({})), "InvalidArgument", "mean"]
  ])
})

describe("options of the other layers", () => {
  const image = { height: 2, width: 3, channels: 4 }
  throws([
    ...cases("vocabulary", (vocabulary) => embedding({ vocabulary }), [
      ...notCounts("vocabulary", 1),
      is(2 ** 24 + 1, "vocabulary", "16777216")
    ]),
    ...cases("size", (size) => embedding({ size }), notCounts("size", 1)),
    ...cases("padding", (padding) => embedding({ padding }), [
      ...notCounts("padding", 0),
      is(5, "padding", "5", "0 to 4")
    ]),
    ["maskZero", () => embedding({ maskZero: true }), "InvalidArgument", "maskZero"],
    ...cases("value", (value) => Network.masking(wrong({ value })), [
      ...notNumbers("value"),
      ["nothing", () => undefined, "InvalidArgument", "value"]
    ]),
    ["masking of a number", () => Network.masking(wrong(0)), "InvalidArgument", "options"],
    ...cases("rate", (rate) => Network.dropout(wrong(rate)), [
      ...notNumbers("rate"),
      is(1, "rate", "1"),
      is(-0.1, "rate", "-0.1")
    ]),
    ...cases("slope", (slope) => Network.leakyRelu(wrong(slope)), [
      ...notNumbers("slope"),
      is(1.5, "slope", "1.5"),
      is(-0.1, "slope", "-0.1")
    ]),
    ...cases("shape", (shape) => Network.reshape(wrong(shape)), [
      ...notCounts("shape", 1).filter(([name]) => name !== "[3]"),
      is([2, 3], "shape"),
      is({}, "shape"),
      is({ length: 0, channels: 2 }, "length", "0"),
      is({ length: 3 }, "channels"),
      is({ length: 3, channels: 2, height: 1 }, "height"),
      is({ ...image, width: 1.5 }, "width", "1.5"),
      is({ ...image, depth: 2 }, "depth")
    ])
  ])
})

const on =
  (input: unknown, ...layers: ReadonlyArray<unknown>) =>
  () =>
    Network.sequential(wrong(input), wrong(layers))

describe("networks", () => {
  const sequence = { length: 4, channels: 6 }
  const tokens = Network.embedding({ vocabulary: 5, size: 6 })
  throws([
    [
      "groups that do not divide the channels",
      on(sequence, Network.groupNorm({ groups: 4 }), Network.dense(2)),
      "ShapeMismatch",
      "groupNorm(4)",
      "6 channels into 4 groups"
    ],
    [
      "statistics of another number of channels",
      on(sequence, Network.batchNorm({ mean: [1, 2], variance: [1, 2] }), Network.dense(2)),
      "ShapeMismatch",
      "statistics of 2 channels",
      "its input has 6"
    ],
    ...(
      [
        Network.layerNorm(),
        Network.rmsNorm(),
        Network.groupNorm({ groups: 1 }),
        Network.batchNorm({ mean: [1], variance: [1] }),
        Network.softmax
      ] as ReadonlyArray<SingleLayer<string>>
    ).map(
      (layer) =>
        [`${layer.name} of a density`, on(0, layer, Network.dense(2)), "ShapeMismatch", layer.name] as const
    ),
    ["an embedding of nothing", on(0, tokens), "ShapeMismatch", "embedding(5, 6)", "0 numbers"],
    [
      "an embedding of a sequence",
      on(sequence, tokens),
      "ShapeMismatch",
      "embedding(5, 6)",
      "a sequence of 4x6"
    ],
    [
      "an embedding of what a layer gives",
      on(4, Network.dense(4), tokens),
      "ShapeMismatch",
      "embedding(5, 6)",
      "what dense(4) gives",
      "Place it on the input"
    ],
    [
      "an embedding of what leaves x as it is",
      on(4, Network.dropout(0.5), tokens),
      "ShapeMismatch",
      "what dropout(0.5) gives"
    ],
    ["positions of numbers", on(4, Network.positionalEmbedding), "ShapeMismatch", "takes a sequence"],
    [
      "masking of numbers",
      on(4, Network.masking({ value: 0 })),
      "ShapeMismatch",
      "masking(0) takes a sequence"
    ],
    [
      "a shape of another size",
      on(sequence, Network.reshape({ length: 5, channels: 5 }), Network.dense(2)),
      "ShapeMismatch",
      "reshape(5x5) makes 25 numbers",
      "a sequence of 4x6",
      "24"
    ],
    [
      "normalisations without parameters alone",
      on(3, Network.layerNorm({ scale: false, shift: false })),
      "ShapeMismatch",
      "no parameters"
    ]
  ])
})

describe("tokens that are none", () => {
  const conditional = Conditional.make(
    Network.sequential(3, [Network.embedding({ vocabulary: 5, size: 2 }), Network.flatten, Network.dense(2)]),
    Likelihood.categorical
  )
  const params = Conditional.init(conditional, { seed: 0 })
  const data = (bad: number) => [
    [0, 1, 2],
    [4, bad, 3]
  ]
  for (const [device, layer] of Object.entries({ cpu: Device.cpu, wasm: Device.wasm })) {
    for (const bad of [5, -1, 1.5]) {
      const says = ["Example 1", "position 1", `is ${bad}`, "0 to 4"]
      fails([
        [
          `${bad} in predict, on ${device}`,
          () => given({ device: layer })(Conditional.predict(conditional, params, data(bad))),
          "InvalidArgument",
          ...says
        ],
        [
          `${bad} in an estimate, on ${device}`,
          () =>
            given({ device: layer, source: DataSource.fromArrays({ x: data(bad), y: [0, 1] }) })(
              Fisher.estimate(conditional, params, Structure.kfac)
            ),
          "InvalidArgument",
          ...says
        ]
      ])
    }
  }
  it("all ids of the vocabulary are taken; control: the next is not", async () => {
    const predict = (id: number) =>
      Effect.runPromise(given()(Effect.exit(Conditional.predict(conditional, params, data(id)))))
    for (const id of [0, 1, 2, 3, 4]) expect((await predict(id))._tag).toBe("Success")
    expect((await predict(5))._tag).toBe("Failure")
  })
})

describe("a vocabulary of one token", () => {
  for (const [device, layer] of Object.entries({ cpu: Device.cpu, wasm: Device.wasm })) {
    it(`has the Fisher of a dense layer on ones, on ${device}; control: of one on twos`, async () => {
      const likelihood = Likelihood.gaussian({ variance: 1 })
      const one = Conditional.make(
        Network.sequential(3, [Network.embedding({ vocabulary: 1, size: 2 }), Network.flatten]),
        likelihood
      )
      const dense = Conditional.make(
        Network.sequential({ length: 3, channels: 1 }, [Network.dense(2, { bias: false }), Network.flatten]),
        likelihood
      )
      const fisher = (conditional: Conditional.Conditional<string>, x: number) =>
        Effect.runPromise(
          given({ device: layer, source: DataSource.fromArrays({ x: [[x, x, x]] }) })(
            Effect.map(
              Fisher.estimate(conditional, Conditional.init(conditional, { seed: 0 }), Structure.dense),
              Fisher.toDense
            )
          )
        )
      const due = await fisher(wrong(dense), 1)
      expect(await fisher(wrong(one), 0)).toEqual(due)
      expect(await fisher(wrong(dense), 2)).not.toEqual(due)
    })
  }
})

describe("signatures", () => {
  const signature = (input: Shape, layer: SingleLayer<string>) =>
    Network.sequential(wrong(input), [wrong(layer), wrong(Network.flatten), Network.dense(2)]).space.signature
  const statistics = { mean: [1, 0], variance: [2, 3] }
  const sequence = { length: 4, channels: 2 }
  const different: Readonly<Record<string, readonly [Shape, ReadonlyArray<SingleLayer<string>>]>> = {
    layerNorm: [
      sequence,
      [
        Network.layerNorm(),
        Network.layerNorm({ epsilon: 0.01 }),
        Network.layerNorm({ scale: false }),
        Network.layerNorm({ shift: false }),
        Network.layerNorm({ scale: false, shift: false }),
        Network.rmsNorm(),
        Network.rmsNorm({ epsilon: 1e-5 }),
        Network.groupNorm({ groups: 1 }),
        Network.groupNorm({ groups: 2 }),
        Network.groupNorm({ groups: 2, epsilon: 0.01 })
      ]
    ],
    batchNorm: [
      sequence,
      [
        Network.batchNorm(statistics),
        Network.batchNorm({ ...statistics, mean: [0, 1] }),
        Network.batchNorm({ ...statistics, mean: [1, -0.5] }),
        Network.batchNorm({ ...statistics, mean: [1, 2 ** -149] }),
        Network.batchNorm({ ...statistics, variance: [3, 2] }),
        Network.batchNorm({ mean: statistics.variance, variance: statistics.mean }),
        Network.batchNorm({ ...statistics, epsilon: 0.01 }),
        Network.batchNorm({ ...statistics, scale: false })
      ]
    ],
    embedding: [
      3,
      [
        Network.embedding({ vocabulary: 5, size: 2 }),
        Network.embedding({ vocabulary: 2, size: 5 }),
        Network.embedding({ vocabulary: 5, size: 2, padding: 0 }),
        Network.embedding({ vocabulary: 5, size: 2, padding: 2 })
      ]
    ],
    others: [
      sequence,
      [
        Network.masking({ value: 0 }),
        Network.masking({ value: -1 }),
        Network.dropout(0),
        Network.dropout(0.5),
        Network.leakyRelu(0.1),
        Network.leakyRelu(0.3),
        Network.softmax,
        Network.positionalEmbedding,
        Network.reshape(8),
        Network.reshape({ length: 2, channels: 4 }),
        Network.reshape({ height: 2, width: 4, channels: 1 })
      ]
    ]
  }
  it.each(Object.keys(different))(
    "tell every option of %s apart; control: options that say the default are the same",
    (name) => {
      const [input, layers] = different[name]!
      const names = layers.map((layer) => signature(input, layer))
      expect(new Set(names).size).toBe(names.length)
      expect(signature(sequence, Network.layerNorm({ epsilon: 0.001, scale: true, shift: true }))).toBe(
        signature(sequence, Network.layerNorm())
      )
      expect(signature(sequence, Network.batchNorm({ ...statistics, mean: Float32Array.of(1, -0) }))).toBe(
        signature(sequence, Network.batchNorm(statistics))
      )
    }
  )

  it("the statistics of batchNorm are those that it was given; control: the array changed afterwards", () => {
    const mean = [1, 0]
    const layer = Network.batchNorm({ ...statistics, mean })
    const before = signature(sequence, layer)
    mean[0] = 7
    expect(signature(sequence, layer)).toBe(before)
    expect(signature(sequence, Network.batchNorm({ ...statistics, mean }))).not.toBe(before)
  })
})

/** Output and derivative along 1 of a layer at a row of numbers. */
const valuesOf = (
  device: (typeof devices)[string],
  layer: SingleLayer<string>,
  x: ReadonlyArray<number>
): Promise<ReadonlyArray<Float32Array>> =>
  runWith(device)(
    Effect.scoped(
      Effect.gen(function* () {
        const on = yield* Device
        const tensors = yield* on.compute("values", (keep) => {
          const input = tf.tensor2d([...x], [1, x.length])
          const map = layer.build(x.length).linearize({ input, weights: undefined, block: undefined })
          const cotangent = tf.ones([1, 1, x.length]) as tf.Tensor3D
          return [keep(map.output.clone()), keep(map.pullbackInput(cotangent).clone())]
        })
        return yield* on.read("values", tensors)
      })
    )
  )

describe("large numbers", () => {
  const [large, small] = [2 ** 100, 2 ** -100]
  const off = { scale: false, shift: false } as const
  /** The layer, x, the output, and the cotangent of x for a cotangent of ones. */
  const exact: ReadonlyArray<
    readonly [
      SingleLayer<string>,
      x: ReadonlyArray<number>,
      y: ReadonlyArray<number>,
      g: ReadonlyArray<number>
    ]
  > = [
    [Network.elu, [large, -large], [large, -1], [1, 0]],
    [
      Network.selu,
      [large, -large],
      [1.0507009873554805 * large, -1.7580993408473768],
      [1.0507009873554805, 0]
    ],
    [Network.silu, [large, -large], [large, 0], [1, 0]],
    [Network.softsign, [large, -large], [1, -1], [0, 0]],
    [Network.relu6, [large, -large], [6, 0], [0, 0]],
    [Network.leakyRelu(0.25), [large, -large], [large, -large / 4], [1, 0.25]],
    [Network.softmax, [large, -large, large], [0.5, 0, 0.5], [0, 0, 0]],
    [Network.layerNorm(off), [large, -large], [1, -1], [0, 0]],
    [Network.layerNorm(off), [3, 3, 3], [0, 0, 0], [0, 0, 0]],
    [Network.layerNorm(off), [small, -small], [0, 0], [0, 0]],
    [Network.groupNorm({ groups: 2, ...off }), [large, -large, 5, 5], [1, -1, 0, 0], [0, 0, 0, 0]],
    [
      Network.batchNorm({ mean: [large, 0], variance: [0, large], epsilon: 0.25, ...off }),
      [large, large],
      [0, Math.sqrt(large)],
      [2, 1 / Math.sqrt(large)]
    ]
  ]
  for (const [name, device] of Object.entries(devices)) {
    it(`values and derivatives stay right, to 1e-6, on ${name}; control: a factor of 1 + 1e-5`, async () => {
      const apart = (a: number, b: number): boolean =>
        !(Math.abs(a - b) <= 1e-6 * Math.max(Math.abs(b), 1e-6))
      for (const [layer, x, y, g] of exact) {
        const [output, pulled] = await valuesOf(device, layer, x)
        expect(
          Array.from(output!).findIndex((v, i) => apart(v, y[i]!)),
          `${layer.name} of ${x.join()}: ${output!.join()}`
        ).toBe(-1)
        expect(
          Array.from(pulled!).findIndex((v, i) => apart(v, g[i]!)),
          `${layer.name} at ${x.join()}: ${pulled!.join()}`
        ).toBe(-1)
        if (y.some((v) => v !== 0)) expect(y.some((v) => apart((1 + 1e-5) * v, v))).toBe(true)
      }
    })
  }
})
