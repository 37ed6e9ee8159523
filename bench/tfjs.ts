/**
 * The same by plain tfjs, on its backends as shipped: the mean gradient by `tf.grads`, and the diagonal and the dense Fisher by one `tf.grads`
 * for each example (`mc1`, a y drawn from the model) or for each example and class (`exact`).
 *
 * The gradient of a convolution in its filter is missing from tfjs's wasm backend, so workload c is on its cpu backend. What is slow is
 * timed on some examples and scaled up. A K-FAC needs the inputs of the layers, which `tf.grads` does not give.
 */
import * as tf from "@tensorflow/tfjs"
import "@tensorflow/tfjs-backend-wasm"
import { Effect } from "effect"
import { Key, type Params } from "../src/index.ts"
import { timed } from "./turns.ts"
import { problemOf } from "./workloads.ts"

type Backend = "wasm" | "cpu"
/** Kernel and bias of each layer. */
type Parameters = ReadonlyArray<tf.Tensor>
type Forward = (x: tf.Tensor2D, parameters: Parameters) => tf.Tensor2D

export const perceptron =
  (activation: (s: tf.Tensor2D) => tf.Tensor2D): Forward =>
  (x, parameters) => {
    const last = parameters.length / 2 - 1
    let a = x
    for (let i = 0; i <= last; i++) {
      const s: tf.Tensor2D = tf.add(tf.matMul(a, parameters[2 * i] as tf.Tensor2D), parameters[2 * i + 1]!)
      a = i === last ? s : activation(s)
    }
    return a
  }

const convolutional: Forward = (x, parameters) => {
  let a = tf.reshape(x, [-1, 28, 28, 1]) as tf.Tensor4D
  for (const [i, channels] of [1, 8].entries()) {
    const filters = parameters[2 * i]!.shape[1]!
    const kernel = tf.reshape(parameters[2 * i]!, [3, 3, channels, filters]) as tf.Tensor4D
    a = tf.maxPool(tf.relu(tf.add(tf.conv2d(a, kernel, 1, "same"), parameters[2 * i + 1]!)), 2, 2, "valid")
  }
  const flat = tf.reshape(a, [x.shape[0], -1]) as tf.Tensor2D
  return tf.add(tf.matMul(flat, parameters[4] as tf.Tensor2D), parameters[5]!)
}

const forwards = {
  a: perceptron(tf.relu),
  b: perceptron(tf.tanh),
  c: convolutional,
  d: perceptron(tf.relu)
} satisfies Readonly<Record<string, Forward>>

/** Kernel and bias of each layer, from a vector of natgrad's. */
export const parametersOf = <S extends string>({ space, values }: Params.Params<S>): Array<tf.Tensor> =>
  space.blocks.flatMap(({ columns, offset, rows }) => {
    const bias = offset + (rows - 1) * columns
    return [
      tf.tensor2d(values.subarray(offset, bias), [rows - 1, columns]),
      tf.tensor1d(values.subarray(bias, bias + columns))
    ]
  })

/** -(1/n) sum log p(y|x), as tfjs's user has it. */
export const lossOf = (z: tf.Tensor2D, y: ReadonlyArray<number>): tf.Scalar =>
  tf.losses.softmaxCrossEntropy(tf.oneHot(tf.tensor1d([...y], "int32"), z.shape[1]), z)

/** Runs on a backend as tfjs ships it; what was current before is so again afterwards. The switch is no part of what `use` times. */
export const shippedOn = <A, E, R>(backend: Backend, use: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const own = tf.getBackend()
    return Effect.acquireUseRelease(
      Effect.promise(() => tf.setBackend(backend)),
      () => use,
      () => Effect.promise(() => tf.setBackend(own))
    )
  })

type Problem = Effect.Success<ReturnType<typeof problemOf>>

