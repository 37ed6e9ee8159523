/**
 * The score of a layer with shared weights, and what plain loops say of it: T = 3 positions, 2 inputs and a bias, 4 outputs,
 * N = 5 examples, K = 2 columns, all different.
 */
import * as tf from "@tensorflow/tfjs"
import { Score } from "../../src/index.ts"
import * as Factors from "../../src/model/Factors.ts"
import type { Vector } from "../oracle/linear.ts"
import { generator } from "../oracle/random.ts"

const [K, N, T, inputs, out] = [2, 5, 3, 2, 4]
const random = generator(9)
const a = Float32Array.from(random.normals(N * T * inputs))
const g = Float32Array.from(random.normals(K * N * T * out))
const block = {
  layer: "0 shared",
  offset: 0,
  rows: inputs + 1,
  columns: out,
  bias: true,
  form: "outer"
} as const
const abar = (n: number, t: number, i: number): number => (i === inputs ? 1 : a[(n * T + t) * inputs + i]!)
const cotangent = (k: number, n: number, t: number, o: number): number => g[((k * N + n) * T + t) * out + o]!
const sum = (count: number, f: (i: number) => number): number => {
  let total = 0
  for (let i = 0; i < count; i++) total += f(i)
  return total
}
const table = (rows: number, columns: number, f: (i: number, j: number) => number): Vector =>
  Float64Array.from({ length: rows * columns }, (_, at) => f(Math.floor(at / columns), at % columns))

/** The lower triangle of a symmetric matrix, row by row. */
const triangle = (side: number, f: (i: number, j: number) => number): Vector =>
  Float64Array.from(
    Array.from({ length: side }, (_, i) => Array.from({ length: i + 1 }, (__, j) => f(i, j))).flat()
  )

/** sum_t abar g^T. */
const gradient = (k: number, n: number, i: number, o: number): number =>
  sum(T, (t) => abar(n, t, i) * cotangent(k, n, t, o))
const overExamples = (f: (k: number, n: number) => number): number => sum(K, (k) => sum(N, (n) => f(k, n)))
const inputMoment = triangle(
  inputs + 1,
  (i, j) => sum(N, (n) => sum(T, (t) => abar(n, t, i) * abar(n, t, j))) / T
)
const cotangentMoment = triangle(out, (o, p) =>
  overExamples((k, n) => sum(T, (t) => cotangent(k, n, t, o) * cotangent(k, n, t, p)))
)
const times = (factor: number, due: Vector): Vector => Float64Array.from(due, (value) => factor * value)

const positionSquares = table(inputs + 1, out, (i, o) =>
  overExamples((k, n) => sum(T, (t) => (abar(n, t, i) * cotangent(k, n, t, o)) ** 2))
)
const meanSquares = table(inputs + 1, out, (i, o) => overExamples((k, n) => (gradient(k, n, i, o) / T) ** 2))
const gradientsOf = (from: number, to: number): Vector =>
  Array.from({ length: (to - from) * N }, (_, row) => {
    const [k, n] = [from + Math.floor(row / N), row % N]
    return Array.from(table(inputs + 1, out, (i, o) => gradient(k, n, i, o)))
  }).flat()

/** Each function of a score, what plain loops say it is, and what they say of the usual mistakes. */
export const sharedLaws: ReadonlyArray<{
  readonly name: string
  readonly ours: (score: Score.OuterScore) => tf.Tensor
  readonly due: Vector
  readonly wrong: Readonly<Record<string, Vector>>
}> = [
  {
    name: "gradients of all columns are the sums over positions",
    ours: (score) => Score.gradients(score, 0, K),
    due: gradientsOf(0, K),
    wrong: { "the mean over positions": times(1 / T, gradientsOf(0, K)) }
  },
  {
    name: "gradients of the last column are its own",
    ours: (score) => Score.gradients(score, 1, K),
    due: gradientsOf(1, K),
    wrong: { "those of the first": gradientsOf(0, K - 1) }
  },
  {
    name: "summedGradient is the sum over columns, examples and positions",
    ours: Score.summedGradient,
    due: table(inputs + 1, out, (i, o) => overExamples((k, n) => gradient(k, n, i, o))),
    wrong: {
      "the mean over columns": table(
        inputs + 1,
        out,
        (i, o) => overExamples((k, n) => gradient(k, n, i, o)) / K
      )
    }
  },
  {
    name: "summedSquares squares what is summed over positions",
    ours: Score.summedSquares,
    due: table(inputs + 1, out, (i, o) => overExamples((k, n) => gradient(k, n, i, o) ** 2)),
    wrong: { "the squares of each position": positionSquares, "T^2 too small": meanSquares }
  },
  {
    name: "inputMoment is the mean over positions",
    ours: Factors.inputMoment,
    due: inputMoment,
    wrong: { "the sum, T too large": times(T, inputMoment), "T too small": times(1 / T, inputMoment) }
  },
  {
    name: "cotangentMoment is the sum over positions",
    ours: Factors.cotangentMoment,
    due: cotangentMoment,
    wrong: {
      "the mean, T too small": times(1 / T, cotangentMoment),
      "T^2 too large": times(T * T, cotangentMoment)
    }
  }
]

/** How many terms the longest sum has. */
export const sharedTerms = K * N * T

/** The score itself. Inside a tensor program. */
export const sharedScore = (): Score.OuterScore => ({
  _tag: "Outer",
  block,
  positions: T,
  input: tf.tensor2d(a, [N * T, inputs]),
  cotangent: tf.tensor3d(g, [K, N * T, out])
})
