/** The structures and dampings that the laws run over, and each damped Fisher written out. */
import { type Fisher, Structure } from "../../src/index.ts"
import { type KfacFactor, kfacDense } from "../oracle/fisher.ts"
import { eigenvalues, type Matrix } from "../oracle/linear.ts"
import { blocks, type OracleNetwork } from "../oracle/network.ts"
import { damped, dampedFactors } from "../oracle/structures.ts"
import { rows } from "./subject.ts"

/** What every structure can do. */
export type Common =
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

/** Those that take one pass over the data. */
export const structures: Readonly<Record<string, Structure.Structure<Common>>> = {
  dense: Structure.dense,
  blockDiagonal: Structure.blockDiagonal,
  diagonal: Structure.diagonal,
  quasiDiagonal: Structure.quasiDiagonal,
  kfac: Structure.kfac,
  gram: Structure.gram,
  unitwise: Structure.unitwise
}

/** All of them. */
export const allStructures: Readonly<Record<string, Structure.AnyStructure<Common>>> = {
  ...structures,
  ekfac: Structure.ekfac
}

/** One of these for each of so many layers, in turn. */
export const mixture = <Op extends Structure.Operation>(
  layers: number,
  parts: ReadonlyArray<Structure.AnyStructure<Op>>
): Structure.AnyStructure<Op> =>
  // The type of a list says nothing of one pass or two.
  Structure.mixed(
    Array.from({ length: layers }, (_, i) => parts[i % parts.length]!)
  ) as unknown as Structure.AnyStructure<Op>

/** All of them, and two mixtures for a network of so many layers with parameters: one takes one pass, the other two. */
export const structuresOf = (layers: number): Readonly<Record<string, Structure.AnyStructure<Common>>> => ({
  ...allStructures,
  mixed: mixture<Common>(layers, [Structure.quasiDiagonal, Structure.gram, Structure.kfac]),
  "mixed, two passes": mixture<Common>(layers, [Structure.ekfac, Structure.blockDiagonal, Structure.diagonal])
})

/** What every structure but the quasi-diagonal can do. */
export type Spectral = Common | "power" | "spectralNorm" | "eigenvalues"

/** Those that can, and two mixtures of them. */
export const spectralOf = (layers: number): Readonly<Record<string, Structure.AnyStructure<Spectral>>> => ({
  dense: Structure.dense,
  blockDiagonal: Structure.blockDiagonal,
  diagonal: Structure.diagonal,
  kfac: Structure.kfac,
  ekfac: Structure.ekfac,
  gram: Structure.gram,
  unitwise: Structure.unitwise,
  mixed: mixture<Spectral>(layers, [Structure.kfac, Structure.gram, Structure.dense]),
  "mixed, two passes": mixture<Spectral>(layers, [
    Structure.ekfac,
    Structure.diagonal,
    Structure.blockDiagonal
  ])
})

/** What takes shared positions for one: of networks without them it is K-FAC and EKFAC themselves. */
export const sharing: Readonly<Record<string, Structure.AnyStructure<Spectral>>> = {
  kfacReduce: Structure.kfacReduce,
  ekfacReduce: Structure.ekfacReduce
}

/** What a K-FAC Fisher stores, layer by layer. */
export const factorsOf = (
  net: OracleNetwork,
  means: ReadonlyArray<Float32Array>
): ReadonlyArray<KfacFactor> =>
  blocks(net).map((block, l) => ({
    block,
    A: rows(Structure.unpacked(means[2 * l]!)),
    G: rows(Structure.unpacked(means[2 * l + 1]!))
  }))

const dampings = [1e-3, 0.1, 10] as const

/** A damped Fisher written out, its largest eigenvalue over its smallest, and the damping that asks for it. */
export interface DampedForm {
  readonly value: number
  readonly matrix: Matrix
  readonly condition: number
}

const ends = (m: Matrix): readonly [least: number, largest: number] => {
  const spectrum = eigenvalues(m)
  return [spectrum[0]!, spectrum[spectrum.length - 1]!]
}

/** The largest eigenvalue over the smallest. */
export const condition = (m: Matrix): number => {
  const [least, largest] = ends(m)
  return largest / least
}

/** F + value I. */
export const dampedForms = (fisher: Fisher.Fisher<string, Common>): ReadonlyArray<DampedForm> => {
  const matrix = rows(fisher.operations.toDense())
  const [least, largest] = ends(matrix)
  return dampings.map((value) => ({
    value,
    matrix: damped(matrix, value),
    condition: (largest + value) / (least + value)
  }))
}

/** The product of the damped factors of K-FAC. */
export const factoredForms = (
  net: OracleNetwork,
  means: ReadonlyArray<Float32Array>
): ReadonlyArray<DampedForm> =>
  dampings.map((value) => {
    const factors = dampedFactors(factorsOf(net, means), value)
    const products = factors.map(({ A, G }) => [ends(A), ends(G)] as const)
    return {
      value,
      matrix: kfacDense(factors),
      condition:
        Math.max(...products.map(([a, g]) => a[1] * g[1])) /
        Math.min(...products.map(([a, g]) => a[0] * g[0]))
    }
  })
