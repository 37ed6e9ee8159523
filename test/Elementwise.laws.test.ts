/** The elementwise kernels of assembly/ against float64, in units of the last place, in every build that this engine runs. */
import { describe, expect, it } from "vitest"
import { comparisons, type Unary } from "../src/kernels/elementwise.ts"
import { compileKernels, fusedWorks, type HeapKernels, heapKernels } from "../src/kernels/wasm.ts"
import { erf, softplus } from "./oracle/activations.ts"
import { generator } from "./oracle/random.ts"

const start = 2 ** 16
/** Room for the longest operand, in numbers. */
const room = 4000
const counts = [0, 1, 3, 4, 5, 31, 16, 17, 67] as const
const mark = 123

interface Subject {
  readonly name: string
  readonly kernels: HeapKernels
  readonly memory: WebAssembly.Memory
}

const subject = async (fused: boolean): Promise<Subject> => {
  const memory = new WebAssembly.Memory({ initial: 2 })
  const kernels = heapKernels(await compileKernels(fused), memory, (bytes) => {
    const at = memory.buffer.byteLength
    memory.grow(Math.ceil(bytes / 2 ** 16))
    return at
  })
  return { name: fused ? "fused" : "plain", kernels, memory }
}

const subjects = [await subject(false), ...(fusedWorks() ? [await subject(true)] : [])]

const [atA, atB, atOut] = [start, start + 4 * room, start + 8 * room]

/** Writes an operand, and gives its place. */
const put = ({ memory }: Subject, at: number, values: ArrayLike<number>): number => {
  new Float32Array(memory.buffer, at, values.length).set(values)
  return at
}

/** f of an array; throws where it writes behind its output. */
const applied = (on: Subject, f: Unary, x: ArrayLike<number>): Float32Array => {
  const n = x.length
  new Float32Array(on.memory.buffer, atOut, n + 4).fill(mark)
  f(n, put(on, atA, x), atOut)
  const found = new Float32Array(on.memory.buffer, atOut, n + 4).slice()
  if (found.slice(n).some((value) => value !== mark)) throw new Error("wrote behind its output")
  return found.slice(0, n)
}

/** The distance from a number of float32 to the next one. */
const unitOf = (x: number): number =>
  2 ** Math.max(Math.floor(Math.log2(Math.abs(x) || 2 ** -149)) - 23, -149)

/** The largest error in units of the last place; infinity where one is not finite and the other is, or they are different. */
const worst = (found: Float32Array, due: ReadonlyArray<number>): number =>
  due.reduce((most, value, i) => {
    const rounded = Math.fround(value)
    if (!Number.isFinite(rounded) || !Number.isFinite(found[i]!))
      return Object.is(rounded, found[i]) ? most : Number.POSITIVE_INFINITY
    return Math.max(most, Math.abs(found[i]! - value) / unitOf(rounded))
  }, 0)

const random = generator(11)
const sign = (): number => (random.uniform() < 0.5 ? -1 : 1)
/** Numbers of every size, around 0, around 1, and as far as an exponential goes. */
const inputs = Float32Array.from({ length: 3 * room }, (_, i) => {
  const size = [
    2 ** (280 * random.uniform() - 150),
    5 * random.uniform(),
    88 * random.uniform(),
    1 + (random.uniform() - 0.5) / 2
  ][i % 4]!
  return sign() * size
})
const pieces = [0, 1, 2].map((i) => inputs.subarray(i * room, (i + 1) * room))

const limits = [0, -0, Infinity, -Infinity, Number.NaN]

interface Law {
  readonly f: (x: number) => number
  readonly bound: number
  readonly domain?: (x: number) => number
  readonly limits: ReadonlyArray<number>
  /** The same in float32 as a formula that loses digits or overflows. */
  readonly naive: (x: number) => number
}

