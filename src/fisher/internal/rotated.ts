/**
 * What K-FAC and EKFAC have in common: for each layer a matrix that is diagonal in the basis U_A (x) U_G.
 *
 * *Math*: in the row-major layout `[rows, columns]` of a layer's parameters V, F V = U_A [s * (U_A^T V U_G)] U_G^T with s the
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
  /** Why the layer has no inverse with this damping, or nothing. */
  readonly singular: (damping: number) => SolveError | undefined
}

/** The operations on P parameters, from the layers, which are computed when they are first asked for. */
export const rotatedOperations = (
  kernels: Kernels,
  parameters: number,
  layers: () => Result.Result<ReadonlyArray<Rotated>, SolveError>
) => {
  const power = (v: Float32Array, exponent: number, damping: number) =>
    Result.gen(function* () {
      const out = new Float32Array(parameters)
      for (const layer of yield* layers()) {
        const { block, values } = layer
        const flaw = exponent < 0 ? layer.singular(damping) : undefined
        if (flaw !== undefined) return yield* Result.fail(flaw)
        const part = new Float64Array(v.subarray(block.offset, block.offset + values.length))
        const rotated = rotate(kernels, layer, part, true)
        for (let i = 0; i < rotated.length; i++) {
          const value = values[i]! + damping
          rotated[i] = exponent === -1 ? rotated[i]! / value : rotated[i]! * value ** exponent
        }
        out.set(rotate(kernels, layer, rotated, false), block.offset)
      }
      return out
    })
  const all = () => Result.map(layers(), (each) => merged(each.map(({ values }) => values)))
  return {
    solve: (g: Float32Array, damping: number) => power(g, -1, damping),
    power,
    sample: (noise: Float32Array, damping: number) => power(noise, -0.5, damping),
    spectralNorm: () => Result.map(all(), (values) => values.at(-1)!),
    logDeterminant: (damping: number) =>
      Result.gen(function* () {
        let sum = 0
        for (const layer of yield* layers()) {
          const flaw = layer.singular(damping)
          if (flaw !== undefined) return yield* Result.fail(flaw)
          for (const value of layer.values) sum += Math.log(value + damping)
        }
        return sum
      }),
    eigenvalues: all
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
