/** The kernels of the wasm device that move numbers: gather, slice, concatenation, tile and reverse are those of the cpu device, bit for bit. */
import * as tf from "@tensorflow/tfjs"
import { Effect } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import { Device } from "../src/index.ts"
import { generator } from "./oracle/random.ts"
import { checkEveryKernel, tensorCounts } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const random = generator(7)
const shape = [3, 4, 2, 5] as const
const size = 3 * 4 * 2 * 5
const floats = Float32Array.from(random.normals(size))
/** Among them the bits of a signalling NaN, which a float32 does not keep. */
const ints = Int32Array.from({ length: size }, (_, i) => (i % 7 === 0 ? 0x7f800001 + i : i - 40))
const tensors: Readonly<Record<string, () => tf.Tensor>> = {
  float32: () => tf.tensor(floats, [...shape]),
  int32: () => tf.tensor(ints, [...shape], "int32"),
  bool: () =>
    tf.tensor(
      Array.from(ints, (value) => value % 2 === 0),
      [...shape],
      "bool"
    )
}

/** The shape and the bits that a program makes on wasm and on cpu. */
const onBoth = async (program: (x: tf.Tensor) => tf.Tensor, x: () => tf.Tensor) => {
  const made = []
  for (const device of [Device.wasm, Device.cpu]) {
    const run = Device.use((on) =>
      Effect.map(
        on.compute("copy", (keep) => {
          const tensor = keep(program(x()))
          return { shape: tensor.shape, dtype: tensor.dtype, bits: Array.from(tensor.dataSync()) }
        }),
        (result) => result
      )
    ).pipe(Effect.scoped, Effect.provide(device))
    made.push(await Effect.runPromise(run))
  }
  return made
}

const indices = [2, 0, 1, 1, 2, 0, 0]
const programs: Readonly<Record<string, (x: tf.Tensor) => tf.Tensor>> = {
  "gather of axis 0": (x) => tf.gather(x, [2, 0, 2, 1], 0),
  "gather of axis 1": (x) => tf.gather(x, [3, 0, 1, 1, 2], 1),
  "gather of axis 2": (x) => tf.gather(x, [1, 1, 0], 2),
  "gather of the last axis": (x) => tf.gather(x, [4, 0, 2], -1),
  "gather by a table": (x) =>
    tf.gather(
      x,
      tf.tensor2d(
        [
          [0, 3, 1],
          [2, 2, 0]
        ],
        [2, 3],
        "int32"
      ),
      1
    ),
  "gather of long rows": (x) => tf.gather(x.reshape([3, 40]), indices, 0),
  "gather of rows of eights": (x) => tf.gather(x.reshape([5, 24]), [4, 0, 2, 2], 0),
  "gather of one number": (x) => tf.gather(x.flatten(), tf.scalar(17, "int32"), 0),
  "gather of nothing": (x) => tf.gather(x, tf.tensor1d([], "int32"), 1),
  "gather within batches": (x) => tf.gather(x, tf.tensor2d([[0], [3], [1]], [3, 1], "int32"), 1, 1),
  "slice of whole rows": (x) => tf.slice(x, [1, 0, 0, 0], [2, 4, 2, 5]),
  "slice of every axis": (x) => tf.slice(x, [1, 2, 0, 3], [2, 1, 2, 2]),
  "slice of the middle axes": (x) => tf.slice(x, [0, 1, 1, 0], [3, 2, 1, 5]),
  "slice to the end": (x) => tf.slice(x, [2, 1], [-1, -1]),
  "slice of nothing": (x) => tf.slice(x, [1, 2, 0, 0], [2, 0, 2, 5]),
  "slice of rank 6": (x) => tf.slice(x.reshape([3, 2, 2, 2, 5, 1]), [1, 0, 1, 0, 2, 0], [1, 2, 1, 2, 3, 1]),
  "slice of a vector": (x) => tf.slice(x.flatten(), [13], [50]),
  "concatenation along axis 0": (x) => tf.concat([x, tf.slice(x, [1], [1]), x], 0),
  "concatenation along axis 2": (x) => tf.concat([x, x, tf.slice(x, [0, 0, 1], [3, 4, 1])], 2),
  "concatenation along the last axis": (x) => tf.concat([tf.slice(x, [0, 0, 0, 1], [3, 4, 2, 2]), x], -1),
  "concatenation with nothing": (x) => tf.concat([tf.slice(x, [0, 0], [3, 0]), x], 1),
  stack: (x) => tf.stack([x, x], 2),
  unstack: (x) => tf.unstack(x, 1)[2]!,
  "tile of every axis": (x) => tf.tile(x, [2, 1, 3, 2]),
  "tile of the first axis": (x) => tf.tile(x, [3, 1, 1, 1]),
  "tile of the last axis": (x) => tf.tile(x, [1, 1, 1, 4]),
  "tile of columns of one": (x) => tf.tile(x.reshape([120, 1]), [1, 13]),
  "tile to nothing": (x) => tf.tile(x, [1, 0, 2, 1]),
  "tile of one number": (x) => tf.tile(tf.slice(x.flatten(), [9], [1]), [5]),
  "broadcast of a row": (x) => tf.broadcastTo(tf.slice(x, [0, 1, 0, 0], [1, 1, 2, 5]), [3, 4, 2, 5]),
  "reverse of the last axis": (x) => tf.reverse(x, -1),
  "reverse of the first and a middle axis": (x) => tf.reverse(x, [0, 2]),
  "reverse of all": (x) => tf.reverse(x),
  "reverse of nothing": (x) => tf.reverse(tf.slice(x, [0, 1], [3, 0]), 2),
  "reverse of an axis of one": (x) => tf.reverse(x.reshape([120, 1]), 1)
}

for (const [type, x] of Object.entries(tensors)) {
  describe(type, () => {
    for (const [title, program] of Object.entries(programs)) {
      it(`${title}: shape, type and bits are those of the cpu; control: another operand`, async () => {
        const [wasm, cpu] = await onBoth(program, x)
        expect(wasm).toEqual(cpu)
        const other = () => tf.reverse(x().flatten()).reshape([...shape])
        const [wrong] = await onBoth(program, type === "bool" ? () => tf.logicalNot(x()) : other)
        if (cpu!.bits.length > 0) expect(wrong!.bits).not.toEqual(cpu!.bits)
      })
    }
  })
}

describe("an index that is not there", () => {
  for (const index of [3, -1]) {
    it(`${index} of 3 is a TensorFailure, 0 tensors left; control: 2`, async () => {
      const program = (at: number) =>
        Device.use((device) =>
          device.compute("gather", () => {
            tf.gather(tf.tensor1d([1, 2, 3]), tf.tensor1d([at], "int32"))
          })
        ).pipe(Effect.scoped, Effect.provide(Device.wasm), Effect.exit)
      expect((await Effect.runPromise(program(2)))._tag).toBe("Success")
      const before = tensorCounts()
      expect(String(await Effect.runPromise(program(index)))).toContain(
        `gather: index ${index} is not in [0, 2]`
      )
      expect(tensorCounts()).toEqual(before)
    })
  }
})
