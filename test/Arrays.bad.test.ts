/** Bad input, x and y: what is no table of numbers, or one of another shape than the network or the likelihood takes. */
import * as tf from "@tensorflow/tfjs"
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import {
  Batch,
  Conditional,
  DataSource,
  Fisher,
  Likelihood,
  Params,
  Sampler,
  Structure
} from "../src/index.ts"
import { cases, fails, type Row, throws } from "./support/refusals.ts"
import { given, network, params, small, space, wrong, x, y } from "./support/small.ts"
import { checkEveryKernel } from "./support/tensors.ts"

const tensors: Record<string, tf.Tensor> = {}

beforeAll(async () => {
  await checkEveryKernel()
  tensors["float32"] = tf.tensor2d([[1, 2, 3]])
  tensors["int32"] = tf.tensor2d([[1, 2, 3]], undefined, "int32")
  tensors["bool"] = tf.tensor2d([[1, 0, 1]], undefined, "bool")
  tensors["string"] = tf.tensor2d([["a", "b", "c"]])
  tensors["complex"] = tf.complex([1, 2], [0, 1])
  tensors["disposed"] = tf.tensor2d([[1, 2, 3]])
  tensors["disposed"].dispose()
})

afterAll(() => tf.dispose(Object.values(tensors).filter((tensor) => !tensor.isDisposed)))

const tensorRows = ["float32", "int32", "bool", "string", "complex", "disposed"].map(
  (type): Row => [`a ${type} tensor`, () => tensors[type], "InvalidArgument", "tensor"]
)
const withData = (data: object) =>
  given({ source: DataSource.fromArrays(wrong(data)) })(Conditional.gradient(small, params))
const predict = (values: unknown) => given()(Conditional.predict(small, params, wrong(values)))

/** No matrix of numbers, wherever a matrix is due. */
const noMatrix: ReadonlyArray<Row> = [
  ...tensorRows,
  ["nothing", () => undefined, "InvalidArgument", "x is undefined"],
  ["null", () => null, "InvalidArgument", "x is null"],
  ["a number", () => 3, "InvalidArgument", "x is 3"],
  ["text", () => "1,2,3", "InvalidArgument", '"1,2,3"'],
  ["a record", () => ({ a: 1 }), "InvalidArgument", "x is"],
  ["a set", () => new Set([[1, 2, 3]]), "InvalidArgument", "Set"],
  ["one flat row", () => [1, 2, 3], "InvalidArgument", "x[0] is 1"],
  ["a flat Float32Array without a shape", () => new Float32Array(12), "InvalidArgument", "Float32Array"],
  ["three dimensions", () => [[[1], [2], [3]]], "InvalidArgument", "at index 0"],
  ["rows of text", () => ["123", "456"], "InvalidArgument", '"123"'],
  ["numbers as text", () => [["1", "2", "3"]], "InvalidArgument", '"1"'],
  ["booleans", () => [[true, false, true]], "InvalidArgument", "true"],
  ["null among the numbers", () => [[1, null, 3]], "InvalidArgument", "null at index 1"],
  ["big integers", () => [[1n, 2n, 3n]], "InvalidArgument", "1n"],
  ["rows of BigInt64Array", () => [new BigInt64Array(3)], "InvalidArgument", "BigInt64Array"],
  ["a row of a tensor", () => [tensors["float32"]], "InvalidArgument", "x[0] is a tensor"],
  ["a row that is missing", () => [[1, 2, 3], undefined, [4, 5, 6]], "InvalidArgument", "x[1] is undefined"],
  ["a number that is missing", () => [[1, undefined, 3]], "InvalidArgument", "undefined at index 1"],
  [
    "ragged rows",
    () => [
      [1, 2, 3],
      [4, 5]
    ],
    "ShapeMismatch",
    "x[1] has 2",
    "x[0] has 3"
  ],
  ["a shape of rank 1", () => ({ data: [1, 2, 3], shape: [3] }), "InvalidArgument", "shape", "3"],
  ["a shape of rank 3", () => ({ data: [1, 2, 3], shape: [1, 3, 1] }), "InvalidArgument", "shape", "1,3,1"],
  ["no shape", () => ({ data: [1, 2, 3], shape: undefined }), "InvalidArgument", "shape", "undefined"],
  ["a shape null", () => ({ data: [1, 2, 3], shape: null }), "InvalidArgument", "shape", "null"],
  ["a number for the shape", () => ({ data: [1, 2, 3], shape: 3 }), "InvalidArgument", "shape", "3"],
  ["text for the shape", () => ({ data: [1, 2, 3], shape: "13" }), "InvalidArgument", "1"],
  ["-1 rows", () => ({ data: [1, 2, 3], shape: [-1, 3] }), "InvalidArgument", "rows is -1"],
  ["1.5 rows", () => ({ data: [1, 2, 3], shape: [1.5, 2] }), "InvalidArgument", "rows is 1.5"],
  [
    "a shape of another size",
    () => ({ data: [1, 2, 3], shape: [2, 3] }),
    "ShapeMismatch",
    "3 numbers",
    "2 x 3"
  ],
  [
    "a tensor as data",
    () => ({ data: tensors["float32"], shape: [1, 3] }),
    "InvalidArgument",
    "data",
    "tensor"
  ],
  [
    "a DataView as data",
    () => ({ data: new DataView(new ArrayBuffer(12)), shape: [1, 3] }),
    "InvalidArgument",
    "DataView"
  ]
]

