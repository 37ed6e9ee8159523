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
import type {
  ConvolutionFixture,
  Fixture,
  MeanFactors,
  PerceptronFixture,
  SampledFixture
} from "./fixtures.ts"
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

/**
 * Where the file keeps our parameter i. Its weights are [out, in], in a convolution [out, channel, kernel row, kernel column]; and
 * where an image was flattened, [out, channel, row, column].
 */
const placesInFile = (net: OracleNetwork): ReadonlyArray<number> =>
  blocks(net).flatMap(({ inputs, layer, offset, size: length, units }) => {
    const own = net.layers[layer]!
    const taps = own.kind === "conv2d" ? own.kernel[0] * own.kernel[1] : pixelsBefore(net, layer)
    const channels = inputs / taps
    const inFile = (i: number) => (i % channels) * taps + Math.floor(i / channels)
    return Array.from({ length }, (_, k) =>
      k < inputs * units ? offset + (k % units) * inputs + inFile(Math.floor(k / units)) : offset + k
    )
  })

/** How many pixels the image has that was flattened right before this layer, or an activation before it; 1 where none was. */
const pixelsBefore = ({ layers, ...net }: OracleNetwork, layer: number): number => {
  for (let l = layer - 1; l >= 0 && layers[l]!.kind !== "dense"; l--) {
    if (layers[l]!.kind !== "conv2d") continue
    return blocks({ ...net, layers }).find((block) => block.layer === l)!.positions
  }
  return 1
}

/** What every file holds. */
export const compareAll: ReadonlyArray<readonly [what: string, check: Check]> = [
  [
    "the outputs",
    ({ X, net, outputs: z, theta }) => [
      relativeError(
        X.map((x) => outputs(net, theta, x)),
        z
      )
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

type Checks<F> = ReadonlyArray<readonly [what: string, check: (fixture: F) => ReadonlyArray<number>]>

/** What the files of fully connected networks hold. */
export const compare: Checks<PerceptronFixture> = [
  ...compareAll,
  [
    "the Jacobians",
    ({ X, jacobian: expected, net, theta }) =>
      X.map((x, n) => relativeError(jacobian(net, theta, x), expected[n]!))
  ],
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
  ]
]

/** What the file of the convolution holds. */
export const compareConvolution: Checks<ConvolutionFixture> = [
  ...compareAll,
  [
    "the diagonal of the empirical Fisher",
    ({ X, Y, empirical_fisher: expected, likelihood, net, theta }) => [
      relativeError(diagonal(empiricalFisher(net, likelihood, theta, X, Y)), expected.diag)
    ]
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
