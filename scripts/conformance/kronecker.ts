/**
 * K-FAC, whose factors each library scales in its own way.
 *
 * For a layer with T positions natgrad has A = E[mean_t a a^T] and G = E[sum_t g g^T]; the files' A_mean is the sum over positions and
 * their G_mean the mean. NNGeometry stores sqrt(ncol) A_mean and G_mean / sqrt(ncol), ncol the number of its back-propagated columns.
 * A (x) G is the same in all three. A solve with pi = 1 depends on the scaling, so it is done here with our factors in theirs.
 */
import { Effect, Result } from "effect"
import { Damping, Fisher, type Likelihood, Structure } from "../../src/index.ts"
import * as Cholesky from "../../src/linalg/Cholesky.ts"
import { figure, known, record, solve, type Tree } from "./field.ts"
import { layerField } from "./layers.ts"
import { operator, withRightSide } from "./operator.ts"
import { factorToFile, type LayerOrder, toFile } from "./order.ts"
import type { Path } from "./reference.ts"
import { inFileOrder, type Ours, type Subject } from "./subject.ts"

export type Kfac = Fisher.Fisher<string, Structure.OperationsOf<typeof Structure.kfac>>

/** As many as the factor of the output Fisher has; every likelihood that NNGeometry has is of closed form. */
const factorColumns = ({ conditional: { likelihood, network } }: Subject): number =>
  (likelihood as Likelihood.Likelihood).columns(network.outputs)

/** The columns that NNGeometry goes back with: it says so, or they are those of the factor of the output Fisher. */
export const columnsOf = (subject: Subject): number => {
  const said = subject.reference.at("kfac", "ncol")
  return typeof said === "number" ? said : factorColumns(subject)
}

export const times = (values: ArrayLike<number>, factor: number): Float64Array =>
  Float64Array.from(values, (value) => value * factor)

/** What our factors are multiplied with to be A_mean and G_mean, and to be A and G as NNGeometry stores them. */
export const scalesOf = ({ positions }: LayerOrder, ncol: number) => ({
  means: [positions, 1 / positions] as const,
  stored: [positions * Math.sqrt(ncol), 1 / (positions * Math.sqrt(ncol))] as const
})

/** A_mean and G_mean of the layers in a list of the file. */
export const meanFactors = (subject: Subject, list: Path, fisher: Ours<Kfac>): Tree =>
  layerField(subject, list, (layer, index) => {
    const [a, g] = scalesOf(layer, 1).means
    return {
      A_mean: figure(
        Effect.map(fisher, ({ means }) =>
          times(factorToFile(layer, Structure.unpacked(means[2 * index]!)), a)
        )
      ),
      G_mean: figure(Effect.map(fisher, ({ means }) => times(Structure.unpacked(means[2 * index + 1]!), g)))
    }
  })

const factors = (subject: Subject, fisher: Ours<Kfac>): Tree =>
  layerField(subject, ["kfac", "factors"], (layer, index) => {
    const { means, stored } = scalesOf(layer, columnsOf(subject))
    const inFile = ([a, g]: readonly [number, number]) => ({
      A: figure(
        Effect.map(fisher, (of) => times(factorToFile(layer, Structure.unpacked(of.means[2 * index]!)), a))
      ),
      G: figure(Effect.map(fisher, (of) => times(Structure.unpacked(of.means[2 * index + 1]!), g)))
    })
    const mean = inFile(means)
    return { ...inFile(stored), A_mean: mean.A, G_mean: mean.G }
  })

/** (A + sqrt(damping) I)^-1 V (G + sqrt(damping) I)^-1 in NNGeometry's scaling, layer by layer. */
const solveWithoutPi = (subject: Subject, { kernels, means }: Kfac, v: Float32Array, damping: number) => {
  const ncol = columnsOf(subject)
  const out = new Float64Array(v.length)
  for (const [index, layer] of subject.order.layers.entries()) {
    const [rows, columns] = [layer.rows.length, layer.units]
    const [a, g] = scalesOf(layer, ncol).stored
    const side = (n: number, factor: Float32Array, scale: number) =>
      Cholesky.factor(kernels, {
        n,
        matrix: times(Structure.unpacked(factor), scale),
        damping: Math.sqrt(damping),
        what: `K-FAC factor of layer ${index}`
      })
    const both = Result.all([side(rows, means[2 * index]!, a), side(columns, means[2 * index + 1]!, g)])
    if (Result.isFailure(both)) return Result.fail(both.failure)
    const [left, right] = both.success
    const matrix = new Float64Array(v.subarray(layer.offset, layer.offset + rows * columns))
    const half = transposed(Cholesky.solve(left, matrix, columns), rows, columns)
    out.set(transposed(Cholesky.solve(right, half, rows), columns, rows), layer.offset)
  }
  return Result.succeed(toFile(subject.order, out))
}

/** `[rows, columns]` row-major, turned over. */
export const transposed = (matrix: Float64Array, rows: number, columns: number): Float64Array =>
  matrix.map((_, at) => matrix[(at % rows) * columns + Math.floor(at / rows)]!)

/** The fields of `kfac`. */
export const kfac = (subject: Subject, fisher: Ours<Kfac>): Tree => {
  const withPi = withRightSide(subject, (v, regul) =>
    figure(
      fisher.pipe(
        Effect.flatMap((of) => Effect.fromResult(Fisher.solve(of, v, Damping.factored(regul)))),
        Effect.map((vector) => inFileOrder(subject, vector))
      ),
      solve
    )
  )
  return record({
    ...operator(subject, fisher),
    ncol: known(factorColumns(subject)),
    factors: factors(subject, fisher),
    solve_pi: withPi,
    inv_pi_mv: withPi,
    solve_nopi: withRightSide(subject, (v, regul) =>
      figure(
        Effect.flatMap(fisher, (of) => Effect.fromResult(solveWithoutPi(subject, of, v.values, regul))),
        solve,
        "our factors in their scaling"
      )
    )
  })
}
