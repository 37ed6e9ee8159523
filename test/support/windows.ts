/** Random geometries of windows, and plain loops over them in float64: what the kernels of a device are compared with. */

import type * as tf from "@tensorflow/tfjs"
import { Effect, type Layer } from "effect"
import type { Device as DeviceService } from "../../src/index.ts"
import { Device } from "../../src/index.ts"
import type { Generator } from "../oracle/random.ts"
import { runWith } from "./subject.ts"

/** Windows over `count` images, and how they lie. */
export interface RandomWindows {
  readonly count: number
  readonly height: number
  readonly width: number
  readonly channels: number
  readonly kernel: readonly [number, number]
  readonly stride: readonly [number, number]
  readonly dilation: readonly [number, number]
  /** Above, below, left, right. */
  readonly padding: readonly [number, number, number, number]
  readonly output: readonly [number, number]
}

/** Sizes of 1 and more; every fourth has 1 channel, every fifth 1 image. `dilated`: whether taps may lie apart. */
export const randomWindows = (random: Generator, dilated: boolean): RandomWindows => {
  const some = (below: number) => 1 + random.integer(below)
  for (;;) {
    const kernel = [some(3), some(4)] as const
    const stride = [some(3), some(2)] as const
    const dilation = dilated ? ([some(2), some(3)] as const) : ([1, 1] as const)
    const padding = [0, 0, 0, 0].map(() => random.integer(3)) as unknown as RandomWindows["padding"]
    const [height, width] = [some(7), some(9)]
    const length = (size: number, of: 0 | 1) =>
      Math.floor(
        (size + padding[2 * of]! + padding[2 * of + 1]! - dilation[of] * (kernel[of] - 1) - 1) / stride[of]
      ) + 1
    const output = [length(height, 0), length(width, 1)] as const
    if (output[0] < 1 || output[1] < 1) continue
    return {
      ...{ height, width, kernel, stride, dilation, padding, output },
      count: random.integer(5) === 0 ? 1 : some(5),
      channels: random.integer(4) === 0 ? 1 : some(13)
    }
  }
}

/** One meeting of a position and a tap at a pixel of the image. */
export interface Meeting {
  readonly position: number
  readonly tap: number
  readonly pixel: number
}

/** All meetings inside the image, position by position, tap by tap. */
export const meetings = (w: RandomWindows): ReadonlyArray<Meeting> => {
  const all: Array<Meeting> = []
  for (let i = 0; i < w.output[0]; i++) {
    for (let j = 0; j < w.output[1]; j++) {
      for (let p = 0; p < w.kernel[0]; p++) {
        for (let q = 0; q < w.kernel[1]; q++) {
          const row = i * w.stride[0] + p * w.dilation[0] - w.padding[0]
          const column = j * w.stride[1] + q * w.dilation[1] - w.padding[2]
          if (row < 0 || row >= w.height || column < 0 || column >= w.width) continue
          all.push({
            position: i * w.output[1] + j,
            tap: p * w.kernel[1] + q,
            pixel: row * w.width + column
          })
        }
      }
    }
  }
  return all
}

/** The numbers that a tensor program makes on a device, tensor by tensor. */
export const numbersOn = (
  device: Layer.Layer<DeviceService, unknown>,
  program: () => ReadonlyArray<tf.Tensor>
): Promise<ReadonlyArray<Float32Array>> =>
  runWith(device)(
    Effect.scoped(
      Device.use((own) =>
        Effect.flatMap(
          own.compute("windows", (keep) => program().map((tensor) => keep(tensor))),
          (tensors) => own.read("windows", tensors)
        )
      )
    )
  )
