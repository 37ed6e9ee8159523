/**
 * NNGeometry's quasi-diagonal matrix from the moments of natgrad's.
 *
 * Both store, for a unit with bias 0 and weights i, the moments M_00, M_ii and M_0i. NNGeometry's matrix has zero for two weights
 * i != j: an arrow, which may be indefinite. natgrad's has M_0i M_0j / M_00 there (Ollivier 2015) and is positive semidefinite. So the
 * moments, the diagonal and the trace compare as they are; products, solves and norms through the arrow, which is made here.
 */
import { Effect } from "effect"
import { Fisher, type Structure } from "../../src/index.ts"
import { type Field, figure, given, Lacking, product, record, solve, type Tree } from "./field.ts"
import { layerField } from "./layers.ts"
import { withRightSide, withTangent } from "./operator.ts"
import { type Order, toFile, weightsToFile } from "./order.ts"
import type { Ours, Subject } from "./subject.ts"

/** A unit: the places of its bias and weights (of a weight alone where there is no bias) and its moments. */
interface Unit {
  readonly bias: number | undefined
  readonly weights: ReadonlyArray<number>
  /** M_0i by weight. */
  readonly cross: ReadonlyArray<number>
}

interface Arrow {
  /** M_00 and M_ii by parameter. */
  readonly squares: Float64Array
  readonly units: ReadonlyArray<Unit>
  /** M_0i of each layer that has both, `[in, out]`. */
  readonly crosses: ReadonlyArray<Float32Array | undefined>
}

type Able = "diagonal" | "trace"

const arrowOf = ({ layers }: Order, { means, operations }: Fisher.Fisher<string, Able>): Arrow => {
  const units: Array<Unit> = []
  const crosses: Array<Float32Array | undefined> = []
  let next = 0
  for (const { bias, inputs, offset, units: outputs } of layers) {
    next++
    const cross = bias && inputs.length > 0 ? means[next++]! : undefined
    crosses.push(cross)
    for (let o = 0; o < outputs; o++) {
      const at = inputs.map((_, i) => i * outputs + o)
      units.push({
        bias: bias ? offset + inputs.length * outputs + o : undefined,
        weights: at.map((i) => offset + i),
        cross: at.map((i) => cross?.[i] ?? 0)
      })
    }
  }
  return { squares: new Float64Array(operations.diagonal()), units, crosses }
}

const apply = ({ squares, units }: Arrow, v: Float32Array): Float64Array => {
  const out = squares.map((square, i) => square * v[i]!)
  for (const { bias, cross, weights } of units) {
    if (bias === undefined) continue
    for (const [k, i] of weights.entries()) {
      out[i] = out[i]! + cross[k]! * v[bias]!
      out[bias] = out[bias]! + cross[k]! * v[i]!
    }
  }
  return out
}

/** (arrow + damping I)^-1 g: the weights are eliminated, and the bias is left with the Schur complement. */
const solved = ({ squares, units }: Arrow, g: Float32Array, damping: number): Float64Array => {
  const out = Float64Array.from(g, (value, i) => value / (squares[i]! + damping))
  for (const { bias, cross, weights } of units) {
    if (bias === undefined) continue
    let [corner, right] = [squares[bias]! + damping, g[bias]!]
    for (const [k, i] of weights.entries()) {
      corner -= cross[k]! ** 2 / (squares[i]! + damping)
      right -= cross[k]! * out[i]!
    }
    out[bias] = right / corner
    for (const [k, i] of weights.entries()) {
      out[i] = out[i]! - (cross[k]! * out[bias]!) / (squares[i]! + damping)
    }
  }
  return out
}

const frobenius = ({ squares, units }: Arrow): number => {
  const diagonal = squares.reduce((sum, value) => sum + value ** 2, 0)
  return Math.sqrt(
    units.reduce((sum, { cross }) => cross.reduce((all, value) => all + 2 * value ** 2, sum), diagonal)
  )
}

const name = "arrow of our moments"

/** The fields of `quasidiag`. */
export const quasiDiagonal = (
  subject: Subject,
  fisher: Ours<Fisher.Fisher<string, Structure.OperationsOf<typeof Structure.quasiDiagonal>>>
): Tree => {
  const { order } = subject
  const arrow = Effect.map(fisher, (of) => arrowOf(order, of))
  const onArrow = (of: (arrow: Arrow) => number | Float64Array, bound: number = product): Field =>
    figure(Effect.map(arrow, of), bound, name)
  return record({
    note: given,
    diag: figure(Effect.map(fisher, (of) => toFile(order, Fisher.diagonal(of)))),
    trace: figure(Effect.map(fisher, Fisher.trace)),
    frobenius: onArrow(frobenius),
    mv: withTangent(subject, (v) => onArrow((of) => toFile(order, apply(of, v.values)))),
    vTMv: withTangent(subject, (v) =>
      onArrow((of) => apply(of, v.values).reduce((sum, value, i) => sum + value * v.values[i]!, 0))
    ),
    solve: withRightSide(subject, (v, regul) =>
      onArrow((of) => toFile(order, solved(of, v.values, regul)), solve)
    ),
    cross: layerField(subject, ["quasidiag", "cross"], (layer, index) => ({
      values: layer.bias
        ? figure(Effect.map(arrow, ({ crosses }) => weightsToFile(layer, crosses[index]!)))
        : Lacking({ input: "a bias" })
    }))
  })
}
