/** The two linear maps of a network linearised on a device, and what they are compared by. */
import { Effect } from "effect"
import { Conditional, Device, Params, Score } from "../../src/index.ts"
import { type Case, sameSide } from "../oracle/cases.ts"
import { axpy, flatten, norm, slope, type Vector } from "../oracle/linear.ts"
import { blocks, type OracleNetwork, size } from "../oracle/network.ts"
import { generator } from "../oracle/random.ts"
import { dyadic } from "./measure.ts"
import { subject } from "./subject.ts"

/** The terms in a chain through the layers. */
export const terms = (net: OracleNetwork): number =>
  blocks(net).reduce((sum, { bias, inputs }) => sum + inputs + (bias ? 1 : 0), 0)

const batchOf = ({ X, net }: Case) => ({
  x: Float32Array.from(flatten(X)),
  examples: X.length,
  features: net.features,
  indices: Float64Array.from(X.keys())
})

/** What one linearisation on the device gives for some tangents v and cotangents w `[K, N, C]`. */
export const linearMaps = (c: Case, vs: ReadonlyArray<Vector>, w: Float32Array, columns: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { conditional, params, tangent } = subject(c)
      const device = yield* Device
      const map = yield* Conditional.linearize(yield* Conditional.load(conditional, params), batchOf(c))
      const scores = yield* map.backprop(w, columns)
      const written = yield* device.compute("gradients", (keep) =>
        scores.layers.map((layer) => keep(Score.gradients(layer, 0, columns)))
      )
      const layers = yield* device.read("gradients", written)
      return {
        z: map.outputs.z,
        jvs: yield* Effect.forEach(vs, (v) => map.pushforward(tangent(v))),
        sum: yield* Conditional.sumScores(scores),
        /** The gradient of column k at example n. */
        gradient: (k: number, n: number): Vector => {
          const row = k * c.X.length + n
          return scores.layers.flatMap(({ block }, l) => {
            const width = block.rows * block.columns
            return Array.from(layers[l]!.subarray(row * width, (row + 1) * width))
          })
        }
      }
    })
  )

/**
 * Steps h and directions v for central differences in float32. They lose eps |z| / h to rounding, and h^2 |z'''| / 6 to
 * truncation: with |v| of order 5 and h from 2^-3 to 2^-6 truncation is 30 times rounding at the last step and the next
 * order, h^2 / 20 of it, small at the first. v is dyadic, so theta +- h v are exact; it crosses no kink.
 */
const steps = [2 ** -3, 2 ** -4, 2 ** -5, 2 ** -6]

export const smoothDirection = (c: Case): Vector => {
  const random = generator(5)
  for (let length = 5; ; length *= 0.98) {
    const v = dyadic(
      random.direction(size(c.net)).map((entry) => length * entry),
      6
    )
    const ends = steps.flatMap((h) => [axpy(c.theta, h, v), axpy(c.theta, -h, v)])
    if (sameSide(c, [c.theta, ...ends])) return v
  }
}

/** The order in h of |(z(theta + h v) - z(theta - h v)) / 2h - scaled J v|, for the J v that the device gave. */
export const differenceOrder = (c: Case, v: Vector, exact: Vector) =>
  Effect.gen(function* () {
    const { conditional, x } = subject(c)
    const at = (h: number) =>
      Conditional.predict(conditional, Params.make(conditional.network.space, axpy(c.theta, h, v)), x)
    const quotients = yield* Effect.forEach(steps, (h) =>
      Effect.zipWith(at(h), at(-h), (up, down) => axpy(up, -1, down).map((change) => change / (2 * h)))
    )
    return (scaled: number) =>
      slope(
        steps,
        quotients.map((q) => norm(axpy(q, -scaled, exact)))
      )
  })
