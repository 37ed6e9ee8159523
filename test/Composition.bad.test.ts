/** Bad input: branches, merges, attention and shared layers that cannot be. */
import { beforeAll, describe, expect, it } from "vitest"
import { Network } from "../src/index.ts"
import type { Graph, Node } from "../src/model/Graph.ts"
import { type Case, cases, type Row, throws } from "./support/refusals.ts"
import { wrong } from "./support/small.ts"
import { checkEveryKernel } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const {
  add,
  concatenate,
  dense,
  flatten,
  graph,
  merge,
  multiply,
  residual,
  selfAttention,
  sequential,
  shared
} = Network
const { tanh, transposed } = Network
const sequence = { length: 3, channels: 4 }
const image = { height: 3, width: 2, channels: 4 }

const noChains: ReadonlyArray<Row> = [
  ["null", () => null, "InvalidArgument", "null"],
  ["nothing", () => undefined, "InvalidArgument", "undefined"],
  ["a number", () => 3, "InvalidArgument", "3"],
  ["text", () => "dense", "InvalidArgument", '"dense"'],
  ["a layer", () => dense(3), "InvalidArgument", "dense(3)", "[dense(3)]"],
  ["a layer's function", () => [dense], "InvalidArgument", "function", "Network.dense(10)"],
  ["a number in place of a layer", () => [dense(3), 3], "InvalidArgument", ".1 is 3"],
  ["a hole", () => new Array(2), "InvalidArgument", "undefined"],
  ["an array of arrays", () => [[[dense(3)]]], "InvalidArgument"]
]

describe("what is no array of layers", () => {
  throws(cases("residual", (layers) => residual(wrong(layers)), noChains))
  for (const [name, of] of Object.entries({ add, concatenate, multiply })) {
    const branches = (second: unknown) => of(wrong([[dense(3)], second]))
    throws([
      ...cases(`a branch of ${name}`, branches, noChains),
      [`${name} of layers`, () => of(wrong([dense(3), tanh])), "InvalidArgument", "dense(3)"],
      [`${name} of one branch`, () => of(wrong([[dense(3)]])), "InvalidArgument", "branches", "two"],
      [`${name} of no branch`, () => of(wrong([])), "InvalidArgument", "branches", "0"],
      [`${name} of null`, () => of(wrong(null)), "InvalidArgument", "branches", "null"]
    ])
  }
  it("control: what is, is taken", () => {
    expect(sequential(3, [residual([dense(3), tanh])]).space.size).toBe(12)
    expect(sequential(3, [concatenate([[dense(2)], []])]).outputs).toBe(5)
  })
})

const placed = (build: (x: Node, graph: Graph) => Node) => () => graph("g", 4, build)

describe("shapes that do not fit", () => {
  throws([
    [
      "a residual of another size",
      () => sequential(4, [residual([dense(3), tanh])]),
      "ShapeMismatch",
      "residual(dense(3) > tanh)",
      "the input is 4 numbers",
      "tanh gives 3 numbers"
    ],
    [
      "a residual of another form",
      () => sequential(image, wrong([residual(wrong([flatten, dense(24)]))])),
      "ShapeMismatch",
      "image of 3x2x4",
      "24 numbers"
    ],
    [
      "a sum of other sizes",
      () => sequential(4, [dense(5), add([[dense(3)], [dense(2)]])]),
      "ShapeMismatch",
      "add(dense(3) | dense(2))",
      "dense(3) gives 3 numbers",
      "dense(2) gives 2 numbers"
    ],
    [
      "a product of other channels",
      () => sequential(sequence, [multiply([[], [dense(2)]])]),
      "ShapeMismatch",
      "multiply(identity | dense(2))",
      "3x4",
      "3x2"
    ],
    [
      "channels of other positions",
      () => sequential(image, wrong([concatenate(wrong([[], [flatten]]))])),
      "ShapeMismatch",
      "the same positions",
      "24 numbers"
    ],
    [
      "a layer in a branch that does not take its input",
      () => sequential(image, wrong([add([[], [wrong(dense(4))]])])),
      "ShapeMismatch",
      "dense(4)",
      "flatten"
    ],
    [
      "merge.add of other sizes",
      placed((x, g) => merge.add(g, [x, g.place(dense(3), x)])),
      "ShapeMismatch",
      "add",
      "dense(3) gives 3 numbers"
    ],
    ["merge of one value", placed((x, g) => merge.add(g, [x])), "InvalidArgument", "inputs", "two"],
    ["merge of no list", placed((x, g) => merge.multiply(g, wrong(x))), "InvalidArgument", "inputs"],
    ["merge of a layer", placed((x, g) => merge.add(g, [x, wrong(dense(3))])), "InvalidArgument", "value"],
    ["merge of null", placed((x, g) => merge.add(g, [x, wrong(null)])), "InvalidArgument", "value"],
    [
      "merge of a value of another network",
      placed((x, g) => {
        let other: Node = x
        graph("other", 4, (y, h) => {
          other = y
          return h.place(dense(4), y)
        })
        return merge.add(g, [x, other])
      }),
      "InvalidArgument",
      "no value of this network"
    ]
  ])
})

