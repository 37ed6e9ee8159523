/**
 * Operands at the edges of what kernels are said to take: steps backwards through memory, tensors that lie on another backend, types and
 * numbers that are not what they are meant for.
 */
import * as tf from "@tensorflow/tfjs"
import { beforeAll, describe, expect, it } from "vitest"
import type { PartExports } from "../src/kernels/pool/crew.ts"
import { compileShared, fusedWorks } from "../src/kernels/wasm.ts"
import { wasmBackend } from "../src/tensor/internal/wasm.ts"
import { generator } from "./oracle/random.ts"
import { madeOn, plainBackend, shippedBackend, startBackends } from "./support/backends.ts"

beforeAll(startBackends)

/** tfjs's module of wasm. */
const instance = () =>
  (
    tf.engine().findBackend("wasm") as unknown as {
      readonly wasm: {
        readonly asm: { readonly memory: WebAssembly.Memory }
        _malloc: (bytes: number) => number
      }
    }
  ).wasm

describe.each([4, 8])(
  "a product of numbers of %d bytes, whose A is read from its last row to its first",
  (size) => {
    const [m, n] = [12, 9]
    const Numbers = size === 4 ? Float32Array : Float64Array

    /** The last numbers of a memory, as much room as is asked for. */
    const room = (memory: WebAssembly.Memory, lengths: ReadonlyArray<number>) => {
      let end = memory.buffer.byteLength
      return lengths.map((length) => {
        end -= size * length
        return new Numbers(memory.buffer, end, length)
      })
    }

    it.each([false, true].filter((fused) => !fused || fusedWorks()))(
      "is that of loops for k of 1 to 10, rows and columns in one piece, fused: %s; control: A from its first row on",
      async (fused) => {
        const memory = new WebAssembly.Memory({ initial: 64, maximum: 2 ** 16, shared: true })
        const module = await compileShared(fused)
        const exports = new WebAssembly.Instance(module, { env: { memory } })
          .exports as unknown as PartExports
        const multiply = size === 4 ? exports.gemmPart32 : exports.gemmPart64
        const random = generator(size)
        for (let k = 1; k <= 10; k++) {
          // A is the last in memory: what lies beyond it cannot be read.
          const [a, b, c] = room(memory, [m * k, k * n, m * n]) as [Float32Array, Float32Array, Float32Array]
          a.set(random.normals(m * k))
          b.set(random.normals(k * n))
          /** The largest distance from the product of the rows of A in this order. */
          const away = (row: (i: number) => number, at: (i: number, p: number) => number): number => {
            let worst = 0
            for (let i = 0; i < m; i++) {
              for (let j = 0; j < n; j++) {
                let due = 0
                for (let p = 0; p < k; p++) due += a[at(row(i), p)]! * b[p * n + j]!
                worst = Math.max(worst, Math.abs(c[i * n + j]! - due))
              }
            }
            return worst
          }
          for (const [rs, cs] of [
            [k, 1],
            [1, m]
          ] as const) {
            const last = a.byteOffset + size * (m - 1) * rs
            multiply(4096, m, n, k, last, -rs, cs, b.byteOffset, n, 1, c.byteOffset, n, 0, 0)
            const at = (i: number, p: number) => i * rs + p * cs
            expect(away((i) => m - 1 - i, at)).toBeLessThan(1e-5)
            expect(away((i) => i, at)).toBeGreaterThan(0.1)
          }
        }
      }
    )
  }
)

