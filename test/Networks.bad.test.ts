/** Bad input: vectors that are none, networks that cannot be, and vectors of one network given to another. */
import * as tf from "@tensorflow/tfjs"
import { Effect, Stream } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import {
  Accumulator,
  Conditional,
  Cotangent,
  Damping,
  Fisher,
  Likelihood,
  NaturalGradient,
  Network,
  Params,
  Structure,
  Tangent,
  Training
} from "../src/index.ts"
import { cases, fails, type Row, returns, throws } from "./support/refusals.ts"
import { given, ofWidth, params, small, space, wrong } from "./support/small.ts"
import { checkEveryKernel } from "./support/tensors.ts"

const tensors: Record<string, tf.Tensor> = {}

beforeAll(async () => {
  await checkEveryKernel()
  tensors["float32"] = tf.zeros([space.size])
  tensors["disposed"] = tf.zeros([space.size])
  tensors["disposed"].dispose()
})

afterAll(() => tf.dispose(tensors["float32"]!))

const size = space.size
const filled = (value: unknown) => Array.from({ length: size }, () => value)
const none: ReadonlyArray<Row> = [
  ["too short", () => new Float32Array(2), "ShapeMismatch", "not 2", String(size)],
  ["too long", () => new Float32Array(size + 1), "ShapeMismatch", `not ${size + 1}`],
  ["NaN", () => filled(Number.NaN), "NonFinite", "NaN at index 0"],
  ["infinity", () => filled(Number.NEGATIVE_INFINITY), "NonFinite", "-Infinity at index 0"],
  ["a number too large for float32", () => filled(1e39), "NonFinite", "1e+39 at index 0"],
  ["null", () => null, "ShapeMismatch", "null"],
  ["nothing", () => undefined, "ShapeMismatch", "undefined"],
  ["a number", () => size, "ShapeMismatch", String(size)],
  ["text", () => "x".repeat(size), "ShapeMismatch", "xxx"],
  ["a BigInt64Array", () => new BigInt64Array(size), "ShapeMismatch", "BigInt64Array"],
  ["a tensor", () => tensors["float32"], "ShapeMismatch", "tensor"],
  ["a disposed tensor", () => tensors["disposed"], "ShapeMismatch", "tensor"],
  ["numbers as text", () => filled("1"), "NonFinite", '"1"'],
  ["null for numbers", () => filled(null), "NonFinite", "null"],
  ["booleans", () => filled(true), "NonFinite", "true"],
  ["big integers", () => filled(1n), "NonFinite", "1n"],
  ["lists for numbers", () => filled([1]), "NonFinite", "[1]"],
  ["numbers that are missing", () => new Array(size), "NonFinite", "undefined"]
]

describe("vectors", () => {
  throws(cases("Params.make", (values) => Params.make(space, wrong(values)), none))
  throws(cases("Tangent.make", (values) => Tangent.make(space, wrong(values)), none.slice(0, 5)))
  throws(cases("Cotangent.make", (values) => Cotangent.make(space, wrong(values)), none.slice(0, 5)))
})

describe("networks", () => {
  const sequential = (features: number, layers: unknown) => () => Network.sequential(features, wrong(layers))
  const overOne = () => Conditional.make(Network.sequential(3, [Network.dense(1)]), Likelihood.categorical)
  throws([
    ["no layer", sequential(3, []), "ShapeMismatch", "no parameters"],
    ["activations alone", sequential(3, [Network.tanh, Network.relu]), "ShapeMismatch", "3 > tanh > relu"],
    [
      "a density without bias",
      sequential(0, [Network.dense(2, { bias: false })]),
      "ShapeMismatch",
      "no bias"
    ],
    ...cases("options of dense", (options) => Network.dense(2, wrong(options)), [
      ["a switch", () => false, "InvalidArgument", "options is false"],
      ["null", () => null, "InvalidArgument", "options is null"],
      ["the units again", () => ({ units: 5 }), "InvalidArgument", "units is 5"],
      ["a bias as text", () => ({ bias: "no" }), "InvalidArgument", "bias"]
    ]),
    ["no list of layers", sequential(3, undefined), "InvalidArgument", "layers", "undefined"],
    [
      "a layer that is missing",
      sequential(3, [Network.dense(2), undefined]),
      "InvalidArgument",
      "layers",
      "undefined"
    ],
    ["a layer that was not called", sequential(3, [Network.dense]), "InvalidArgument", "layers"],
    ["a layer of tfjs", sequential(3, [tf.layers.dense({ units: 2 })]), "InvalidArgument", "layers"],
    [
      "dropout of tfjs",
      sequential(3, [Network.dense(2), tf.layers.dropout({ rate: 0.5 })]),
      "InvalidArgument",
      "layers"
    ],
    ["a categorical over 1 class", overOne, "ShapeMismatch", "1 class"]
  ])
})

describe("one layer in two places", () => {
  it("is two layers, each with its own parameters", () => {
    const layer = Network.dense(3)
    const { space } = Network.sequential(3, [layer, Network.tanh, layer])
    expect(space.blocks.map(({ layer, offset }) => [layer, offset])).toEqual([
      ["0 dense(3)", 0],
      ["2 dense(3)", 12]
    ])
  })
})