describe("graphs", () => {
  const elsewhere = (): Node => {
    let other: Node | undefined
    graph("other", 4, (x, h) => (other = h.place(dense(3), x)))
    return other!
  }
  throws([
    ["a build that returns nothing", placed(() => wrong(undefined)), "InvalidArgument", "build", "Return"],
    ["a build that is asynchronous", placed(wrong(async (x: Node) => x)), "InvalidArgument", "build"],
    [
      "a build that returns a value of another network",
      placed((x, g) => {
        g.place(dense(2), x)
        return elsewhere()
      }),
      "InvalidArgument",
      "no value of this network"
    ],
    [
      "an operation on a value of another network",
      placed((_, g) => g.add("own", tanh.build(3), elsewhere())),
      "InvalidArgument",
      "no value of this network"
    ],
    ["a build that is no function", () => graph("g", 4, wrong(7)), "InvalidArgument", "build is 7"],
    ["a name that is none", () => graph(wrong(undefined), 4, (x) => x), "InvalidArgument", "name"],
    ["a build that returns the input", placed((x) => x), "ShapeMismatch", "no parameters"]
  ])

  it("what is placed after build has returned changes no network; control: what is placed in it does", () => {
    let kept: Graph | undefined
    let last: Node | undefined
    const network = graph("g", 4, (x, g) => {
      kept = g
      return (last = g.place(shared("a", dense(4, { bias: false })), g.place(dense(4), x)))
    })
    const before = JSON.stringify(network)
    kept!.place(dense(3), kept!.place(transposed("a"), last!))
    expect(JSON.stringify(network)).toBe(before)
    const inside = graph("g", 4, (x, g) =>
      g.place(transposed("a"), g.place(shared("a", dense(4, { bias: false })), g.place(dense(4), x)))
    )
    expect(inside.space.blocks.at(-1)!.form).not.toBe(network.space.blocks.at(-1)!.form)
  })

  it("networks that share other blocks have other signatures; control: one and its copy have the same", () => {
    const chain = (...names: ReadonlyArray<string>) =>
      graph("g", 3, (x, g) => names.reduce((node, name) => g.place(shared(name, dense(3)), node), x)).space
    expect(chain("a", "a", "b").size).toBe(chain("a", "b", "a").size)
    expect(chain("a", "a", "b").signature).not.toBe(chain("a", "b", "a").signature)
    expect(chain("a", "b", "a").signature).toBe(chain("a", "b", "a").signature)
  })

  it("branches are those that were given; control: the arrays changed afterwards, which new layers see", () => {
    const layers = [dense(4), tanh]
    const branches = [layers, [tanh]]
    const made = [residual(layers), add(branches), concatenate(branches)]
    const sizes = () => made.map((layer) => sequential(4, [wrong(layer)]).space.size)
    const before = sizes()
    layers.push(dense(4) as never)
    branches.push([dense(4)])
    expect(sizes()).toEqual(before)
    expect(sequential(4, [residual(layers)]).space.size).not.toBe(before[0])
  })
})

const ofHeads: ReadonlyArray<Row> = [
  ["0", () => 0, "InvalidArgument", "0"],
  ["-1", () => -1, "InvalidArgument", "-1"],
  ["1.5", () => 1.5, "InvalidArgument", "1.5"],
  ["NaN", () => Number.NaN, "InvalidArgument", "NaN"],
  ["infinity", () => Number.POSITIVE_INFINITY, "InvalidArgument", "Infinity"],
  ["text", () => "2", "InvalidArgument", '"2"'],
  ["null", () => null, "InvalidArgument", "null"]
]
const noBoolean: ReadonlyArray<Row> = [
  ["text", () => "yes", "InvalidArgument", '"yes"'],
  ["1", () => 1, "InvalidArgument", "1"],
  ["null", () => null, "InvalidArgument", "null"]
]
const attention = (options: object) => selfAttention(wrong({ heads: 2, ...options }))

