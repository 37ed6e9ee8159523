/** The Fisher of a graph of the oracle in every structure, and the library's own of the same network, parameters and inputs. */
import { Effect, Layer } from "effect"
import {
  Conditional,
  DataSource,
  Device,
  Fisher,
  Likelihood,
  Sampler,
  type Structure
} from "../../src/index.ts"
import { kfacFactors } from "../oracle/graph/fisher.ts"
import { categorical, gaussian, type OracleLikelihood } from "../oracle/likelihoods.ts"
import {
  axpy,
  congruence,
  dot,
  kron,
  type Matrix,
  matvec,
  meanMatrix,
  type Rows,
  scale,
  slope,
  tabulate,
  type Vector
} from "../oracle/linear.ts"
import { generator } from "../oracle/random.ts"
import { type GraphCase, outputsAt, paramsOf, predictions } from "./graphLaws.ts"
import { dyadic } from "./measure.ts"
import { rows, runWith } from "./subject.ts"

/** A likelihood of the oracle and of the library, with columns s_k such that Lambda = sum_k s_k s_k^T. */
export interface Both {
  readonly oracle: OracleLikelihood
  readonly library: Likelihood.Likelihood
  readonly columns: (z: Vector) => Matrix
}

const variance = 0.49

export const bothCategorical: Both = {
  oracle: categorical,
  library: Likelihood.categorical,
  columns: (z) =>
    categorical
      .support(z)
      .map(({ probability, y }) => categorical.score(z, y).map((entry) => entry * Math.sqrt(probability)))
}

export const bothGaussian: Both = {
  oracle: gaussian(variance),
  library: Likelihood.gaussian({ variance }),
  columns: (z) => tabulate(z.length, z.length, (i, j) => (i === j ? 1 / Math.sqrt(variance) : 0))
}

/** (1/N) sum_n J_n^T Lambda_n J_n. */
export const oracleFisher = (c: GraphCase, { oracle }: Both): Rows =>
  meanMatrix(c.X.length, (n) => congruence(c.jacobian(n), oracle.closedFormFisher(c.at(c.theta, c.X[n]!))))

/** F with 0 where `keeps` says so of the blocks, and of the columns in a block, of two parameters. */
const masked = (
  { plan: { blocks } }: GraphCase,
  F: Matrix,
  keeps: (sameColumn: boolean, form: string) => boolean
): Rows => {
  const place = blocks.flatMap(({ columns, form, rows }, block) =>
    Array.from({ length: rows * columns }, (_, i) => ({ block, column: i % columns, form }))
  )
  return tabulate(F.length, F.length, (i, j) => {
    const [a, b] = [place[i]!, place[j]!]
    return a.block === b.block && keeps(a.column === b.column, a.form) ? F[i]![j]! : 0
  })
}

/** F with 0 between blocks. */
export const withinBlocks = (c: GraphCase, F: Matrix): Rows => masked(c, F, () => true)

/** What K-FAC makes of shared positions. */
export type SharingName = "expand" | "reduce"

/** What K-FAC would be were all of its factors exact: F within the blocks of the outer form, and within the columns of elementwise ones. */
export const exactKfac = (c: GraphCase, F: Matrix): Rows =>
  masked(c, F, (sameColumn, form) => form !== "elementwise" || sameColumn)

/**
 * K-FAC's matrix: A (x) G for a block of the outer form, and for an elementwise one the Fisher of each of its columns. `times` multiplies A
 * of each block, as a function of the positions that share it.
 */
export const oracleKfac = (
  c: GraphCase,
  both: Both,
  F: Matrix
): ((sharing: SharingName, times?: (positions: number) => number) => Rows) => {
  const columns = (n: number) => both.columns(c.at(c.theta, c.X[n]!))
  const factors = kfacFactors(c.plan.net, c.theta, c.X, columns)
  return (sharing, times = () => 1) => {
    const total = masked(c, F, (sameColumn, form) => form === "elementwise" && sameColumn)
    for (const { block, ...own } of factors) {
      const { A, G } = own[sharing]
      const product = kron(scale(times(block.positions), A), G)
      for (const [i, row] of product.entries()) total[block.offset + i]!.set(row, block.offset)
    }
    return total
  }
}

