/** Against NNGeometry's numbers (test/fixtures/nngeometry): relative error at most 1e-5, and 2e-4 for solves and what follows. */

import { Effect, Layer, Result } from "effect"
import { describe, expect, it } from "vitest"
import {
  Conditional,
  Damping,
  type Device,
  Fisher,
  NaturalGradient,
  Sampler,
  Structure
} from "../src/index.ts"
import { type Fixture, fixture, fixtureNames, type SampledFixture } from "./oracle/fixtures.ts"
import { relativeError } from "./oracle/linear.ts"
import { rows, subject } from "./support/subject.ts"
import { everyDevice as devices } from "./support/webgpu.ts"

const product = 1e-5
const solution = 2e-4

/** The label of example n that the fixture drew, draw by draw. */
const given = ({ draws }: SampledFixture): Layer.Layer<Sampler> =>
  Sampler.fromRule("the fixture's draws", ({ example }) =>
    draws[example]!.map((y) => ({ y, weight: 1 / draws[example]!.length }))
  )

/** Our loss has the Gaussian's constant, which the fixtures leave out. */
const constant = ({ likelihood, net }: Fixture): number =>
  likelihood.name.startsWith("gaussian")
    ? (net.layers.at(-1) as { units: number }).units * 0.5 * Math.log(2 * Math.PI)
    : 0