const r = Math.fround
const laws: Readonly<Record<"exp" | "expm1" | "log" | "log1p" | "softplus" | "erf" | "tanh", Law>> = {
  exp: { f: Math.exp, bound: 1.1, limits: [1, 1, Infinity, 0, Number.NaN], naive: (x) => r(Math.E) ** x },
  expm1: {
    f: Math.expm1,
    bound: 1.8,
    limits: [0, -0, Infinity, -1, Number.NaN],
    naive: (x) => r(r(Math.exp(x)) - 1)
  },
  log: {
    f: Math.log,
    bound: 1,
    domain: Math.abs,
    limits: [-Infinity, -Infinity, Infinity, Number.NaN, Number.NaN],
    naive: (x) => r(r(Math.log2(x)) * r(Math.LN2 * (1 - 2 ** -21)))
  },
  log1p: {
    f: Math.log1p,
    bound: 1,
    domain: (x) => (x <= -1 ? -x : x),
    limits: [0, -0, Infinity, Number.NaN, Number.NaN],
    naive: (x) => r(Math.log(r(1 + x)))
  },
  softplus: {
    f: softplus,
    bound: 1.9,
    limits: [Math.LN2, Math.LN2, Infinity, 0, Number.NaN],
    naive: (x) => r(Math.log(r(1 + r(Math.exp(x)))))
  },
  erf: {
    f: erf,
    bound: 1.4,
    limits: [0, -0, 1, -1, Number.NaN],
    naive: (x) => r(1 - r(1 - erf(x)))
  },
  tanh: {
    f: Math.tanh,
    bound: 2.8,
    limits: [0, -0, 1, -1, Number.NaN],
    naive: (x) => r(r(1 - 2 / r(1 + r(Math.exp(Math.min(2 * x, 80))))))
  }
}

