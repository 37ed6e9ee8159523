/**
 * Cholesky, its solves, its inverse and the packed product in float32 and float64, on every implementation: backward errors over 1,000
 * random shapes, of which some are empty or of one row, in arrays that are longer than their matrices.
 *
 * Bounds in units of n eps, with the eps of the arrays: of the factor and of the solves, for every entry, against |L| |L^T| (Higham,
 * Accuracy and Stability of Numerical Algorithms, 2002, theorems 10.3 and 10.4, with a rounding more where a library multiplies by the
 * reciprocal of a pivot); of the inverse against |A| |X|.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Kernels, Real } from "../src/kernels/Kernels.ts"
import { reference } from "../src/kernels/reference.ts"
import { implementations } from "./support/kernels.ts"
import {
  eps32,
  eps64,
  identity,
  noise,
  product,
  randomArray,
  ratio,
  rowNorm,
  transpose
} from "./support/ratio.ts"

type Kind = Float32ArrayConstructor | Float64ArrayConstructor

interface Shape {
  readonly n: number
  readonly columns: number
  readonly rows: number
  readonly Type: Kind
  readonly seed: number
}

const shapes: ReadonlyArray<Shape> = (() => {
  const next = noise(23)
  const side = (most: number) => Math.floor(((next() + 1) / 2) * most)
  return Array.from({ length: 1000 }, (_, seed) => ({
    n: next() > 0.96 ? 97 + side(60) : side(50),
    columns: side(40),
    rows: next() > 0.98 ? 257 + side(50) : side(50),
    Type: next() > 0 ? Float32Array : Float64Array,
    seed
  }))
})()

const epsOf = (array: Real): number => (array instanceof Float32Array ? eps32 : eps64)

const mark = 123

/** An array with NaN behind its matrix, for what is read alone, or with marks, for what is written. */
const longer = (Type: Kind, values: ArrayLike<number>, behind: number): Real => {
  const out = new Type(values.length + 5).fill(behind)
  out.set(values)
  return out
}

/** The matrix, or NaN everywhere if something behind it changed. */
const within = (array: Real): Float64Array => {
  const matrix = Float64Array.from(array.subarray(0, array.length - 5))
  return array.subarray(matrix.length).every((value) => value === mark) ? matrix : matrix.fill(Number.NaN)
}

const isLower = (n: number, o: number): boolean => o % n <= Math.floor(o / n)

/** What the laws take of a shape, once for all implementations. */
const once = <A>(make: (shape: Shape) => A): ((shape: Shape) => A) => {
  const made = new Map<Shape, A>()
  return (shape) => {
    const value = made.get(shape) ?? make(shape)
    made.set(shape, value)
    return value
  }
}

/** L with a diagonal of 1 to 2 and NaN above it; the condition number of L L^T is up to some 10^3. */
const factorOf = once(
  ({ n, seed, Type }): Real =>
    new Type(randomArray(n * n, seed)).map((value, o) => {
      if (!isLower(n, o)) return Number.NaN
      return o % (n + 1) === 0 ? 1 + Math.abs(value) : value / Math.sqrt(n)
    })
)

/** a a^T of the lower triangle of a, and |a| |a|^T. */
const squares = (n: number, a: ArrayLike<number>) => {
  const l = Float64Array.from({ length: n * n }, (_, o) => (isLower(n, o) ? a[o]! : 0))
  const size = l.map(Math.abs)
  return [product(n, n, n, l, transpose(n, n, l)), product(n, n, n, size, transpose(n, n, size))] as const
}

const squaresOf = once((shape) => squares(shape.n, factorOf(shape)))

/** Largest |x - y| in units of n eps size, entry by entry; infinity if a number is none. */
const worstEntry = (
  n: number,
  eps: number,
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  size: ArrayLike<number>
): number => {
  let worst = 0
  for (let i = 0; i < size.length; i++) {
    worst = Math.max(worst, ratio(Math.abs(x[i]! - y[i]!), n * eps * size[i]!))
  }
  return worst
}

/** What one implementation makes of a shape, as a ratio. */
type Law = (kernels: Kernels, shape: Shape) => number

