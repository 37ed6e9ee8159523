/** R1, R2 for functions of one's own: nothing is left by a success, a failure or an interruption, and each example is freed in its turn. */
import * as tf from "@tensorflow/tfjs"
import { Effect, Layer, Stream } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import {
  Conditional,
  Damping,
  DataSource,
  Device,
  Fisher,
  Likelihood,
  MatrixFree,
  Params,
  Sampler,
  Structure,
  Tangent,
  Training
} from "../src/index.ts"
import { everywhere } from "./support/interrupt.ts"
import { checkEveryKernel, tensorCounts } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const devices = { cpu: Device.cpu, wasm: Device.wasm }

/** With something done at every call. */
const lineOf = (each: () => void) =>
  Conditional.fromFunction(
    {
      name: "line",
      parameters: { slope: [2], height: [] },
      features: 1,
      outputs: 2,
      f: ({ height, slope }, x) => {
        each()
        return tf.add(tf.tanh(tf.mul(x, slope)), height)
      }
    },
    Likelihood.gaussian({ variance: 0.5 })
  )
const line = lineOf(() => undefined)
const values = [1, -2, 0.5]

const services = (device: Layer.Layer<Device, unknown>, examples: number) => {
  const x = Array.from({ length: examples }, (_, n) => [n / 4])
  const y = x.map(([t]) => [t!, 1])
  return Layer.mergeAll(
    DataSource.fromArrays({ x, y, batchSize: 2 }),
    Sampler.monteCarlo({ draws: 3, seed: 0 }),
    device
  )
}

const programs = (of: typeof line) => {
  const params = Params.make(of.network.space, values)
  const tangent = Tangent.make(of.network.space, values)
  const settings = { learningRate: 0.1, structure: Structure.dense, damping: Damping.absolute(0.1) }
  return {
    predict: Conditional.predict(of, params, [[1], [2], [3]]),
    gradient: Conditional.gradient(of, params),
    "Fisher.estimate": Fisher.estimate(of, params, Structure.gram),
    "Fisher.estimate, concurrency 4": Fisher.estimate(of, params, Structure.dense, {
      blockSize: 1,
      concurrency: 4
    }),
    "MatrixFree.apply": MatrixFree.apply(MatrixFree.make(of, params), tangent),
    "Training.run, 2 steps": Training.run(of, params, settings).pipe(Stream.take(2), Stream.runDrain)
  } as const
}

for (const [name, device] of Object.entries(devices)) {
  describe(`a function on ${name}`, () => {
    // 3 parameters: from 12 examples on, J is taken by parameters.
    for (const examples of [5, 13]) {
      const run = (program: Effect.Effect<unknown, unknown, Device | DataSource | Sampler>) =>
        Effect.runPromise(Effect.exit(Effect.provide(program, services(device, examples))))

      for (const [title, program] of Object.entries(programs(line))) {
        it(`${title}, N = ${examples}: 0 tensors left; control: one kept`, async () => {
          await run(program)
          const before = tensorCounts()
          expect((await run(program))._tag).toBe("Success")
          expect(tensorCounts()).toEqual(before)
          const kept = tf.zeros([1])
          expect(tensorCounts()).not.toEqual(before)
          kept.dispose()
        })
      }

      it(`N = ${examples}: 0 tensors left whichever call of f throws, also by one that keeps tensors; control: none throws`, async () => {
        const ended: Array<string> = []
        for (let last = 1; last <= 2 * examples; last++) {
          let calls = 0
          const failing = lineOf(() => {
            tf.keep(tf.zeros([3]))
            if (++calls === last) throw new Error("boom")
          })
          const before = tensorCounts()
          for (const program of [
            programs(failing)["Fisher.estimate"],
            programs(failing)["MatrixFree.apply"]
          ]) {
            calls = 0
            ended.push((await run(program))._tag)
            expect(tensorCounts()).toEqual(before)
          }
        }
        expect(ended).toContain("Failure")
        expect((await run(programs(line).gradient))._tag).toBe("Success")
      })
    }

    it("at every example f finds at most 4 tensors more than at the one before; control: an f that keeps 4 more", async () => {
      const growth = async (kept: number) => {
        const counts: Array<number> = []
        const counted = lineOf(() => {
          counts.push(tf.memory().numTensors)
          for (let i = 0; i < kept; i++) tf.keep(tf.zeros([1]))
        })
        await Effect.runPromise(Effect.provide(programs(counted)["Fisher.estimate"], services(device, 11)))
        const own = counts.slice(-11)
        return (own.at(-1)! - own[0]!) / 10
      }
      expect(await growth(0)).toBeLessThanOrEqual(4)
      expect(await growth(4)).toBeGreaterThan(4)
    })
  })
}

describe("a function interrupted at every operation: 0 tensors left at 100 % of the points", () => {
  const { "Fisher.estimate": estimate, "MatrixFree.apply": product, gradient } = programs(line)
  for (const [title, program] of Object.entries({ estimate, product, gradient })) {
    for (const reach of ["whole", "part"] as const) {
      it(`${title}, reached in ${reach}, on cpu`, async () => {
        const { interrupted, leaking } = await Effect.runPromise(
          Effect.provide(everywhere(program as Effect.Effect<unknown>, reach), services(Device.cpu, 2))
        )
        expect(leaking).toBe(0)
        expect(interrupted).toBeGreaterThan(10)
      })
    }
  }
})
