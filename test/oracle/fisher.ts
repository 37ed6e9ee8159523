/**
 * The Fisher matrix of p(y | x) and what belongs to it, dense and in float64.
 *
 * Everything is a mean over the N examples of `X` (rows x). A Fisher averages over y drawn from the model,
 * exactly or at given draws; the empirical Fisher takes the data's own labels.
 */
import type { Label, OracleLikelihood } from "./likelihoods.ts"
import {
  addOuter,
  axpy,
  congruence,
  identity,
  kron,
  type Matrix,
  matvec,
  meanMatrix,
  type Rows,
  scale,
  transpose,
  type Vector,
  zeros
} from "./linear.ts"
import {
  type Block,
  blocks,
  jacobian,
  layerInputsAndCotangents,
  type OracleNetwork,
  outputSize,
  outputs,
  size
} from "./network.ts"

/** One label for each example. */
export type Labels = ReadonlyArray<Label>

/** Several labels for each example. */
export type Draws = ReadonlyArray<Labels>

/** F = (1/N) sum_n J_n^T E_y[s s^T] J_n, P x P, with the inner expectation over the support of y. */
export const denseFisher = (
  net: OracleNetwork,
  likelihood: OracleLikelihood,
  theta: Vector,
  X: Matrix
): Rows =>
  meanMatrix(X.length, (n) =>
    congruence(jacobian(net, theta, X[n]!), likelihood.fisher(outputs(net, theta, X[n]!)))
  )

/** The function y -> d log p(y | x) / dtheta = J^T s(y). */
export const scoreGradientAt = (
  net: OracleNetwork,
  likelihood: OracleLikelihood,
  theta: Vector,
  x: Vector
): ((y: Label) => Float64Array) => {
  const z = outputs(net, theta, x)
  const backprop = transpose(jacobian(net, theta, x))
  return (y) => matvec(backprop, likelihood.score(z, y))
}

/** (1/(N M)) sum_n sum_m u_nm u_nm^T at the given labels: `draws[n]` holds the M labels of example n. */
export const sampledFisher = (
  net: OracleNetwork,
  likelihood: OracleLikelihood,
  theta: Vector,
  X: Matrix,
  draws: Draws
): Rows => {
  const total = zeros(size(net), size(net))
  X.forEach((x, n) => {
    const scoreGradient = scoreGradientAt(net, likelihood, theta, x)
    const labels = draws[n]!
    for (const y of labels) addOuter(total, 1 / (X.length * labels.length), scoreGradient(y))
  })
  return total
}

/** (1/N) sum_n u_n u_n^T at the data's labels. */
export const empiricalFisher = (
  net: OracleNetwork,
  likelihood: OracleLikelihood,
  theta: Vector,
  X: Matrix,
  Y: Labels
): Rows =>
  sampledFisher(
    net,
    likelihood,
    theta,
    X,
    Y.map((y) => [y])
  )

/** -(1/N) sum_n log p(y_n | x_n), in nats, constants included. */
export const negativeLogLikelihood = (
  net: OracleNetwork,
  likelihood: OracleLikelihood,
  theta: Vector,
  X: Matrix,
  Y: Labels
): number =>
  X.reduce((sum, x, n) => sum - likelihood.logProbability(outputs(net, theta, x), Y[n]!), 0) / X.length

/** The gradient of `negativeLogLikelihood` in theta. */
export const gradient = (
  net: OracleNetwork,
  likelihood: OracleLikelihood,
  theta: Vector,
  X: Matrix,
  Y: Labels
): Float64Array => {
  const zero = new Float64Array(size(net))
  return X.reduce<Float64Array>(
    (sum, x, n) => axpy(sum, -1 / X.length, scoreGradientAt(net, likelihood, theta, x)(Y[n]!)),
    zero
  )
}

/** (1/N) sum_n KL(p_theta(. | x_n) || p_other(. | x_n)), in nats. */
export const kl = (
  net: OracleNetwork,
  likelihood: OracleLikelihood,
  theta: Vector,
  other: Vector,
  X: Matrix
): number =>
  X.reduce((sum, x) => sum + likelihood.kl(outputs(net, theta, x), outputs(net, other, x)), 0) / X.length

export interface KfacFactor {
  readonly block: Block
  /** (1/N) sum_n (1/T) sum_t abar abar^T: the mean over positions. */
  readonly A: Matrix
  /** (1/N) sum_n sum_t E_y[g g^T], g the cotangent at the layer's output: the sum over positions. */
  readonly G: Matrix
}

/** The factors of every layer when E_y[score score^T] of example n is `covariance(n)`; with T positions in the expand form. */
const factorsWith = (
  net: OracleNetwork,
  theta: Vector,
  X: Matrix,
  covariance: (n: number) => Matrix
): ReadonlyArray<KfacFactor> => {
  const units = identity(outputSize(net))
  const samples = X.map((x) => units.map((unit) => layerInputsAndCotangents(net, theta, x, unit)))
  return blocks(net).map((block, l) => ({
    block,
    A: meanMatrix(X.length, (n) =>
      meanMatrix(block.positions, (t) => congruence([samples[n]![0]![l]!.inputs[t]!], [[1]]))
    ),
    G: meanMatrix(X.length, (n) =>
      scale(
        block.positions,
        meanMatrix(block.positions, (t) =>
          congruence(
            samples[n]!.map((rows) => rows[l]!.cotangents[t]!),
            covariance(n)
          )
        )
      )
    )
  }))
}

export const kfacFactors = (
  net: OracleNetwork,
  likelihood: OracleLikelihood,
  theta: Vector,
  X: Matrix
): ReadonlyArray<KfacFactor> =>
  factorsWith(net, theta, X, (n) => likelihood.fisher(outputs(net, theta, X[n]!)))

/** The factors at given labels: E_y becomes the mean over the M draws of each example. */
export const sampledKfacFactors = (
  net: OracleNetwork,
  likelihood: OracleLikelihood,
  theta: Vector,
  X: Matrix,
  draws: Draws
): ReadonlyArray<KfacFactor> =>
  factorsWith(net, theta, X, (n) => {
    const scores = draws[n]!.map((y) => likelihood.score(outputs(net, theta, X[n]!), y))
    return meanMatrix(scores.length, (m) => congruence([scores[m]!], [[1]]))
  })

/** The P x P matrix with the block A (x) G for each dense layer and zeros between layers. */
export const kfacDense = (factors: ReadonlyArray<KfacFactor>): Rows => {
  const width = factors.reduce((sum, { block }) => sum + block.size, 0)
  const total = zeros(width, width)
  for (const { A, block, G } of factors) {
    kron(A, G).forEach((row, i) => total[block.offset + i]!.set(row, block.offset))
  }
  return total
}
