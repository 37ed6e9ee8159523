/** The products of the wasm device: as tensors, fused, and as the kernels that a Fisher keeps. */
import * as tf from "@tensorflow/tfjs"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { Device } from "../src/index.ts"
import { reference } from "../src/kernels/reference.ts"
import { relativeError } from "./oracle/linear.ts"
import { randomArray } from "./support/ratio.ts"

const onWasm = <A>(
  program: (device: typeof Device.Service) => Effect.Effect<A, unknown, Device>
): Promise<A> => Effect.runPromise(Device.use(program).pipe(Effect.provide(Device.wasm)))

/** The values of one tensor that a program makes. */
const valuesOf = (make: () => tf.Tensor): Promise<Float32Array> =>
  onWasm((device) =>
    Effect.gen(function* () {
      const out = yield* device.compute("product", (keep) => keep(make()))
      const [values] = yield* device.read("product", [out])
      return values!
    }).pipe(Effect.scoped)
  )

const flags = [false, true]

/** op(a) op(b) by plain loops in float64. */
const product = (
  m: number,
  n: number,
  k: number,
  a: ArrayLike<number>,
  ta: boolean,
  b: ArrayLike<number>,
  tb: boolean
) => {
  const out = new Float64Array(m * n)
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      for (let p = 0; p < k; p++) {
        out[i * n + j] = out[i * n + j]! + a[ta ? p * m + i : i * k + p]! * b[tb ? j * k + p : p * n + j]!
      }
    }
  }
  return out
}

describe("tensor products on wasm", () => {
  const [m, n, k] = [3, 5, 100]
  const a = new Float32Array(randomArray(m * k, 1))
  const b = new Float32Array(randomArray(k * n, 2))
  const bias = [10, 20, 30, 40, 50]
  for (const ta of flags) {
    for (const tb of flags) {
      const left = () => tf.tensor2d(a, ta ? [k, m] : [m, k])
      const right = () => tf.tensor2d(b, tb ? [n, k] : [k, n])
      const due = product(m, n, k, a, ta, b, tb)

      it(`transposes ${ta}, ${tb}: as plain loops, to 1e-5`, async () => {
        expect(relativeError(await valuesOf(() => tf.matMul(left(), right(), ta, tb)), due)).toBeLessThan(
          1e-5
        )
      })

      it(`transposes ${ta}, ${tb}: fused with a bias added once and relu after, to 1e-5`, async () => {
        const fused = await valuesOf(() =>
          tf.fused.matMul({
            a: left(),
            b: right(),
            transposeA: ta,
            transposeB: tb,
            bias: tf.tensor1d(bias),
            activation: "relu"
          })
        )
        const expected = due.map((value, i) => Math.max(0, value + bias[i % n]!))
        expect(relativeError(fused, expected)).toBeLessThan(1e-5)
        // The control: a bias added once for each 48 of the inner dimension, as the backend ships it.
        const thrice = due.map((value, i) => Math.max(0, value + 3 * bias[i % n]!))
        expect(relativeError(fused, thrice)).toBeGreaterThan(0.1)
      })
    }
  }

  it("batched, both operands transposed: as plain loops for each, to 1e-5", async () => {
    const batched = await valuesOf(() =>
      tf.matMul(
        tf.tensor3d([...a, ...a.map((value) => -2 * value)], [2, k, m]),
        tf.tensor3d([...b, ...b], [2, n, k]),
        true,
        true
      )
    )
    const one = product(m, n, k, a, true, b, true)
    expect(relativeError(batched, [...one, ...one.map((value) => -2 * value)])).toBeLessThan(1e-5)
  })
})

describe("a tensor times itself on wasm", () => {
  const [rows, columns] = [70, 35]
  const x = new Float32Array(randomArray(rows * columns, 5))

  for (const ta of flags) {
    it(`transposed on the ${ta ? "left" : "right"}: as plain loops to 1e-5, and its own transpose bit for bit`, async () => {
      const side = ta ? columns : rows
      const out = await valuesOf(() =>
        tf.tidy(() => ((v) => tf.matMul(v, v, ta, !ta))(tf.tensor2d(x, [rows, columns])))
      )
      const due = product(side, side, ta ? rows : columns, x, ta, x, !ta)
      expect(relativeError(out, due)).toBeLessThan(1e-5)
      for (let i = 0; i < side; i++) {
        for (let j = 0; j < i; j++) expect(out[i * side + j]).toBe(out[j * side + i])
      }
      // The control: half of it.
      const half = out.map((value, o) => (o % side > Math.floor(o / side) ? 0 : value))
      expect(relativeError(half, due)).toBeGreaterThan(0.1)
    })
  }

  it("in two shapes, and in two batches, is not taken for one matrix", async () => {
    const [k, m] = [3, 4]
    const numbers = x.slice(0, 2 * k * m)
    const shapes = await valuesOf(() =>
      tf.tidy(() =>
        ((v) => tf.matMul(v.reshape([2, k, m]), v.reshape([1, k, 2 * m]), true))(tf.tensor1d(numbers))
      )
    )
    const [first, second] = [numbers.slice(0, k * m), numbers.slice(k * m)]
    const wide = [first, second].flatMap((part) => [...product(m, 2 * m, k, part, true, numbers, false)])
    expect(relativeError(shapes, wide)).toBeLessThan(1e-5)
    const batches = await valuesOf(() =>
      tf.tidy(() =>
        ((v) => tf.matMul(v.reshape([2, 1, k, m]), v.reshape([1, 2, k, m]), true))(tf.tensor1d(numbers))
      )
    )
    const pairs = [first, second].flatMap((a) =>
      [first, second].flatMap((b) => [...product(m, m, k, a, true, b, false)])
    )
    expect(relativeError(batches, pairs)).toBeLessThan(1e-5)
  })
})

describe("the kernels of the wasm device", () => {
  // Over and under the size from which a product goes to wasm.
  for (const [m, n, k] of [
    [131, 70, 90],
    [3, 2, 4]
  ] as const) {
    for (const transposeA of flags) {
      for (const transposeB of flags) {
        it(`gemm ${m} x ${n} x ${k}, transposes ${transposeA}, ${transposeB}: the reference's, to 1e-6, and the backend comes back`, async () => {
          const a = new Float32Array(randomArray(m * k, 3))
          const b = new Float32Array(randomArray(k * n, 4))
          const due = new Float32Array(m * n)
          reference.gemm({ m, n, k, a, transposeA, b, transposeB, out: due })
          const out = new Float32Array(m * n)
          const { kernels } = await onWasm(Effect.succeed)
          await tf.setBackend("cpu")
          const before = tf.memory().numTensors
          kernels.gemm({ m, n, k, a, transposeA, b, transposeB, out })
          expect(relativeError(out, due)).toBeLessThan(1e-6)
          expect(tf.getBackend()).toBe("cpu")
          expect(tf.memory().numTensors).toBe(before)
        })
      }
    }
  }
})
