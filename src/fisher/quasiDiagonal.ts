/**
 * The quasi-diagonal Fisher: the diagonal, and what each weight has in common with the bias of its own unit.
 *
 * *Math*: for the unit with bias 0 and weights i the moments M_00, M_0i and M_ii are those of F; the entry of two weights i != j is
 * completed as M_0i M_0j / M_00. So the unit's matrix is D + c c^T with c_0 = sqrt(M_00), c_i = M_0i / c_0 and
 * D = diag(0, M_ii - M_0i^2 / M_00): positive semidefinite, with an inverse in closed form. A unit without bias is diagonal.
 * *Cost*: two products of the size of a gradient, for any number of columns; 2 P floats; a solve is O(P).
 *
 * *Source*: Ollivier 2015, Riemannian metrics for neural networks I, section 2.3; Marceau-Caron and Ollivier 2016.
 */
import * as tf from "@tensorflow/tfjs"
import { Result } from "effect"
import type { NotPositiveDefinite } from "../Errors.ts"
import type { ParamBlock } from "../model/ParamSpace.ts"
import { type Score, summedSquares } from "../model/Score.ts"
import { sumOf } from "../tensor/Device.ts"
import { times } from "./internal/arrays.ts"
import { roundingFloor, singular } from "./internal/damped.ts"
import { once } from "./internal/lastOf.ts"
import { Sum } from "./Moment.ts"
import type { Moments, Structure } from "./Structure.ts"

/** Whether a layer has weights and a bias for them to share a unit with. */
const coupled = ({ bias, rows }: ParamBlock): boolean => bias && rows > 1

/** How many rows a product sums over at once where positions make them many: a float32 sum of more loses digits. */
const rowsAtOnce = 2 ** 12