describe("self-attention", () => {
  throws([
    ...cases("heads", (heads) => attention({ heads }), ofHeads),
    ...cases("keySize", (keySize) => attention({ keySize }), ofHeads),
    ...cases("causal", (causal) => attention({ causal }), noBoolean),
    ...cases("bias", (bias) => attention({ bias }), noBoolean),
    ["without heads", () => selfAttention(wrong({})), "InvalidArgument", "heads"],
    ["without options", () => selfAttention(wrong(undefined)), "InvalidArgument"],
    ["an option that is none", () => attention({ head: 2 }), "InvalidArgument", "head"],
    [
      "heads that do not divide the channels",
      () => sequential(sequence, [selfAttention({ heads: 3 })]),
      "InvalidArgument",
      "heads",
      "3",
      "4 channels",
      "keySize"
    ],
    [
      "on numbers",
      () => sequential(4, wrong([selfAttention({ heads: 2 })])),
      "ShapeMismatch",
      "selfAttention(heads 2)",
      "a sequence"
    ],
    ["on an image", () => sequential(image, wrong([selfAttention({ heads: 2 })])), "ShapeMismatch", "reshape"]
  ])
  it("control: with a keySize, heads need not divide", () => {
    expect(sequential(sequence, [selfAttention({ heads: 3, keySize: 2 })]).space.blocks.length).toBe(4)
  })
})

const noNames: ReadonlyArray<Row> = [
  ["nothing", () => undefined, "InvalidArgument", "name"],
  ["a number", () => 3, "InvalidArgument", "name", "3"],
  ["null", () => null, "InvalidArgument", "name", "null"],
  ["an empty text", () => "", "InvalidArgument", "name", '""']
]
const noBias = dense(3, { bias: false })

const sharing: ReadonlyArray<Case> = [
  ...cases("shared", (name) => shared(wrong(name), dense(3)), noNames),
  ...cases("transposed", (name) => transposed(wrong(name)), noNames),
  ["shared: no layer", () => shared("a", wrong(3)), "InvalidArgument", "layer", "3"],
  ["shared: an array", () => shared("a", wrong([dense(3)])), "InvalidArgument", "layer"],
  [
    "shared: another layer of the same name",
    () => sequential(3, [shared("a", dense(3)), shared("a", dense(4))]),
    "InvalidArgument",
    '"a"',
    "dense(4)",
    "dense(3)"
  ],
  [
    "shared: another number of inputs",
    () => sequential(4, [shared("a", dense(3)), shared("a", dense(3))]),
    "ShapeMismatch",
    "dense(3)",
    "5 x 3",
    "4 x 3"
  ],
  ["transposed: of nothing", () => sequential(3, [dense(3), transposed("a")]), "InvalidArgument", '"a"'],
  [
    "transposed: before its layer",
    () => sequential(4, [transposed("a"), shared("a", noBias)]),
    "InvalidArgument",
    "before it"
  ],
  [
    "transposed: of a layer with a bias",
    () => sequential(4, [shared("a", dense(3)), transposed("a")]),
    "InvalidArgument",
    "bias"
  ],
  [
    "transposed: of several kernels",
    () => sequential(sequence, [shared("a", selfAttention({ heads: 2 })), transposed("a")]),
    "InvalidArgument",
    "4 kernels"
  ],
  [
    "transposed: of a layer without a kernel",
    () => sequential(sequence, [shared("a", tanh), dense(4), transposed("a")]),
    "InvalidArgument",
    "no kernel"
  ],
  [
    "transposed: of other channels",
    () => sequential(4, [shared("a", noBias), dense(5), transposed("a")]),
    "ShapeMismatch",
    "transposed(a)",
    "4 x 3",
    "5 numbers"
  ],
  [
    "transposed: on an image",
    () => sequential(image, wrong([wrong(transposed("a"))])),
    "ShapeMismatch",
    "flatten"
  ]
]

describe("shared layers", () => {
  throws(sharing)
  it("control: two networks may each share other layers in one name", () => {
    expect(sequential(3, [shared("a", dense(3)), shared("a", dense(3))]).space.size).toBe(12)
    expect(sequential(3, [shared("a", noBias), transposed("a")]).space.size).toBe(9)
  })
})