const conditionalOf = ({ network }: GraphCase, { library }: Both) => Conditional.make(network, library)

const dataOf = ({ X, network }: GraphCase) =>
  DataSource.fromArrays({
    x: { data: X.flatMap((row) => Array.from(row)), shape: [X.length, network.features] }
  })

/** Runs a program on wasm with the inputs of the case and the exact sampler. */
export const runGraph =
  (c: GraphCase) =>
  <A, E>(program: Effect.Effect<A, E, Sampler | Device | DataSource>): Promise<A> =>
    runWith(Layer.mergeAll(dataOf(c), Sampler.exact, Device.wasm))(program)

/** The library's Fisher, in blocks of 3 examples. */
export const libraryFisher = <Op extends Structure.Operation>(
  c: GraphCase,
  both: Both,
  structure: Structure.AnyStructure<Op>
) => Fisher.estimate(conditionalOf(c, both), paramsOf(c, c.theta), structure, { blockSize: 3 })

/** The same, written out. */
export const libraryMatrix = (
  c: GraphCase,
  both: Both,
  structure: Structure.AnyStructure<"toDense">
): Promise<Matrix> =>
  runGraph(c)(Effect.map(libraryFisher(c, both, structure), (fisher) => rows(Fisher.toDense(fisher))))

const fractions = [1, 0.6, 0.36]
const directions = 6

/** KL(z || other) + KL(other || z), the mean over examples. */
const symmetric = (c: GraphCase, z: Vector, other: Vector): number => {
  const C = c.network.outputs
  const at = (of: Vector, n: number) => Array.from({ length: C }, (_, i) => of[n * C + i]!)
  return c.X.reduce((sum, _, n) => {
    const [a, b] = [at(z, n), at(other, n)]
    return sum + (categorical.kl(a, b) + categorical.kl(b, a)) / c.X.length
  }, 0)
}

/** The order in |d| of the remainders, each direction with the sign that its own has at the longest step: rounding has either. */
const orderOf = (remainder: (v: number, i: number) => number): number =>
  slope(
    fractions,
    fractions.map((_, i) =>
      Array.from({ length: directions }, (_, v) => Math.sign(remainder(v, 0)) * remainder(v, i)).reduce(
        (sum, value) => sum + value,
        0
      )
    )
  )

/**
 * L3: the order in |d| of KL(a || b) + KL(b || a) - factor d^T F d with a, b = theta -+ d / 2, for a categorical: as far out as the order
 * is 4 within 0.03 in exact arithmetic. The divergences are float64 sums over the device's float32 logits.
 */
export const klOrders = async (c: GraphCase, exact: Matrix, library: Matrix) => {
  const random = generator(2)
  const units = Array.from({ length: directions }, () => random.direction(c.theta.length))
  const ends = (halves: Matrix): Matrix =>
    halves.flatMap((v) => fractions.flatMap((t) => [axpy(c.theta, -t, v), axpy(c.theta, t, v)]))
  const remainderOf = (zs: Matrix, halves: Matrix, F: Matrix) => {
    const forms = halves.map((v) => 4 * dot(v, matvec(F, v)))
    const divergences = halves.map((_, v) =>
      fractions.map((_, i) => {
        const at = 2 * (v * fractions.length + i)
        return symmetric(c, zs[at]!, zs[at + 1]!)
      })
    )
    return (factor: number) =>
      orderOf((v, i) => divergences[v]![i]! - factor * fractions[i]! ** 2 * forms[v]!)
  }
  for (let length = 2; length > 0.05; length *= 0.7) {
    const halves = units.map((unit) =>
      dyadic(
        unit.map((entry) => length * entry),
        12
      )
    )
    const inExact = remainderOf(
      ends(halves).map((theta) => outputsAt(c, theta)),
      halves,
      exact
    )
    if (Math.abs(inExact(1) - 4) > 0.03) continue
    const zs = await runGraph(c)(predictions(c, ends(halves)))
    return remainderOf(zs, halves, library)
  }
  throw new RangeError("the remainder of the divergence has no order 4 at any length")
}
