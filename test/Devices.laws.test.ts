/**
 * One program on every device: the same y for the same probabilities, to the bit, and the same Fisher to float32's rounding
 * (docs/determinism.md). N = 11, C = 3.
 */
import { Effect, type Layer } from "effect"
import { describe, expect, it } from "vitest"
import {
  Conditional,
  DataSource,
  Device,
  Fisher,
  Likelihood,
  Network,
  Params,
  Sampler,
  Structure
} from "../src/index.ts"
import { relativeError } from "./oracle/linear.ts"
import { generator } from "./oracle/random.ts"
import { outputsOf } from "./support/samplers.ts"
import { everyDevice as devices } from "./support/webgpu.ts"

const random = generator(21)
const x = Array.from({ length: 11 }, () => Array.from(random.normals(24)))

const networks: Readonly<Record<string, Network.Network<string>>> = {
  dense: Network.sequential(24, [Network.dense(9), Network.tanh, Network.dense(3)]) as never,
  convolutional: Network.sequential({ height: 4, width: 3, channels: 2 }, [
    Network.conv2d({ filters: 4, kernel: 2, padding: "same" }),
    Network.relu,
    Network.maxPool2d({ size: 2, padding: "same" }),
    Network.flatten,
    Network.dense(3)
  ]) as never,
  attending: Network.sequential({ length: 6, channels: 4 }, [
    Network.residual([Network.layerNorm(), Network.selfAttention({ heads: 2 })]),
    Network.globalAveragePool,
    Network.dense(3)
  ]) as never
}

const structures = { dense: Structure.dense, diagonal: Structure.diagonal, kfac: Structure.kfac }

/** The bound of docs/determinism.md. */
const bound = 2e-6

describe("on every device", () => {
  for (const [name, network] of Object.entries(networks)) {
    const conditional = Conditional.make(network, Likelihood.categorical)
    const params = Params.make(
      network.space,
      random.normals(network.space.size).map((value) => 0.5 * value)
    )
    const fisher = (
      device: Layer.Layer<Device, unknown>,
      structure: Structure.Structure<"toDense">,
      at: Params.Params<string>
    ) =>
      Effect.runPromise(
        Fisher.estimate(conditional, at, structure as typeof Structure.dense).pipe(
          Effect.map(Fisher.toDense),
          Effect.provide([DataSource.fromArrays({ x }), Sampler.exact, device])
        )
      )

    for (const [title, structure] of Object.entries(structures)) {
      it(`${title} of a ${name} network is cpu's to ${bound}; control: with one parameter off by 1e-3`, async () => {
        const due = await fisher(Device.cpu, structure, params)
        const other = params.values.slice()
        other[0]! += 1e-3
        for (const device of Object.values(devices)) {
          expect(relativeError(await fisher(device, structure, params), due)).toBeLessThan(bound)
          const wrong = await fisher(device, structure, Params.make(network.space, other))
          expect(relativeError(wrong, due)).toBeGreaterThan(bound)
        }
      })
    }
  }

  it("draws of the same probabilities are the same bits; control: of another seed", async () => {
    const z = Float32Array.from(random.normals(33))
    const draws = (device: Layer.Layer<Device, unknown>, seed: number) =>
      Effect.runPromise(
        Sampler.use(({ draw }) => draw(outputsOf(Likelihood.categorical, 3, z), 5)).pipe(
          Effect.provide([Sampler.monteCarlo({ draws: 7, seed }), device])
        )
      )
    const due = await draws(Device.cpu, 1)
    for (const device of Object.values(devices)) {
      expect(await draws(device, 1)).toEqual(due)
      expect(await draws(device, 2)).not.toEqual(due)
    }
  })
})
