/**
 * Structured approximations of a Fisher matrix, each written out as the dense P x P matrix that it stands
 * for.
 */
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
 * Calls `visit` for each unit of the layers with bias: the place of its bias and the places of its weights.
 */
const eachUnit = (
  net: OracleNetwork,
  visit: (bias: number, weights: ReadonlyArray<number>) => void
): void => {
  for (const { bias, inputs, offset, units } of blocks(net)) {
    for (let o = 0; bias && o < units; o++) {
      const places = Array.from({ length: inputs }, (_, i) => offset + i * units + o)
      visit(offset + inputs * units + o, places)
    }
  }
}

/**
 * The diagonal of F and the entries between each weight and the bias of its own unit, zero elsewhere. This
 * is the matrix that NNGeometry calls quasi-diagonal; it can be indefinite.
 */
export const biasArrow = (net: OracleNetwork, f: Matrix): Rows => {
  const total = diagonalPart(f)
  eachUnit(net, (bias, weights) => {
    for (const w of weights) {
      total[w]![bias] = f[w]![bias]!
      total[bias]![w] = f[bias]![w]!
    }
  })
  return total
}

/**
 * Ollivier's quasi-diagonal matrix (arXiv:1303.0818): `biasArrow` completed within each unit by M_ij = M_0i
 * M_0j / M_00 for two weights i != j, 0 the bias. Its inverse is the quasi-diagonal solve. Damping is added
 * to F before the completion.
 */
export const quasiDiagonal = (net: OracleNetwork, f: Matrix): Rows => {
  const total = biasArrow(net, f)
  eachUnit(net, (bias, weights) => {
    for (const i of weights) {
      for (const j of weights) if (i !== j) total[i]![j] = (f[i]![bias]! * f[j]![bias]!) / f[bias]![bias]!
    }
  })
  return total
}

/**
 * Ollivier's solve, unit by unit: v_i = (g_i M_00 - g_0 M_0i) / (M_ii M_00 - M_0i^2), v_0 = g_0 / M_00 -
 * sum_i M_0i v_i / M_00.
 */
export const quasiDiagonalSolve = (net: OracleNetwork, f: Matrix, g: Vector): Float64Array => {
  const v = Float64Array.from(g, (entry, i) => entry / f[i]![i]!)
  eachUnit(net, (bias, weights) => {
    const top = f[bias]![bias]!
    for (const i of weights) {
      const cross = f[i]![bias]!
      v[i] = (g[i]! * top - g[bias]! * cross) / (f[i]![i]! * top - cross ** 2)
      v[bias]! -= (cross / top) * v[i]!
    }
  })
  return v
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
