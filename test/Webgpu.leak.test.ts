/** R1 and R2 on a GPU, whose reads are waited for: 0 tensors left, also where a fiber is stopped or a tensor freed during a read. */
import * as tf from "@tensorflow/tfjs"
import { Effect, Fiber, Layer } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import {
  Conditional,
  DataSource,
  Device,
  Errors,
  Fisher,
  Likelihood,
  Network,
  Sampler,
  Structure
} from "../src/index.ts"
import { everywhere } from "./support/interrupt.ts"
import { arrays, params, small } from "./support/small.ts"
import { checkEveryKernel, tensorCounts } from "./support/tensors.ts"
import { hasWebgpu } from "./support/webgpu.ts"

const rejections: Array<unknown> = []
const collect = (reason: unknown): void => void rejections.push(reason)
beforeAll(async () => {
  process.on("unhandledRejection", collect)
  await checkEveryKernel()
  // Starting makes the kernels' own constants: before anything is counted.
  if (hasWebgpu) await Effect.runPromise(traceOn(Device.webgpu))
})
afterAll(() => process.off("unhandledRejection", collect))

const estimate = Effect.provide(Fisher.estimate(small, params, Structure.kfac, { blockSize: 1 }), [
  arrays,
  Sampler.exact
])
const traceOn = (device: Layer.Layer<Device, unknown>) =>
  Effect.map(Effect.provide(estimate, device), Fisher.trace)

const little = Conditional.make(Network.sequential(1, [Network.dense(2)]), Likelihood.categorical)
const littleParams = Conditional.init(little, { seed: 0 })
const data = DataSource.fromArrays({ x: [[1], [2], [-3]], y: [0, 1, 1], batchSize: 2 })

describe.skipIf(!hasWebgpu)("on webgpu", () => {
  it("stopped at every operation of a K-FAC estimate and of a gradient: 0 tensors left, 0 rejections unhandled", async () => {
    const services = Layer.mergeAll(data, Sampler.monteCarlo({ draws: 2, seed: 0 }), Device.webgpu)
    const programs = [
      Fisher.estimate(little, littleParams, Structure.kfac, { blockSize: 2 }),
      Conditional.gradient(little, littleParams)
    ]
    for (const program of programs) {
      const stopped = await Effect.runPromise(Effect.provide(everywhere(program), services))
      expect(stopped.operations).toBeGreaterThan(50)
      expect(stopped.interrupted).toBe(stopped.operations)
      expect(stopped.leaking).toBe(0)
    }
    expect(rejections).toEqual([])
  })

  it("stopped while it waits for a read, it ends at once, with 0 tensors left and the next read right", async () => {
    const before = tensorCounts()
    const reading = Device.use((device) =>
      Effect.flatMap(
        device.compute("made", (keep) => keep(tf.add(tf.fill([5000], 2), 1))),
        (made) => device.read("made", [made])
      )
    ).pipe(Effect.scoped)
    const program = Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(reading)
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      const counts = tensorCounts()
      const [values] = yield* reading
      return { counts, values }
    })
    const { counts, values } = await Effect.runPromise(Effect.provide(program, Device.webgpu))
    expect(counts).toEqual(before)
    expect(values).toEqual(new Float32Array(5000).fill(3))
    expect(rejections).toEqual([])
  })

  const throwing: Readonly<Record<string, (keep: <T extends tf.Tensor>(t: T) => T) => unknown>> = {
    "after it kept some": (keep) => [keep(tf.ones([2])), tf.tanh(tf.ones([3])), boom()],
    "in a kernel": () => tf.matMul(tf.ones([2, 3]), tf.ones([2, 3])),
    "in a gradient": () => tf.grad((v) => [tf.square(v), boom()][0] as tf.Tensor)(tf.ones([2])),
    "by a read of its own, which cannot wait": () => tf.add(tf.fill([5000], 2), 1).dataSync()
  }
  const boom = (): never => {
    throw new Error("boom")
  }
  for (const [title, program] of Object.entries(throwing)) {
    it(`a program that throws ${title} is a TensorFailure and leaves 0 tensors`, async () => {
      const before = tensorCounts()
      const failure = Device.use((device) => device.compute("mine", program)).pipe(Effect.scoped, Effect.flip)
      expect(await Effect.runPromise(Effect.provide(failure, Device.webgpu))).toMatchObject({
        _tag: "TensorFailure",
        stage: "mine"
      })
      expect(tensorCounts()).toEqual(before)
    })
  }

  it("is read as arrays of their own, of float32; text, and a tensor that is gone, are TensorFailures", async () => {
    const program = Effect.gen(function* () {
      const device = yield* Device
      const own = Float32Array.of(1, 2)
      const kept = yield* device.compute("make", (keep) => [
        keep(tf.tensor1d(own)),
        keep(tf.tensor1d([1, 2], "int32")),
        keep(tf.add(tf.fill([2000], 2), 1))
      ])
      const first = yield* device.read("first", kept)
      for (const array of first) array[0] = 99
      const second = yield* device.read("second", kept)
      const text = tf.tensor1d(["a"])
      const failures = [yield* Effect.flip(device.read("text", [text]))]
      text.dispose()
      failures.push(yield* Effect.flip(device.read("gone", [text])))
      return { own, first, second, failures }
    })
    const { failures, first, own, second } = await Effect.runPromise(
      program.pipe(Effect.scoped, Effect.provide(Device.webgpu))
    )
    expect(first.every((array) => array instanceof Float32Array)).toBe(true)
    expect(second.map((array) => array[0])).toEqual([1, 1, 3])
    expect(own[0]).toBe(1)
    for (const failure of failures) expect(failure).toBeInstanceOf(Errors.TensorFailure)
  })

  it("beside cpu and wasm at the same time each gives what it gives alone, and the backend that was current comes back", async () => {
    const devices = [Device.webgpu, Device.cpu, Device.wasm]
    const alone: Array<number> = []
    for (const device of devices) alone.push(await Effect.runPromise(traceOn(device)))
    const before = tensorCounts()
    const together = await Effect.runPromise(
      Effect.all(
        Array.from({ length: 6 }, (_, i) => traceOn(Layer.fresh(devices[i % 3]!))),
        { concurrency: 6 }
      )
    )
    expect(together).toEqual([...alone, ...alone])
    expect(tf.getBackend()).toBe("cpu")
    expect(tensorCounts()).toEqual(before)
  })
})
