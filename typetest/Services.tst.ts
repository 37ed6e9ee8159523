/** A program runs when it has all of its services, and not before. */
import { NodeServices } from "@effect/platform-node"
import { Effect, type FileSystem, Layer, Stream } from "effect"
import { describe, expect, test } from "tstyche"
import {
  Conditional,
  Damping,
  DataSource,
  Device,
  type Errors,
  Fisher,
  Idx,
  Likelihood,
  Network,
  Sampler,
  Structure,
  Training
} from "../src/index.ts"

const net = Conditional.make(Network.sequential(1, [Network.dense(2)]), Likelihood.categorical)
const params = Conditional.init(net, { seed: 0 })
const estimate = Fisher.estimate(net, params, Structure.kfac)
const gradient = Conditional.gradient(net, params)
const training = Training.run(net, params, {
  learningRate: 1,
  structure: Structure.kfac,
  damping: Damping.absolute(1)
}).pipe(Stream.take(1), Stream.runDrain)
const data = DataSource.fromArrays({ x: [[1]], y: [0] })

describe("a missing service", () => {
  test("of an estimate does not run", () => {
    expect(Effect.runPromise).type.toBeCallableWith(
      estimate.pipe(Effect.provide([data, Sampler.exact, Device.cpu]))
    )
    expect(Effect.runPromise).type.not.toBeCallableWith(estimate)
    expect(Effect.runPromise).type.not.toBeCallableWith(estimate.pipe(Effect.provide([data, Sampler.exact])))
    expect(Effect.runPromise).type.not.toBeCallableWith(estimate.pipe(Effect.provide([data, Device.cpu])))
    expect(Effect.runPromise).type.not.toBeCallableWith(
      estimate.pipe(Effect.provide([Sampler.exact, Device.cpu]))
    )
  })
  test("of a training does not run", () => {
    expect(Effect.runPromise).type.toBeCallableWith(
      training.pipe(Effect.provide([data, Sampler.exact, Device.cpu]))
    )
    expect(Effect.runPromise).type.not.toBeCallableWith(training)
    expect(Effect.runPromise).type.not.toBeCallableWith(training.pipe(Effect.provide([data, Device.cpu])))
  })
  test("of a gradient does not run; it needs no sampler", () => {
    expect(Effect.runPromise).type.toBeCallableWith(gradient.pipe(Effect.provide([data, Device.cpu])))
    expect(Effect.runPromise).type.not.toBeCallableWith(gradient.pipe(Effect.provide(data)))
    expect(Effect.runPromise).type.not.toBeCallableWith(gradient.pipe(Effect.provide(Device.cpu)))
  })
  test("of a stage does not run: a Device, and a Scope for its tensors", () => {
    const load = Conditional.load(net, params)
    expect(Effect.runPromise).type.toBeCallableWith(load.pipe(Effect.scoped, Effect.provide(Device.cpu)))
    expect(Effect.runPromise).type.not.toBeCallableWith(load.pipe(Effect.scoped))
    expect(Effect.runPromise).type.not.toBeCallableWith(load.pipe(Effect.provide(Device.cpu)))
  })
  test("of the IDX reader is the file system", () => {
    const idx = Idx.dataSource({ images: "a", labels: "b" })
    expect(idx).type.toBeAssignableTo<Layer.Layer<DataSource, unknown, FileSystem.FileSystem>>()
    expect(idx).type.not.toBeAssignableTo<Layer.Layer<DataSource, unknown>>()
    expect(idx.pipe(Layer.provide(NodeServices.layer))).type.toBeAssignableTo<
      Layer.Layer<DataSource, unknown>
    >()
  })
})

describe("a service's own failures", () => {
  type Data = Errors.DataFailure | Errors.ShapeMismatch | Errors.NonFinite | Errors.InvalidArgument
  test("are in the type of its layer", () => {
    expect(data).type.toBe<Layer.Layer<DataSource, Data>>()
    expect(DataSource.density({})).type.toBe<Layer.Layer<DataSource, Data>>()
    expect(Sampler.exact).type.toBe<Layer.Layer<Sampler>>()
    expect(Sampler.empirical).type.toBe<Layer.Layer<Sampler>>()
    expect(Sampler.monteCarlo({ draws: 1, seed: 0 })).type.toBe<
      Layer.Layer<Sampler, Errors.InvalidArgument>
    >()
    expect(Device.cpu).type.toBe<Layer.Layer<Device, Errors.DeviceUnavailable>>()
    expect(Device.wasm).type.toBe<Layer.Layer<Device, Errors.DeviceUnavailable>>()
    expect(Device.webgpu).type.toBe<Layer.Layer<Device, Errors.DeviceUnavailable>>()
    expect(Device.auto).type.toBe<Layer.Layer<Device, Errors.DeviceUnavailable>>()
  })
  test("of one service are no other service", () => {
    expect<Layer.Layer<Sampler>>().type.not.toBeAssignableTo<Layer.Layer<DataSource>>()
    expect<Layer.Layer<Device>>().type.not.toBeAssignableTo<Layer.Layer<Sampler>>()
  })
})
