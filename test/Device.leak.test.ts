/** R1 for the Device: its tensor programs, its lifetime, two of them in one process, and tfjs's current backend. */
import * as tf from "@tensorflow/tfjs"
import { Deferred, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { afterEach, beforeAll, describe, expect, it } from "vitest"
import { Conditional, Device, Errors, Fisher, Sampler, Structure } from "../src/index.ts"
import { arrays, params, small, x } from "./support/small.ts"
import { checkEveryKernel, tensorCounts } from "./support/tensors.ts"

beforeAll(checkEveryKernel)
afterEach(async () => {
  await tf.setBackend("cpu")
})

const devices = { cpu: Device.cpu, wasm: Device.wasm }
type Keep = Parameters<Parameters<(typeof Device.Service)["compute"]>[1]>[0]

/** The error of a tensor program, or what it gave, with nothing left behind. */
const endOf = async (
  device: Layer.Layer<Device, unknown>,
  program: (keep: Keep) => unknown
): Promise<unknown> => {
  await Effect.runPromise(Effect.provide(Effect.void, device))
  const before = tensorCounts()
  const end = await Effect.runPromise(
    Device.use((made) => made.compute("mine", program)).pipe(
      Effect.scoped,
      Effect.catchTag("TensorFailure", Effect.succeed),
      Effect.provide(device)
    )
  )
  expect(tensorCounts()).toEqual(before)
  return end
}

const boom = (): never => {
  throw new Error("boom")
}
/** Tensor programs that throw. */
const throwing: Readonly<Record<string, (keep: Keep) => unknown>> = {
  "at once": boom,
  "after some tensors": () => [tf.ones([2]), tf.tanh(tf.ones([3])), boom()],
  "after it kept some": (keep) => [keep(tf.ones([2])), keep(tf.zeros([2, 2])), boom()],
  "after it kept one twice": (keep) => {
    const one = tf.ones([2])
    return [keep(one), keep(one), boom()]
  },
  "in a tidy of its own": () => tf.tidy(() => [tf.ones([2]), boom()]),
  "in a kernel": () => tf.matMul(tf.ones([2, 3]), tf.ones([2, 3])),
  "in a gradient": () => tf.grad((v) => [tf.square(v), boom()][0] as tf.Tensor)(tf.ones([2])),
  "in a gradient, after activations": () =>
    tf.grad((v) => [tf.sum(tf.tanh(tf.mul(v, tf.exp(v)))), boom()][0] as tf.Tensor)(tf.ones([2])),
  "in a gradient of a gradient": () =>
    tf.grad(tf.grad((v) => [tf.square(v), boom()][0] as tf.Tensor))(tf.ones([2])),
  "with a tensor that is gone": () => {
    const gone = tf.ones([2])
    gone.dispose()
    return tf.add(gone, 1)
  }
}

for (const [name, device] of Object.entries(devices)) {
  describe(`a tensor program on ${name}`, () => {
    for (const [title, program] of Object.entries(throwing)) {
      it(`that throws ${title} is a TensorFailure with its cause, and leaves 0 tensors`, async () => {
        const end = await endOf(device, program)
        expect(end).toBeInstanceOf(Errors.TensorFailure)
        expect(end).toMatchObject({ stage: "mine", cause: expect.any(Error) })
      })
    }
    it("that threw in a gradient leaves gradients as they were", async () => {
      await endOf(device, throwing["in a gradient"]!).catch(() => undefined)
      const slope = await endOf(
        device,
        () =>
          tf
            .grad((v: tf.Tensor) => tf.square(v))(tf.tensor1d([3]))
            .dataSync()[0]
      )
      expect(slope).toBe(6)
    })
    it("that catches what its own gradient throws goes on, and leaves 0 tensors", async () => {
      const end = await endOf(device, (keep) => {
        expect(() => throwing["in a gradient"]!(keep)).toThrow("boom")
        return 1
      })
      expect(end).toBe(1)
    })
    it("that returns a promise is a TensorFailure: its tensors would be freed under it", async () => {
      const end = await endOf(device, async (keep) => keep(tf.ones([2])).shape)
      expect(end).toBeInstanceOf(Errors.TensorFailure)
    })
    it("whose kept tensor was disposed by hand leaves 0 tensors", async () => {
      expect(await endOf(device, (keep) => keep(tf.ones([2])).dispose())).toBeUndefined()
    })

    const read = (tensors: () => ReadonlyArray<tf.Tensor>) =>
      Effect.gen(function* () {
        const made = yield* Device
        const kept = yield* made.compute("make", (keep) => tensors().map(keep))
        return {
          kept,
          first: yield* made.read("read", kept),
          second: yield* made.read("read", kept),
          device: made
        }
      })
    const values = Float32Array.of(1, 2)
    it("is read as arrays of their own: writing to one changes no tensor", async () => {
      const program = Effect.gen(function* () {
        const { device, first, kept } = yield* read(() => [tf.tensor1d(values)])
        first[0]![0] = 99
        return (yield* device.read("again", kept))[0]![0]
      })
      expect(await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(device)))).toBe(1)
      expect(values[0]).toBe(1)
    })
    it("is read as Float32Array, whatever the tensor's numbers are", async () => {
      const all = read(() => [tf.tensor1d([1, 2], "int32"), tf.tensor1d([true, false], "bool")])
      const { first } = await Effect.runPromise(all.pipe(Effect.scoped, Effect.provide(device)))
      expect(first.map((array) => array.constructor.name)).toEqual(["Float32Array", "Float32Array"])
    })
    it("of text or of a tensor that is gone is read as a TensorFailure", async () => {
      for (const tensors of [
        () => [tf.tensor1d(["a"])],
        () => [tf.tidy(() => tf.ones([1]))].map((t) => (t.dispose(), t))
      ]) {
        const before = tensorCounts()
        const error = Device.use((made) => {
          const given = tensors()
          return made.read("read", given).pipe(Effect.ensuring(Effect.sync(() => tf.dispose(given))))
        }).pipe(Effect.flip, Effect.provide(device))
        expect(await Effect.runPromise(error)).toBeInstanceOf(Errors.TensorFailure)
        expect(tensorCounts()).toEqual(before)
      }
    })
  })
}

