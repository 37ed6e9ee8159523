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
  norm,
  type Rows,
  scale,
  slope,
  tabulate,
  type Vector
} from "../oracle/linear.ts"
import { generator } from "../oracle/random.ts"
import { type GraphCase, outputsAt, paramsOf, predictions } from "./graphLaws.ts"
import { dyadic, eps32 } from "./measure.ts"
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

/** The library's Fisher, in blocks of 2 examples. */
export const libraryFisher = <Op extends Structure.Operation>(
  c: GraphCase,
  both: Both,
  structure: Structure.AnyStructure<Op>
) => Fisher.estimate(conditionalOf(c, both), paramsOf(c, c.theta), structure, { blockSize: 2 })

/** The same, written out. */
export const libraryMatrix = (
  c: GraphCase,
  both: Both,
  structure: Structure.AnyStructure<"toDense">
): Promise<Matrix> =>
  runGraph(c)(Effect.map(libraryFisher(c, both, structure), (fisher) => rows(Fisher.toDense(fisher))))

const fractions = [1, 0.6, 0.36]
const directions = 4

/** KL(z || other) + KL(other || z), the mean over examples. */
const symmetric = (c: GraphCase, z: Vector, other: Vector): number => {
  const C = c.network.outputs
  const at = (of: Vector, n: number) => Array.from({ length: C }, (_, i) => of[n * C + i]!)
  return c.X.reduce((sum, _, n) => {
    const [a, b] = [at(z, n), at(other, n)]
    return sum + (categorical.kl(a, b) + categorical.kl(b, a)) / c.X.length
  }, 0)
}

/** theta -+ d / 2 for every fraction of d / 2. */
const ends = ({ theta }: GraphCase, half: Vector): Matrix =>
  fractions.flatMap((t) => [axpy(theta, -t, half), axpy(theta, t, half)])

/** The remainders at every fraction of a direction, for z at its ends. */
const remaindersOf =
  (c: GraphCase, F: Matrix, half: Vector, zs: Matrix) =>
  (factor: number): ReadonlyArray<number> => {
    const form = 4 * dot(half, matvec(F, half))
    return fractions.map((t, i) => symmetric(c, zs[2 * i]!, zs[2 * i + 1]!) - factor * t ** 2 * form)
  }

/** Whether the remainders are of one sign and their order is 4 within 0.05 from each fraction to the next. */
const isQuartic = (remainders: ReadonlyArray<number>): boolean =>
  remainders.slice(1).every((value, i) => {
    const ratio = value / remainders[i]!
    return ratio > 0 && Math.abs(Math.log(ratio) / Math.log(fractions[i + 1]! / fractions[i]!) - 4) <= 0.05
  })

/** What an F off by 5 % is, away from the sign of the remainder: so that it adds a term of order 2, and takes none away. */
const wrongFactor = (sign: number): number => 1 - 0.05 * sign

interface Quartic {
  readonly half: Vector
  /** Of its remainder. */
  readonly sign: number
}

/**
 * A direction as long as the order of its remainder is 4 within 0.05 in exact arithmetic, that of a wrong F is not within 0.3, and the
 * shortest is over the rounding of z and of F: 20 times what eps in z makes of it, and 2e-5 of d^T F d.
 */
const quarticDirection = (c: GraphCase, exact: Matrix, unit: Vector): Quartic | undefined => {
  const rounding = 20 * eps32 * norm(outputsAt(c, c.theta))
  for (let length = 2; length > 0.1; length *= 0.65) {
    const half = dyadic(
      Array.from(unit, (entry) => length * entry),
      12
    )
    const zs = ends(c, half).map((theta) => outputsAt(c, theta))
    const remainders = remaindersOf(c, exact, half, zs)
    const least = remainders(1).at(-1)!
    const form = 4 * fractions.at(-1)! ** 2 * dot(half, matvec(exact, half))
    if (Math.abs(least) < Math.max(rounding * Math.sqrt(form), 2e-5 * form)) return undefined
    const sign = Math.sign(least)
    const wrong = Math.abs(slope(fractions, remainders(wrongFactor(sign))) - 4)
    if (isQuartic(remainders(1)) && wrong >= 0.3) return { half, sign }
  }
  return undefined
}

/**
 * L3: the order in |d| of KL(a || b) + KL(b || a) - d^T F d with a, b = theta -+ d / 2, for a categorical, and that with a wrong F. The
 * divergences are float64 sums over the device's float32 logits. The remainders of up to 4 directions, all of one sign, are summed.
 */
export const klOrders = async (c: GraphCase, exact: Matrix, library: Matrix) => {
  const random = generator(2)
  const found: Array<Quartic> = []
  for (let attempt = 0; attempt < 200 && found.length < directions; attempt++) {
    const next = quarticDirection(c, exact, random.direction(c.theta.length))
    if (next !== undefined && (found.length === 0 || next.sign === found[0]!.sign)) found.push(next)
  }
  if (found.length === 0) throw new RangeError("no direction has a remainder of order 4 over rounding")
  const zs = await runGraph(c)(
    predictions(
      c,
      found.flatMap(({ half }) => ends(c, half))
    )
  )
  const each = 2 * fractions.length
  const order = (factor: number): number => {
    const all = found.map(({ half }, v) =>
      remaindersOf(c, library, half, zs.slice(v * each, (v + 1) * each))(factor)
    )
    return slope(
      fractions,
      fractions.map((_, i) => all.reduce((sum, own) => sum + own[i]!, 0))
    )
  }
  return { order: order(1), wrong: order(wrongFactor(found[0]!.sign)) }
}
