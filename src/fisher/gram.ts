/**
 * The Fisher as the rows that it is made of: F = B^T B, with one row for each example and draw.
 *
 * *Math*: with K = B B^T (R x R), (F + damping I)^-1 g = (g - B^T (K + damping I)^-1 B g) / damping (Woodbury), exact outside the span of
 * the rows too, and every other power likewise in the eigenbasis of K. *Cost*: R P floats, R^2 P flops for K, then R^3 / 3 to factor
 * it. For fewer rows than parameters; with more, the P x P matrix is formed.
 *
 * *Source*: Ren and Goldfarb 2019; Chen and Heyl 2024 (minSR).
 */
import { Result } from "effect"
import type { NotPositiveDefinite } from "../Errors.ts"
import type { Kernels } from "../kernels/Kernels.ts"
import { packedLength } from "../kernels/packed.ts"
import * as Cholesky from "../linalg/Cholesky.ts"
import { decompose } from "../linalg/SymmetricEigen.ts"
import { gradientRows } from "../model/Score.ts"
import { sumOfSquares, times, transpose } from "./internal/arrays.ts"
import { outweighs, singular } from "./internal/damped.ts"
import { blockOperations } from "./internal/dense.ts"
import { lastOf, once } from "./internal/lastOf.ts"
import { unpacked } from "./internal/symmetric.ts"
import { Rows } from "./Moment.ts"
import type { Moments, Operation, SolveError, Structure } from "./Structure.ts"

const what = "Gram Fisher"

/** R rows of P numbers. */
interface RowsOf {
  readonly rows: Float32Array
  readonly count: number
  readonly size: number
}

/** B v, `[R]`. */
const along = ({ count, rows, size }: RowsOf, v: ArrayLike<number>): Float64Array => {
  const out = new Float64Array(count)
  for (let r = 0; r < count; r++) {
    let sum = 0
    for (let i = 0; i < size; i++) sum += rows[r * size + i]! * v[i]!
    out[r] = sum
  }
  return out
}

/** B^T w, `[P]`. */
const back = ({ count, rows, size }: RowsOf, w: Float64Array): Float64Array => {
  const out = new Float64Array(size)
  for (let r = 0; r < count; r++) {
    const weight = w[r]!
    for (let i = 0; i < size; i++) out[i] = out[i]! + weight * rows[r * size + i]!
  }
  return out
}

/** B B^T, `[R, R]`, exactly symmetric. */
const gramMatrix = (kernels: Kernels, { count, rows, size }: RowsOf): Float64Array => {
  const out = new Float64Array(count * count)
  kernels.syrk({ rows: size, n: count, a: transpose(new Float64Array(rows), count, size), out })
  return out
}

/** The lower triangle of B^T B `[P, P]`, row by row. */
const written = (kernels: Kernels, { count, rows, size }: RowsOf): Float32Array => {
  const out = new Float32Array(packedLength(size))
  kernels.syrk({ rows: count, n: size, a: rows, storage: "packed", out })
  return out
}

/** What needs a factorisation, through K: there are fewer rows than parameters, so F alone is singular. */
const throughRows = (kernels: Kernels, of: RowsOf) => {
  const { count, size } = of
  const gram = once(() => gramMatrix(kernels, of))
  const spectrum = once(() => decompose(kernels, { n: count, matrix: gram(), what }))
  /** At most the largest eigenvalue, as the largest pivot is. */
  const largest = once(() => {
    let most = 0
    for (let i = 0; i < count; i++) most = Math.max(most, gram()[i * (count + 1)]!)
    return most
  })
  const regular = (damping: number): Result.Result<void, NotPositiveDefinite> =>
    outweighs(damping, largest()) ? Result.succeed(undefined) : Result.fail(singular(what, 0, damping))
  const factor = lastOf((damping: number) =>
    Result.flatMap(regular(damping), () =>
      Cholesky.factor(kernels, { n: count, matrix: gram(), damping, what })
    )
  )
  const power = (
    v: Float32Array,
    exponent: number,
    damping: number
  ): Result.Result<Float32Array, SolveError> =>
    Result.gen(function* () {
      if (exponent < 0) yield* regular(damping)
      const { values, vectors } = yield* spectrum()
      const rotated = turned(vectors, along(of, v), true)
      // B^T q is 0 for an eigenvector q of eigenvalue 0: what rounding left of both has no say.
      const floor = count * 2 ** -52 * Math.max(0, values[count - 1]!)
      for (let i = 0; i < count; i++) {
        const value = values[i]!
        rotated[i] = value > floor ? rotated[i]! * divided(value, exponent, damping) : 0
      }
      const inSpan = back(of, turned(vectors, rotated, false))
      const outside = damping ** exponent
      return v.map((value, i) => outside * value + inSpan[i]!)
    })
  return {
    solve: (g: Float32Array, damping: number) =>
      Result.map(factor(damping), (made) => {
        const inSpan = back(of, Cholesky.solve(made, along(of, g), 1))
        return g.map((value, i) => (value - inSpan[i]!) / damping)
      }),
    power,
    sample: (noise: Float32Array, damping: number) => power(noise, -0.5, damping),
    frobeniusNorm: () => Math.sqrt(squares(gram())),
    spectralNorm: () => Result.map(spectrum(), ({ values }) => Math.max(0, values.at(-1) ?? 0)),
    logDeterminant: (damping: number) =>
      Result.map(
        factor(damping),
        (made) => (size - count) * Math.log(damping) + Cholesky.logDeterminant(made)
      ),
    eigenvalues: () =>
      Result.map(spectrum(), ({ values }) => {
        const all = new Float64Array(size)
        all.set(values.map((value) => Math.max(0, value)))
        return all.sort()
      })
  }
}

