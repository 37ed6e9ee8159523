/**
 * What the data's own labels say of what counts: ignored targets and class weights, from the draws to the Fisher and the gradient.
 *
 * The oracle gives each example a likelihood of its own, with the parts that are ignored left out and the rest w times; its Jacobians and
 * sums share no code with the library. P = 57 parameters, N = 7 examples, T = 3 positions of C = 3 outputs.
 */
import { Effect, type Layer } from "effect"
import { describe, expect, it } from "vitest"
import {
  Conditional,
  DataSource,
  Device,
  Fisher,
  Likelihood,
  MatrixFree,
  Network,
  Params,
  Sampler,
  Structure,
  Tangent
} from "../src/index.ts"
import { makeCase, mlp } from "./oracle/cases.ts"
import { nothing, times } from "./oracle/likelihoods/counted.ts"
import { heads } from "./oracle/likelihoods/heads.ts"
import { categorical, gaussian, type OracleLikelihood } from "./oracle/likelihoods.ts"
import {
  addOuter,
  axpy,
  congruence,
  dot,
  type Matrix,
  matvec,
  meanMatrix,
  scale,
  transpose,
  zeros
} from "./oracle/linear.ts"
import { jacobian, outputs } from "./oracle/network.ts"
import { generator } from "./oracle/random.ts"
import { dyadicCase, eps32, matrixError, vectorError } from "./support/measure.ts"
import { rows } from "./support/subject.ts"

const N = 7

/** A library's likelihood, the labels of N examples, and the oracle's likelihood of each of them. */
interface Counted {
  readonly ours: Likelihood.Likelihood
  readonly Y: ReadonlyArray<ReadonlyArray<number>>
  readonly oracles: ReadonlyArray<OracleLikelihood>
  /** Of the same data where every label counts once: what a wrong implementation would take. */
  readonly blind: OracleLikelihood
  readonly outputs: number
}

const targets = [
  [0, 2, -1],
  [1, 1, 2],
  [2, 0, -1],
  [-1, -1, -1],
  [0, 1, -1],
  [2, 2, 0],
  [-1, 0, 1]
]
const three = [0, 1, 2].map(() => ({ oracle: categorical, outputs: 3 }))

const weights = [0.5, 2.5, 0]
const classes = [0, 1, 2, 1, 1, 0, 2]

const problems: Readonly<Record<string, Counted>> = {
  "ignored positions": {
    ours: Likelihood.positions(Likelihood.categorical, { outputs: 3, ignored: -1 }),
    Y: targets,
    oracles: targets.map((y) =>
      heads(y.map((label) => ({ oracle: label === -1 ? nothing(-1) : categorical, outputs: 3 })))
    ),
    blind: heads(three),
    outputs: 9
  },
  "class weights": {
    ours: Likelihood.categoricalWith({ classWeights: weights }),
    Y: classes.map((y) => [y]),
    oracles: classes.map((y) => times(weights[y]!, categorical)),
    blind: categorical,
    outputs: 3
  },
  "class weights at positions, some ignored": {
    ours: Likelihood.positions(Likelihood.categoricalWith({ classWeights: weights }), {
      outputs: 3,
      ignored: -1
    }),
    Y: targets,
    oracles: targets.map((y) =>
      heads(
        y.map((label) => ({
          oracle: label === -1 ? nothing(-1) : times(weights[label]!, categorical),
          outputs: 3
        }))
      )
    ),
    blind: heads(three),
    outputs: 9
  },
  "a head of ignored positions beside a Gaussian one": {
    ours: Likelihood.product([
      { likelihood: Likelihood.gaussian({ variance: 9 }), outputs: 2 },
      { likelihood: Likelihood.positions(Likelihood.categorical, { outputs: 3, ignored: -1 }), outputs: 6 }
    ]),
    Y: targets.map(([a, b], n) => [n / 4, 0.5 - n / 8, a!, b!]),
    oracles: targets.map(([a, b]) =>
      heads([
        { oracle: gaussian(9), outputs: 2 },
        ...[a, b].map((label) => ({ oracle: label === -1 ? nothing(-1) : categorical, outputs: 3 }))
      ])
    ),
    blind: heads([{ oracle: gaussian(9), outputs: 2 }, ...three.slice(1)]),
    outputs: 8
  }
}

const random = generator(5)