const estimate = Effect.provide(Fisher.estimate(small, params, Structure.kfac, { blockSize: 1 }), [
  arrays,
  Sampler.exact
])
const traceOn = (device: Layer.Layer<Device, unknown>) =>
  Effect.map(Effect.provide(estimate, device), Fisher.trace)

describe("the backend that was current comes back", () => {
  const endings: Readonly<Record<string, Effect.Effect<unknown, unknown, Device>>> = {
    success: estimate,
    "a typed failure": Conditional.predict(small, params, [[1]]),
    "a defect": Effect.andThen(estimate, Effect.die("boom")),
    interruption: Effect.andThen(estimate, Effect.interrupt),
    "a timeout": Effect.timeout(Effect.andThen(estimate, Effect.never), "1 millis")
  }
  for (const backend of ["cpu", "wasm", "natgrad-wasm"]) {
    for (const [name, device] of Object.entries({ ...devices, auto: Device.auto })) {
      for (const [ending, program] of Object.entries(endings)) {
        it(`${backend}, after Device.${name} and ${ending}, with 0 tensors left`, async () => {
          // Once, so that the names are registered.
          await Effect.runPromise(Effect.provide(Effect.void, Device.wasm))
          await tf.setBackend(backend)
          const before = tensorCounts()
          await Effect.runPromiseExit(Effect.provide(program, Layer.fresh(device)))
          expect(tf.getBackend()).toBe(backend)
          expect(tensorCounts()).toEqual(before)
        })
      }
    }
  }
  it("after one Device in another", async () => {
    const nested = Effect.andThen(Effect.provide(estimate, Device.wasm), estimate)
    await Effect.runPromise(Effect.provide(nested, Device.cpu))
    expect(tf.getBackend()).toBe("cpu")
    await tf.setBackend("wasm")
    await Effect.runPromise(Effect.provide(nested, Device.cpu))
    expect(tf.getBackend()).toBe("wasm")
  })
  it("after two Devices of which the first is released first", async () => {
    await Effect.runPromise(Effect.provide(Effect.void, Device.wasm))
    await tf.setBackend("wasm")
    const program = Effect.gen(function* () {
      const [first, second] = [yield* Scope.make(), yield* Scope.make()]
      yield* Layer.buildWithScope(Layer.fresh(Device.cpu), first)
      yield* Layer.buildWithScope(Layer.fresh(Device.wasm), second)
      yield* Scope.close(first, Exit.void)
      yield* Scope.close(second, Exit.void)
    })
    await Effect.runPromise(program)
    expect(tf.getBackend()).toBe("wasm")
  })
})

describe("two Devices in one process", () => {
  it("at the same time each gives what it gives alone, with 0 tensors left", async () => {
    const [cpu, wasm] = [
      await Effect.runPromise(traceOn(Device.cpu)),
      await Effect.runPromise(traceOn(Device.wasm))
    ]
    const before = tensorCounts()
    const pairs = Array.from({ length: 8 }, (_, i) => traceOn(i % 2 === 0 ? Device.cpu : Device.wasm))
    const traces = await Effect.runPromise(Effect.all(pairs, { concurrency: 8 }))
    expect(traces).toEqual(Array.from({ length: 8 }, (_, i) => (i % 2 === 0 ? cpu : wasm)))
    expect(tensorCounts()).toEqual(before)
  })
  it("a Device that is released while another computes takes nothing from it", async () => {
    const before = tensorCounts()
    const program = Effect.gen(function* () {
      const loaded = yield* Deferred.make<void>()
      const released = yield* Deferred.make<void>()
      const held = Effect.gen(function* () {
        const weights = yield* Conditional.load(small, params)
        yield* Deferred.succeed(loaded, undefined)
        yield* Deferred.await(released)
        const batch = {
          x: Float32Array.from(x.flat()),
          examples: 4,
          features: 3,
          indices: Float64Array.of(0, 1, 2, 3)
        }
        return (yield* Conditional.evaluate(weights, batch)).z
      }).pipe(Effect.scoped, Effect.provide(Device.wasm))
      const fiber = yield* Effect.forkChild(held)
      yield* Deferred.await(loaded)
      yield* Effect.provide(estimate, Device.cpu)
      yield* Deferred.succeed(released, undefined)
      return yield* Fiber.join(fiber)
    })
    const z = await Effect.runPromise(program)
    const alone = await Effect.runPromise(Effect.provide(Conditional.predict(small, params, x), Device.wasm))
    expect(z).toEqual(alone)
    expect(tensorCounts()).toEqual(before)
  })
})