describe("tensors of another backend for which the heap has to grow", () => {
  const heapBytes = (): number => instance().asm.memory.buffer.byteLength

  const programs: Readonly<Record<string, (a: tf.Tensor, b: tf.Tensor) => tf.Tensor>> = {
    "a product": (a, b) => tf.matMul(a, b, false, true),
    "the larger of two": (a, b) => tf.sum(tf.maximum(a, b)),
    "one beside the other": (a, b) => tf.sum(tf.concat([a, b], 1))
  }
  it.each(Object.entries(programs))(
    "%s: as on the plain backend; control: the heap grew",
    async (_, program) => {
      const before = heapBytes()
      const n = before / 4
      const made = async (backend: string) => {
        const found = tf.getBackend()
        await tf.setBackend(plainBackend)
        // Few that are not 0: every sum is exact.
        const row = (at: number) => tf.tensor2d(new Float32Array(n).fill(3, at, at + 5), [1, n])
        const [a, b] = [row(1), row(2)]
        await tf.setBackend(found)
        try {
          return await madeOn(backend, () => program(a, b))
        } finally {
          tf.dispose([a, b])
        }
      }
      expect(await made(wasmBackend)).toEqual(await made(plainBackend))
      expect(heapBytes()).toBeGreaterThan(before)
    }
  )
})

it("maximum pooling of integers over three axes is refused, and names the remedy; control: what tfjs ships is wrong", async () => {
  const due = [6, 7]
  const x = () => tf.tensor5d([-3, 5, 7, -1, -5, -9, 4, 6, -2, 1, 3, 0], [1, 2, 2, 3, 1], "int32")
  const pooled = (of: tf.Tensor5D) => tf.maxPool3d(of, 2, 1, "valid")
  await expect(madeOn(wasmBackend, () => pooled(x()))).rejects.toThrow("Cast it to float32")
  expect((await madeOn(wasmBackend, () => pooled(tf.cast(x(), "float32"))))[0]!.values).toEqual(due)
  expect((await madeOn(shippedBackend, () => pooled(x())))[0]!.values).not.toEqual(due)
})

it("a greyscale dilation is NaN where its window has one; control: the plain backend passes over it", async () => {
  const image = Float32Array.from({ length: 16 }, (_, i) => (i === 5 ? Number.NaN : i))
  const program = () => tf.dilation2d(tf.tensor4d(image, [1, 4, 4, 1]), tf.zeros([2, 2, 1]), 1, "valid")
  const due = [0, 1, 2, 4, 5, 6, 8, 9, 10].map((first) => {
    const window = [first, first + 1, first + 4, first + 5].map((i) => image[i]!)
    return Math.max(...window)
  })
  expect(due.filter(Number.isNaN)).toHaveLength(4)
  expect((await madeOn(wasmBackend, program))[0]!.values).toEqual(due)
  expect((await madeOn(plainBackend, program))[0]!.values).not.toEqual(due)
})

describe("an output for which wasm has no memory", () => {
  // The output, and it alone, has 37 numbers.
  const row = () => tf.add(tf.range(0, 37), 1)
  const matrix = () => tf.reshape(tf.range(0, 74), [37, 2])
  const programs: Readonly<Record<string, () => tf.Tensor>> = {
    Tile: () => tf.tile(tf.ones([1, 1]), [37, 1]),
    Reverse: () => tf.reverse(row()),
    GatherV2: () => tf.gather(tf.range(0, 5), tf.zeros([37], "int32")),
    Slice: () => tf.slice(matrix(), [0, 1], [37, 1]),
    Concat: () => tf.concat([tf.zeros([30]), tf.ones([7])]),
    OneHot: () => tf.oneHot([3], 37, 1, 0, "float32"),
    UnsortedSegmentSum: () => tf.unsortedSegmentSum(tf.ones([3]), tf.tensor1d([0, 2, 5], "int32"), 37),
    Transpose: () => tf.transpose(tf.reshape(row(), [1, 37])),
    Sum: () => tf.sum(matrix(), 1),
    Maximum: () => tf.maximum(row(), 3),
    MaxPool: () =>
      tf.maxPool<tf.Tensor4D>(tf.ones([1, 36, 1, 1]), [2, 1], 1, [
        [0, 0],
        [1, 1],
        [0, 0],
        [0, 0]
      ])
  }
  /** Runs a program with another allocator for 37 numbers. */
  const madeWith = async (allocator: (bytes: number) => number | undefined, program: () => tf.Tensor) => {
    const wasm = instance()
    const allocate = wasm._malloc
    wasm._malloc = (bytes) => (bytes === 4 * 37 ? allocator(bytes) : undefined) ?? allocate(bytes)
    try {
      return await madeOn(wasmBackend, program)
    } finally {
      wasm._malloc = allocate
    }
  }

  it.each(Object.entries(programs))(
    "%s is refused, and leaves nothing behind; control: as on the plain backend with memory",
    async (_, program) => {
      let asked = 0
      const due = await madeOn(plainBackend, program)
      expect(due[0]!.values).toHaveLength(37)
      expect(await madeWith(() => void asked++, program)).toEqual(due)
      const before = tf.memory().numDataBuffers
      // The last time, it gives what it gives where the heap cannot grow.
      const refused = madeWith(() => (--asked === 0 ? 0 : undefined), program)
      await expect(refused).rejects.toThrow("out of memory")
      expect(tf.memory().numDataBuffers).toBe(before)
    }
  )
})