for (const [title, { Y, blind, oracles, ours, outputs: C }] of Object.entries(problems)) {
  const net = mlp(2, [4, C], "tanh")
  const { X, theta } = dyadicCase(makeCase(categorical, "tanh", 3, net, N))
  const conditional = Conditional.make(
    Network.sequential(2 as number, [Network.dense(4 as number), Network.tanh, Network.dense(C)]),
    ours
  )
  const { space } = conditional.network
  const params = Params.make(space, Array.from(theta))
  const x = X.map((row) => Array.from(row))
  const labelled = DataSource.fromArrays({ x, y: Y, batchSize: 3 })
  const run =
    (
      sampler: Layer.Layer<Sampler, unknown> = Sampler.exact,
      data: Layer.Layer<DataSource, unknown> = labelled
    ) =>
    <A, E>(program: Effect.Effect<A, E, Sampler | Device | DataSource>) =>
      Effect.runPromise(program.pipe(Effect.provide([data, sampler, Device.wasm])))
  const estimate = (round: number, of = conditional) =>
    Fisher.estimate(of, params, Structure.dense, { round, blockSize: round === 0 ? 4 : 8 })

  const J = X.map((point) => jacobian(net, theta, point))
  const Z = X.map((point) => outputs(net, theta, point))
  const mean = (inner: (n: number) => Matrix) => meanMatrix(N, (n) => congruence(J[n]!, inner(n)))
  // Not of its scores, which are w times those of p.
  const due = mean((n) => oracles[n]!.closedFormFisher(Z[n]!))
  const all = mean((n) => blind.fisher(Z[n]!))
  const P = theta.length
  const unit = P * eps32

  describe(title, () => {
    it("the exact Fisher is the oracle's, ratio <= 10; control: the one where all labels count once is not", async () => {
      const ours = rows(Fisher.toDense(await run()(estimate(0))))
      expect(matrixError(ours, due, unit)).toBeLessThanOrEqual(10)
      expect(matrixError(ours, all, unit)).toBeGreaterThan(10)
    })

    it("it is the generalised Gauss-Newton matrix of the loss that is minimised, ratio <= 10; control: off by 0.1 %", async () => {
      const ours = rows(Fisher.toDense(await run()(estimate(0))))
      const newton = mean((n) => oracles[n]!.hessian(Z[n]!, Y[n]!))
      expect(matrixError(ours, newton, unit)).toBeLessThanOrEqual(10)
      expect(matrixError(ours, scale(1.001, newton), unit)).toBeGreaterThan(10)
    })

    it("loss and gradient are the oracle's, ratio <= 10; control: those where the last label counts once are not", async () => {
      const { gradient, loss } = await run()(
        Conditional.lossAndGradient(conditional, params, { blockSize: 4 })
      )
      const [sums, size] = [new Float64Array(P), new Float64Array(P)]
      let nats = 0
      X.forEach((_, n) => {
        const part = matvec(transpose(J[n]!), oracles[n]!.score(Z[n]!, Y[n]!))
        for (let i = 0; i < P; i++) {
          sums[i]! -= part[i]! / N
          size[i]! += Math.abs(part[i]!) / N
        }
        nats -= oracles[n]!.logProbability(Z[n]!, Y[n]!) / N
      })
      const scaleOf = Math.sqrt(dot(size, size))
      expect(vectorError(gradient.values, sums, unit, scaleOf)).toBeLessThanOrEqual(10)
      expect(vectorError(gradient.values, axpy(sums, 1e-3, size), unit, scaleOf)).toBeGreaterThan(10)
      expect(Math.abs(loss / nats - 1)).toBeLessThanOrEqual(10 * unit)
      expect(await run()(Conditional.negativeLogLikelihood(conditional, params))).toBeCloseTo(loss, 6)
    })

    it("the empirical Fisher is (1/N) sum of w score score^T, ratio <= 10; control: with w^2 or w = 1 it is not", async () => {
      const ours = rows(Fisher.toDense(await run(Sampler.empirical)(estimate(0))))
      const squares = (power: number) => {
        const total = zeros(P, P)
        X.forEach((_, n) => {
          const z = Z[n]!
          // Each part's own score, and how often it counts: parts count apart from each other, but their scores add up in one square.
          const counted = oracles[n]!.score(z, Y[n]!)
          const plain = blind.score(
            z,
            Y[n]!.map((label) => (label === -1 ? 0 : label))
          )
          const root = counted.map((v, c) => (v === 0 ? 0 : plain[c]! * Math.abs(v / plain[c]!) ** power))
          addOuter(total, 1 / N, matvec(transpose(J[n]!), root))
        })
        return total
      }
      expect(matrixError(ours, squares(0.5), unit)).toBeLessThanOrEqual(10)
      const wrong = title.startsWith("class weights") ? squares(1) : all
      expect(matrixError(ours, wrong, unit)).toBeGreaterThan(10)
    })

    const samplers: Readonly<Record<string, Layer.Layer<Sampler, unknown>>> = {
      monteCarlo: Sampler.monteCarlo({ draws: 6, seed: 3 }),
      stratified: Sampler.stratified({ draws: 5, seed: 4 }),
      antithetic: Sampler.antithetic({ draws: 4, seed: 5 }),
      curvaturePropagation: Sampler.curvaturePropagation({ draws: 5, seed: 6 }),
      untilPrecise: Sampler.untilPrecise({ relativeError: 0.2, maxDraws: 64, seed: 7 }),
      "a rule": Sampler.fromRule("a rule", ({ distribution, round, example }) => {
        const own = generator(1000 * round + example)
        return [1, 2, 3, 4, 5, 6].map((k) => ({ y: distribution.sample(own.uniform), weight: k / 21 }))
      })
    }
    for (const [name, sampler] of Object.entries(samplers)) {
      const rounds = name === "untilPrecise" ? 40 : 120
      it(`${name}: 6 forms over ${rounds} rounds are the oracle's within 6 standard errors; control: not where all count once`, async () => {
        const us = Array.from({ length: 6 }, () => random.normals(P))
        const fishers = await run(sampler)(
          Effect.forEach(
            Array.from({ length: rounds }, (_, round) => round),
            (round) => estimate(round)
          )
        )
        const forms = fishers.map((fisher) => {
          const f = rows(Fisher.toDense(fisher))
          return us.map((u) => dot(u, matvec(f, u)))
        })
        const deviation = (target: Matrix) =>
          Math.max(
            ...us.map((u, i) => {
              const values = forms.map((each) => each[i]!)
              const mean = values.reduce((a, b) => a + b, 0) / rounds
              const variance = values.reduce((a, v) => a + (v - mean) ** 2, 0) / (rounds - 1) / rounds
              return Math.abs(mean - dot(u, matvec(target, u))) / Math.sqrt(variance)
            })
          )
        expect(deviation(due)).toBeLessThanOrEqual(6)
        expect(deviation(all)).toBeGreaterThan(6)
      })
    }

    it("K-FAC, a diagonal and products that store nothing take the same columns: traces and forms agree to 1e-4", async () => {
      const u = random.normals(P)
      const [diagonal, product] = await run()(
        Effect.all([
          Fisher.estimate(conditional, params, Structure.diagonal, { blockSize: 4 }),
          MatrixFree.apply(
            MatrixFree.make(conditional, params, { blockSize: 4 }),
            Tangent.make(space, Array.from(u))
          )
        ])
      )
      const trace = due.reduce((sum, row, i) => sum + row[i]!, 0)
      expect(Math.abs(Fisher.trace(diagonal) / trace - 1)).toBeLessThanOrEqual(1e-4)
      expect(vectorError(product.values, matvec(due, u), unit)).toBeLessThanOrEqual(10)
    })

    it("the KL divergence is the oracle's mean to ratio 10; control: that where all labels count once is not", async () => {
      const moved = Array.from(theta, (v, i) => v + (i % 3) / 16)
      const kl = await run()(Conditional.klDivergence(conditional, params, Params.make(space, moved)))
      const between = (of: (n: number) => OracleLikelihood) =>
        X.reduce((sum, point, n) => sum + of(n).kl(Z[n]!, outputs(net, moved, point)) / N, 0)
      expect(Math.abs(kl / between((n) => oracles[n]!) - 1)).toBeLessThanOrEqual(10 * unit)
      expect(Math.abs(kl / between(() => blind) - 1)).toBeGreaterThan(10 * unit)
    })

    it("without labels every sampler and the KL divergence fail with MissingLabels; control: the likelihood that observes nothing does not", async () => {
      const unlabelled = DataSource.fromArrays({ x })
      for (const sampler of [Sampler.exact, Sampler.empirical, ...Object.values(samplers)]) {
        const error = await run(sampler, unlabelled)(Effect.flip(estimate(0)))
        expect(error).toMatchObject({ _tag: "MissingLabels" })
      }
      const error = await run(
        undefined,
        unlabelled
      )(Effect.flip(Conditional.klDivergence(conditional, params, params)))
      expect(error).toMatchObject({ _tag: "MissingLabels" })
      const blindly = Conditional.make(conditional.network, { ...ours, observes: false })
      await run(undefined, unlabelled)(estimate(0, blindly))
    })

    it("labels that are none fail with InvalidLabel, of the wrong number with ShapeMismatch", async () => {
      const spoilt = Y.map((y, n) => (n === 2 ? y.map((label) => label + 0.25) : y))
      const wrong = DataSource.fromArrays({ x, y: spoilt })
      const longer = DataSource.fromArrays({ x, y: Y.map((y) => [...y, 0]) })
      for (const sampler of [Sampler.exact, ...Object.values(samplers)]) {
        expect(await run(sampler, wrong)(Effect.flip(estimate(0)))).toMatchObject({
          _tag: "InvalidLabel",
          example: 2
        })
        expect(await run(sampler, longer)(Effect.flip(estimate(0)))).toMatchObject({ _tag: "ShapeMismatch" })
      }
    })
  })
}
