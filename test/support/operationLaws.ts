/** What the laws of a Fisher's operations measure: each against the same thing done on its own matrix, in float64. */
import { Result } from "effect"
import { Cotangent, Damping, Fisher, type Structure, Tangent } from "../../src/index.ts"
import {
  addScaled,
  axpy,
  dot,
  eigen,
  frobenius,
  identity,
  type Matrix,
  matmul,
  matvec,
  norm,
  type Rows,
  tabulate,
  transpose,
  type Vector
} from "../oracle/linear.ts"
import { damped } from "../oracle/structures.ts"
import { eps32, matrixError, ratio, vectorError } from "./measure.ts"
import type { Common, Spectral } from "./structures.ts"
import { rows } from "./subject.ts"

/** A Fisher, its matrix, and the eigenvalues (none below 0) and eigenvectors of that. */
export interface Written<Op extends Structure.Operation, S extends string = string> {
  readonly fisher: Fisher.Fisher<S, Op>
  readonly matrix: Matrix
  readonly values: Float64Array
  /** In columns. */
  readonly vectors: Rows
  /** n eps: the unit of errors. */
  readonly unit: number
}

export const writtenOut = <S extends string, Op extends Structure.Operation>(
  fisher: Fisher.Fisher<S, Op | "toDense">
): Written<Op | "toDense", S> => {
  const matrix = rows(Fisher.toDense(fisher))
  const { values, vectors } = eigen(matrix)
  return {
    fisher,
    matrix,
    values: values.map((value) => Math.max(0, value)),
    vectors,
    unit: matrix.length * eps32
  }
}

/** U f(S) U^T v. */
const through = ({ values, vectors }: Written<never>, f: (s: number) => number, v: Vector): Float64Array => {
  const along = matvec(transpose(vectors), v)
  return matvec(
    vectors,
    along.map((entry, k) => f(values[k]!) * entry)
  )
}

/**
 * |ours - (F + damping)^p v| / (n eps (|f(F)| + |F| max |f'|) |v|), with f(s) = (s + damping)^p: what rounding of the matrix by
 * n eps makes of its power. `off` is added to the exponent of the matrix's, 0 but for a control.
 */
export const powerError = (
  of: Written<Spectral>,
  v: Tangent.Tangent<string>,
  options: typeof Fisher.PowerOptions.Type,
  off = 0
): number => {
  const { damping, exponent } = options
  const largest = of.values.at(-1)!
  const f = (s: number) => (s + damping) ** (exponent + off)
  const slope = (s: number) => (exponent === 0 ? 0 : Math.abs(exponent) * (s + damping) ** (exponent - 1))
  const scale = Math.max(f(0), f(largest)) + largest * Math.max(slope(0), slope(largest))
  const ours = Result.getOrThrow(Fisher.power(of.fisher, v, options))
  return vectorError(ours, through(of, f, v.values), of.unit, scale * norm(v.values))
}

/** |R R v - (F + damping) v| / (n eps |F + damping| |v|), R the power of this exponent, 1/2 but for a control. */
export const rootError = (
  { fisher, matrix, unit }: Written<Spectral>,
  v: Tangent.Tangent<string>,
  damping: number,
  exponent = 0.5
): number => {
  const root = (values: Vector) =>
    Result.getOrThrow(
      Fisher.power(fisher, Tangent.make(fisher.space, Array.from(values)), { exponent, damping })
    )
  const m = damped(matrix, damping)
  return vectorError(root(root(v.values)), matvec(m, v.values), unit, frobenius(m) * norm(v.values))
}

type Inverse<S extends string> = Pick<Written<Common, S>, "fisher" | "matrix" | "unit">

/** |M x - g| / (n eps |M| |x|) for M = F + damping and our x, which is solved for with `times` the damping. */
export const residual = <S extends string>(
  { fisher, matrix, unit }: Inverse<S>,
  g: Cotangent.Cotangent<S>,
  damping: number,
  times = 1
): number => {
  const m = damped(matrix, damping)
  const x = Result.getOrThrow(Fisher.solve(fisher, g, Damping.absolute(times * damping))).values
  return vectorError(matvec(m, x), g.values, unit, frobenius(m) * norm(x))
}

/** R, column by column: what the operation makes of e_1, e_2, ... for noise. */
const noiseMap = <S extends string>({ operations, space }: Fisher.Fisher<S, Common>, damping: number): Rows =>
  transpose(
    Array.from({ length: space.size }, (_, k) =>
      Result.getOrThrow(
        operations.sample(
          Float32Array.from({ length: space.size }, (_, i) => (i === k ? 1 : 0)),
          damping
        )
      )
    )
  )