const other = ofWidth(5)
const fewer = ofWidth(3)
/** As many parameters, in the same places: only the name tells it apart. */
const alike = Conditional.make(
  Network.sequential(3 as number, [
    Network.dense(4 as number),
    wrong(Network.relu) as typeof Network.tanh,
    Network.dense(2 as number)
  ]),
  Likelihood.categorical
)
const name = (of: typeof small) => of.network.space.signature
const at = (of: typeof small) => Conditional.init(of, { seed: 1 })
const tangent = (of: typeof small) => Tangent.make(of.network.space, at(of).values)
const cotangent = (of: typeof small) => Cotangent.make(of.network.space, at(of).values)
const fisher = await Effect.runPromise(given()(Fisher.estimate(small, params, Structure.kfac)))
const options = { learningRate: 0.1, damping: Damping.absolute(1) }
const train = (start: typeof params) =>
  Training.run(small, start, { ...options, structure: Structure.kfac }).pipe(Stream.take(1), Stream.runDrain)

/** Every function of two vectors, or of a vector and a network, given one of `stranger`. */
const mixed = (stranger: typeof small): void => {
  const both = [name(small), name(stranger)]
  fails([
    ["load", () => given()(Effect.scoped(Conditional.load(small, at(stranger)))), "ShapeMismatch", ...both],
    ["gradient", () => given()(Conditional.gradient(small, at(stranger))), "ShapeMismatch", ...both],
    [
      "predict",
      () => given()(Conditional.predict(small, at(stranger), [[1, 2, 3]])),
      "ShapeMismatch",
      ...both
    ],
    [
      "negativeLogLikelihood",
      () => given()(Conditional.negativeLogLikelihood(small, at(stranger))),
      "ShapeMismatch",
      ...both
    ],
    [
      "klDivergence, of",
      () => given()(Conditional.klDivergence(small, at(stranger), params)),
      "ShapeMismatch",
      ...both
    ],
    [
      "klDivergence, to",
      () => given()(Conditional.klDivergence(small, params, at(stranger))),
      "ShapeMismatch",
      ...both
    ],
    [
      "Fisher.estimate",
      () => given()(Fisher.estimate(small, at(stranger), Structure.kfac)),
      "ShapeMismatch",
      ...both
    ],
    ["Training.run", () => given()(train(at(stranger))), "ShapeMismatch", ...both]
  ])
  const step = (of: typeof small, g: typeof small, last?: typeof small) =>
    NaturalGradient.step(at(of), cotangent(g), fisher, {
      ...options,
      ...(last === undefined ? {} : { momentum: 0.5, last: tangent(last) })
    })
  const empty = (of: typeof small) => Accumulator.empty(Structure.kfac, of.network.space)
  returns([
    ["Fisher.apply", () => Fisher.apply(fisher, tangent(stranger)), "ShapeMismatch", ...both],
    ["Fisher.quadraticForm", () => Fisher.quadraticForm(fisher, tangent(stranger)), "ShapeMismatch", ...both],
    [
      "Fisher.solve",
      () => Fisher.solve(fisher, cotangent(stranger), Damping.absolute(1)),
      "ShapeMismatch",
      ...both
    ],
    ["step, parameters", () => step(stranger, small), "ShapeMismatch", ...both],
    ["step, gradient", () => step(small, stranger), "ShapeMismatch", ...both],
    ["step, both", () => step(stranger, stranger), "ShapeMismatch", ...both],
    ["step, last update", () => step(small, small, stranger), "ShapeMismatch", ...both],
    [
      "Accumulator.combine",
      () => Accumulator.combine(empty(small), empty(stranger)),
      "ShapeMismatch",
      ...both
    ]
  ])
  throws([
    ["Params.move", () => Params.move(params, tangent(stranger)), "ShapeMismatch", ...both],
    ["Cotangent.pair", () => Cotangent.pair(cotangent(small), tangent(stranger)), "ShapeMismatch", ...both]
  ])
}

describe("a vector of another network, with more parameters", () => mixed(other))
describe("a vector of another network, with fewer parameters", () => mixed(fewer))
describe("a vector of another network, with as many parameters", () => mixed(alike))

describe("accumulators of two structures", () => {
  const empty = (structure: typeof Structure.kfac) => Accumulator.empty(structure, space)
  returns([
    [
      "combine",
      () => Accumulator.combine(empty(Structure.kfac), empty(wrong(Structure.dense))),
      "ShapeMismatch",
      "kfac",
      "dense"
    ],
    [
      "movingAverage",
      () => Accumulator.movingAverage(empty(Structure.kfac), empty(wrong(Structure.diagonal)), 0.5),
      "ShapeMismatch",
      "kfac",
      "diagonal"
    ],
    [
      "finish without an example",
      () => Accumulator.finish(empty(Structure.kfac), wrong(undefined)),
      "EmptyData",
      "No example"
    ]
  ])
})
