/**
 * What K-FAC and EKFAC make of one block: a matrix that is diagonal in the basis U_A (x) U_G.
 *
 * *Math*: in the row-major layout `[rows, columns]` of a block's parameters V, F V = U_A [s * (U_A^T V U_G)] U_G^T with s the
 * `[rows, columns]` eigenvalues. *Source*: George et al. 2018, section 3.
 */
import { Result } from "effect"
import type { Kernels } from "../../kernels/Kernels.ts"
import type { ParamBlock } from "../../model/ParamSpace.ts"
import type { SolveError } from "../Structure.ts"
import { merged } from "./arrays.ts"

export interface Rotated {
  readonly block: ParamBlock
  /** U_A, `[rows, rows]`, and U_G, `[columns, columns]`, eigenvectors in columns. */
  readonly a: Float64Array
  readonly g: Float64Array
  /** s `[rows, columns]`, none of them under 0. */
  readonly values: Float64Array
  /** Why the block has no inverse with this damping, or nothing. */
  readonly singular: (damping: number) => SolveError | undefined
}

/** The operations on the block's parameters, from what is computed when it is first asked for. */
export const rotatedOperations = (kernels: Kernels, made: () => Result.Result<Rotated, SolveError>) => {
  /** The block, where it has an inverse with this damping. */
  const regular = (damping: number): Result.Result<Rotated, SolveError> =>
    Result.flatMap(made(), (rotated) => {
      const flaw = rotated.singular(damping)
      return flaw === undefined ? Result.succeed(rotated) : Result.fail(flaw)
    })
  const power = (
    v: Float32Array,
    exponent: number,
    damping: number
  ): Result.Result<Float32Array, SolveError> =>
    Result.map(exponent < 0 ? regular(damping) : made(), (rotated) => {
      const along = rotate(kernels, rotated, new Float64Array(v), true)
      for (let i = 0; i < along.length; i++) {
        const value = rotated.values[i]! + damping
        along[i] = exponent === -1 ? along[i]! / value : along[i]! * value ** exponent
      }
      return new Float32Array(rotate(kernels, rotated, along, false))
    })
  const eigenvalues = () => Result.map(made(), ({ values }) => merged([values]))
  return {
    solve: (g: Float32Array, damping: number) => power(g, -1, damping),
    power,
    sample: (noise: Float32Array, damping: number) => power(noise, -0.5, damping),
    spectralNorm: () => Result.map(eigenvalues(), (values) => values.at(-1)!),
    logDeterminant: (damping: number) =>
      Result.map(regular(damping), ({ values }) =>
        values.reduce((sum, value) => sum + Math.log(value + damping), 0)
      ),
    eigenvalues
  }
}

/** U_A^T V U_G, or back: U_A V U_G^T. */
const rotate = (
  kernels: Kernels,
  { a, block: { columns, rows }, g }: Rotated,
  matrix: Float64Array,
  into: boolean
): Float64Array => {
  const left = new Float64Array(rows * columns)
  kernels.gemm({ m: rows, n: columns, k: rows, a, b: matrix, out: left, transposeA: into })
  const out = new Float64Array(rows * columns)
  kernels.gemm({ m: rows, n: columns, k: columns, a: left, b: g, out, transposeB: !into })
  return out
}
