/** R2: interrupted at any of its operations, a program leaves 0 tensors. */
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
  Network,
  Sampler,
  Structure,
  Training
} from "../src/index.ts"
import { everywhere } from "./support/interrupt.ts"
import type { Program } from "./support/programs.ts"
import { checkEveryKernel } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const devices = { cpu: Device.cpu, wasm: Device.wasm }
/** The smallest problem that goes through every stage: what counts is its operations, not its numbers. */
const little = Conditional.make(Network.sequential(1, [Network.dense(2)]), Likelihood.categorical)
const params = Conditional.init(little, { seed: 0 })
const x = [[1], [2], [-3]]
const data = DataSource.fromArrays({ x, y: [0, 1, 1], batchSize: 2 })
const settings = { learningRate: 0.1, structure: Structure.kfac, damping: Damping.absolute(0.1) }
const gradient = Conditional.gradient(little, params, { blockSize: 2 })
const training = Training.run(little, params, settings).pipe(Stream.take(2), Stream.runDrain)
const four = (program: Program) => Effect.all([program, program, program, program], { concurrency: 4 })
const stopped: Readonly<Record<string, Program>> = {
  "Fisher.estimate, concurrency 1": Fisher.estimate(little, params, Structure.dense, { blockSize: 1 }),
  "Fisher.estimate, concurrency 4": Fisher.estimate(little, params, Structure.kfac, {
    blockSize: 1,
    concurrency: 4
  }),
  "Conditional.gradient": gradient,
  "Training.run, 2 steps": training,
  "Conditional.klDivergence": Conditional.klDivergence(little, params, params),
  "Conditional.predict": Conditional.predict(little, params, x)
}
/** Four of the same at once: their tensor programs take turns. */
const atOnce: Readonly<Record<string, Program>> = {
  "4 of Conditional.gradient at once": four(Conditional.gradient(little, params)),
  "4 of Training.run, 2 steps, at once": four(training)
}

const services = (device: Layer.Layer<Device, unknown>) =>
  Layer.mergeAll(data, Sampler.monteCarlo({ draws: 2, seed: 0 }), device)

/** The services outlive the program: what is stopped is the program alone. */
const stop = (program: Program, device: Layer.Layer<Device, unknown>, reach: "whole" | "part") =>
  Effect.runPromise(Effect.provide(everywhere(program, reach), services(device)))

describe("interrupted at every operation: 0 tensors left at 100 % of the points", () => {
  for (const [name, device] of Object.entries(devices)) {
    for (const [title, program] of Object.entries(name === "cpu" ? { ...stopped, ...atOnce } : stopped)) {
      it(`${title}, on ${name}`, async () => {
        const { interrupted, leaking, operations } = await stop(program, device, "whole")
        expect(operations).toBeGreaterThan(50)
        expect(interrupted).toBe(operations)
        expect(leaking).toBe(0)
      })
    }
  }
  it("Fisher.estimate, concurrency 4, the fiber at work first", async () => {
    const { leaking, operations } = await stop(stopped["Fisher.estimate, concurrency 4"]!, Device.cpu, "part")
    expect(operations).toBeGreaterThan(50)
    expect(leaking).toBe(0)
  })
  it("the start of a Device, a gradient and its end: the backend that was current comes back too", async () => {
    await Effect.runPromise(Effect.provide(Effect.void, Device.wasm))
    await tf.setBackend("cpu")
    const backends = new Set<string>()
    const whole = gradient.pipe(
      Effect.provide(Layer.merge(data, Layer.fresh(Device.wasm))),
      Effect.ensuring(Effect.sync(() => backends.add(tf.getBackend())))
    )
    const { interrupted, leaking, operations } = await Effect.runPromise(everywhere(whole))
    expect(interrupted / operations).toBeGreaterThan(0.9)
    expect(leaking).toBe(0)
    expect(backends).toEqual(new Set(["cpu"]))
  })
})

describe("control", () => {
  it("allocating in one step and disposing in a later one leaks at some of the points", async () => {
    const made: Array<tf.Tensor> = []
    const track = (tensor: tf.Tensor) => (made.push(tensor), tensor)
    const step = Effect.gen(function* () {
      const column = yield* Effect.sync(() => track(tf.ones([4, 1])))
      yield* Effect.yieldNow
      const product = yield* Effect.sync(() => track(tf.matMul(column, column, false, true)))
      yield* Effect.sync(() => tf.dispose([column, product]))
    })
    const { interrupted, leaking, operations } = await Effect.runPromise(everywhere(step))
    expect(interrupted).toBe(operations)
    expect(leaking).toBeGreaterThan(0)
    tf.dispose(made.filter((tensor) => !tensor.isDisposed))
  })
})
