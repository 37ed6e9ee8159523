/**
 * Fishers of a graph, dense and Kronecker-factored, for any curvature of the outputs (Martens and Grosse 2015, section 3; Eschenhagen et
 * al. 2023, section 3, for blocks that are applied at several positions).
 *
 * The means over n are over the N examples, rows of X. Of the T positions at which example n applies a block, over all its uses, T_n are
 * not masked; a masked one has no part in A, and its cotangent is 0.
 */
import {
  addOuter,
  congruence,
  dot,
  type Matrix,
  meanMatrix,
  type Rows,
  type Vector,
  zeros
} from "../linear.ts"
import { jacobian, useJacobian } from "./derivatives.ts"
import { evaluate, type GraphBlock, type GraphNetwork, planOf } from "./graph.ts"

/** A block of the outer form at one example: rows for all positions of its first use, then of its second, and so on. */
export interface OuterSample {
  readonly block: GraphBlock
  /** abar[t], with a 1 last where the block has a bias. */
  readonly abar: Rows
  /** g[t] = d<w, z>/ds[t], where s[t] = abar[t] K is what the block makes there. */
  readonly g: Rows
  readonly masked: ReadonlyArray<boolean>
}

/** For each block of the outer form, abar and for every row w of `columns` the rows g. */
const samplesFor = (net: GraphNetwork, theta: Vector, x: Vector, columns: Matrix) => {
  const plan = planOf(net)
  const { uses } = evaluate(plan, theta, x)
  return plan.blocks.flatMap((block, index) => {
    if (block.form !== "outer") return []
    const own = uses.flatMap((use, number) => (use.block === index ? [{ ...use, number }] : []))
    const slopes = own.flatMap(({ abar, number }) =>
      useJacobian(plan, theta, x, number, abar.length, block.columns)
    )
    return [
      {
        block,
        abar: own.flatMap(({ abar }) => abar),
        masked: own.flatMap(({ abar, mask }) => abar.map((_, t) => !(mask?.[t] ?? true))),
        gs: columns.map((w) => slopes.map((row) => Float64Array.from(row, (slope) => dot(slope, w))))
      }
    ]
  })
}

/** Rows and cotangents of every block of the outer form, in the order of theta, for one cotangent w of the outputs. */
export const outerSamples = (
  net: GraphNetwork,
  theta: Vector,
  x: Vector,
  w: Vector
): ReadonlyArray<OuterSample> =>
  samplesFor(net, theta, x, [w]).map(({ gs, ...sample }) => ({ ...sample, g: gs[0]! }))

/** (1/N) sum_n J_n^T Lambda_n J_n, P x P, with Lambda_n = lambda(n), C x C. */
export const denseFisher = (
  net: GraphNetwork,
  theta: Vector,
  X: Matrix,
  lambda: (n: number) => Matrix
): Rows => meanMatrix(X.length, (n) => congruence(jacobian(net, theta, X[n]!), lambda(n)))

export interface Factors {
  readonly A: Rows
  readonly G: Rows
}

export interface GraphFactors {
  readonly block: GraphBlock
  /** A = (1/N) sum_n (1/T_n) sum_t abar abar^T and G = (1/N) sum_n sum_k sum_t g g^T. */
  readonly expand: Factors
  /** A = (1/N) sum_n a a^T, a the mean of abar over t, and G = (1/N) sum_n sum_k h h^T, h the sum of g over t. */
  readonly reduce: Factors
}

const sumOf = (rows: Matrix, length: number): Float64Array => {
  const sum = new Float64Array(length)
  for (const row of rows) for (let i = 0; i < length; i++) sum[i]! += row[i]!
  return sum
}

/**
 * The factors of every block of the outer form. columns(n) holds the cotangents s_k of example n, as rows of C numbers each: with
 * Lambda_n = sum_k s_k s_k^T they are those of `denseFisher`. An example without an unmasked position adds nothing.
 */
export const kfacFactors = (
  net: GraphNetwork,
  theta: Vector,
  X: Matrix,
  columns: (n: number) => Matrix
): ReadonlyArray<GraphFactors> => {
  const N = X.length
  const examples = X.map((x, n) => samplesFor(net, theta, x, columns(n)))
  const blocks = planOf(net).blocks.filter(({ form }) => form === "outer")
  return blocks.map((block, b) => {
    const empty = (): Factors => ({
      A: zeros(block.rows, block.rows),
      G: zeros(block.columns, block.columns)
    })
    const [expand, reduce] = [empty(), empty()]
    for (const samples of examples) {
      const { abar, gs, masked } = samples[b]!
      const seen = abar.filter((_, t) => !masked[t])
      for (const row of seen) addOuter(expand.A, 1 / (N * seen.length), row)
      if (seen.length > 0) {
        const mean = sumOf(seen, block.rows).map((v) => v / seen.length)
        addOuter(reduce.A, 1 / N, mean)
      }
      for (const g of gs) {
        for (const row of g) addOuter(expand.G, 1 / N, row)
        addOuter(reduce.G, 1 / N, sumOf(g, block.columns))
      }
    }
    return { block, expand, reduce }
  })
}