const factorLaw: Law = (kernels, shape) => {
  const { n, Type } = shape
  const a = new Type(squaresOf(shape)[0])
  const l = longer(
    Type,
    a.map((value, o) => (isLower(n, o) ? value : Number.NaN)),
    mark
  )
  if (kernels.cholesky({ n, a: l }) !== -1) return Number.POSITIVE_INFINITY
  const out = within(l)
  if (!out.every((value, o) => isLower(n, o) || Object.is(value, 0))) return Number.POSITIVE_INFINITY
  const [made, size] = squares(n, out)
  return worstEntry(n, epsOf(a), a, made, size)
}

const solveLaw: Law = (kernels, shape) => {
  const { columns, n, seed, Type } = shape
  const l = factorOf(shape)
  const b = new Type(randomArray(n * columns, seed + 1))
  const x = longer(Type, b, mark)
  kernels.choleskySolve({ n, l: longer(Type, l, Number.NaN), columns, b: x })
  const out = within(x)
  const [a, size] = squaresOf(shape)
  const scale = product(n, columns, n, size, out.map(Math.abs))
  return worstEntry(n, epsOf(b), b, product(n, columns, n, a, out), scale)
}

const inverseLaw: Law = (kernels, shape) => {
  const { n, Type } = shape
  const l = factorOf(shape)
  const x = longer(Type, new Type(n * n).fill(Number.NaN), mark)
  kernels.choleskyInverse({ n, l: longer(Type, l, Number.NaN), out: x })
  const out = within(x)
  const [a] = squaresOf(shape)
  const due = identity(n)
  const residual = product(n, n, n, a, out).map((value, o) => value - due[o]!)
  return ratio(rowNorm(n, n, residual), n * epsOf(l) * rowNorm(n, n, a) * rowNorm(n, n, out))
}

const lower = (n: number, square: Real): Real => square.subarray(0, n * n).filter((_, o) => isLower(n, o))

const gramOf = once(({ n, rows, seed, Type }) => {
  const x = new Type(randomArray(rows * n, seed))
  const gram = (of: Real): Real => lower(n, product(n, n, rows, transpose(rows, n, of), of))
  return { x, due: gram(x), size: gram(x.map(Math.abs)) }
})

/** Against each entry of the sum of `rows` products; infinity where full storage has other bits. */
const packedLaw: Law = (kernels, shape) => {
  const { n, rows, Type } = shape
  const { due, size, x } = gramOf(shape)
  const a = longer(Type, x, Number.NaN)
  const out = longer(Type, new Type((n * (n + 1)) / 2).fill(Number.NaN), mark)
  const full = new Type(n * n)
  kernels.syrk({ rows, n, a, storage: "packed", out })
  kernels.syrk({ rows, n, a, storage: "full", out: full })
  const triangle = within(out)
  if (!lower(n, full).every((value, i) => Object.is(value, triangle[i]))) return Number.POSITIVE_INFINITY
  return worstEntry(rows, epsOf(x), triangle, due, size)
}

const laws: Readonly<Record<string, readonly [law: Law, bound: number]>> = {
  "cholesky: |A - L L^T|, and zeros above the diagonal": [factorLaw, 3],
  "choleskySolve: |B - L L^T X|": [solveLaw, 4],
  "choleskyInverse: |I - L L^T X|": [inverseLaw, 4],
  "syrk, packed: |a^T a - out|, and the bits of full storage": [packedLaw, 2]
}

const worst = (law: Law, kernels: Kernels, count = shapes.length): number =>
  Math.max(...shapes.slice(0, count).map((shape) => law(kernels, shape)))

for (const kernels of implementations) {
  describe(kernels.name, () => {
    for (const [name, [law, bound]] of Object.entries(laws)) {
      it(`${name} within ${bound} n eps over ${shapes.length} shapes in either precision, and nothing beyond`, () => {
        assert.isAtMost(worst(law, kernels), bound)
      })
    }
  })
}

