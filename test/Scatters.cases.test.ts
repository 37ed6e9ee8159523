/** Sums by segment and one-hot rows on the wasm device: those of the cpu device, and the gradients that stand on them. */
import * as tf from "@tensorflow/tfjs"
import { Effect } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import { Device } from "../src/index.ts"
import { wasmBackend } from "../src/tensor/internal/wasm.ts"
import { generator } from "./oracle/random.ts"
import { checkEveryKernel } from "./support/tensors.ts"

beforeAll(async () => {
  await checkEveryKernel()
  await Effect.runPromise(Device.use(() => Effect.void).pipe(Effect.provide(Device.wasm), Effect.scoped))
})

interface Made {
  readonly shape: ReadonlyArray<number>
  readonly dtype: string
  readonly values: ReadonlyArray<number>
}

const on = async (backend: string, program: () => tf.Tensor): Promise<Made> => {
  const found = tf.getBackend()
  await tf.setBackend(backend)
  try {
    return tf.tidy(() => {
      const out = program()
      return { shape: out.shape, dtype: out.dtype, values: Array.from(out.dataSync()) }
    })
  } finally {
    await tf.setBackend(found)
  }
}

const random = generator(5)
/** Eighths: every sum of them is exact. */
const numbers = Float32Array.from(random.normals(7 * 5 * 3), (x) => Math.round(8 * x) / 8)
const x = () => tf.tensor3d(numbers, [7, 5, 3])
const ids = [2, 0, 3, 2, 2, -1, 4]
const segments = (of: ReadonlyArray<number>, size = of.length) => tf.tensor1d(of.slice(0, size), "int32")
const cotangent = (shape: ReadonlyArray<number>): tf.Tensor => {
  const size = shape.reduce((all, side) => all * side, 1)
  return tf.tensor(
    Float32Array.from({ length: size }, (_, i) => ((i * 5) % 11) - 4),
    [...shape]
  )
}
const gradient = (f: (x: tf.Tensor) => tf.Tensor) => (): tf.Tensor =>
  tf.grad((of) => {
    const y = f(of)
    return tf.sum(tf.mul(y, cotangent(y.shape)))
  })(x())

/** A program of some ids, and other ids for the control. */
const programs: Readonly<Record<string, (of: ReadonlyArray<number>) => () => tf.Tensor>> = {
  "sum by segment, with ids that are none": (of) => () => tf.unsortedSegmentSum(x(), segments(of), 4),
  "sum of a vector by segment": (of) => () =>
    tf.unsortedSegmentSum(tf.tensor1d(numbers.slice(0, 7)), segments(of), 5),
  // The cpu gives float32 for it.
  "sum of int32 by segment": (of) => () =>
    tf.cast(tf.unsortedSegmentSum(tf.cast(tf.mul(x(), 8), "int32"), segments(of), 4), "float32"),
  "gradient of a gather": (of) => gradient((t) => tf.gather(t, segments(of.map(Math.abs)), 0)),
  "gradient of a gather of axis 1": (of) => gradient((t) => tf.gather(t, segments(of.map(Math.abs)), 1)),
  "gradient of a gather by a table": (of) =>
    gradient((t) => tf.gather(t, segments(of.map(Math.abs), 6).reshape([2, 3]), 0)),
  "gradient of a sum by segment": (of) =>
    gradient((t) => tf.unsortedSegmentSum(t, segments(of.map(Math.abs)), 5)),
  ...Object.fromEntries(
    (["float32", "int32", "bool"] as const).map((dtype) => [
      `one-hot rows of ${dtype}`,
      (of: ReadonlyArray<number>) => () => tf.oneHot(segments(of), 4, 1, 0, dtype)
    ])
  ),
  "one-hot rows of other values": (of) => () => tf.oneHot(segments(of), 5, 2.5, -0.5, "float32"),
  "one-hot rows of a table": (of) => () => tf.oneHot(segments(of, 6).reshape([2, 3]), 3, 1, 0, "float32")
}

describe("the cpu's, bit for bit; control: other indices", () => {
  for (const [title, program] of Object.entries(programs)) {
    it(title, async () => {
      const due = await on("cpu", program(ids))
      expect(await on(wasmBackend, program(ids))).toEqual(due)
      expect((await on(wasmBackend, program(ids.map((id) => (id === 2 ? 1 : id))))).values).not.toEqual(
        due.values
      )
    })
  }

  it("nothing by segment is 0, whatever lay there", async () => {
    const made = await on(wasmBackend, () => {
      tf.dispose(tf.fill([64], 7))
      return tf.unsortedSegmentSum(tf.zeros([0, 3]), tf.tensor1d([], "int32"), 4)
    })
    expect(made).toEqual({ shape: [4, 3], dtype: "float32", values: Array(12).fill(0) })
  })

  it("too few ids are refused", async () => {
    await expect(
      on(wasmBackend, () => tf.unsortedSegmentSum(x(), tf.tensor1d([0, 1], "int32"), 4))
    ).rejects.toThrow("Give one id for each of its rows")
  })
})
