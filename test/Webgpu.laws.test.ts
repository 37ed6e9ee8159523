/** A GPU computes what `Device.cpu` does: estimates of every structure, and functions of one's own. N = 11, C = 3. */
import * as tf from "@tensorflow/tfjs"
import { Effect, Layer } from "effect"
import { describe, expect, it } from "vitest"
import {
  Conditional,
  DataSource,
  Device,
  Errors,
  Fisher,
  Likelihood,
  Network,
  Params,
  Sampler,
  Tangent
} from "../src/index.ts"
import { relativeError } from "./oracle/linear.ts"
import { generator } from "./oracle/random.ts"
import { allStructures } from "./support/structures.ts"
import { runWith } from "./support/subject.ts"
import { hasWebgpu } from "./support/webgpu.ts"

const random = generator(21)
const x = Array.from({ length: 11 }, () => Array.from(random.normals(24)))
const data = DataSource.fromArrays({ x })
const bound = 2e-6

describe.skipIf(!hasWebgpu)("estimates on webgpu", () => {
  const conditional = Conditional.make(
    Network.sequential(24, [Network.dense(5), Network.tanh, Network.dense(3)]),
    Likelihood.categorical
  )
  const params = Conditional.init(conditional, { seed: 4 })
  const samplers = { exact: Sampler.exact, "8 draws": Sampler.monteCarlo({ draws: 8, seed: 5 }) }
  for (const [title, structure] of Object.entries(allStructures)) {
    for (const [sampling, sampler] of Object.entries(samplers)) {
      it(`${title}, ${sampling}: cpu's to ${bound}; control: with one parameter off by 1e-3`, async () => {
        const on = (device: Layer.Layer<Device, unknown>, at = params) =>
          runWith(Layer.mergeAll(data, sampler, device))(
            Effect.map(Fisher.estimate(conditional, at, structure), Fisher.toDense)
          )
        const due = await on(Device.cpu)
        expect(relativeError(await on(Device.webgpu), due)).toBeLessThan(bound)
        const other = params.values.slice()
        other[0]! += 1e-3
        const wrong = await on(Device.webgpu, Params.make(conditional.network.space, other))
        expect(relativeError(wrong, due)).toBeGreaterThan(bound)
      })
    }
  }
})

describe.skipIf(!hasWebgpu)("functions of one's own on webgpu", () => {
  /** Few parameters for N = 11: on cpu its Jacobian is taken by differentiating twice, on a GPU row by row. */
  const decay = (mixes: boolean) =>
    Conditional.fromFunction(
      {
        name: "decay",
        parameters: { height: [], rate: [] },
        features: 1,
        outputs: 1,
        f: ({ height, rate }, t) => {
          const z = tf.mul(height, tf.exp(tf.neg(tf.mul(rate, t))))
          return mixes ? tf.sub(z, tf.mean(z)) : z
        }
      },
      Likelihood.gaussian({ variance: 0.5 })
    )
  const times = DataSource.fromArrays({ x: Array.from({ length: 11 }, (_, n) => [n / 8]) })
  const on = (device: Layer.Layer<Device, unknown>) => runWith(Layer.mergeAll(times, Sampler.exact, device))
  const kinds = { dense: allStructures["dense"]!, diagonal: allStructures["diagonal"]! }

  it(`the Fisher and J v of a network: cpu's to ${bound}; control: of other parameters`, async () => {
    const own = decay(false)
    const at = (rate: number) => Params.make(own.network.space, [1.5, rate])
    const v = Tangent.make(own.network.space, [0.25, -0.5])
    const made = (device: Layer.Layer<Device, unknown>, rate: number) =>
      on(device)(
        Effect.gen(function* () {
          const loaded = yield* Conditional.load(own, at(rate))
          const batch = {
            x: Float32Array.of(0, 1, 2),
            examples: 3,
            features: 1,
            indices: Float64Array.of(0, 1, 2)
          }
          const map = yield* Conditional.linearize(loaded, batch)
          const fishers = yield* Effect.forEach(Object.values(kinds), (kind) =>
            Effect.map(Fisher.estimate(own, at(rate), kind), Fisher.toDense)
          )
          return [yield* map.pushforward(v), ...fishers].flatMap((values) => Array.from(values))
        }).pipe(Effect.scoped)
      )
    const due = await made(Device.cpu, 0.7)
    expect(relativeError(await made(Device.webgpu, 0.7), due)).toBeLessThan(bound)
    expect(relativeError(await made(Device.webgpu, 0.71), due)).toBeGreaterThan(bound)
  })

  it("one that mixes its rows is an InvalidArgument; control: one that does not is none", async () => {
    const estimate = (mixes: boolean) => {
      const own = decay(mixes)
      return Fisher.estimate(own, Params.make(own.network.space, [1.5, 0.7]), kinds.dense)
    }
    expect(await on(Device.webgpu)(Effect.flip(estimate(true)))).toBeInstanceOf(Errors.InvalidArgument)
    expect(await on(Device.webgpu)(Effect.isSuccess(estimate(false)))).toBe(true)
  })

  it(`a log-density in tfjs, which is evaluated at once: the estimate is cpu's to ${bound}; control: of another`, async () => {
    const likelihood = (scale: number) =>
      Likelihood.fromLogDensity({
        name: `laplace of ${scale}`,
        labelSize: 1,
        sample: (z, uniform) => {
          const u = uniform() - 0.5
          return [z[0]! - scale * Math.sign(u) * Math.log(1 - 2 * Math.abs(u))]
        },
        logDensity: (y, z) =>
          tf.sub(
            -Math.log(2 * scale),
            tf.sum(tf.div(tf.sqrt(tf.add(tf.square(tf.sub(y, z)), 0.1)), scale), 1)
          )
      })
    const sampler = Sampler.monteCarlo({ draws: 3, seed: 2 })
    const made = (device: Layer.Layer<Device, unknown>, scale: number) => {
      const own = Conditional.make(Network.sequential(24, [Network.dense(1)]), likelihood(scale))
      const at = Conditional.init(own, { seed: 1 })
      return runWith(Layer.mergeAll(data, sampler, device))(
        Effect.map(Fisher.estimate(own, at, kinds.dense), Fisher.toDense)
      )
    }
    const due = await made(Device.cpu, 2)
    expect(relativeError(await made(Device.webgpu, 2), due)).toBeLessThan(bound)
    expect(relativeError(await made(Device.webgpu, 2.1), due)).toBeGreaterThan(bound)
  })
})
