/** Functions of one's own for the laws: one that layers express too, and one that they do not, with its derivatives by hand. */
import * as tf from "@tensorflow/tfjs"
import { Effect } from "effect"
import { Conditional, Device, Likelihood, Network, type Params, Score, Tangent } from "../../src/index.ts"
import {
  congruence,
  identity,
  type Matrix,
  matvec,
  type Rows,
  scale,
  tabulate,
  type Vector
} from "../oracle/linear.ts"
import { generator } from "../oracle/random.ts"
import { dyadic } from "./measure.ts"

export const likelihood = Likelihood.gaussian({ variance: 0.5 })

/** 3 > dense(4) > tanh > dense(2). */
export const layered = Conditional.make(
  Network.sequential(3, [Network.dense(4), Network.tanh, Network.dense(2)]),
  likelihood
)

/** The same function, its parameters in another order and one of them in another shape; or one that is nearly the same. */
export const written = (name: string, change: (h: tf.Tensor2D) => tf.Tensor2D = (h) => h) =>
  Conditional.fromFunction(
    {
      name,
      parameters: { b2: [2], w1: [3, 2, 2], w2: [4, 2], b1: [4] },
      features: 3,
      outputs: 2,
      f: ({ b1, b2, w1, w2 }, x) =>
        tf.add(tf.matMul(change(tf.tanh(tf.add(tf.matMul(x, w1.reshape<tf.Tensor2D>([3, 4])), b1))), w2), b2)
    },
    likelihood
  )

/** Where each of the function's numbers lies among those of the layers. */
export const places: ReadonlyArray<number> = [
  ...[24, 25],
  ...Array.from({ length: 12 }, (_, i) => i),
  ...Array.from({ length: 8 }, (_, i) => 16 + i),
  ...[12, 13, 14, 15]
]

/** A vector of the layers in the order of the function. */
export const reordered = (v: Vector): Float64Array => Float64Array.from(places, (at) => v[at]!)

/** A matrix likewise. */
export const reorderedMatrix = (m: Matrix): Rows =>
  tabulate(places.length, places.length, (i, j) => m[places[i]!]![places[j]!]!)

/** A damped oscillation seen through a gain, in phase and a quarter later: z = h g exp(-k t) (cos(w t + p), sin(w t + p)), x = (t, g). */
export const oscillator = Conditional.fromFunction(
  {
    name: "oscillator",
    parameters: { rates: [2], height: [], phase: [] },
    features: 2,
    outputs: 2,
    f: ({ height, phase, rates }, x) => {
      const [t, gain] = [tf.slice(x, [0, 0], [-1, 1]), tf.slice(x, [0, 1], [-1, 1])]
      const [decay, frequency] = [tf.slice(rates, 0, 1), tf.slice(rates, 1, 1)]
      const size = tf.mul(tf.mul(height, gain), tf.exp(tf.neg(tf.mul(decay, t))))
      const angle = tf.add(tf.mul(frequency, t), phase)
      return tf.concat([tf.mul(size, tf.cos(angle)), tf.mul(size, tf.sin(angle))], 1)
    }
  },
  Likelihood.gaussian({ variance: 0.3 })
)

/** k, w, h, p. */
export const oscillation: Vector = [0.375, 1.25, 1.5, 0.625]

export const times = (examples: number): Matrix =>
  Array.from({ length: examples }, (_, n) => dyadic([(3 * (n + 0.5)) / examples, 1 + 0.25 * Math.sin(n)], 10))

/** J `[2, 4]` at one x, by hand. */
export const oscillatorJacobian = (
  [k, w, h, p]: Vector & Iterable<number>,
  [t, g]: Vector & Iterable<number>
): Rows => {
  const size = g! * Math.exp(-k! * t!)
  const [c, s] = [Math.cos(w! * t! + p!), Math.sin(w! * t! + p!)]
  return [
    Float64Array.of(-h! * t! * size * c, -h! * t! * size * s, size * c, -h! * size * s),
    Float64Array.of(-h! * t! * size * s, h! * t! * size * c, size * s, h! * size * c)
  ]
}

/** (1/N) sum_n J_n^T J_n / 0.3. */
export const oscillatorFisher = (theta: Vector, X: Matrix): Rows => {
  const all = X.flatMap((x) => oscillatorJacobian(theta as Float64Array, x as Float64Array))
  return scale(1 / (0.3 * X.length), congruence(all, identity(all.length)))
}

export const jacobianTimes = (theta: Vector, X: Matrix, v: Vector): Float64Array =>
  Float64Array.from(
    X.flatMap((x) => Array.from(matvec(oscillatorJacobian(theta as Float64Array, x as Float64Array), v)))
  )

/** Random x, exact in float32. */
export const inputs = (examples: number, features: number): Matrix => {
  const random = generator(31)
  return Array.from({ length: examples }, () => dyadic(random.normals(features), 8))
}

export const batchOf = (X: Matrix) => ({
  x: Float32Array.from(X.flatMap((row) => Array.from(row))),
  examples: X.length,
  features: X[0]!.length,
  indices: Float64Array.from(X.keys())
})

/** What one linearisation gives: z, J v for some tangents, the gradients `[K, N, P]` of cotangents, and a sum of them. */
export const mapsOf = <S extends string>(
  conditional: Conditional.Conditional<S>,
  params: Params.Params<S>,
  X: Matrix,
  vs: ReadonlyArray<Vector>,
  w: Float32Array,
  columns: number
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const device = yield* Device
      const map = yield* Conditional.linearize(yield* Conditional.load(conditional, params), batchOf(X))
      const scores = yield* map.backprop(w, columns)
      const written = yield* device.compute("gradients", (keep) =>
        scores.layers.map((layer) => keep(Score.gradients(layer, 0, columns)))
      )
      const parts = yield* device.read("gradients", written)
      const rows: ReadonlyArray<Vector> = Array.from({ length: columns * X.length }, (_, row) =>
        Float64Array.from(
          scores.layers.flatMap(({ block }, i) => {
            const size = block.rows * block.columns
            return Array.from(parts[i]!.subarray(row * size, (row + 1) * size))
          })
        )
      )
      return {
        z: map.outputs.z,
        gradients: rows,
        /** The first column, summed over examples. */
        pulled: yield* map.pullback(w.subarray(0, w.length / columns)),
        jvs: yield* Effect.forEach(vs, (v) => map.pushforward(Tangent.make(params.space, Array.from(v))))
      }
    })
  )
