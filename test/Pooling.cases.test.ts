/** Pooling where the general laws do not come: several maxima, what is under the padding, and examples of which nothing counts. */
import * as tf from "@tensorflow/tfjs"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { Device, Network } from "../src/index.ts"
import type { Layer } from "../src/model/Layer.ts"
import { type Shape, sizeOf } from "../src/model/Shape.ts"
import { generator } from "./oracle/random.ts"
import { built } from "./support/built.ts"
import { devices, runWith } from "./support/subject.ts"

interface Given {
  readonly layer: Layer<string>
  readonly input: Shape
  /** `[N, in]` */
  readonly x: ReadonlyArray<ReadonlyArray<number>>
  /** `[N, T]` */
  readonly mask?: ReadonlyArray<ReadonlyArray<number>>
  /** Of every example. */
  readonly cotangent: ReadonlyArray<number>
  readonly tangent: ReadonlyArray<number>
}

const maps = (
  device: (typeof devices)[string],
  { cotangent, input, layer, mask, tangent, x }: Given
): Promise<ReadonlyArray<ReadonlyArray<number>>> =>
  runWith(device)(
    Effect.scoped(
      Device.use((own) =>
        Effect.map(
          Effect.flatMap(
            own.compute("pool", (keep) => {
              const map = built(layer, input).linearize({
                input: tf.tensor2d(x.flat(), [x.length, sizeOf(input)]),
                weights: undefined,
                block: undefined,
                mask: mask && tf.tensor2d(mask.flat(), [mask.length, mask[0]!.length])
              })
              const g = tf.tensor3d(
                x.flatMap(() => cotangent),
                [1, x.length, cotangent.length]
              )
              const v = tf.tensor2d(
                x.flatMap(() => tangent),
                [x.length, tangent.length]
              )
              return [tf.clone(map.output), map.pullbackInput(g), map.pushforward(v, undefined)!].map(
                (tensor) => keep(tensor)
              )
            }),
            (tensors) => own.read("pool", tensors)
          ),
          (read) => read.map((values) => Array.from(values))
        )
      )
    )
  )

