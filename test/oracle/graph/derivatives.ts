/**
 * Derivatives of a graph by central differences with Richardson's extrapolation: with D(h) = (f(h) - f(-h)) / 2h, which is
 * f'(0) + O(h^2) in even powers of h, (64 D(h/4) - 20 D(h/2) + D(h)) / 45 is f'(0) + O(h^6).
 *
 * With h = 2^-10 rounding leaves about 1e-12 of the size of f. The points must be further than h from the kinks of maxima and relus.
 */
import { dot, matvec, type Rows, transpose, type Vector } from "../linear.ts"
import { evaluate, type GraphNetwork, type Plan, planOf, planSize } from "./graph.ts"

const step = 2 ** -10

/** f'(0) for a function of one number. */
export const derivative = (f: (t: number) => Vector): Float64Array => {
  const central = (h: number): Float64Array => {
    const [above, below] = [f(h), f(-h)]
    return Float64Array.from(above, (v, i) => (v - below[i]!) / (2 * h))
  }
  const [wide, middle, narrow] = [central(step), central(step / 2), central(step / 4)]
  return wide.map((d, i) => (64 * narrow[i]! - 20 * middle[i]! + d) / 45)
}

/** J = dz/dtheta, C x P. */
export const jacobian = (net: GraphNetwork, theta: Vector, x: Vector): Rows => {
  const plan = planOf(net)
  const columns = Array.from({ length: planSize(plan) }, (_, p) =>
    derivative((t) => {
      const moved = Float64Array.from(theta)
      moved[p]! += t
      return evaluate(plan, moved, x).z
    })
  )
  // Without parameters there is no column to take the number of outputs from.
  return columns.length === 0
    ? Array.from(evaluate(plan, theta, x).z, () => new Float64Array(0))
    : transpose(columns)
}

/** J^T w, [P]. */
export const vjp = (net: GraphNetwork, theta: Vector, x: Vector, w: Vector): Float64Array => {
  const J = jacobian(net, theta, x)
  if (w.length !== J.length) throw new RangeError(`w has ${w.length} entries, not ${J.length}`)
  return Float64Array.from({ length: theta.length }, (_, p) =>
    dot(
      J.map((row) => row[p]!),
      w
    )
  )
}

/** J v, [C]. */
export const jvp = (net: GraphNetwork, theta: Vector, x: Vector, v: Vector): Float64Array =>
  matvec(jacobian(net, theta, x), v)

/** dz/ds[t, column] for one use of a block: at [t][column] a vector [C]. */
export const useJacobian = (
  plan: Plan,
  theta: Vector,
  x: Vector,
  use: number,
  positions: number,
  columns: number
): ReadonlyArray<ReadonlyArray<Float64Array>> =>
  Array.from({ length: positions }, (_, t) =>
    Array.from({ length: columns }, (_, column) =>
      derivative((delta) => evaluate(plan, theta, x, { use, t, column, delta }).z)
    )
  )
