/** R1: whatever way a program ends, tfjs holds not one tensor, buffer or block of backend memory more than before. */
import * as tf from "@tensorflow/tfjs"
import { Cause, Effect, Exit, Layer, Result, Stream } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import {
  Conditional,
  Damping,
  DataSource,
  Device,
  Draws,
  Errors,
  Fisher,
  Sampler,
  Structure,
  Tangent,
  Training
} from "../src/index.ts"
import type { StreamBatch } from "../src/sampling/DataSource.ts"
import { type Program, programs, samplers, wide, wideParams } from "./support/programs.ts"
import { given, params, type Services, small, spoilt, wrong, x, y } from "./support/small.ts"
import { checkEveryKernel, tensorCounts } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const devices = { cpu: Device.cpu, wasm: Device.wasm }
const all = programs(params)
const source = DataSource.fromArrays({ x, y, batchSize: 3, shuffle: { seed: 1 } })

/** How it ended, with nothing left behind: "success", the error's name, or "defect". */
const endOf = async (program: Program, services: Services): Promise<string> => {
  // The device has started: what a backend holds for itself is no leak.
  await Effect.runPromise(Effect.provide(Effect.void, services.device ?? Device.cpu))
  const before = tensorCounts()
  const exit = await Effect.runPromiseExit(given(services)(program))
  expect(tensorCounts()).toEqual(before)
  if (Exit.isSuccess(exit)) return "success"
  const [reason] = exit.cause.reasons
  return reason !== undefined && Cause.isFailReason(reason) ? (reason.error as Error).name : "defect"
}

const gone = new Errors.DataFailure({ source: "disk", message: "The disk is gone. Fetch it again." })
const refused = new Errors.InvalidArgument({ argument: "mine", value: "3", message: "mine is 3. Give 4." })
const good = { x, y }

/** A source of two good batches, and then this. */
const then = (last: Stream.Stream<StreamBatch, Errors.DataFailure>) =>
  DataSource.fromStream({ pass: () => Stream.concat(Stream.make(good, good), last) })

/** A sampler whose third block gets this. */
const third = (last: (length: number) => Effect.Effect<Draws.Draws, Errors.InvalidArgument>) =>
  Layer.effect(
    Sampler,
    Effect.sync(() => {
      let asked = 0
      return Sampler.of({
        name: "own",
        draw: ({ batch, size }) =>
          Effect.suspend(() => {
            const length = batch.examples * size
            return ++asked < 3 ? Effect.succeed(columns(length)) : last(length)
          })
      })
    })
  )
const columns = (length: number, value = 0.1) =>
  Draws.Cotangents({ columns: 1, cotangents: new Float32Array(length).fill(value) })

const failures: Readonly<Record<string, readonly [due: string, Services]>> = {
  "labels out of range": [
    "InvalidLabel",
    { source: DataSource.fromArrays({ x, y: [0, 1, 1, 7] }), sampler: Sampler.empirical }
  ],
  "no labels": ["MissingLabels", { source: DataSource.fromArrays({ x }), sampler: Sampler.empirical }],
  "a fourth feature": [
    "ShapeMismatch",
    { source: DataSource.fromArrays({ x: x.map((row) => [...row, 1]), y }) }
  ],
  "no data": ["EmptyData", { source: DataSource.fromArrays({ x: [] }) }],
  "a source that fails midway": ["DataFailure", { source: then(Stream.fail(gone)) }],
  "a source with NaN midway": [
    "NonFinite",
    { source: then(Stream.make({ x: [[Number.NaN, 0, 0]], y: [0] })) }
  ],
  "a source that widens midway": [
    "ShapeMismatch",
    { source: then(Stream.make({ x: [[0, 0, 0, 0]], y: [0] })) }
  ],
  "a sampler that fails midway": [
    "InvalidArgument",
    { source: then(Stream.empty), sampler: third(() => Effect.fail(refused)) }
  ],
  "cotangents of NaN midway": [
    "NonFinite",
    { source: then(Stream.empty), sampler: third((length) => Effect.succeed(columns(length, Number.NaN))) }
  ],
  "too few cotangents midway": [
    "ShapeMismatch",
    { source: then(Stream.empty), sampler: third((length) => Effect.succeed(columns(length - 1))) }
  ],
  "a rule whose weights sum to 2": [
    "InvalidArgument",
    { sampler: Sampler.fromRule("mine", () => [{ y: [0], weight: 2 }]) }
  ],
  "a rule with a class of 9": [
    "InvalidLabel",
    { sampler: Sampler.fromRule("mine", ({ example }) => [{ y: [example * 3], weight: 1 }]) }
  ]
}

const boom = (): never => {
  throw new Error("boom")
}
const defects: Readonly<Record<string, Services>> = {
  "a rule that throws at example 2": {
    sampler: Sampler.fromRule("mine", ({ example }) => (example === 2 ? boom() : [{ y: [0], weight: 1 }]))
  },
  "a sampler that throws midway": { source: then(Stream.empty), sampler: third(boom) },
  "a sampler that dies midway": { source: then(Stream.empty), sampler: third(() => Effect.die("boom")) },
  "a source that dies midway": { source: then(Stream.die("boom")) },
  "a source that throws midway": { source: then(Stream.suspend(boom)) },
  "a source whose pass throws": { source: DataSource.fromStream({ pass: boom }) }
}

/** Those that walk over the data. */
const walks = Object.entries(all).filter(([title]) => /\.(gradient|loss|neg|kl|estimate|run)/.test(title))

