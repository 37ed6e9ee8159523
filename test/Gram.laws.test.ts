/** The lower triangle of a second moment, on every device. */
import * as tf from "@tensorflow/tfjs"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { Device } from "../src/index.ts"
import { packedLength } from "../src/kernels/packed.ts"
import { packedGram } from "../src/tensor/Gram.ts"
import { type Generator, generator } from "./oracle/random.ts"
import { devices, runWith } from "./support/subject.ts"

const eps32 = 2 ** -24

/** Whether triangle (i, j) of x^T x is within 4 sqrt(rows) eps of the sizes of its terms. */
const misses = (triangle: ArrayLike<number>, x: Float64Array, rows: number, n: number): number => {
  let count = triangle.length === (n * (n + 1)) / 2 ? 0 : 1
  let at = 0
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let [due, size] = [0, 0]
      for (let r = 0; r < rows; r++) {
        const term = x[r * n + i]! * x[r * n + j]!
        due += term
        size += Math.abs(term)
      }
      const value = triangle[at++]!
      if (!(Math.abs(value - due) <= 4 * eps32 * Math.sqrt(rows + 1) * size + 1e-30)) count++
    }
  }
  return count
}

/** No row, one row, one column, and sides around the widths of the kernels' tiles. */
const shapes: ReadonlyArray<readonly [number, number]> = [
  [0, 3],
  [0, 1],
  [1, 1],
  [1, 5],
  [5, 1],
  [3, 16],
  [17, 33],
  [64, 65],
  [2, 130]
]

/** Those, and ragged ones. */
const shapesOf = (random: Generator): ReadonlyArray<readonly [number, number]> => [
  ...shapes,
  ...Array.from({ length: 40 }, () => [random.integer(70), 1 + random.integer(60)] as const)
]

for (const [name, device] of Object.entries(devices)) {
  describe(`packedGram on ${name}`, () => {
    it("is the lower triangle of x^T x, row by row, for ragged shapes; controls: the upper one, and a row less", async () => {
      const random = generator(17)
      let controls = 0
      for (const [rows, n] of shapesOf(random)) {
        const x = Float64Array.from(random.normals(rows * n), Math.fround)
        const [triangle] = await runWith(device)(
          Effect.scoped(
            Device.use((service) =>
              service
                .compute("gram", (keep) => [keep(packedGram(tf.tensor2d(Float32Array.from(x), [rows, n])))])
                .pipe(Effect.flatMap((tensors) => service.read("gram", tensors)))
            )
          )
        )
        expect(triangle!.length).toBe(packedLength(n))
        expect(misses(triangle!, x, rows, n), `${rows} x ${n}`).toBe(0)
        if (rows > 1 && n > 2) {
          const upper: Array<number> = []
          for (let i = 0; i < n; i++) {
            for (let j = i; j < n; j++) upper.push(triangle![(j * (j + 1)) / 2 + i]!)
          }
          expect(misses(upper, x, rows, n)).toBeGreaterThan(0)
          expect(misses(triangle!, x, rows - 1, n)).toBeGreaterThan(0)
          controls++
        }
      }
      expect(controls).toBeGreaterThan(20)
    })

    it("of rows in parts is the sum of the parts, to the bit, for any number at once; control: without the last part", async () => {
      const [rows, n] = [23, 5]
      const x = Float32Array.from(generator(18).normals(rows * n))
      const gram = (from: number, to: number, atOnce?: number) =>
        runWith(device)(
          Effect.scoped(
            Device.use((service) =>
              service
                .compute("gram", (keep) => [
                  keep(packedGram(tf.tensor2d(x.subarray(from * n, to * n), [to - from, n]), atOnce))
                ])
                .pipe(Effect.flatMap((tensors) => service.read("gram", tensors)))
            )
          )
        ).then(([triangle]) => triangle!)
      for (const atOnce of [1, 4, 22, 23, 100]) {
        let due = new Float32Array(packedLength(n))
        let short = due
        for (let from = 0; from < rows; from += atOnce) {
          const part = await gram(from, Math.min(rows, from + atOnce))
          short = due
          due = part.map((value, i) => due[i]! + value)
        }
        expect(await gram(0, rows, atOnce)).toEqual(due)
        expect(await gram(0, rows, atOnce)).not.toEqual(short)
      }
    })

    it("leaves no tensor behind", async () => {
      await runWith(device)(
        Effect.scoped(
          Device.use((service) =>
            Effect.gen(function* () {
              const before = tf.memory().numTensors
              for (let i = 0; i < 5; i++) {
                yield* Effect.scoped(service.compute("gram", (keep) => keep(packedGram(tf.ones([3, 7])))))
              }
              expect(tf.memory().numTensors).toBe(before)
            })
          )
        )
      )
    })
  })
}
