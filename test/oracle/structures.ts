/** Structured approximations of a Fisher matrix, each written out as the dense P x P matrix that it stands for. */
import { type KfacFactor, kfacFactors, scoreGradientAt } from "./fisher.ts"
import type { OracleLikelihood } from "./likelihoods.ts"
import {
  addScaled,
  eigen,
  identity,
  kron,
  type Matrix,
  matmul,
  type Rows,
  solveMatrix,
  tabulate,
  trace,
  transpose,
  type Vector,
  zeros
} from "./linear.ts"
import { type Block, blocks, type OracleNetwork, outputs } from "./network.ts"

/** diag(F), as a matrix. */
export const diagonalPart = (f: Matrix): Rows =>
  tabulate(f.length, f.length, (i, j) => (i === j ? f[i]![i]! : 0))

const within = ({ offset, size }: Block, i: number): boolean => i >= offset && i < offset + size

/** F with everything between two different layers set to zero. */
export const blockDiagonal = (net: OracleNetwork, f: Matrix): Rows =>
  tabulate(f.length, f.length, (i, j) =>
    blocks(net).some((block) => within(block, i) && within(block, j)) ? f[i]![j]! : 0
  )

/**
 * Ollivier's quasi-diagonal matrix. For the unit with bias 0 and weights i: M_00, M_0i, M_ii are F's, and
 * M_ij = M_0i M_0j / M_00 for i != j; zero between units. It is the matrix whose inverse is the quasi-diagonal solve.
 * A layer without bias is diagonal.
 */
export const quasiDiagonal = (net: OracleNetwork, f: Matrix): Rows => {
  const total = diagonalPart(f)
  for (const { bias, inputs, offset, units } of blocks(net)) {
    if (!bias) continue
    for (let o = 0; o < units; o++) {
      const zero = offset + inputs * units + o
      for (let i = 0; i < inputs; i++) {
        const p = offset + i * units + o
        total[p]![zero] = f[p]![zero]!
        total[zero]![p] = f[zero]![p]!
        for (let j = 0; j < inputs; j++) {
          const q = offset + j * units + o
          if (i !== j) total[p]![q] = (f[p]![zero]! * f[q]![zero]!) / f[zero]![zero]!
        }
      }
    }
  }
  return total
}

/** pi = sqrt((tr A / dim A) / (tr G / dim G)) (Martens and Grosse 2015, section 6.3). */
export const kfacPi = ({ A, G }: KfacFactor): number => Math.sqrt(trace(A) / A.length / (trace(G) / G.length))

/** The factors with their damping: A + pi sqrt(damping) I and G + sqrt(damping) / pi I. */
export const dampedFactors = (
  factors: ReadonlyArray<KfacFactor>,
  damping: number,
  piOf: (factor: KfacFactor) => number = kfacPi
): ReadonlyArray<KfacFactor> =>
  factors.map((factor) => {
    const { A, block, G } = factor
    const pi = piOf(factor)
    return {
      block,
      A: addScaled(A, pi * Math.sqrt(damping), identity(A.length)),
      G: addScaled(G, Math.sqrt(damping) / pi, identity(G.length))
    }
  })

/** A^{-1} V G^{-1} for every layer's block V [in + 1, out] of v: the solve with A (x) G. */
export const kfacSolve = (factors: ReadonlyArray<KfacFactor>, v: Vector): Float64Array => {
  const solution = new Float64Array(v.length)
  for (const { A, block, G } of factors) {
    const V = tabulate(A.length, G.length, (i, o) => v[block.offset + i * block.units + o]!)
    const solved = transpose(solveMatrix(G, transpose(solveMatrix(A, V))))
    solved.forEach((row, i) => solution.set(row, block.offset + i * block.units))
  }
  return solution
}

export interface EkfacLayer {
  readonly block: Block
  /** U_A (x) U_G, the eigenbases of the K-FAC factors with ascending eigenvalues. */
  readonly basis: Rows
  /** E[(U_A^T D U_G)^2], [in + 1, out], D the gradient of one example and one label. */
  readonly scales: Rows
}

/** The EKFAC scales of every dense layer, the inner expectation over the support of y. */
export const ekfacLayers = (
  net: OracleNetwork,
  likelihood: OracleLikelihood,
  theta: Vector,
  X: Matrix
): ReadonlyArray<EkfacLayer> =>
  kfacFactors(net, likelihood, theta, X).map(({ A, block, G }) => {
    const [ua, ug] = [eigen(A).vectors, eigen(G).vectors]
    const scales = zeros(A.length, G.length)
    for (const x of X) {
      const scoreGradient = scoreGradientAt(net, likelihood, theta, x)
      for (const { probability, y } of likelihood.support(outputs(net, theta, x))) {
        const u = scoreGradient(y)
        const D = tabulate(A.length, G.length, (i, o) => u[block.offset + i * block.units + o]!)
        matmul(transpose(ua), matmul(D, ug)).forEach((row, i) => {
          row.forEach((entry, o) => {
            scales[i]![o]! += (probability / X.length) * entry ** 2
          })
        })
      }
    }
    return { block, basis: kron(ua, ug), scales }
  })

/** The P x P matrix with the block (U_A (x) U_G) diag(scales) (U_A (x) U_G)^T for each dense layer. */
export const ekfacDense = (layers: ReadonlyArray<EkfacLayer>): Rows => {
  const width = layers.reduce((sum, { block }) => sum + block.size, 0)
  const total = zeros(width, width)
  for (const { basis, block, scales } of layers) {
    const flat = scales.flatMap((row) => Array.from(row))
    const scaled = basis.map((row) => row.map((entry, k) => entry * flat[k]!))
    matmul(scaled, transpose(basis)).forEach((row, i) => total[block.offset + i]!.set(row, block.offset))
  }
  return total
}

/** f + damping I. */
export const damped = (f: Matrix, damping: number): Rows => addScaled(f, damping, identity(f.length))
