/** What goes wrong on a GPU, where WebGPU throws nothing and leaves zeros, is a typed failure; and the next program is right again. */
import * as tf from "@tensorflow/tfjs"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { Device, Errors } from "../src/index.ts"
import { faultsOf } from "../src/tensor/internal/faults.ts"
import { hasWebgpu } from "./support/webgpu.ts"

/** More than a GPU's buffer holds. */
const tooMany = 2 ** 29

const sumOf = (numbers: number) =>
  Device.use((device) =>
    Effect.flatMap(
      device.compute("sum", (keep) => keep(tf.sum(tf.fill([numbers], 2)))),
      (sum) => device.read("sum", [sum])
    )
  ).pipe(
    Effect.scoped,
    Effect.map(([sum]) => sum![0]),
    Effect.catchTag("TensorFailure", Effect.succeed)
  )

const run = <A, E>(program: Effect.Effect<A, E, Device>): Promise<A> =>
  Effect.runPromise(Effect.provide(program, Device.webgpu))

describe.skipIf(!hasWebgpu)("what a GPU cannot compute", () => {
  it("a tensor larger than its buffers is a TensorFailure with its size; control: tfjs's own read gives 0", async () => {
    const failure = await run(sumOf(tooMany))
    expect(failure).toBeInstanceOf(Errors.TensorFailure)
    expect((failure as Errors.TensorFailure).message).toMatch(
      /^The tensor program of stage "sum" threw: Error: the GPU did not compute it: Buffer size \(2147483648\) exceeds .* limit \(\d+\)\. Use smaller blocks or fewer draws\.$/
    )
    const shipped = run(
      Device.use((device) =>
        Effect.flatMap(
          device.compute("sum", (keep) => keep(tf.sum(tf.fill([tooMany], 2)))),
          (sum) => Effect.promise(() => sum.data())
        )
      ).pipe(Effect.scoped)
    )
    expect(Array.from(await shipped)).toEqual([0])
  })
  it("what is computed after it is right, and so is what another fiber computes or fails", async () => {
    await run(sumOf(tooMany))
    expect(await run(sumOf(2000))).toBe(4000)
    const together = await run(
      Effect.all([sumOf(2000), sumOf(tooMany), sumOf(3000)], { concurrency: "unbounded" })
    )
    for (const [i, due] of [4000, undefined, 6000].entries()) {
      if (!(together[i] instanceof Errors.TensorFailure)) expect(together[i]).toBe(due)
    }
  })
  it("on a GPU that was lost a read is a TensorFailure, and a Device provided anew has one again", async () => {
    const lose = Effect.promise(() => {
      const { device } = tf.findBackend("natgrad-webgpu") as unknown as {
        readonly device: { readonly destroy: () => void; readonly lost: Promise<unknown> }
      }
      device.destroy()
      return device.lost
    })
    const failure = await run(Effect.andThen(lose, sumOf(2000)))
    expect(failure).toMatchObject({
      _tag: "TensorFailure",
      message: expect.stringMatching(/the GPU was lost: .*\. Provide Device\.webgpu anew\.$/)
    })
    expect(await run(sumOf(2000))).toBe(4000)
  })
})

/** A GPU whose scopes have these errors, one after the other. */
const gpuWith = (...messages: ReadonlyArray<string | null>) => {
  let pops = 0
  return {
    pushErrorScope: () => undefined,
    popErrorScope: async () => {
      const message = pops % 3 === 0 ? messages[pops / 3] : null
      pops++
      return message === null || message === undefined ? null : { message }
    },
    lost: new Promise<never>(() => undefined)
  }
}

describe("an error of a GPU", () => {
  it("is told to every read as long as a program of its time has its tensors, and then to none", async () => {
    const faults = faultsOf(gpuWith("first\nwhere", null, null))
    const [one, other] = [faults.enter(), faults.enter()]
    await expect(faults.settle()).rejects.toThrow("the GPU did not compute it: first Use")
    faults.leave(one)
    await expect(faults.settle()).rejects.toThrow("first")
    faults.leave(other)
    const later = faults.enter()
    await expect(faults.settle()).resolves.toBeUndefined()
    faults.leave(later)
  })
  it("of a program whose tensors are gone, unread, is told to none that began after it; control: to one that began before", async () => {
    const gone = faultsOf(gpuWith(null, "of another"))
    gone.leave(gone.enter())
    await gone.settle()
    const early = gone.enter()
    await expect(gone.settle()).rejects.toThrow("of another")
    gone.leave(early)
    gone.enter()
    await expect(gone.settle()).resolves.toBeUndefined()
  })
})
