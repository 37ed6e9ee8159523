/**
 * Convolutions and pooling against tfjs's own operations: outputs, and with tf.grads the cotangents of the input and the gradients of the
 * kernel, for N = 2 examples. Ours on both devices, tfjs's on the plain one. What tfjs has wrong gradients of, or none, says so.
 */
import * as tf from "@tensorflow/tfjs"
import { Effect } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import { Device, Network, Score } from "../src/index.ts"
import type { Layer } from "../src/model/Layer.ts"
import { type Shape, sizeOf } from "../src/model/Shape.ts"
import { generator } from "./oracle/random.ts"
import { built } from "./support/built.ts"
import { dyadic, eps32, vectorError } from "./support/measure.ts"
import { devices, runWith } from "./support/subject.ts"

const examples = 2

/** A layer without bias, and the same function of tfjs. */
interface Case {
  readonly layer: Layer<string>
  readonly input: Shape
  /** Of x and the kernel with their axes, both as tfjs has them. */
  readonly theirs: (x: tf.Tensor, kernel: tf.Tensor) => tf.Tensor
  /** The axes of the kernel in the order of the rows and columns of our parameters; none without parameters. */
  readonly kernel?: ReadonlyArray<number>
  /** Whether tfjs has a right gradient of it; it has unless said. */
  readonly grads?: false
}

type Maps = Readonly<Record<"output" | "pulled" | "gradient", Float32Array>>

const count = (axes: ReadonlyArray<number>): number => axes.reduce((size, axis) => size * axis, 1)
const values = (seed: number, size: number) => Float32Array.from(dyadic(generator(seed).normals(size), 8))
const axesOf = (shape: Shape): ReadonlyArray<number> =>
  typeof shape === "number"
    ? [shape]
    : "length" in shape
      ? [shape.length, shape.channels]
      : [shape.height, shape.width, shape.channels]

/** Three tensors of a program, read. */
const run = (device: (typeof devices)[string], program: () => ReadonlyArray<tf.Tensor>): Promise<Maps> =>
  runWith(device)(
    Effect.scoped(
      Device.use((own) =>
        Effect.map(
          Effect.flatMap(
            own.compute("maps", (keep) => program().map((tensor) => keep(tensor))),
            (tensors) => own.read("maps", tensors)
          ),
          ([output, pulled, gradient]) => ({ output: output!, pulled: pulled!, gradient: gradient! })
        )
      )
    )
  )

const ours = (device: (typeof devices)[string], { input, kernel, layer }: Case) =>
  run(device, () => {
    const { linearize, output, shape } = built(layer, input)
    const map = linearize({
      input: tf.tensor2d(values(1, examples * sizeOf(input)), [examples, sizeOf(input)]),
      weights: shape && { kernel: tf.tensor2d(values(2, count(kernel!)), [shape.rows, shape.columns]) },
      block: shape && { ...shape, layer: "", offset: 0 }
    })
    const g = tf.tensor3d(values(3, examples * sizeOf(output)), [1, examples, sizeOf(output)])
    const gradient = map.score ? Score.summedGradient(map.score(g)) : tf.zeros([1])
    return [tf.clone(map.output), map.pullbackInput(g), gradient]
  })

const theirs = ({ grads, input, kernel = [1], theirs }: Case) =>
  run(Device.cpu, () => {
    const x = tf.tensor(values(1, examples * sizeOf(input)), [examples, ...axesOf(input)])
    const k = tf.tensor(values(2, count(kernel)), [...kernel])
    const output = theirs(x, k)
    const g = tf.tensor(values(3, output.size), output.shape)
    if (grads === false) return [output, tf.zeros([1]), tf.zeros([1])]
    const parts = tf.grads((x, k) => tf.add(theirs(x, k), tf.mul(0, tf.sum(k))))([x, k], g)
    return [output, ...parts]
  })

const laws = (title: string, due: Case) => {
  describe(title, () => {
    let expected: Maps
    beforeAll(async () => {
      expected = await theirs(due)
    })
    const parameters = due.kernel ? count(due.kernel) : 0
    const unit = (parameters + sizeOf(due.input)) * eps32
    for (const [name, device] of Object.entries(devices)) {
      it(`is tfjs's on ${name}, ratio <= 10; control: turned around`, async () => {
        const made = await ours(device, due)
        const quantities = [
          "output",
          ...(due.grads === false ? [] : ["pulled"]),
          ...(parameters && due.grads !== false ? ["gradient"] : [])
        ]
        for (const quantity of quantities as ReadonlyArray<keyof Maps>) {
          expect(vectorError(made[quantity], expected[quantity], unit)).toBeLessThanOrEqual(10)
          expect(vectorError(made[quantity].toReversed(), expected[quantity], unit)).toBeGreaterThan(10)
        }
      })
    }
  })
}