describe("controls", () => {
  /** Some shape of each precision must show it. */
  const rejects = (law: Law, bound: number, wrong: Partial<Kernels>): void => {
    for (const Type of [Float32Array, Float64Array]) {
      const some = shapes.slice(0, 60).filter((shape) => shape.Type === Type)
      assert.isAbove(Math.max(...some.map((shape) => law({ ...reference, ...wrong }, shape))), bound)
    }
  }

  const flipped = (n: number, l: Real): Real => l.map((_, o) => l[(o % n) * n + Math.floor(o / n)]!)

  it("the law of the factor rejects its transpose, a sum without its last term, and a number beyond", () => {
    const altered = (change: (n: number, a: Real) => void): Partial<Kernels> => ({
      cholesky: (p) => {
        const failed = reference.cholesky(p)
        if (p.n > 1) change(p.n, p.a)
        return failed
      }
    })
    rejects(
      factorLaw,
      3,
      altered((n, a) => a.set(flipped(n, a.slice(0, n * n))))
    )
    rejects(
      factorLaw,
      3,
      altered((n, a) => {
        const last = n * n - 1
        a[last] = Math.hypot(a[last]!, a[last - 1]!)
      })
    )
    rejects(
      factorLaw,
      3,
      altered((n, a) => {
        a[n * n] = 0
      })
    )
  })

  it("the law of solves rejects L^T L x = b, L x = b, and an unknown that leaves one other out", () => {
    const solved = (n: number, l: Real, columns: number, b: Real, back: boolean): void => {
      const y = Float64Array.from(b)
      for (let s = 0; s < n; s++) {
        const i = back ? n - 1 - s : s
        for (let c = 0; c < columns; c++) {
          let sum = y[i * columns + c]!
          for (let p = back ? i + 1 : 0; p < (back ? n : i); p++) {
            sum -= (back ? l[p * n + i]! : l[i * n + p]!) * y[p * columns + c]!
          }
          y[i * columns + c] = sum / l[i * n + i]!
        }
      }
      b.set(y)
    }
    const by = (orders: ReadonlyArray<boolean>): Partial<Kernels> => ({
      choleskySolve: ({ b, columns, l, n }) => {
        for (const back of orders) solved(n, l, columns, b, back)
      }
    })
    assert.isAtMost(worst(solveLaw, { ...reference, ...by([false, true]) }, 60), 4)
    rejects(solveLaw, 4, by([true, false]))
    rejects(solveLaw, 4, by([false]))
    rejects(solveLaw, 4, {
      choleskySolve: (p) => {
        const l = p.l.slice()
        if (p.n > 1) l[(p.n - 1) * p.n] = 0
        reference.choleskySolve({ ...p, l })
      }
    })
  })

  it("the law of the inverse rejects the matrix itself, W W^T in place of W^T W, and float32 in float64", () => {
    rejects(inverseLaw, 4, {
      choleskyInverse: ({ l, n, out }) => out.set(squares(n, l)[0])
    })
    rejects(inverseLaw, 4, {
      choleskyInverse: (p) => {
        const { n, out } = p
        reference.choleskyInverse(p)
        out.set(out.slice(0, n * n).reverse())
      }
    })
    const rounded: Partial<Kernels> = {
      choleskyInverse: (p) => {
        reference.choleskyInverse(p)
        p.out.set(new Float32Array(p.out))
      }
    }
    const double = shapes.slice(0, 60).filter(({ Type }) => Type === Float64Array)
    assert.isAbove(Math.max(...double.map((shape) => inverseLaw({ ...reference, ...rounded }, shape))), 4)
  })

  it("the law of packed storage rejects the upper triangle, a row that is left out, and columns in place of rows", () => {
    const by = (fill: (n: number, full: Real, out: Real) => void): Partial<Kernels> => ({
      syrk: (p) => {
        if (p.storage !== "packed") return reference.syrk(p)
        const full = new Float64Array(p.n * p.n)
        reference.syrk({ rows: p.rows, n: p.n, a: p.a, out: full })
        fill(p.n, full, p.out)
      }
    })
    const triangle = (n: number, full: Real, keep: (o: number) => boolean): Real =>
      full.subarray(0, n * n).filter((_, o) => keep(o))
    assert.isAtMost(
      worst(
        packedLaw,
        { ...reference, ...by((n, full, out) => out.set(triangle(n, full, (o) => isLower(n, o)))) },
        60
      ),
      2
    )
    rejects(
      packedLaw,
      2,
      by((n, full, out) => out.set(triangle(n, full, (o) => Math.floor(o / n) <= o % n)))
    )
    rejects(packedLaw, 2, {
      syrk: (p) => reference.syrk(p.rows > 1 ? { ...p, rows: p.rows - 1 } : p)
    })
    rejects(
      packedLaw,
      2,
      by((n, full, out) => {
        let at = 0
        for (let j = 0; j < n; j++) for (let i = j; i < n; i++) out[at++] = full[i * n + j]!
      })
    )
  })
})
