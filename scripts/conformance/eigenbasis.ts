/**
 * EKFAC, whose numbers belong to the eigenvectors of K-FAC's factors.
 *
 * Vectors have no sign, and those of equal eigenvalues are not determined. The scales are compared as sums there (see cluster.ts). The
 * matrix itself depends on the choice of vectors only where such eigenvalues have different scales.
 */
import { Effect, Result } from "effect"
import { type Fisher, Structure } from "../../src/index.ts"
import { eigenvalues } from "../../src/linalg/SymmetricEigen.ts"
import { mixing, type Spectra, spectralSums } from "./cluster.ts"
import { type Field, Figure, figure, known, product, record, type Tree } from "./field.ts"
import { columnsOf, scalesOf, times, transposed } from "./kronecker.ts"
import { layerField } from "./layers.ts"
import { operator } from "./operator.ts"
import type { Ours, Subject } from "./subject.ts"

type Ekfac = Fisher.Fisher<string, Structure.OperationsOf<typeof Structure.ekfac>>

/** A layer in its eigenbasis: the eigenvalues of G and A, ascending, and the scales `[dim G, dim A]`. */
export interface EigenLayer {
  readonly spectra: Spectra
  readonly scales: Float64Array
}

/** Each layer in the eigenbasis of its factors. */
export const eigenLayers = ({ exact, order }: Subject): Ours<ReadonlyArray<EigenLayer>> =>
  Effect.flatMap(Effect.zip(exact.kfac, exact.ekfac), ([first, fisher]) =>
    Effect.fromResult(
      Result.all(
        order.layers.map(({ rows, units }, index) => {
          const side = (n: number, factor: Float32Array) =>
            eigenvalues(first.kernels, {
              n,
              matrix: new Float64Array(Structure.unpacked(factor)),
              what: `K-FAC factor of layer ${index}`
            })
          // Ours are [dim A, dim G].
          const scales = transposed(new Float64Array(fisher.means[index]!), rows.length, units)
          return Result.map(
            Result.all([
              side(units, first.means[2 * index + 1]!),
              side(rows.length, first.means[2 * index]!)
            ]),
            (spectra): EigenLayer => ({ spectra, scales })
          )
        })
      )
    )
  )

const coincide = "two eigenvalues of a factor are equal to float32 and their scales differ"

/**
 * A figure of EKFAC that depends on its vectors; for a solve with its damping. Where rounding may move it by more than its bound, it is not
 * determined.
 */
export const ofVectors = (layers: Ours<ReadonlyArray<EigenLayer>>, field: Field, damping?: number): Field => {
  if (field._tag !== "Figure") return field
  const moved = Effect.map(layers, (each) => {
    const largest = each.reduce((most, { scales }) => scales.reduce((a, b) => Math.max(a, b), most), 0)
    const weigh = (scale: number): number =>
      damping === undefined ? scale / largest : damping / (Math.max(0, scale) + damping)
    return each.reduce((most, { scales, spectra }) => Math.max(most, mixing(scales.map(weigh), spectra)), 0)
  })
  return Figure({
    ...field,
    ours: (theirs) =>
      Effect.zipWith(field.ours(theirs), moved, (compared, by) =>
        by > field.bound
          ? { ...compared, undetermined: `${coincide}: EKFAC is then a choice of vectors` }
          : compared
      )
  })
}

/** The fields of `ekfac`. */
export const ekfac = (
  subject: Subject,
  fisher: Ours<Ekfac>,
  layers: Ours<ReadonlyArray<EigenLayer>>
): Tree => {
  const { regul } = subject.reference
  const whole = operator(subject, fisher)
  const products = ["F", "diag", "frobenius", "spectral", "eigenvalues", "mv", "vTMv"] as const
  const layer = (index: number) => Effect.map(layers, (each) => each[index]!)
  return record({
    ...whole,
    ...Object.fromEntries(products.map((key) => [key, ofVectors(layers, whole[key])])),
    solve: ofVectors(layers, whole.solve, regul),
    scales: layerField(subject, ["ekfac", "scales"], ({ rows, units }, index) => ({
      shape: known([units, rows.length]),
      values: Figure({
        bound: product,
        as: undefined,
        ours: (theirs) =>
          Effect.map(layer(index), ({ scales, spectra }) => spectralSums(scales, theirs, spectra))
      })
    })),
    evals: layerField(subject, ["ekfac", "evals"], (of, index) => {
      const [a, g] = scalesOf(of, columnsOf(subject)).stored
      return {
        A: figure(Effect.map(layer(index), ({ spectra: [, values] }) => times(values, a))),
        G: figure(Effect.map(layer(index), ({ spectra: [values] }) => times(values, g)))
      }
    })
  })
}