for (const [name, device] of Object.entries(devices)) {
  describe(`on ${name}`, () => {
    it("of several maxima the first one of its window has the cotangent and gives the tangent; control: the last, or a part of each", async () => {
      const [z, pulled, pushed] = await maps(device, {
        layer: Network.maxPool2d({ size: 2 }),
        input: { height: 2, width: 6, channels: 1 },
        // The largest are all, the second and third, the third and fourth of a window.
        x: [[5, 5, 1, 7, -4, -3, 5, 5, 7, 2, -2, -2]],
        cotangent: [1, 2, 3],
        tangent: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
      })
      expect(z).toEqual([5, 7, -2])
      expect(pulled).toEqual([1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 3, 0])
      expect(pulled).not.toEqual([0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 3])
      expect(pushed).toEqual([1, 4, 11])
      expect(pushed).not.toEqual([4.5, 6.5, 11.5])
    })

    it("where windows overlap, a pixel has the cotangents of all that it is the largest of; control: of one of them", async () => {
      const [z, pulled, pushed] = await maps(device, {
        layer: Network.maxPool1d({ size: 3, stride: 1 }),
        input: { length: 5, channels: 1 },
        x: [[1, 4, 9, 4, 2]],
        cotangent: [1, 2, 3],
        tangent: [1, 2, 3, 4, 5]
      })
      expect(z).toEqual([9, 9, 9])
      expect(pulled).toEqual([0, 0, 6, 0, 0])
      expect(pulled).not.toEqual([0, 0, 1, 0, 0])
      expect(pushed).toEqual([3, 3, 3])
    })

    it("the padding is no pixel: of -4, -1, -3 in windows of 3 the largest are -1, and the mean at an end is -2.5; control: 0, and -5/3", async () => {
      const given = {
        input: { length: 3, channels: 1 },
        x: [[-4, -1, -3]],
        tangent: [1, 2, 3],
        cotangent: [6, 12, 18]
      }
      const options = { size: 3, stride: 1, padding: "same" } as const
      const [largest] = await maps(device, { ...given, layer: Network.maxPool1d(options) })
      expect(largest).toEqual([-1, -1, -1])
      expect(largest).not.toEqual([0, -1, 0])
      const [mean, pulled, pushed] = await maps(device, { ...given, layer: Network.averagePool1d(options) })
      expect(mean!.map((value) => Math.round(6 * value))).toEqual([-15, -16, -12])
      expect(mean!.map((value) => Math.round(6 * value))).not.toEqual([-10, -16, -8])
      expect(pulled!.map(Math.round)).toEqual([7, 16, 13])
      expect(pushed).toEqual([1.5, 2, 2.5])
    })

    it("a pixel in no window has a cotangent of 0, for both; control: that of the first window", async () => {
      for (const layer of [
        Network.maxPool1d({ size: 1, stride: 2 }),
        Network.averagePool1d({ size: 1, stride: 2 })
      ]) {
        const [z, pulled] = await maps(device, {
          layer,
          input: { length: 4, channels: 2 },
          x: [[1, 2, 3, 4, 5, 6, 7, 8]],
          cotangent: [1, 2, 3, 4],
          tangent: [1, 1, 1, 1, 1, 1, 1, 1]
        })
        expect(z).toEqual([1, 2, 5, 6])
        expect(pulled).toEqual([1, 2, 0, 0, 3, 4, 0, 0])
        expect(pulled).not.toEqual([1, 2, 1, 2, 3, 4, 1, 2])
      }
    })

    it("global pooling is over the positions that count, and 0 where none does; control: over all", async () => {
      const given = {
        input: { length: 3, channels: 2 },
        x: [
          [9, 8, -1, -4, -3, -2],
          [7, 8, 9, 4, 5, 6],
          [-1, 2, -1, 2, -5, 2]
        ],
        mask: [
          [0, 1, 1],
          [0, 0, 0],
          [1, 1, 1]
        ],
        cotangent: [6, 12],
        tangent: [1, 2, 3, 4, 5, 6]
      }
      const [mean, pulledMean, pushedMean] = await maps(device, {
        ...given,
        layer: Network.globalAveragePool
      })
      const near = (values: ReadonlyArray<number>) => values.map((value) => Math.round(value * 1e5) / 1e5)
      expect(near(mean!)).toEqual([-2, -3, 0, 0, -2.33333, 2])
      expect(near(mean!)).not.toEqual([1.66667, 0.66667, 7, 6, -2.33333, 2])
      expect(near(pulledMean!)).toEqual([0, 0, 3, 6, 3, 6, 0, 0, 0, 0, 0, 0, 2, 4, 2, 4, 2, 4])
      expect(near(pushedMean!)).toEqual([4, 5, 0, 0, 3, 4])
      const [largest, pulled, pushed] = await maps(device, { ...given, layer: Network.globalMaxPool })
      expect(largest).toEqual([-1, -2, 0, 0, -1, 2])
      expect(largest).not.toEqual([9, 8, 9, 8, -1, 2])
      expect(pulled).toEqual([0, 0, 6, 0, 0, 12, 0, 0, 0, 0, 0, 0, 6, 12, 0, 0, 0, 0])
      expect(pushed).toEqual([3, 6, 0, 0, 1, 2])
    })
  })
}

/** 64 images to a part. */
describe("70 images of 32 x 32 x 8, which go in parts", () => {
  it("have the outputs, cotangents and tangents of 7 of them 10 times over; control: of 6 of them", async () => {
    const random = generator(5)
    const few = random.normalMatrix(7, 32 * 32 * 8).map((row) => Array.from(row))
    const given = {
      layer: Network.maxPool2d({ size: 2 }),
      input: { height: 32, width: 32, channels: 8 },
      cotangent: Array.from(random.normals(16 * 16 * 8)),
      tangent: Array.from(random.normals(32 * 32 * 8))
    }
    const times = (count: number, of: ReadonlyArray<number>) => Array.from({ length: count }, () => of).flat()
    const parts = await maps(Device.wasm, { ...given, x: few })
    const all = await maps(Device.wasm, { ...given, x: Array.from({ length: 10 }, () => few).flat() })
    for (const [i, values] of all.entries()) {
      const same = (due: ReadonlyArray<number>) => values.every((value, at) => value === due[at])
      expect(values.length).toBe(10 * parts[i]!.length)
      expect(same(times(10, parts[i]!))).toBe(true)
      expect(same(times(12, parts[i]!.slice(0, (6 * parts[i]!.length) / 7)))).toBe(false)
    }
  })
})
