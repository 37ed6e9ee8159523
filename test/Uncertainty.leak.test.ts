/** R1 and R2: an estimate with its errors leaves not one tensor, wherever it ends. */
import { Effect, Layer } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import {
  Conditional,
  DataSource,
  Device,
  Fisher,
  Likelihood,
  Network,
  Sampler,
  Structure
} from "../src/index.ts"
import { everywhere } from "./support/interrupt.ts"
import { problems, structures } from "./support/measured.ts"
import { subject } from "./support/subject.ts"
import { checkEveryKernel, tensorCounts } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const monteCarlo = Sampler.monteCarlo({ draws: 5, seed: 0 })

describe("0 tensors are left", () => {
  const devices = { cpu: Device.cpu, wasm: Device.wasm }
  const { conditional, params } = subject(problems["a convolution of 4 positions"]!)
  const x = problems["a convolution of 4 positions"]!.X.map((row) => Array.from(row))
  for (const [name, device] of Object.entries(devices)) {
    for (const [of, structure] of Object.entries(structures)) {
      it(`after ${of} with its errors, on ${name}, concurrency 1 and 4`, async () => {
        const within = Effect.gen(function* () {
          const before = tensorCounts()
          for (const concurrency of [1, 4]) {
            yield* Fisher.estimateWithErrors(conditional, params, structure, { blockSize: 5, concurrency })
          }
          expect(tensorCounts()).toEqual(before)
        })
        const services = Layer.mergeAll(DataSource.fromArrays({ x }), monteCarlo, device)
        await Effect.runPromise(Effect.provide(within, services))
      })
    }
  }
})

describe("interrupted at every operation: 0 tensors left at 100 % of the points", () => {
  const little = Conditional.make(Network.sequential(1, [Network.dense(2)]), Likelihood.categorical)
  const params = Conditional.init(little, { seed: 0 })
  const data = DataSource.fromArrays({ x: Array.from({ length: 8 }, (_, n) => [n]) })
  for (const [concurrency, blockSize] of [
    [1, 8],
    [4, 4]
  ] as const) {
    it(`diagonal with its errors, blocks of ${blockSize}, concurrency ${concurrency}`, async () => {
      const program = Fisher.estimateWithErrors(little, params, Structure.diagonal, {
        blockSize,
        concurrency
      })
      const services = Layer.mergeAll(data, Sampler.monteCarlo({ draws: 2, seed: 0 }), Device.cpu)
      const { interrupted, leaking, operations } = await Effect.runPromise(
        Effect.provide(everywhere(program), services)
      )
      expect(operations).toBeGreaterThan(50)
      expect(interrupted).toBe(operations)
      expect(leaking).toBe(0)
    })
  }
})