/** a^T b, in parts of their rows. */
const productOverRows = (a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D => {
  const rows = a.shape[0]
  return sumOf(Math.ceil(rows / rowsAtOnce), (i) => {
    const from = i * rowsAtOnce
    const part = (x: tf.Tensor2D): tf.Tensor2D =>
      tf.slice(x, [from, 0], [Math.min(rowsAtOnce, rows - from), x.shape[1]])
    return tf.matMul(part(a), part(b), true, false)
  })
}

/**
 * `sum_{k,n} gradient_i gradient_0` of the weights i with the bias 0 of their unit, `[in, out]`.
 *
 * The gradient of the bias is the sum of g over positions: with it the gradients of the weights need not be written out.
 */
const biasMoment = (score: Score): tf.Tensor => {
  const { columns, rows } = score.block
  if (score._tag === "Written") {
    const each = score.gradient.reshape<tf.Tensor3D>([-1, rows, columns])
    const bias = tf.slice(each, [0, rows - 1, 0], [-1, 1, -1])
    return tf.sum(tf.mul(tf.slice(each, [0, 0, 0], [-1, rows - 1, -1]), bias), 0)
  }
  const { cotangent, input, positions } = score
  const [count, lines] = cotangent.shape
  if (positions === 1) return tf.matMul(input, tf.sum(tf.square(cotangent), 0), true, false)
  const each = cotangent.reshape<tf.Tensor4D>([count, -1, positions, columns])
  const weights = tf.sum(tf.mul(each, tf.sum(each, 2, true)), 0).reshape<tf.Tensor2D>([lines, columns])
  return productOverRows(input, weights)
}

/** One unit: its bias and weights, where they lie, and the numbers of its matrix. */
interface Unit {
  /** For errors. */
  readonly layer: string
  /** Places of its parameters, the bias first; a unit without bias is a single weight. */
  readonly at: ReadonlyArray<number>
  /** M_00, M_11, ... */
  readonly squares: Float64Array
  /** c_1, c_2, ... (c_0 is the square root of M_00) and D_1, D_2, ..., by the same index. */
  readonly c: Float64Array
  readonly rest: Float64Array
}

const unitOf = (
  layer: string,
  at: ReadonlyArray<number>,
  squares: Float64Array,
  cross: Float64Array
): Unit => {
  const top = Math.sqrt(squares[0]!)
  // By Cauchy-Schwarz M_0i is 0 where M_00 is, and D_i is at least 0; what rounding breaks of it is set right.
  const c = cross.map((value, i) =>
    i === 0 ? top : top === 0 ? 0 : Math.sign(value) * Math.min(Math.abs(value) / top, Math.sqrt(squares[i]!))
  )
  const rest = squares.map((value, i) => (i === 0 ? 0 : Math.max(0, value - c[i]! * c[i]!)))
  return { layer, at, squares, c, rest }
}

const unitsOf = ({ means, space }: Moments): ReadonlyArray<Unit> => {
  let next = 0
  return space.blocks.flatMap((block) => {
    const { columns, layer, offset, rows } = block
    const squares = means[next++]!
    if (!coupled(block)) {
      return Array.from(squares, (square, i) =>
        unitOf(layer, [offset + i], Float64Array.of(square), new Float64Array(1))
      )
    }
    const cross = means[next++]!
    return Array.from({ length: columns }, (_, o) => {
      const places = [rows - 1, ...Array.from({ length: rows - 1 }, (_, i) => i)].map((i) => i * columns + o)
      return unitOf(
        layer,
        places.map((place) => offset + place),
        Float64Array.from(places, (place) => squares[place]!),
        Float64Array.from(places, (place, i) => (i === 0 ? 0 : cross[place]!))
      )
    })
  })
}

/** The failure where M_00 or a D_i is rounding, or nothing: their product is the determinant. */
const flaw = ({ layer, rest, squares }: Unit, damping: number): NotPositiveDefinite | undefined => {
  const largest = squares.reduce((most, value) => Math.max(most, value), 0)
  const least = rest.reduce((low, value, i) => (i === 0 ? low : Math.min(low, value)), squares[0]!)
  return least + damping > roundingFloor(rest.length, largest, damping)
    ? undefined
    : singular(`quasi-diagonal Fisher of layer ${layer}`, least, damping)
}

/**
 * A unit with its bias eliminated: the weights are left with diag(E) + kappa c c^T, E_i = D_i + damping,
 * kappa = damping / (M_00 + damping).
 */
const eliminated = ({ c, rest, squares }: Unit, damping: number) => {
  const corner = squares[0]! + damping
  const kappa = damping / corner
  let sum = 0
  for (let i = 1; i < c.length; i++) sum += (c[i]! * c[i]!) / (rest[i]! + damping)
  return { corner, kappa, sum }
}

/** (M + damping I)^-1 g of a unit, by the Sherman-Morrison formula for what is left of the weights. */
const solveUnit = (unit: Unit, g: Float32Array, damping: number, out: Float32Array): void => {
  const { at, c, rest } = unit
  const { corner, kappa, sum } = eliminated(unit, damping)
  const bias = g[at[0]!]!
  const y = Float64Array.from(at, (place, i) =>
    i === 0 ? 0 : (g[place]! - (c[0]! * c[i]! * bias) / corner) / (rest[i]! + damping)
  )
  let along = 0
  for (let i = 1; i < c.length; i++) along += c[i]! * y[i]!
  const back = (kappa * along) / (1 + kappa * sum)
  let rest0 = bias
  for (let i = 1; i < c.length; i++) {
    const x = y[i]! - (back * c[i]!) / (rest[i]! + damping)
    out[at[i]!] = x
    rest0 -= c[0]! * c[i]! * x
  }
  out[at[0]!] = rest0 / corner
}

/** A draw from N(0, (M + damping I)^-1) of a unit: its weights, then its bias given them. */
const sampleUnit = (unit: Unit, noise: Float32Array, damping: number, out: Float32Array): void => {
  const { at, c, rest } = unit
  const { corner, kappa, sum } = eliminated(unit, damping)
  // With u_i = sqrt(kappa / E_i) c_i the weights' covariance is E^-1/2 (I + u u^T)^-1 E^-1/2.
  const length = kappa * sum
  const shrink = length === 0 ? 0 : (1 - 1 / Math.sqrt(1 + length)) / length
  const u = (i: number): number => Math.sqrt(kappa / (rest[i]! + damping)) * c[i]!
  let along = 0
  for (let i = 1; i < c.length; i++) along += u(i) * noise[at[i]!]!
  let mean = 0
  for (let i = 1; i < c.length; i++) {
    const x = (noise[at[i]!]! - shrink * along * u(i)) / Math.sqrt(rest[i]! + damping)
    out[at[i]!] = x
    mean -= (c[0]! * c[i]! * x) / corner
  }
  out[at[0]!] = mean + noise[at[0]!]! / Math.sqrt(corner)
}

const logDeterminantOf = (unit: Unit, damping: number): number => {
  const { corner, kappa, sum } = eliminated(unit, damping)
  const own = unit.rest.reduce((total, value, i) => (i === 0 ? total : total + Math.log(value + damping)), 0)
  return Math.log(corner) + own + Math.log1p(kappa * sum)
}

const applyUnit = ({ at, c, rest }: Unit, v: Float32Array, out: Float32Array): void => {
  let along = 0
  for (let i = 0; i < c.length; i++) along += c[i]! * v[at[i]!]!
  for (let i = 0; i < c.length; i++) out[at[i]!] = rest[i]! * v[at[i]!]! + c[i]! * along
}

/** |D + c c^T|^2 */
const squaredNorm = ({ c, rest }: Unit): number => {
  const all = c.reduce((sum, value) => sum + value * value, 0)
  return rest.reduce((sum, d, i) => sum + d * d + 2 * d * c[i]! * c[i]!, all * all)
}

const operations = (moments: Moments) => {
  const { means, space } = moments
  const units = once(() => unitsOf(moments))
  const total = (f: (unit: Unit) => number): number => units().reduce((sum, unit) => sum + f(unit), 0)
  /** Once no unit is singular: what `f` writes of each. */
  const whereRegular = <A>(damping: number, then: () => A): Result.Result<A, NotPositiveDefinite> => {
    for (const unit of units()) {
      const failure = flaw(unit, damping)
      if (failure !== undefined) return Result.fail(failure)
    }
    return Result.succeed(then())
  }
  const written = (f: (unit: Unit, out: Float32Array) => void): Float32Array => {
    const out = new Float32Array(space.size)
    for (const unit of units()) f(unit, out)
    return out
  }
  return {
    apply: (v: Float32Array) => written((unit, out) => applyUnit(unit, v, out)),
    solve: (g: Float32Array, damping: number) =>
      whereRegular(damping, () => written((unit, out) => solveUnit(unit, g, damping, out))),
    sample: (noise: Float32Array, damping: number) =>
      whereRegular(damping, () => written((unit, out) => sampleUnit(unit, noise, damping, out))),
    trace: () => total(({ squares }) => squares.reduce((sum, value) => sum + value, 0)),
    frobeniusNorm: () => Math.sqrt(total(squaredNorm)),
    logDeterminant: (damping: number) =>
      whereRegular(damping, () => total((unit) => logDeterminantOf(unit, damping))),
    diagonal: () =>
      written(({ at, squares }, out) => {
        for (const [i, place] of at.entries()) out[place] = squares[i]!
      }),
    toDense: () => {
      const out = new Float32Array(space.size ** 2)
      for (const { at, c, squares } of units()) {
        for (const [i, row] of at.entries()) {
          for (const [j, column] of at.entries()) {
            out[row * space.size + column] = i === j ? squares[i]! : c[i]! * c[j]!
          }
        }
      }
      return out
    },
    scale: (factor: number) => means.map((mean) => times(mean, factor))
  }
}

/** The diagonal and each unit's coupling with its bias: little dearer than the diagonal, and it knows the means of the inputs. */
export const quasiDiagonal: Structure<
  | "apply"
  | "solve"
  | "sample"
  | "trace"
  | "frobeniusNorm"
  | "logDeterminant"
  | "diagonal"
  | "toDense"
  | "scale"
  | "restrict"
> = {
  name: "quasiDiagonal",
  constants: [],
  moments: ({ blocks }) =>
    blocks.flatMap((block) => {
      const { columns, rows } = block
      const squares = Sum({ size: rows * columns })
      return coupled(block) ? [squares, Sum({ size: (rows - 1) * columns })] : [squares]
    }),
  reduce: ({ layers }) =>
    layers.flatMap((score) =>
      coupled(score.block) ? [summedSquares(score), biasMoment(score)] : [summedSquares(score)]
    ),
  operations: (moments) => ({
    ...operations(moments),
    restrict: (index) => {
      const { blocks } = moments.space
      const from = blocks.slice(0, index).reduce((sum, block) => sum + (coupled(block) ? 2 : 1), 0)
      return {
        structure: quasiDiagonal,
        means: moments.means.slice(from, from + (coupled(blocks[index]!) ? 2 : 1))
      }
    }
  })
}
