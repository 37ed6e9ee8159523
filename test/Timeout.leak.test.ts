/** R1 for timeouts: fibers yield between blocks, so a timeout fires in time, and leaves 0 tensors. */
import { Effect, Stream } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import { Conditional, Damping, Device, Fisher, Structure, Training } from "../src/index.ts"
import { endlessSource, type Program } from "./support/programs.ts"
import { given, params, small } from "./support/small.ts"
import { checkEveryKernel, tensorCounts } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const devices = { cpu: Device.cpu, wasm: Device.wasm }
const settings = { learningRate: 0.1, structure: Structure.kfac, damping: Damping.absolute(0.1) }

describe("Effect.timeout of 100 ms stops within 1 s, with 0 tensors left", () => {
  const long: Readonly<Record<string, Program>> = {
    "Fisher.estimate, concurrency 1": Fisher.estimate(small, params, Structure.dense, { blockSize: 16 }),
    "Fisher.estimate, concurrency 4": Fisher.estimate(small, params, Structure.kfac, {
      blockSize: 16,
      concurrency: 4
    }),
    "Conditional.gradient": Conditional.gradient(small, params, { blockSize: 16 }),
    "Conditional.negativeLogLikelihood": Conditional.negativeLogLikelihood(small, params, { blockSize: 16 }),
    "Conditional.klDivergence": Conditional.klDivergence(small, params, params, { blockSize: 16 }),
    "Training.run": Training.run(small, params, settings).pipe(Stream.runDrain)
  }
  for (const [name, device] of Object.entries(devices)) {
    for (const [title, program] of Object.entries(long)) {
      it(`${title}, on ${name}`, async () => {
        await Effect.runPromise(Effect.provide(Effect.void, device))
        const before = tensorCounts()
        const started = performance.now()
        const error = await Effect.runPromise(
          program.pipe(Effect.timeout("100 millis"), given({ source: endlessSource, device }), Effect.flip)
        )
        expect(error).toMatchObject({ _tag: "TimeoutError" })
        expect(performance.now() - started).toBeLessThan(1000)
        expect(tensorCounts()).toEqual(before)
      })
    }
  }
})

describe("Effect.timeout of a tenth of the whole time stops Conditional.predict within a half of it", () => {
  const rows = { data: new Float32Array(3 * 2 ** 19).fill(0.5), shape: [2 ** 19, 3] } as const
  for (const [name, device] of Object.entries(devices)) {
    it(`on ${name}, with 0 tensors left`, async () => {
      await Effect.runPromise(Effect.provide(Effect.void, device))
      const before = tensorCounts()
      const timed = async (program: Program) => {
        const started = performance.now()
        const exit = await Effect.runPromiseExit(given({ device })(program))
        return { time: performance.now() - started, ended: exit._tag }
      }
      const predict = Conditional.predict(small, params, rows)
      const whole = await timed(predict)
      const cut = await timed(Effect.timeout(predict, whole.time / 10))
      expect([whole.ended, cut.ended]).toEqual(["Success", "Failure"])
      expect(cut.time / whole.time).toBeLessThan(0.5)
      expect(tensorCounts()).toEqual(before)
    })
  }
})