/** |R R^T M - I| / (n eps |R R^T| |M|) for M = F + damping, R drawn with `times` the damping. */
export const covarianceError = <S extends string>(
  { fisher, matrix, unit }: Inverse<S>,
  damping: number,
  times = 1
): number => {
  const r = noiseMap(fisher, times * damping)
  const covariance = matmul(r, transpose(r))
  const m = damped(matrix, damping)
  return matrixError(matmul(covariance, m), identity(m.length), unit, frobenius(covariance) * frobenius(m))
}

/** |ours - sum log(s + damping)| / (n eps |M| |M^-1|) for M = F + damping, ours with `times` the damping. */
export const determinantError = <S extends string>(
  { fisher, unit, values }: Written<Common, S>,
  damping: number,
  times = 1
): number => {
  const at = values.map((value) => value + damping)
  const due = at.reduce((sum, value) => sum + Math.log(value), 0)
  const ours = Result.getOrThrow(Fisher.logDeterminant(fisher, times * damping))
  const inverse = norm(at.map((value) => 1 / value))
  return ratio(Math.abs(ours - due), unit * norm(at) * inverse)
}

/** |eigenvalues - due| / (n eps |F|). */
export const eigenvaluesError = ({ fisher, unit, values }: Written<Spectral>, due: Vector = values): number =>
  vectorError(Result.getOrThrow(Fisher.eigenvalues(fisher)), due, unit, norm(values))

/** What c F, as `scale` makes it with `by`, gets wrong of c times the matrix, its trace and its solve. */
export const scaleErrors = (
  { fisher, matrix, unit }: Written<Common>,
  g: Cotangent.Cotangent<string>,
  factor: number,
  by = factor
): ReadonlyArray<number> => {
  const scaled = Result.getOrThrow(Fisher.scale(fisher, by))
  const due = matrix.map((row) => Float64Array.from(row, (value) => factor * value))
  const trace = factor * matrix.reduce((sum, row, i) => sum + row[i]!, 0)
  return [
    matrixError(rows(Fisher.toDense(scaled)), due, unit),
    ratio(Math.abs(Fisher.trace(scaled) - trace), unit * trace),
    residual({ fisher: scaled, matrix: due, unit }, g, 0.1)
  ]
}

/**
 * What the Fisher of block `index` gets wrong of the rows and columns of that block: the matrix, a product, a form, the trace, the
 * diagonal, a solve, draws and the determinant. The block begins `shift` parameters further, 0 but for a control.
 */
export const restrictErrors = (
  { fisher, matrix }: Written<Common>,
  v: Tangent.Tangent<string>,
  g: Cotangent.Cotangent<string>,
  index: number,
  shift = 0
): ReadonlyArray<number> => {
  const { columns, offset, rows: height } = fisher.space.blocks[index]!
  const size = columns * height
  const from = offset + shift
  const due = tabulate(size, size, (i, j) => matrix[from + i]![from + j]!)
  const block = writtenOut(Result.getOrThrow(Fisher.restrict(fisher, index)))
  const own = Tangent.restrict(v, index)
  const unit = size * eps32
  const part = v.values.subarray(from, from + size)
  const product = matvec(due, part)
  const inverse = { fisher: block.fisher, matrix: due, unit }
  const form = Result.getOrThrow(Fisher.quadraticForm(block.fisher, own))
  const trace = due.reduce((sum, row, i) => sum + row[i]!, 0)
  return [
    matrixError(block.matrix, due, unit),
    vectorError(
      Result.getOrThrow(Fisher.apply(block.fisher, own)).values,
      product,
      unit,
      frobenius(due) * norm(part)
    ),
    ratio(Math.abs(form - dot(part, product)), unit * frobenius(due) * norm(part) ** 2),
    ratio(Math.abs(Fisher.trace(block.fisher) - trace), unit * trace),
    vectorError(
      Fisher.diagonal(block.fisher),
      due.map((row, i) => row[i]!),
      unit
    ),
    residual(inverse, Cotangent.restrict(g, index), 0.1),
    covarianceError(inverse, 0.1),
    determinantError({ ...block, values: eigen(due).values.map((value) => Math.max(0, value)) }, 0.1)
  ]
}

/** a M + b N, for matrices. */
export const combined = (a: number, m: Matrix, b: number, n: Matrix): Rows =>
  addScaled(
    m.map((row) => Float64Array.from(row, (value) => a * value)),
    b,
    n
  )

/** v without what of it is in the span of the eigenvectors with eigenvalues over `floor`. */
export const outsideSpan = ({ values, vectors }: Written<never>, v: Vector, floor: number): Float64Array =>
  transpose(vectors).reduce<Float64Array>(
    (rest, u, k) => (values[k]! > floor ? axpy(rest, -dot(u, v), u) : rest),
    Float64Array.from(v)
  )
