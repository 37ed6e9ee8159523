/**
 * The workloads: a, MLP 784-64-10 relu, n = 1000; b, MLP 10-32-32-3 tanh, n = 1000; c, conv 3x3x8, relu, pool 2, conv 3x3x16, relu, pool 2,
 * dense 10 on 28x28x1, both convolutions "same", n = 200; d, MLP 784-512-512-10 relu, n = 1024.
 */
import * as tf from "@tensorflow/tfjs"
import { Effect, Layer } from "effect"
import {
  Conditional,
  Damping,
  DataSource,
  Device,
  Fisher,
  Key,
  Likelihood,
  MatrixFree,
  NaturalGradient,
  Network,
  Sampler,
  Structure,
  Tangent
} from "../src/index.ts"
import type { Kernels } from "../src/kernels/Kernels.ts"

/** One line of the table: a thing to time, on data that is ready. */
export interface Row<E> {
  readonly workload: string
  readonly what: string
  readonly sampler: string
  readonly run: Effect.Effect<unknown, E, Device>
}

export const samplers = {
  exact: Sampler.exact,
  mc1: Sampler.monteCarlo({ draws: 1, seed: 0 }),
  mc8: Sampler.monteCarlo({ draws: 8, seed: 0 })
} as const

/** `[features, ...units]` */
const perceptron = (
  [features, ...units]: readonly [number, ...ReadonlyArray<number>],
  activation: typeof Network.relu | typeof Network.tanh
) =>
  Network.sequential(
    features,
    units.flatMap((n, i) => (i === 0 ? [Network.dense(n)] : [activation, Network.dense(n)]))
  )

const convolutional = () =>
  Network.sequential({ height: 28, width: 28, channels: 1 }, [
    Network.conv2d({ filters: 8, kernel: 3, padding: "same" }),
    Network.relu,
    Network.maxPool2d({ size: 2 }),
    Network.conv2d({ filters: 16, kernel: 3, padding: "same" }),
    Network.relu,
    Network.maxPool2d({ size: 2 }),
    Network.flatten,
    Network.dense(10)
  ])

const sizes = {
  a: {
    examples: 1000,
    network: () => perceptron([784, 64, 10], Network.relu),
    structures: ["diagonal", "quasiDiagonal", "kfac", "ekfac"]
  },
  b: {
    examples: 1000,
    network: () => perceptron([10, 32, 32, 3], Network.tanh),
    structures: ["dense", "diagonal", "kfac", "ekfac", "gram"]
  },
  c: { examples: 200, network: convolutional, structures: ["diagonal", "kfac", "ekfac"] },
  d: {
    examples: 1024,
    network: () => perceptron([784, 512, 512, 10], Network.relu),
    structures: ["kfac", "ekfac"]
  },
  t: { examples: 256, network: () => perceptron([784, 512, 512, 10], Network.relu), structures: [] }
} as const
export type Workload = keyof typeof sizes

/** One of the workloads, on data that is ready: reading and checking the arrays is no part of what is timed. */
export const problemOf = Effect.fnUntraced(function* (workload: Workload) {
  const { examples } = sizes[workload]
  // A table has one type for all of its networks.
  const network: Network.Network<string> = sizes[workload].network() as never
  const conditional = Conditional.make(network, Likelihood.categorical)
  const { features } = network
  const params = Conditional.init(conditional, { seed: 1 })
  const key = Key.make(2)
  const x = Float32Array.from({ length: examples * features }, (_, i) => Key.uniform(key, i, 0))
  const y = Array.from({ length: examples }, (_, n) => n % network.outputs)
  const data = yield* Layer.build(DataSource.fromArrays({ x: { data: x, shape: [examples, features] }, y }))
  return { conditional, data, examples, params, x, y }
})

const rowsOf = Effect.fnUntraced(function* (workload: Workload) {
  const { structures } = sizes[workload]
  const { conditional, data, params } = yield* problemOf(workload)
  const gradient = Conditional.gradient(conditional, params).pipe(Effect.provideContext(data))
  const estimate = (structure: (typeof structures)[number], sampler: Layer.Layer<Sampler, unknown>) =>
    Fisher.estimate(conditional, params, Structure[structure]).pipe(
      Effect.provide(sampler),
      Effect.provideContext(data)
    )
  const fishers = structures.flatMap((structure) =>
    Object.entries(samplers).map(([sampler, layer]) => ({
      workload,
      what: structure,
      sampler,
      run: estimate(structure, layer)
    }))
  )
  const v = Tangent.make(conditional.network.space, params.values)
  const product = MatrixFree.apply(MatrixFree.make(conditional, params), v).pipe(
    Effect.provide(Sampler.exact),
    Effect.provideContext(data)
  )
  const g = yield* gradient
  const fisher = yield* Fisher.estimate(conditional, params, Structure.kfac).pipe(
    Effect.provide(Sampler.exact),
    Effect.provideContext(data)
  )
  const solve = () =>
    NaturalGradient.step(params, g, fisher, { learningRate: 1, damping: Damping.factored(1e-2) })
  solve()
  return [
    { workload, what: "gradient", sampler: "-", run: gradient },
    ...fishers,
    { workload, what: "product", sampler: "exact", run: product },
    { workload, what: "solve cached", sampler: "exact", run: Effect.sync(solve) }
  ]
})

export const workloads = (names: ReadonlyArray<string>) =>
  Effect.forEach(
    (["a", "b", "c", "d"] as const).filter((name) => names.includes(name)),
    rowsOf
  ).pipe(Effect.map((rows) => rows.flat()))

/** The unit: one product 4096x512 by 512x512, on the arrays of some kernels. */
export const unitOn = (kernels: Kernels) => {
  const [a, b] = [new Float32Array(4096 * 512).fill(1), new Float32Array(512 * 512).fill(1)]
  const out = new Float32Array(4096 * 512)
  const run = Effect.sync(() => kernels.gemm({ m: 4096, n: 512, k: 512, a, b, out }))
  return { workload: "-", what: kernels.name, sampler: "-", run }
}

/** The same on the device, for a machine without a BLAS. */
export const unitOnDevice = Effect.gen(function* () {
  const device = yield* Device
  const [a, b] = yield* device.compute("unit", (keep) => [
    keep(tf.ones([4096, 512]) as tf.Tensor2D),
    keep(tf.ones([512, 512]) as tf.Tensor2D)
  ])
  const run = Effect.scoped(device.compute("unit", (keep) => keep(tf.matMul(a!, b!))))
  return { workload: "-", what: "product", sampler: "-", run }
})
