/**
 * A convolutional network against NNGeometry's numbers (test/fixtures/nngeometry/convnet_softmax.json): relative error at most 1e-5,
 * and 2e-4 for solves and what follows. T = 16 positions, C = 3, N = 4, 2 filters.
 */
import { Effect, Layer, Result } from "effect"
import { describe, expect, it } from "vitest"
import { networkOf } from "../scripts/conformance/network.ts"
import {
  Conditional,
  Damping,
  Fisher,
  Likelihood,
  NaturalGradient,
  Sampler,
  Structure
} from "../src/index.ts"
import { compareConvolution } from "./oracle/fixture-checks.ts"
import { stepStructures } from "./oracle/fixture-steps.ts"
import { convolutionFixture } from "./oracle/fixtures.ts"
import { flatten, relativeError, scale, transpose } from "./oracle/linear.ts"
import { rows, subject } from "./support/subject.ts"
import { everyDevice as devices } from "./support/webgpu.ts"

const product = 1e-5
const solution = 2e-4

const f = convolutionFixture()
const { cotangent, data, params, tangent, x } = subject(f)

describe("the oracle, relative error <= 1e-10", () => {
  it.each(compareConvolution)("%s: equal to NNGeometry's", (_, errors) => {
    for (const error of errors(f)) expect(error).toBeLessThanOrEqual(1e-10)
  })
  it.each(stepStructures)("the natural-gradient step of %s is NNGeometry's", (_, errors) => {
    for (const error of errors(f)) expect(error).toBeLessThanOrEqual(1e-10)
  })
  it("control: positions averaged where they are summed, channels first, rows of A in the file's order are further", () => {
    const [convolution] = f.kfac.factors
    const errors = (change: Partial<typeof f>) =>
      Math.max(...compareConvolution.flatMap(([, of]) => of({ ...f, ...change })))
    expect(errors({})).toBeLessThanOrEqual(1e-10)
    const other = (factor: typeof convolution) => ({
      kfac: { ...f.kfac, factors: [factor!, ...f.kfac.factors.slice(1)] }
    })
    expect(errors(other({ ...convolution!, G_mean: scale(1 / 16, convolution!.G_mean) }))).toBeGreaterThan(
      1e-10
    )
    const A = convolution!.A_mean
    const turned = (i: number) => (i < 9 ? (i % 3) * 3 + Math.floor(i / 3) : i)
    const A_mean = A.map((_, i) => A.map((_, j) => A[turned(i)]![turned(j)]!))
    expect(errors(other({ ...convolution!, A_mean }))).toBeGreaterThan(1e-10)
    const X = f.X.map((image) => flatten(transpose(rows(image))))
    expect(errors({ X })).toBeGreaterThan(1e-10)
  })
})

describe("the network of the file", () => {
  it("is the one that its modules say", () => {
    const { space } = networkOf(f.architecture, f.shape)
    expect(space.signature).toBe("6x6x1 > conv2d(2, 3x3) > tanh > flatten > dense(3)")
    expect(space).toEqual(subject(f).conditional.network.space)
    expect(space.size).toBe(f.theta.length)
  })
})

const conditional = Conditional.make(networkOf(f.architecture, f.shape), Likelihood.categorical)

