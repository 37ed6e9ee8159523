/** The figures that are taken at each example: outputs, the Jacobian and the tangent kernel; and those of products without a matrix. */
import { Effect } from "effect"
import { Conditional, Device, MatrixFree, Score, Tangent } from "../../src/index.ts"
import { figure, given, known, record, solve, type Tree } from "./field.ts"
import { withRightSide, withTangent } from "./operator.ts"
import { inFileOrder, type Ours, type Subject } from "./subject.ts"

/** z, `[n, C]`. */
export const outputs = ({ conditional, examples, params, x }: Subject): Tree =>
  figure(Conditional.predict(conditional, params, { data: x, shape: [examples, x.length / examples] }))

/** d z_c(x_i) / d theta, `[C, n, P]` in the file's order: one backpropagation of each unit cotangent. */
export const jacobian = (subject: Subject): Ours<Float64Array> => {
  const { conditional, examples, order, params, x } = subject
  const { outputs: C, space } = conditional.network
  const batch = {
    x,
    examples,
    features: x.length / examples,
    indices: Float64Array.from({ length: examples }, (_, n) => n)
  }
  const units = new Float32Array(C * examples * C)
  for (let c = 0; c < C; c++) {
    for (let n = 0; n < examples; n++) units[(c * examples + n) * C + c] = 1
  }
  return Effect.gen(function* () {
    const device = yield* Device
    const { backprop } = yield* Conditional.linearize(yield* Conditional.load(conditional, params), batch)
    const { layers } = yield* backprop(units, C)
    const tensors = yield* device.compute("Jacobian", (keep) =>
      layers.map((layer) => keep(Score.gradients(layer, 0, C)))
    )
    const parts = yield* device.read("Jacobian", tensors)
    const out = new Float64Array(C * examples * space.size)
    for (const [l, { block }] of layers.entries()) {
      const width = block.rows * block.columns
      for (const [at, value] of parts[l]!.entries()) {
        const place = order.permutation[block.offset + (at % width)]!
        out[Math.floor(at / width) * space.size + place] = value
      }
    }
    return out
  }).pipe(Effect.scoped)
}

/** J J^T of the rows of a Jacobian. */
const kernel = (rows: Float64Array, count: number): Float64Array => {
  const width = rows.length / count
  const out = new Float64Array(count * count)
  for (let r = 0; r < count; r++) {
    for (let s = 0; s <= r; s++) {
      let sum = 0
      for (let i = 0; i < width; i++) sum += rows[r * width + i]! * rows[s * width + i]!
      out[r * count + s] = out[s * count + r] = sum
    }
  }
  return out
}

/** The fields of `jacobian` and of `ntk`. */
export const jacobianFields = (subject: Subject, rows: Ours<Float64Array>) => {
  const { conditional, examples } = subject
  const { outputs: C, space } = conditional.network
  return {
    jacobian: record({ note: given, shape: known([C, examples, space.size]), values: figure(rows) }),
    ntk: record({
      note: given,
      shape: known([C, examples, C, examples]),
      values: figure(Effect.map(rows, (all) => kernel(all, C * examples)))
    })
  }
}

/** Residuals to ask conjugate gradients for, one after the other: how small a one float32 reaches depends on the matrix. */
const residuals = [1e-6, 1e-5, 1e-4, 1e-3] as const

/** The fields of `implicit`: products by forward and reverse mode, of no matrix. */
export const implicit = (subject: Subject): Tree => {
  const { conditional, matrixFree, withData } = subject
  const { space } = conditional.network
  const unit = (i: number): Tangent.Tangent<string> =>
    Tangent.make(
      space,
      Float32Array.from({ length: space.size }, (_, j) => (i === j ? 1 : 0))
    )
  return record({
    note: given,
    mv: withTangent(subject, (v) =>
      figure(Effect.map(withData(MatrixFree.apply(matrixFree, v)), (vector) => inFileOrder(subject, vector)))
    ),
    vTMv: withTangent(subject, (v) => figure(withData(MatrixFree.quadraticForm(matrixFree, v)))),
    // The sum of e_i^T F e_i.
    trace: figure(
      Effect.suspend(() =>
        withData(
          MatrixFree.quadraticForms(
            matrixFree,
            Array.from({ length: space.size }, (_, i) => unit(i))
          )
        )
      ).pipe(Effect.map((forms) => forms.reduce((sum, form) => sum + form, 0)))
    ),
    cg_solve: withRightSide(subject, (v, damping) => {
      const within = (tolerance: number) => MatrixFree.solve(matrixFree, v, { damping, tolerance })
      const [best, ...others] = residuals
      const solution = others.reduce(
        (tried, next) => Effect.catchTag(tried, "NotConverged", () => within(next)),
        within(best)
      )
      return figure(
        Effect.map(withData(solution), (made) => inFileOrder(subject, made.solution)),
        solve
      )
    })
  })
}