describe("conv1d", () => {
  const input = { length: 7, channels: 3 }
  const kernel = (size: number) => [size, 3, 2]
  for (const [size, stride, padding, dilation] of [
    [2, 1, "valid", 1],
    [3, 2, "same", 1],
    [4, 3, "same", 1],
    [3, 1, "same", 2],
    [2, 1, "valid", 4]
  ] as const) {
    laws(`kernel ${size}, stride ${stride}, padding ${padding}, dilation ${dilation}`, {
      layer: Network.conv1d({ filters: 2, kernel: size, stride, padding, dilation, bias: false }),
      input,
      kernel: kernel(size),
      theirs: (x, k) => tf.conv1d(x as tf.Tensor3D, k as tf.Tensor3D, stride, padding, "NWC", dilation),
      ...(dilation > 1 && { grads: false })
    })
  }
  laws("causal, kernel 3, dilation 2: tfjs's with 4 zeros before", {
    layer: Network.conv1d({ filters: 2, kernel: 3, padding: "causal", dilation: 2, bias: false }),
    input,
    kernel: kernel(3),
    theirs: (x, k) => {
      const padded = tf.pad(x as tf.Tensor3D, [
        [0, 0],
        [4, 0],
        [0, 0]
      ])
      return tf.conv1d(padded, k as tf.Tensor3D, 1, "valid", "NWC", 2)
    },
    grads: false
  })
})

describe("depthwiseConv2d", () => {
  const input = { height: 6, width: 7, channels: 3 }
  for (const [kernel, multiplier, stride, padding, dilation] of [
    [[3, 2], 1, 1, "valid", 1],
    [[3, 2], 4, 1, "same", 1],
    [[2, 4], 2, 2, "same", 1],
    [[4, 3], 2, 3, "valid", 1],
    [[2, 3], 2, 1, "same", 2]
  ] as const) {
    laws(
      `kernel ${kernel}, multiplier ${multiplier}, stride ${stride}, padding ${padding}, dilation ${dilation}`,
      {
        layer: Network.depthwiseConv2d({ kernel, multiplier, stride, padding, dilation, bias: false }),
        input,
        kernel: [...kernel, 3, multiplier],
        theirs: (x, k) =>
          tf.depthwiseConv2d(x as tf.Tensor4D, k as tf.Tensor4D, stride, padding, "NHWC", dilation),
        ...(dilation > 1 && { grads: false })
      }
    )
  }
})

describe("conv2dTranspose", () => {
  for (const [height, width] of [
    [3, 4],
    [5, 2]
  ] as const) {
    for (const kernel of [
      [3, 2],
      [1, 4]
    ] as const) {
      for (const stride of [
        [1, 2],
        [3, 1],
        [2, 3]
      ] as const) {
        for (const padding of ["valid", "same"] as const) {
          const side = (size: number, of: 0 | 1): number =>
            padding === "same" ? size * stride[of] : (size - 1) * stride[of] + kernel[of]
          laws(`${height} x ${width}, kernel ${kernel}, stride ${stride}, padding ${padding}`, {
            layer: Network.conv2dTranspose({ filters: 3, kernel, stride, padding, bias: false }),
            input: { height, width, channels: 2 },
            kernel: [...kernel, 2, 3],
            // tfjs has the channels of the output before those of the input.
            theirs: (x, k) =>
              tf.conv2dTranspose(
                x as tf.Tensor4D,
                tf.transpose(k as tf.Tensor4D, [0, 1, 3, 2]),
                [examples, side(height, 0), side(width, 1), 3],
                [...stride],
                padding
              )
          })
        }
      }
    }
  }
})

describe("pooling of images", () => {
  for (const [size, stride, padding] of [
    [[2, 2], [2, 2], "valid"],
    [[2, 3], [2, 3], "same"],
    [[3, 2], [2, 1], "same"],
    [[4, 3], [3, 2], "valid"],
    [[1, 1], [3, 2], "same"],
    [[2, 1], [1, 3], "valid"]
  ] as const) {
    const input = { height: 7, width: 8, channels: 3 }
    const options = { size, stride, padding }
    const title = `size ${size}, stride ${stride}, padding ${padding}`
    laws(`maxPool2d, ${title}`, {
      layer: Network.maxPool2d(options),
      input,
      theirs: (x) => tf.maxPool(x as tf.Tensor4D, [...size], [...stride], padding)
    })
    laws(`averagePool2d, ${title}`, {
      layer: Network.averagePool2d(options),
      input,
      theirs: (x) => tf.avgPool(x as tf.Tensor4D, [...size], [...stride], padding),
      // Its gradient divides by the window's size, in the padding too.
      ...(padding === "same" && { grads: false })
    })
  }
})

describe("pooling of sequences", () => {
  for (const [size, stride, padding] of [
    [2, 2, "valid"],
    [3, 2, "same"],
    [2, 1, "same"]
  ] as const) {
    const input = { length: 9, channels: 2 }
    const options = { size, stride, padding }
    const title = `size ${size}, stride ${stride}, padding ${padding}`
    const high = (x: tf.Tensor): tf.Tensor4D => x.reshape([examples, 1, 9, 2])
    laws(`maxPool1d, ${title}`, {
      layer: Network.maxPool1d(options),
      input,
      theirs: (x) => tf.maxPool(high(x), [1, size], [1, stride], padding)
    })
    laws(`averagePool1d, ${title}`, {
      layer: Network.averagePool1d(options),
      input,
      theirs: (x) => tf.avgPool(high(x), [1, size], [1, stride], padding),
      ...(padding === "same" && { grads: false })
    })
  }
})

describe("global pooling", () => {
  const input = { height: 3, width: 5, channels: 2 }
  laws("globalAveragePool", {
    layer: Network.globalAveragePool,
    input,
    theirs: (x) => tf.mean(x, [1, 2])
  })
  laws("globalMaxPool", { layer: Network.globalMaxPool, input, theirs: (x) => tf.max(x, [1, 2]) })
})