for (const [name, device] of Object.entries(devices)) {
  describe(`0 tensors left on ${name} after success`, () => {
    for (const [title, program] of Object.entries(all)) {
      it(title, async () => expect(await endOf(program, { device, source })).toBe("success"))
    }
    for (const [title, sampler] of Object.entries(samplers)) {
      it(`Fisher.estimate with the sampler ${title}`, async () => {
        expect(await endOf(all["Fisher.estimate, kfac"]!, { device, source, sampler })).toBe("success")
      })
    }
    it("the pure operations of a K-FAC Fisher whose factors are 81 x 81", async () => {
      const data = DataSource.fromArrays({
        x: { data: new Float32Array(160).fill(0.1), shape: [2, 80] },
        y: [0, 1]
      })
      const { fisher, gradient } = await Effect.runPromise(
        given({ device, source: data })(
          Effect.all({
            fisher: Fisher.estimate(wide, wideParams, Structure.kfac),
            gradient: Conditional.gradient(wide, wideParams)
          })
        )
      )
      const v = Tangent.make(wide.network.space, gradient.values)
      const before = tensorCounts()
      Result.getOrThrow(Fisher.quadraticForm(fisher, v))
      for (const damping of [Damping.absolute(1e-2), Damping.factored(1e-2)]) {
        Result.getOrThrow(Fisher.solve(fisher, gradient, damping))
      }
      expect(tensorCounts()).toEqual(before)
    })
  })

  describe(`0 tensors left on ${name} after a typed failure, in every walk over the data that meets it`, () => {
    for (const [title, [due, services]] of Object.entries(failures)) {
      it(title, async () => {
        const ends = new Set<string>()
        for (const [, program] of walks) ends.add(await endOf(program, { device, ...services }))
        ends.delete("success")
        expect([...ends]).toEqual([due])
      })
    }
    for (const [title, program] of Object.entries(programs(spoilt(params, Number.NaN)))) {
      it(`parameters of NaN: ${title}`, async () => {
        const due = title === "Conditional.load" ? "success" : "NonFinite"
        expect(await endOf(program, { device, source })).toBe(due)
      })
    }
    it("cotangents that do not fit, or are NaN, and a tangent of NaN", async () => {
      const batch = { x: new Float32Array(3), examples: 1, features: 3, indices: Float64Array.of(0) }
      const made = Effect.flatMap(Conditional.load(small, params), (loaded) =>
        Conditional.linearize(loaded, batch)
      )
      const none = new Float32Array(2).fill(Number.NaN)
      const v = spoilt(Tangent.make(small.network.space, params.values), Number.NaN)
      expect(
        await endOf(Effect.scoped(Effect.flatMap(made, ({ backprop }) => backprop(none, 2))), { device })
      ).toBe("ShapeMismatch")
      expect(
        await endOf(Effect.scoped(Effect.flatMap(made, ({ backprop }) => backprop(none, 1))), { device })
      ).toBe("NonFinite")
      expect(
        await endOf(Effect.scoped(Effect.flatMap(made, ({ pushforward }) => pushforward(v))), { device })
      ).toBe("NonFinite")
    })
  })

  describe(`0 tensors left on ${name} after a defect, in every walk over the data that meets it`, () => {
    for (const [title, services] of Object.entries(defects)) {
      it(title, async () => {
        const ends = new Set<string>()
        for (const [, program] of walks) ends.add(await endOf(program, { device, ...services }))
        ends.delete("success")
        expect([...ends]).toEqual(["defect"])
      })
    }
    const made = (changes: Partial<typeof Structure.kfac>) => {
      const structure: typeof Structure.kfac = { ...Structure.kfac, ...changes }
      const training = { learningRate: 1, damping: Damping.absolute(1), structure }
      return [
        Fisher.estimate(small, params, structure, { blockSize: 1, concurrency: 4 }),
        Training.run(small, params, training).pipe(Stream.take(2), Stream.runDrain)
      ]
    }
    it("a structure whose tensor program throws is a TensorFailure", async () => {
      const reduce = () => {
        tf.ones([3])
        return boom()
      }
      for (const program of made({ reduce })) expect(await endOf(program, { device })).toBe("TensorFailure")
    })
    it("a structure whose operations throw", async () => {
      for (const program of made({ operations: wrong(boom) }))
        expect(await endOf(program, { device })).toBe("defect")
    })
    it("a likelihood that throws", async () => {
      const likelihood = { ...small.likelihood, at: wrong(boom) }
      const program = Fisher.estimate({ ...small, likelihood }, params, Structure.kfac, { concurrency: 4 })
      expect(await endOf(program, { device })).toBe("defect")
    })
    it("a layer that throws in its linearisation is a TensorFailure", async () => {
      const layers = small.network.layers.map((layer, i) =>
        i === 1
          ? { ...layer, operation: wrong({ _tag: "Layer", layer: { output: 1, linearize: boom } }) }
          : layer
      )
      const program = Conditional.gradient({ ...small, network: { ...small.network, layers } }, params)
      expect(await endOf(program, { device })).toBe("TensorFailure")
    })
  })
}

describe("control", () => {
  it("a program that leaves one tensor is rejected", async () => {
    let left: tf.Tensor | undefined
    const leak = Effect.sync(() => {
      left = tf.ones([2])
    })
    await expect(endOf(leak, {})).rejects.toThrow("tensors")
    left!.dispose()
  })
})