describe("operations on no numbers: as on the plain backend", () => {
  const programs: Readonly<Record<string, () => tf.Tensor>> = {
    "a transpose of more than two groups of axes": () => tf.transpose(tf.zeros([0, 5, 4, 3]), [0, 3, 2, 1]),
    "a sum over axes that are there": () => tf.sum(tf.zeros([0, 3, 5, 4]), 2, true),
    "the largest over axes apart": () => tf.max(tf.zeros([2, 3, 0, 4]), [0, 3]),
    "a gather of rows": () => tf.gather(tf.zeros([4, 3, 0]), tf.tensor2d([2, 0], [2, 1], "int32")),
    "a gather of columns": () => tf.gather(tf.zeros([0, 3]), [2, 0, 1, 1], 1)
  }
  it.each(Object.entries(programs))("%s; control: another shape", async (_, program) => {
    const due = await madeOn(plainBackend, program)
    expect(await madeOn(wasmBackend, program)).toEqual(due)
    expect(due).not.toEqual(await madeOn(wasmBackend, () => tf.expandDims(program())))
  })

  it("a choice by a condition of one row writes nothing; control: with one row it writes as many as the condition has", async () => {
    const [rows, columns] = [40, 5]
    const chosen = (n: number) => () =>
      tf.where(tf.cast(tf.ones([1, rows, columns]), "bool"), tf.fill([n, rows, columns], 3), 4)
    expect(await madeOn(wasmBackend, chosen(0))).toEqual([
      { shape: [0, rows, columns], dtype: "float32", values: [] }
    ])
    expect((await madeOn(wasmBackend, chosen(1)))[0]!.values).toEqual(Array(rows * columns).fill(3))
  })
})

describe("windows larger than the image are refused, since what tfjs ships writes beyond the output", () => {
  const image = () => tf.ones<tf.Rank.R4>([2, 4, 1, 3])
  const programs: Readonly<Record<string, (width: number) => tf.Tensor>> = {
    "a convolution": (width) => tf.conv2d(image(), tf.ones([2, width, 3, 5]), 1, "valid"),
    "a depthwise convolution": (width) => tf.depthwiseConv2d(image(), tf.ones([2, width, 3, 1]), 1, "valid"),
    "mean pooling": (width) => tf.avgPool(image(), [2, width], 1, "valid"),
    "maximum pooling": (width) => tf.maxPool(image(), [2, width], 1, "valid"),
    "maximum pooling with places": (width) => tf.maxPoolWithArgmax(image(), [2, width], 1, "valid")["result"]!
  }
  it.each(Object.entries(programs))("%s; control: one of the image's width is taken", async (_, program) => {
    await expect(madeOn(wasmBackend, () => program(2))).rejects.toThrow("Use smaller windows")
    expect(await madeOn(wasmBackend, () => program(1))).toEqual(await madeOn(plainBackend, () => program(1)))
  })
})
