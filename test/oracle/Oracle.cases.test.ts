/**
 * Likelihoods, sampling and small networks of the oracle against closed forms, exhaustive sums and
 * differences.
 */
import { assert, describe, it } from "@effect/vitest"
import { likelihoods, makeCase, mlp } from "./cases.ts"
import { enumeratedFisher, sampledFisherVariance, scoreProductVariance } from "./enumeration.ts"
import { type Draws, denseFisher, kfacDense, kfacFactors, sampledFisher } from "./fisher.ts"
import { eps, ratio, unitVector } from "./laws.ts"
import * as Linear from "./linear.ts"
import { type OracleNetwork, outputSize, outputs, size } from "./network.ts"
import { generator } from "./random.ts"
import { damped, quasiDiagonal, quasiDiagonalSolve } from "./structures.ts"

const { relativeError, tabulate } = Linear
const categorical = likelihoods.find(({ name }) => name === "categorical")!
const z = [0.3, -1.1, 0.8]

describe.each(likelihoods)("likelihoods [$name]", (likelihood) => {
  const { closedFormFisher, expectation, fisher, hessian, kl, logProbability, score, support } = likelihood

  it("the probabilities sum to 1 and E[s s^T] is the closed form, ratio <= 50", () => {
    assert.isAtMost(Math.abs(expectation(z, () => 1) - 1), 50 * eps)
    assert.isAtMost(ratio(fisher(z), closedFormFisher(z), 3), 50)
  })

  it("the closed-form KL is E_y[log p(y | z) - log p(y | z')], error <= 1e-13", () => {
    const other = [-0.2, 0.4, 1.5]
    const summed = expectation(z, (y) => logProbability(z, y) - logProbability(other, y))
    assert.isAtMost(relativeError(kl(z, other), summed), 1e-13)
  })

  it("score and Hessian are derivatives of log p, error <= 1e-8, the Hessian one for all y", () => {
    const h = 1e-5
    const at = (t: number, c: number) => Linear.axpy(z, t, unitVector(3, c))
    for (const { y } of support(z)) {
      const first = z.map((_, c) => (logProbability(at(h, c), y) - logProbability(at(-h, c), y)) / (2 * h))
      const second = z.map((_, c) =>
        Linear.axpy(score(at(-h, c), y), -1, score(at(h, c), y)).map((v) => v / (2 * h))
      )
      assert.isAtMost(Linear.norm(Linear.axpy(first, -1, score(z, y))), 1e-8)
      assert.isAtMost(relativeError(second, hessian(z, y)), 1e-8)
      assert.isAtMost(ratio(hessian(z, y), closedFormFisher(z), 3), 50)
    }
  })
})

it("control of L4: with z = P(y = 1) the mean Hessian is the Fisher, but no label's own is", () => {
  const p = 0.3
  const outcomes = [
    { probability: p, score: 1 / p, hessian: 1 / p ** 2 },
    { probability: 1 - p, score: -1 / (1 - p), hessian: 1 / (1 - p) ** 2 }
  ]
  const mean = (f: (o: (typeof outcomes)[number]) => number) =>
    outcomes.reduce((sum, o) => sum + o.probability * f(o), 0)
  const fisher = mean(({ score }) => score ** 2)
  const expected = mean(({ hessian }) => hessian)
  assert.isAtMost(relativeError(expected, fisher), 50 * eps)
  for (const { hessian } of outcomes) assert.isAbove(relativeError(hessian, fisher), 0.5)
})

describe("Monte Carlo", () => {
  it("two draws: mean F, variance half of one draw's, over all 81 joint labels, ratio <= 50", () => {
    const { X, net, theta } = makeCase(categorical, "tanh", 7, mlp(2, [2, 3], "tanh"), 2)
    const F = denseFisher(net, categorical, theta, X)
    const supports = X.map((x) => categorical.support(outputs(net, theta, x)))
    let [mean, variance] = [Linear.zeros(F.length, F.length), Linear.zeros(F.length, F.length)]
    for (let joint = 0; joint < 81; joint++) {
      const picked = [0, 0, 1, 1].map((n, k) => supports[n]![Math.floor(joint / 3 ** k) % 3]!)
      const probability = picked.reduce((product, outcome) => product * outcome.probability, 1)
      const draws: Draws = [picked.slice(0, 2).map(({ y }) => y), picked.slice(2).map(({ y }) => y)]
      const estimate = sampledFisher(net, categorical, theta, X, draws)
      mean = Linear.addScaled(mean, probability, estimate)
      variance = Linear.addScaled(
        variance,
        probability,
        tabulate(F.length, F.length, (i, j) => (estimate[i]![j]! - F[i]![j]!) ** 2)
      )
    }
    assert.isAtMost(ratio(mean, F, F.length), 50)
    assert.isAtMost(
      ratio(Linear.scale(2, variance), sampledFisherVariance(net, categorical, theta, X), F.length),
      50
    )
  })

  it("gaussian: Var[s_i s_j] = L_ii L_jj + L_ij^2 (Isserlis), ratio <= 50", () => {
    const gaussian = likelihoods.find(({ name }) => name.startsWith("gaussian"))!
    const L = gaussian.closedFormFisher(z)
    const expected = tabulate(3, 3, (i, j) => L[i]![i]! * L[j]![j]! + L[i]![j]! ** 2)
    assert.isAtMost(ratio(scoreProductVariance(gaussian, z), expected, 27), 50)
  })
})

describe("networks", () => {
  const density: OracleNetwork = { features: 0, layers: [{ kind: "dense", units: 3, bias: true }] }

  it.each(likelihoods)(
    "a density (no features) has outputs theta and the Fisher of its outputs, ratio <= 50 [$name]",
    (likelihood) => {
      assert.deepStrictEqual(
        [size(density), outputSize(density), Array.from(outputs(density, z, []))],
        [3, 3, z]
      )
      assert.isAtMost(
        ratio(enumeratedFisher(density, likelihood, z, [[], []]), likelihood.closedFormFisher(z), 3),
        50
      )
      assert.isAtMost(ratio(denseFisher(density, likelihood, z, [[]]), likelihood.closedFormFisher(z), 3), 50)
    }
  )

  it.each([true, false])(
    "K-FAC of one example and one layer is its Fisher, ratio <= 50 [bias %s]",
    (bias) => {
      const net: OracleNetwork = { features: 4, layers: [{ kind: "dense", units: 3, bias }] }
      const { X, theta } = makeCase(categorical, "identity", 3, net, 1)
      const F = denseFisher(net, categorical, theta, X)
      assert.isAtMost(ratio(kfacDense(kfacFactors(net, categorical, theta, X)), F, F.length), 50)
    }
  )

  it("Ollivier's solve v has M v = g for the quasi-diagonal M, |M v - g| / (P eps |M| |v|) <= 50", () => {
    const { X, net, theta } = makeCase(categorical, "tanh", 4)
    const f = damped(denseFisher(net, categorical, theta, X), 0.1)
    const g = generator(6).normals(f.length)
    const M = quasiDiagonal(net, f)
    const v = quasiDiagonalSolve(net, f, g)
    const residual = Linear.norm(Linear.axpy(Linear.matvec(M, v), -1, g))
    assert.isAtMost(residual / (f.length * eps * Linear.frobenius(M) * Linear.norm(v)), 50)
  })
})