describe("x", () => {
  fails(cases("predict", predict, noMatrix))
  fails(cases("fromArrays", (value) => withData({ x: value }), noMatrix))
  throws(cases("Batch.table", (value) => Batch.table("x", wrong(value)), noMatrix))
  fails([
    ["predict: 4 features for 3", () => predict([[1, 2, 3, 4]]), "ShapeMismatch", "4 features", "takes 3"],
    ["predict: rows of no number", () => predict([[], []]), "ShapeMismatch", "0 features", "takes 3"],
    [
      "gradient: 4 features for 3",
      () => withData({ x: x.map((row) => [...row, 1]), y }),
      "ShapeMismatch",
      "4 features",
      "takes 3"
    ],
    [
      "gradient: rows of no number",
      () => withData({ x: [[], []], y: [0, 1] }),
      "ShapeMismatch",
      "0 features",
      "takes 3"
    ],
    [
      "gradient: a density's data",
      () => given({ source: DataSource.density({ y }) })(Conditional.gradient(small, params)),
      "ShapeMismatch",
      "0 features",
      "takes 3"
    ],
    ["gradient: no example", () => withData({ x: [], y: [] }), "EmptyData", "arrays"],
    [
      "estimate: no example",
      () =>
        given({ source: DataSource.fromArrays({ x: [] }) })(Fisher.estimate(small, params, Structure.kfac)),
      "EmptyData",
      "Fisher"
    ],
    [
      "density: no observation",
      () => given({ source: DataSource.density({ y: [] }) })(Conditional.gradient(small, params)),
      "EmptyData",
      "density"
    ]
  ])
})

const noLabels: ReadonlyArray<Row> = [
  ...tensorRows,
  ["null", () => null, "InvalidArgument", "y is null"],
  ["a number", () => 1, "InvalidArgument", "y is 1"],
  ["text", () => "0101", "InvalidArgument", '"0101"'],
  ["numbers as text", () => ["0", "1", "0", "1"], "InvalidArgument", '"0"'],
  ["booleans", () => [true, false, true, false], "InvalidArgument", "true"],
  ["big integers", () => [0n, 1n, 0n, 1n], "InvalidArgument", "0n"],
  ["a BigInt64Array", () => new BigInt64Array(4), "InvalidArgument", "BigInt64Array"],
  ["fewer than x", () => [0, 1], "ShapeMismatch", "2 rows", "x has 4"],
  ["more than x", () => [0, 1, 0, 1, 0], "ShapeMismatch", "5 rows", "x has 4"],
  ["none", () => [], "ShapeMismatch", "0 rows", "x has 4"],
  ["ragged rows", () => [[0], [1, 0], [0], [1]], "ShapeMismatch", "y[1] has 2", "y[0] has 1"],
  [
    "one-hot rows for a class",
    () => [
      [1, 0],
      [0, 1],
      [1, 0],
      [0, 1]
    ],
    "ShapeMismatch",
    "2 numbers",
    "takes 1"
  ],
  ["rows of no number", () => [[], [], [], []], "ShapeMismatch", "0 numbers", "takes 1"]
]

const withLikelihood = (likelihood: Likelihood.Likelihood, labels: unknown) => {
  const conditional = Conditional.make(network, likelihood)
  const source = DataSource.fromArrays(wrong({ x, y: labels }))
  return given({ source })(Conditional.gradient(conditional, params))
}

describe("y", () => {
  const empirical = (labels: unknown) =>
    given({ source: DataSource.fromArrays(wrong({ x, y: labels })), sampler: Sampler.empirical })(
      Fisher.estimate(small, params, Structure.diagonal)
    )
  fails(cases("gradient", (labels) => withData({ x, y: labels }), noLabels))
  fails(cases("empirical Fisher", empirical, noLabels))
  fails([
    ["gradient: no y", () => withData({ x }), "MissingLabels", "no labels"],
    ["empirical Fisher: no y", () => empirical(undefined), "MissingLabels", "no labels"],
    [
      "bernoulli of 2 bits: y [N]",
      () => withLikelihood(Likelihood.bernoulli, y),
      "ShapeMismatch",
      "1 number",
      "takes 2"
    ],
    [
      "bernoulli of 2 bits: y [N, 3]",
      () => withLikelihood(Likelihood.bernoulli, x),
      "ShapeMismatch",
      "3 numbers",
      "takes 2"
    ],
    [
      "gaussian of 2 numbers: y [N]",
      () => withLikelihood(Likelihood.gaussian({ variance: 1 }), y),
      "ShapeMismatch",
      "1 number",
      "takes 2"
    ],
    [
      "gaussian of 2 numbers: y [N, 1]",
      () =>
        withLikelihood(
          Likelihood.gaussian({ variance: 1 }),
          y.map((label) => [label])
        ),
      "ShapeMismatch",
      "1 number",
      "takes 2"
    ]
  ])
})

describe("typed arrays of other numbers", () => {
  it("are taken for the numbers that they hold", async () => {
    const whole = x.map((row) => row.map(Math.abs))
    const due = await Effect.runPromise(withData({ x: whole, y }))
    for (const Type of [Float64Array, Int32Array, Uint8Array, Int16Array]) {
      const rows = { x: whole.map((row) => Type.from(row)), y: Type.from(y) }
      const flat = {
        x: { data: Type.from(whole.flat()), shape: [4, 3] },
        y: y.map((label) => Type.of(label))
      }
      for (const data of [rows, flat]) {
        const made = await Effect.runPromise(withData(data))
        expect(made.values).toEqual(due.values)
      }
    }
    expect(Params.make(space, new Float64Array(space.size).fill(0.5)).values).toEqual(
      Params.make(space, new Float32Array(space.size).fill(0.5)).values
    )
  })
})
