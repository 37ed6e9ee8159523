/** What the oracle and a reference file both say: each entry gives the relative errors. */
import {
  empiricalFisher,
  gradient,
  type KfacFactor,
  kfacDense,
  sampledFisher,
  sampledKfacFactors
} from "./fisher.ts"
import { type Check, ekfacOf, factorsOf, fisherOf, loss } from "./fixture-quantities.ts"
import type { Fixture, MeanFactors, SampledFixture } from "./fixtures.ts"
import {
  diagonal,
  eigenvalues,
  frobenius,
  type Matrix,
  matmul,
  matvec,
  relativeError,
  solve,
  tabulate,
  trace,
  transpose,
  type Vector
} from "./linear.ts"
import { blocks, jacobian, type OracleNetwork, outputs, size } from "./network.ts"
import { biasArrow, blockDiagonal, damped, dampedFactors, diagonalPart, kfacSolve } from "./structures.ts"

interface Expected {
  readonly mv: Vector
  readonly solve: Vector
  readonly trace: number
  readonly frobenius: number
}

/** A matrix against its product with v, its damped solve, trace and Frobenius norm. */
const operator = (f: Matrix, { regul, v }: Fixture, expected: Expected): ReadonlyArray<number> => [
  relativeError(matvec(f, v), expected.mv),
  relativeError(solve(damped(f, regul), v), expected.solve),
  relativeError(trace(f), expected.trace),
  relativeError(frobenius(f), expected.frobenius)
]

const factorErrors = (ours: ReadonlyArray<KfacFactor>, theirs: ReadonlyArray<MeanFactors>) =>
  ours.flatMap(({ A, G }, l) => [relativeError(A, theirs[l]!.A_mean), relativeError(G, theirs[l]!.G_mean)])

const sampled = ({ X, likelihood, net, theta }: Fixture, expected: SampledFixture) => {
  const f = sampledFisher(net, likelihood, theta, X, expected.draws)
  const factors = sampledKfacFactors(net, likelihood, theta, X, expected.draws)
  return [
    relativeError(f, expected.F),
    relativeError(trace(f), expected.trace),
    ...factorErrors(factors, expected.kfac)
  ]
}

/**
 * NNGeometry's factors as stored, A scaled by sqrt(ncol) and G by its inverse, which a solve with pi = 1
 * depends on.
 */
const storedFactors = ({ kfac, net }: Fixture): ReadonlyArray<KfacFactor> =>
  blocks(net).map((block, l) => ({ block, A: kfac.factors[l]!.A, G: kfac.factors[l]!.G }))

/** Where the file keeps our parameter i: its kernels are [out, in] where ours are [in, out]. */
const placesInFile = (net: OracleNetwork): ReadonlyArray<number> =>
  blocks(net).flatMap(({ inputs, offset, size: length, units }) =>
    Array.from({ length }, (_, k) =>
      k < inputs * units ? offset + (k % units) * inputs + Math.floor(k / units) : offset + k
    )
  )

export const compare: ReadonlyArray<readonly [what: string, check: Check]> = [
  [
    "outputs and Jacobians",
    ({ X, jacobian: expected, net, outputs: z, theta }) => [
      relativeError(
        X.map((x) => outputs(net, theta, x)),
        z
      ),
      ...X.map((x, n) => relativeError(jacobian(net, theta, x), expected[n]!))
    ]
  ],
  [
    "the dense Fisher, its product, form, damped solve, norms and eigenvalues",
    (f) => {
      const F = fisherOf(f)
      const values = eigenvalues(F)
      return [
        relativeError(F, f.dense.F),
        ...operator(F, f, f.dense),
        relativeError(values, f.dense.eigenvalues),
        relativeError(values.at(-1)!, f.dense.spectral)
      ]
    }
  ],
  [
    "the diagonal, its product and damped solve",
    (f) => [
      relativeError(diagonal(fisherOf(f)), f.diag.diag),
      ...operator(diagonalPart(fisherOf(f)), f, f.diag)
    ]
  ],
  [
    "the block diagonal's product and solve",
    (f) => operator(blockDiagonal(f.net, fisherOf(f)), f, f.blockdiag)
  ],
  [
    "the product and solve of the diagonal with the bias couplings",
    (f) => [
      ...operator(biasArrow(f.net, fisherOf(f)), f, f.quasidiag),
      ...blocks(f.net).map(({ inputs, offset, units }, l) =>
        relativeError(
          tabulate(inputs, units, (i, o) => f.dense.F[offset + i * units + o]![offset + inputs * units + o]!),
          f.quasidiag.cross[l]!.values
        )
      )
    ]
  ],
  ["the K-FAC factors", (f) => factorErrors(factorsOf(f), f.kfac.factors)],
  [
    "the K-FAC matrix's product, diagonal and norms, and its solves with pi and with pi = 1",
    (f) => {
      const K = kfacDense(factorsOf(f))
      const withPi = kfacSolve(dampedFactors(factorsOf(f), f.regul), f.v)
      return [
        relativeError(matvec(K, f.v), f.kfac.mv),
        relativeError(diagonal(K), f.kfac.diag),
        relativeError(trace(K), f.kfac.trace),
        relativeError(frobenius(K), f.kfac.frobenius),
        relativeError(withPi, f.kfac.solve_pi),
        relativeError(withPi, f.kfac.inv_pi_mv),
        relativeError(
          kfacSolve(
            dampedFactors(storedFactors(f), f.regul, () => 1),
            f.v
          ),
          f.kfac.solve_nopi
        )
      ]
    }
  ],
  ["the EKFAC matrix's product, solve and norms", (f) => operator(ekfacOf(f), f, f.ekfac)],
  [
    "the tangent kernel J J^T",
    ({ X, net, ntk, theta }) => {
      const J = X.map((x) => jacobian(net, theta, x))
      return J.flatMap((left, i) =>
        J.map((right, j) =>
          relativeError(
            matmul(left, transpose(right)),
            left.map((_, c) => right.map((_, d) => ntk[c]![i]![d]![j]!))
          )
        )
      )
    }
  ],
  [
    "the loss and its gradient",
    (f) => [
      relativeError(loss(f, f.theta), f.natural_gradient_step.loss_before),
      relativeError(gradient(f.net, f.likelihood, f.theta, f.X, f.Y), f.natural_gradient_step.grad)
    ]
  ],
  [
    "the number of parameters and its order",
    (f) => [relativeError(size(f.net), f.theta.length), relativeError(placesInFile(f.net), f.permutation)]
  ]
]

/** What only mlp_softmax holds. */
export const compareSoftmax: typeof compare = [
  ["the Fisher and the K-FAC factors at one given draw per example", (f) => sampled(f, f.mc1!)],
  ["the Fisher and the K-FAC factors at eight given draws per example", (f) => sampled(f, f.mc8!)],
  [
    "the empirical Fisher",
    ({ X, Y, empirical_fisher: expected, likelihood, net, theta }) => {
      const f = empiricalFisher(net, likelihood, theta, X, Y)
      return [relativeError(f, expected!.F), relativeError(diagonal(f), expected!.diag)]
    }
  ]
]
