/**
 * NNGeometry's low-rank solve, from natgrad's.
 *
 * F = J^T J for the rows J of `Structure.gram`. NNGeometry solves with the right singular vectors of J, as many as J has rows or columns:
 * it gives (F + damping I)^-1 P v, P the projection onto their span. With fewer rows than parameters, all independent, that is the span
 * of the rows, and v / damping outside it is left out; with more rows it is the whole space. natgrad's solve is the whole one.
 */
import { Effect, Result } from "effect"
import { Cotangent, Damping, Fisher, type Structure } from "../../src/index.ts"
import { decompose } from "../../src/linalg/SymmetricEigen.ts"
import { type Compared, Figure, record, solve, type Tree } from "./field.ts"
import { operator, withRightSide } from "./operator.ts"
import { inFileOrder, type Ours, type Subject } from "./subject.ts"

type Gram = Fisher.Fisher<string, Structure.OperationsOf<typeof Structure.gram>>

/** Singular values of J under this part of the largest leave their vector, to float32, more than half the bound of a solve. */
const dependent = 2 ** -24 / (solve / 2)

interface Projected {
  readonly values: Float64Array
  /** The least singular value of J, of the largest. */
  readonly least: number
}

/** J^T (J J^T)^-1 J v. */
const project = ({ kernels, means, space: { size } }: Gram, v: Float32Array) => {
  const rows = means[0]!
  const count = rows.length / size
  if (count >= size) return Result.succeed<Projected>({ values: new Float64Array(v), least: 1 })
  const gram = new Float64Array(count * count)
  const along = new Float64Array(count)
  for (let r = 0; r < count; r++) {
    for (let i = 0; i < size; i++) along[r] = along[r]! + rows[r * size + i]! * v[i]!
    for (let s = 0; s < count; s++) {
      let sum = 0
      for (let i = 0; i < size; i++) sum += rows[r * size + i]! * rows[s * size + i]!
      gram[r * count + s] = sum
    }
  }
  return Result.map(
    decompose(kernels, { n: count, matrix: gram, what: "J J^T" }),
    ({ values, vectors }): Projected => {
      const largest = values.at(-1)!
      const weights = new Float64Array(count)
      for (let k = 0; k < count; k++) {
        // What is 0 to rounding spans nothing.
        if (!(values[k]! > count * 2 ** -50 * largest)) continue
        let part = 0
        for (let r = 0; r < count; r++) part += vectors[r * count + k]! * along[r]!
        for (let r = 0; r < count; r++)
          weights[r] = weights[r]! + (vectors[r * count + k]! * part) / values[k]!
      }
      const out = new Float64Array(size)
      for (let r = 0; r < count; r++) {
        for (let i = 0; i < size; i++) out[i] = out[i]! + weights[r]! * rows[r * size + i]!
      }
      return { values: out, least: Math.sqrt(Math.max(0, values[0]!) / largest) }
    }
  )
}

const solveInSpan = (
  subject: Subject,
  fisher: Gram,
  v: Cotangent.Cotangent<string>,
  regul: number
): Result.Result<Compared, Fisher.OperationError> =>
  Result.gen(function* () {
    const { least, values } = yield* project(fisher, v.values)
    const projected = Cotangent.make(fisher.space, values)
    const ours = inFileOrder(subject, yield* Fisher.solve(fisher, projected, Damping.absolute(regul)))
    if (least > dependent) return { ours }
    const undetermined = `the rows of J are dependent (least singular value ${least.toExponential(1)} of the largest): their span, which NNGeometry solves in, is rounding`
    return { ours, undetermined }
  })

/** The fields of `lowrank`. */
export const lowRank = (subject: Subject, fisher: Ours<Gram>): Tree =>
  record({
    ...operator(subject, fisher),
    solve_in_span: withRightSide(subject, (v, regul) =>
      Figure({
        bound: solve,
        as: "of our v in the span",
        ours: () => Effect.flatMap(fisher, (of) => Effect.fromResult(solveInSpan(subject, of, v, regul)))
      })
    )
  })
