/** A file of its own: wasm starts once in a process, and here nothing has started it before. */
import * as tf from "@tensorflow/tfjs"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { Device } from "../src/index.ts"

describe("a Device that starts beside a running one", () => {
  it("does not disturb it: a program on cpu goes on while wasm starts", async () => {
    expect(tf.findBackend("natgrad-wasm")).toBeNull()
    const work = Device.use((device) =>
      Effect.forEach(
        Array.from({ length: 50 }, (_, i) => i),
        (i) =>
          device
            .compute("work", (keep) => keep(tf.add(tf.scalar(i), 1)))
            .pipe(
              Effect.flatMap((sum) => device.read("work", [sum])),
              Effect.scoped,
              Effect.tap(Effect.yieldNow)
            )
      )
    )
    const [sums] = await Effect.runPromise(
      Effect.all(
        [
          work.pipe(Effect.provide(Device.cpu)),
          Device.use(Effect.succeed).pipe(Effect.provide(Device.wasm), Effect.scoped)
        ],
        { concurrency: 2 }
      )
    )
    expect(sums.map(([sum]) => sum![0])).toEqual(Array.from({ length: 50 }, (_, i) => i + 1))
  })
})