const gradient = (forward: Forward, { params, x, y }: Problem, examples: number): void =>
  tf.tidy(() => {
    const features = x.length / y.length
    const inputs = tf.tensor2d(x.subarray(0, examples * features), [examples, features])
    const loss = (...parameters: Array<tf.Tensor>) =>
      lossOf(forward(inputs, parameters), y.slice(0, examples))
    for (const part of tf.grads(loss)(parametersOf(params))) part.dataSync()
  })

/** For each example: classes and their weights, all of them or one that is drawn. */
const classesOf = (
  p: Float32Array,
  sampler: "exact" | "mc1",
  example: number
): ReadonlyArray<readonly [number, number]> => {
  if (sampler === "exact") return [...p].map((weight, y) => [y, weight] as const)
  const u = Key.uniform(Key.make(3), example, 0)
  let y = 0
  for (let sum = p[0]!; sum < u && y < p.length - 1; sum += p[++y]!);
  return [[y, 1]]
}

/** The sum over examples and classes of w g^2, or of w g g^T. */
const fisher = (
  forward: Forward,
  { conditional, params, x }: Problem,
  what: "diagonal" | "dense",
  sampler: "exact" | "mc1",
  examples: number
): void =>
  tf.tidy(() => {
    const { features, outputs } = conditional.network
    const parameters = parametersOf(params)
    const inputs = tf.tensor2d(x.subarray(0, examples * features), [examples, features])
    const p = tf.softmax(forward(inputs, parameters)).dataSync() as Float32Array
    let sums: ReadonlyArray<tf.Tensor> | undefined
    for (let n = 0; n < examples; n++) {
      const row = tf.slice(inputs, [n, 0], [1, features])
      for (const [y, weight] of classesOf(p.subarray(n * outputs, (n + 1) * outputs), sampler, n)) {
        const before = sums
        sums = tf.tidy(() => {
          const loss = (...of: Array<tf.Tensor>) => lossOf(forward(row, of), [y])
          const g = tf.grads(loss)(parameters)
          const flat = () => tf.reshape(tf.concat(g.map((part) => tf.reshape(part, [-1]))), [-1, 1])
          const terms = what === "diagonal" ? g.map(tf.square) : [tf.matMul(flat(), flat(), false, true)]
          return terms.map((term, i) => {
            const weighed = tf.mul(term, weight)
            return before === undefined ? weighed : tf.add(before[i]!, weighed)
          })
        })
        tf.dispose(before as Array<tf.Tensor>)
      }
    }
    for (const sum of sums ?? []) sum.dataSync()
  })

/** What is timed, on how many examples: some, where all would take minutes. */
const rows: ReadonlyArray<
  readonly [keyof typeof forwards, Backend, "gradient" | "diagonal" | "dense", "-" | "exact" | "mc1", number]
> = [
  ["a", "wasm", "gradient", "-", 1000],
  ["a", "wasm", "diagonal", "exact", 10],
  ["a", "wasm", "diagonal", "mc1", 50],
  ["b", "wasm", "gradient", "-", 1000],
  ["b", "wasm", "diagonal", "mc1", 50],
  ["b", "wasm", "dense", "exact", 10],
  ["b", "wasm", "dense", "mc1", 20],
  ["c", "cpu", "gradient", "-", 10],
  ["c", "cpu", "diagonal", "mc1", 5],
  ["d", "wasm", "gradient", "-", 1024]
]

export const tfjs = Effect.forEach(
  rows,
  Effect.fnUntraced(function* ([workload, backend, what, sampler, examples]) {
    const problem = yield* problemOf(workload)
    const forward = forwards[workload]
    const scaled = problem.examples / examples
    const label = {
      workload,
      what: `tfjs ${what}`,
      sampler,
      device: backend,
      ...(scaled === 1 ? {} : { scaled })
    }
    const run = Effect.sync(() =>
      what === "gradient" || sampler === "-"
        ? gradient(forward, problem, examples)
        : fisher(forward, problem, what, sampler, examples)
    )
    return shippedOn(backend, timed(label, run))
  })
)