for (const [deviceName, device] of Object.entries(devices)) {
  describe(`convnet_softmax on ${deviceName}`, () => {
    const layers = Layer.mergeAll(data, Sampler.exact, device)
    const run = <A, E>(program: Effect.Effect<A, E, Layer.Success<typeof layers>>) =>
      Effect.runPromise(program.pipe(Effect.provide(layers)))
    // Blocks of 3 examples and 1.
    const options = { blockSize: 3 }
    const g = cotangent(f.v)
    const v = tangent(f.v)
    const values = <E>(result: Result.Result<{ readonly values: Float32Array }, E>) =>
      Result.getOrThrow(result).values

    it("the outputs are NNGeometry's to 1e-5; control: 1.00003 times them", async () => {
      const z = await run(Conditional.predict(conditional, params, x))
      expect(relativeError(z, flatten(f.outputs))).toBeLessThan(product)
      expect(
        relativeError(
          z.map((value) => 1.00003 * value),
          flatten(f.outputs)
        )
      ).toBeGreaterThan(product)
    })

    it("dense: F, product, form, trace, norm, diagonal to 1e-5, solve to 2e-4; control: F transposed by channels", async () => {
      const fisher = await run(Fisher.estimate(conditional, params, Structure.dense, options))
      const F = rows(Fisher.toDense(fisher))
      expect(relativeError(F, f.dense.F)).toBeLessThan(product)
      const p = f.permutation
      expect(
        relativeError(
          F.map((_, i) => F.map((_, j) => F[p[i]!]![p[j]!]!)),
          f.dense.F
        )
      ).toBeGreaterThan(product)
      expect(relativeError(values(Fisher.apply(fisher, v)), f.dense.mv)).toBeLessThan(product)
      expect(relativeError(Result.getOrThrow(Fisher.quadraticForm(fisher, v)), f.dense.vTMv)).toBeLessThan(
        product
      )
      expect(relativeError(Fisher.trace(fisher), f.dense.trace)).toBeLessThan(product)
      expect(relativeError(Fisher.frobeniusNorm(fisher), f.dense.frobenius)).toBeLessThan(product)
      expect(relativeError(Fisher.diagonal(fisher), f.diag.diag)).toBeLessThan(product)
      expect(
        relativeError(values(Fisher.solve(fisher, g, Damping.absolute(f.regul))), f.dense.solve)
      ).toBeLessThan(solution)
    })

    it("diagonal: entries, product, trace, norm to 1e-5, solve to 2e-4; control: each position squared by itself", async () => {
      const fisher = await run(Fisher.estimate(conditional, params, Structure.diagonal, options))
      expect(relativeError(Fisher.diagonal(fisher), f.diag.diag)).toBeLessThan(product)
      // What K-FAC makes of it: E[a^2] E[sum g^2].
      expect(relativeError(Fisher.diagonal(fisher), f.kfac.diag)).toBeGreaterThan(product)
      expect(relativeError(values(Fisher.apply(fisher, v)), f.diag.mv)).toBeLessThan(product)
      expect(relativeError(Fisher.trace(fisher), f.diag.trace)).toBeLessThan(product)
      expect(relativeError(Fisher.frobeniusNorm(fisher), f.diag.frobenius)).toBeLessThan(product)
      expect(
        relativeError(values(Fisher.solve(fisher, g, Damping.absolute(f.regul))), f.diag.solve)
      ).toBeLessThan(solution)
    })

    it("blockDiagonal: product, trace, norm, diagonal to 1e-5, solve to 2e-4; control: the dense one's product", async () => {
      const fisher = await run(Fisher.estimate(conditional, params, Structure.blockDiagonal, options))
      expect(relativeError(values(Fisher.apply(fisher, v)), f.blockdiag.mv)).toBeLessThan(product)
      expect(relativeError(values(Fisher.apply(fisher, v)), f.dense.mv)).toBeGreaterThan(product)
      expect(relativeError(Fisher.trace(fisher), f.blockdiag.trace)).toBeLessThan(product)
      expect(relativeError(Fisher.frobeniusNorm(fisher), f.blockdiag.frobenius)).toBeLessThan(product)
      expect(relativeError(Fisher.diagonal(fisher), f.diag.diag)).toBeLessThan(product)
      expect(
        relativeError(values(Fisher.solve(fisher, g, Damping.absolute(f.regul))), f.blockdiag.solve)
      ).toBeLessThan(solution)
    })

    it("kfac: factors, product, form, trace, norm, diagonal to 1e-5, solve_pi to 2e-4; control: G averaged over positions", async () => {
      const fisher = await run(Fisher.estimate(conditional, params, Structure.kfac, options))
      for (const [l, { A_mean, G_mean }] of f.kfac.factors.entries()) {
        expect(relativeError(rows(Structure.unpacked(fisher.means[2 * l]!)), A_mean)).toBeLessThan(product)
        expect(relativeError(rows(Structure.unpacked(fisher.means[2 * l + 1]!)), G_mean)).toBeLessThan(
          product
        )
      }
      const [convolution] = f.kfac.factors
      expect(
        relativeError(rows(Structure.unpacked(fisher.means[1]!)), scale(1 / 16, convolution!.G_mean))
      ).toBeGreaterThan(product)
      expect(relativeError(values(Fisher.apply(fisher, v)), f.kfac.mv)).toBeLessThan(product)
      expect(relativeError(Result.getOrThrow(Fisher.quadraticForm(fisher, v)), f.kfac.vTMv)).toBeLessThan(
        product
      )
      expect(relativeError(Fisher.trace(fisher), f.kfac.trace)).toBeLessThan(product)
      expect(relativeError(Fisher.frobeniusNorm(fisher), f.kfac.frobenius)).toBeLessThan(product)
      expect(relativeError(Fisher.diagonal(fisher), f.kfac.diag)).toBeLessThan(product)
      expect(
        relativeError(values(Fisher.solve(fisher, g, Damping.factored(f.regul))), f.kfac.solve_pi)
      ).toBeLessThan(solution)
    })

    it("the natural-gradient step: loss, gradient to 1e-5; direction, parameters, loss after to 2e-4; control: the dense direction for K-FAC's", async () => {
      const due = f.natural_gradient_step
      const before = await run(Conditional.lossAndGradient(conditional, params))
      expect(relativeError(before.loss, due.loss_before)).toBeLessThan(product)
      expect(relativeError(before.gradient.values, due.grad)).toBeLessThan(product)
      const estimate = <Op extends Structure.Operation>(structure: Structure.Structure<Op>) =>
        run(Fisher.estimate(conditional, params, structure, options))
      const absolute = { learningRate: due.lr, damping: Damping.absolute(due.damping) }
      const factored = { learningRate: due.lr, damping: Damping.factored(due.damping) }
      const { gradient } = before
      const steps = [
        [due.dense, NaturalGradient.step(params, gradient, await estimate(Structure.dense), absolute)],
        [due.diag, NaturalGradient.step(params, gradient, await estimate(Structure.diagonal), absolute)],
        [
          due.blockdiag,
          NaturalGradient.step(params, gradient, await estimate(Structure.blockDiagonal), absolute)
        ],
        [due.kfac_pi, NaturalGradient.step(params, gradient, await estimate(Structure.kfac), factored)]
      ] as const
      const direction = (step: NaturalGradient.Step<string>) => step.update.values.map((u) => -u / due.lr)
      for (const [theirs, result] of steps) {
        const ours = Result.getOrThrow(result)
        expect(relativeError(direction(ours), theirs.direction)).toBeLessThan(solution)
        expect(relativeError(ours.params.values, theirs.theta_new)).toBeLessThan(solution)
        const after = await run(Conditional.negativeLogLikelihood(conditional, ours.params))
        expect(relativeError(after, theirs.loss_after)).toBeLessThan(solution)
      }
      expect(relativeError(direction(Result.getOrThrow(steps[0][1])), due.kfac_pi.direction)).toBeGreaterThan(
        solution
      )
    })
  })
}