for (const on of subjects) {
  describe(on.name, () => {
    for (const [name, law] of Object.entries(laws)) {
      const kernel = on.kernels[name as keyof typeof laws]
      it(`${name} is within ${law.bound} units of the last place of float64 at ${inputs.length} numbers; control: the formula that loses digits`, () => {
        let [most, control] = [0, 0]
        for (const piece of pieces) {
          const x = piece.map(law.domain ?? ((value) => value))
          const due = Array.from(x, law.f)
          most = Math.max(most, worst(applied(on, kernel, x), due))
          control = Math.max(control, worst(Float32Array.from(x, law.naive), due))
        }
        expect(most).toBeLessThanOrEqual(law.bound)
        expect(control).toBeGreaterThan(law.bound)
      })

      it(`${name} has its limits at 0, -0, infinity, -infinity and NaN, in any place of an array of any length; control: another number`, () => {
        for (const count of counts) {
          const x = Float32Array.from({ length: count }, (_, i) => limits[i % 5]!)
          const due = Array.from(x, (_, i) => law.limits[i % 5]!)
          const found = applied(on, kernel, x)
          found.forEach((value, i) => {
            if (Object.is(value, Math.fround(due[i]!))) return
            expect(Math.abs(value - due[i]!) / unitOf(due[i]!)).toBeLessThanOrEqual(law.bound)
          })
          if (count > 0) expect(worst(applied(on, kernel, x.fill(0.3)), due)).toBeGreaterThan(law.bound)
        }
      })

      it(`${name} of a number has the same bits wherever it is, and whatever is beside it`, () => {
        const [alone] = applied(on, kernel, [0.37])
        for (const count of counts) {
          for (let i = 0; i < count; i++) {
            const x = inputs.slice(0, count)
            x[i] = 0.37
            expect(applied(on, kernel, x)[i]).toBe(alone)
          }
        }
      })
    }

    const operands = (count: number) => {
      const a = Float32Array.from({ length: count }, (_, i) =>
        i % 7 === 3 ? Number.NaN : Math.round(2 * random.normal())
      )
      const b = Float32Array.from({ length: count }, (_, i) =>
        i % 11 === 5 ? Number.NaN : Math.round(2 * random.normal())
      )
      return { a, b }
    }
    const binary = { maximum: Math.max, minimum: Math.min }
    for (const [name, due] of Object.entries(binary)) {
      it(`the ${name} of two arrays, or of an array and one number, is JavaScript's; control: the first array`, () => {
        for (const count of counts) {
          const { a, b } = operands(count)
          for (const [stepA, stepB] of [
            [4, 4],
            [0, 4],
            [4, 0]
          ] as const) {
            const found = applied(
              on,
              (n, x, out) =>
                on.kernels[name as keyof typeof binary](n, x, stepA, put(on, atB, b), stepB, out),
              a
            )
            const expected = Array.from(found, (_, i) =>
              due(a[stepA === 0 ? 0 : i]!, b[stepB === 0 ? 0 : i]!)
            )
            expect(Array.from(found)).toEqual(expected)
            if (count > 16) expect(expected).not.toEqual(Array.from(a))
          }
        }
      })
    }

    const compared: Readonly<Record<keyof typeof comparisons, (a: number, b: number) => boolean>> = {
      less: (a, b) => a < b,
      lessEqual: (a, b) => a <= b,
      equal: (a, b) => a === b,
      notEqual: (a, b) => a !== b
    }
    for (const [name, due] of Object.entries(compared)) {
      it(`${name} is JavaScript's, a byte each and none behind the last; control: the opposite`, () => {
        for (const count of counts) {
          const { a, b } = operands(count)
          for (const [stepA, stepB] of [
            [4, 4],
            [0, 4],
            [4, 0]
          ] as const) {
            const bytes = new Uint8Array(on.memory.buffer, atOut, count + 16).fill(mark)
            const kind = comparisons[name as keyof typeof comparisons]
            on.kernels.compare(kind, count, put(on, atA, a), stepA, put(on, atB, b), stepB, atOut)
            const expected = Array.from(a, (_, i) => due(a[stepA === 0 ? 0 : i]!, b[stepB === 0 ? 0 : i]!))
            expect(Array.from(bytes.subarray(0, count))).toEqual(expected.map(Number))
            expect(bytes.subarray(count).every((byte) => byte === mark)).toBe(true)
            if (count > 0)
              expect(Array.from(bytes.subarray(0, count))).not.toEqual(expected.map((yes) => Number(!yes)))
          }
        }
      })
    }

    it("a choice takes each number by its byte, bit for bit; control: the other way round", () => {
      for (const count of counts) {
        const { a, b } = operands(count)
        const condition = Uint8Array.from({ length: count }, (_, i) => ((i * i) % 3 === 1 ? 1 : 0))
        const at = atOut + 4 * room
        new Uint8Array(on.memory.buffer, at, count).set(condition)
        const choose = (first: Float32Array, second: Float32Array) =>
          applied(on, (n, x, out) => on.kernels.select(n, at, x, 4, put(on, atB, second), 4, out), first)
        const due = Array.from(condition, (yes, i) => (yes ? a[i]! : b[i]!))
        expect(Array.from(choose(a, b))).toEqual(due)
        if (count > 16) expect(Array.from(choose(b, a))).not.toEqual(due)
      }
    })

    it("sums and largest numbers of rows: to n eps of the sizes, and exactly; control: without the last column", () => {
      for (const rows of [1, 2, 5]) {
        for (const columns of [1, 3, 4, 5, 10, 16, 31, 67]) {
          const x = Float32Array.from(random.normals(rows * columns))
          const row = (i: number) => Array.from(x.subarray(i * columns, (i + 1) * columns))
          const output = new Float32Array(on.memory.buffer, atOut, rows + 1).fill(mark)
          on.kernels.sumColumns(rows, columns, put(on, atA, x), atOut)
          for (let i = 0; i < rows; i++) {
            const [sum, size] = [
              row(i).reduce((s, v) => s + v, 0),
              row(i).reduce((s, v) => s + Math.abs(v), 0)
            ]
            const error = (due: number): number => Math.abs(output[i]! - due) / (columns * 2 ** -24 * size)
            expect(error(sum)).toBeLessThanOrEqual(1)
            expect(error(sum - row(i).at(-1)!)).toBeGreaterThan(1)
          }
          on.kernels.maxColumns(rows, columns, atA, atOut)
          for (let i = 0; i < rows; i++) expect(output[i]).toBe(Math.max(...row(i)))
          expect(output[rows]).toBe(mark)
          for (let j = 0; j < columns; j++) {
            const marked = x.slice(0, columns)
            marked[j] = Number.NaN
            on.kernels.maxColumns(1, columns, put(on, atA, marked), atOut)
            expect(output[0]).toBeNaN()
          }
        }
      }
    })
  })
}