for (const [deviceName, device] of Object.entries(devices)) {
  for (const name of fixtureNames) {
    describe(`${name} on ${deviceName}`, () => {
      const f = fixture(name)
      const { conditional, cotangent, data, params, tangent, x } = subject(f)
      const layers = (sampler: Layer.Layer<Sampler>) => Layer.mergeAll(data, sampler, device)
      const run = <A, E>(
        program: Effect.Effect<A, E, Sampler | Device | Layer.Success<typeof data>>,
        sampler = Sampler.exact
      ) => Effect.runPromise(program.pipe(Effect.provide(layers(sampler))))
      const estimate = <Op extends Structure.Operation>(
        structure: Structure.Structure<Op>,
        sampler = Sampler.exact
      ) => run(Fisher.estimate(conditional, params, structure, { blockSize: 4 }), sampler)
      const g = cotangent(f.v)
      const v = tangent(f.v)
      const values = <E>(result: Result.Result<{ readonly values: Float32Array }, E>) =>
        Result.getOrThrow(result).values

      it("the outputs are NNGeometry's to 1e-5", async () => {
        const z = await run(Conditional.predict(conditional, params, x))
        expect(
          relativeError(
            z,
            f.outputs.flatMap((row) => Array.from(row))
          )
        ).toBeLessThan(product)
      })

      it("dense: F, product, form, trace, norm to 1e-5, solve to 2e-4", async () => {
        const fisher = await estimate(Structure.dense)
        expect(relativeError(rows(Fisher.toDense(fisher)), f.dense.F)).toBeLessThan(product)
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

      it("diagonal: entries, product, trace, norm to 1e-5, solve to 2e-4", async () => {
        const fisher = await estimate(Structure.diagonal)
        expect(relativeError(Fisher.diagonal(fisher), f.diag.diag)).toBeLessThan(product)
        expect(relativeError(values(Fisher.apply(fisher, v)), f.diag.mv)).toBeLessThan(product)
        expect(relativeError(Fisher.trace(fisher), f.diag.trace)).toBeLessThan(product)
        expect(relativeError(Fisher.frobeniusNorm(fisher), f.diag.frobenius)).toBeLessThan(product)
        expect(
          relativeError(values(Fisher.solve(fisher, g, Damping.absolute(f.regul))), f.diag.solve)
        ).toBeLessThan(solution)
      })

      it("blockDiagonal: product, trace, norm to 1e-5, solve to 2e-4", async () => {
        const fisher = await estimate(Structure.blockDiagonal)
        expect(relativeError(values(Fisher.apply(fisher, v)), f.blockdiag.mv)).toBeLessThan(product)
        expect(relativeError(Fisher.trace(fisher), f.blockdiag.trace)).toBeLessThan(product)
        expect(relativeError(Fisher.frobeniusNorm(fisher), f.blockdiag.frobenius)).toBeLessThan(product)
        expect(relativeError(Fisher.diagonal(fisher), f.diag.diag)).toBeLessThan(product)
        expect(
          relativeError(values(Fisher.solve(fisher, g, Damping.absolute(f.regul))), f.blockdiag.solve)
        ).toBeLessThan(solution)
      })

      it("kfac: factors, product, form, trace, norm, diagonal to 1e-5, solve_pi to 2e-4", async () => {
        const fisher = await estimate(Structure.kfac)
        for (const [l, { A_mean, G_mean }] of f.kfac.factors.entries()) {
          expect(relativeError(rows(Structure.unpacked(fisher.means[2 * l]!)), A_mean)).toBeLessThan(product)
          expect(relativeError(rows(Structure.unpacked(fisher.means[2 * l + 1]!)), G_mean)).toBeLessThan(
            product
          )
        }
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

      it("the natural-gradient step: loss, gradient to 1e-5; direction, parameters, loss after to 2e-4", async () => {
        const due = f.natural_gradient_step
        const before = await run(Conditional.lossAndGradient(conditional, params))
        expect(relativeError(before.loss - constant(f), due.loss_before)).toBeLessThan(product)
        expect(relativeError(before.gradient.values, due.grad)).toBeLessThan(product)
        const absolute = { learningRate: due.lr, damping: Damping.absolute(due.damping) }
        const factored = { learningRate: due.lr, damping: Damping.factored(due.damping) }
        const steps = [
          [
            due.dense,
            NaturalGradient.step(params, before.gradient, await estimate(Structure.dense), absolute)
          ],
          [
            due.diag,
            NaturalGradient.step(params, before.gradient, await estimate(Structure.diagonal), absolute)
          ],
          [
            due.blockdiag,
            NaturalGradient.step(params, before.gradient, await estimate(Structure.blockDiagonal), absolute)
          ],
          [
            due.kfac_pi,
            NaturalGradient.step(params, before.gradient, await estimate(Structure.kfac), factored)
          ]
        ] as const
        for (const [theirs, result] of steps) {
          const ours = Result.getOrThrow(result)
          expect(
            relativeError(
              ours.update.values.map((u) => -u / due.lr),
              theirs.direction
            )
          ).toBeLessThan(solution)
          expect(relativeError(ours.params.values, theirs.theta_new)).toBeLessThan(solution)
          const after = await run(Conditional.negativeLogLikelihood(conditional, ours.params))
          expect(relativeError(after - constant(f), theirs.loss_after)).toBeLessThan(solution)
        }
      })

      const empirical = f.empirical_fisher
      if (empirical !== undefined) {
        it("the empirical Fisher to 1e-5", async () => {
          const fisher = await estimate(Structure.dense, Sampler.empirical)
          expect(relativeError(rows(Fisher.toDense(fisher)), empirical.F)).toBeLessThan(product)
          expect(relativeError(Fisher.trace(fisher), empirical.trace)).toBeLessThan(product)
        })
      }

      for (const [draws, sampled] of [
        ["1", f.mc1],
        ["8", f.mc8]
      ] as const) {
        if (sampled === undefined) continue
        it(`the Monte-Carlo Fisher of ${draws} given draws to 1e-5`, async () => {
          const fisher = await estimate(Structure.dense, given(sampled))
          expect(relativeError(rows(Fisher.toDense(fisher)), sampled.F)).toBeLessThan(product)
          const kfac = await estimate(Structure.kfac, given(sampled))
          for (const [l, { A_mean, G_mean }] of sampled.kfac.entries()) {
            expect(relativeError(rows(Structure.unpacked(kfac.means[2 * l]!)), A_mean)).toBeLessThan(product)
            expect(relativeError(rows(Structure.unpacked(kfac.means[2 * l + 1]!)), G_mean)).toBeLessThan(
              product
            )
          }
        })
      }
    })
  }
}