/** ((s + damping)^p - damping^p) / s, to full precision for a small s too. */
const divided = (s: number, p: number, damping: number): number => {
  const ratio = s / damping
  return ratio > 1
    ? ((s + damping) ** p - damping ** p) / s
    : (damping ** (p - 1) * Math.expm1(p * Math.log1p(ratio))) / ratio
}

/** Q^T w, or Q w. */
const turned = (q: Float64Array, w: Float64Array, into: boolean): Float64Array => {
  const n = w.length
  const out = new Float64Array(n)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      if (into) out[j] = out[j]! + q[i * n + j]! * w[i]!
      else out[i] = out[i]! + q[i * n + j]! * w[j]!
    }
  }
  return out
}

const operations = ({ kernels, means, space: { size } }: Moments) => {
  const rows = means[0]!
  const of: RowsOf = { rows, count: rows.length / size, size }
  const triangle = () => written(kernels, of)
  // The smaller of B B^T and B^T B, once something needs it.
  const through = once(() =>
    of.count < size
      ? throughRows(kernels, of)
      : blockOperations(kernels, size, [{ what, offset: 0, size, triangle: triangle() }])
  )
  return {
    solve: (g: Float32Array, damping: number) => through().solve(g, damping),
    power: (v: Float32Array, exponent: number, damping: number) => through().power(v, exponent, damping),
    sample: (noise: Float32Array, damping: number) => through().sample(noise, damping),
    spectralNorm: () => through().spectralNorm(),
    logDeterminant: (damping: number) => through().logDeterminant(damping),
    eigenvalues: () => through().eigenvalues(),
    frobeniusNorm: () => through().frobeniusNorm(),
    apply: (v: Float32Array) => new Float32Array(back(of, along(of, v))),
    trace: () => sumOfSquares(rows),
    diagonal: () => {
      const out = new Float64Array(size)
      for (let at = 0; at < rows.length; at++) out[at % size] = out[at % size]! + rows[at]! * rows[at]!
      return new Float32Array(out)
    },
    toDense: () => unpacked(triangle()),
    scale: (factor: number) => [times(rows, Math.sqrt(factor))],
    sum: (other: ReadonlyArray<Float32Array>) => {
      const both = new Float32Array(rows.length + other[0]!.length)
      both.set(rows)
      both.set(other[0]!, rows.length)
      return [both]
    },
    restrict: (offset: number, width: number) => {
      const part = new Float32Array(of.count * width)
      for (let r = 0; r < of.count; r++) {
        part.set(rows.subarray(r * size + offset, r * size + offset + width), r * width)
      }
      return part
    }
  }
}

const squares = (values: Float64Array): number => {
  let sum = 0
  for (const value of values) sum += value * value
  return sum
}

/** Every gradient as a row: for fewer examples times draws than parameters. Its memory grows with the data. */
export const gram: Structure<Exclude<Operation, "factoredSolve">> = {
  name: "gram",
  constants: [],
  moments: ({ size }) => [Rows({ width: size })],
  reduce: ({ columns, layers }) => [gradientRows(layers, 0, columns)],
  operations: (moments) => {
    const { restrict, ...rest } = operations(moments)
    return {
      ...rest,
      restrict: (index) => {
        const { columns, offset, rows } = moments.space.blocks[index]!
        return { structure: gram, means: [restrict(offset, rows * columns)] }
      }
    }
  }
}
