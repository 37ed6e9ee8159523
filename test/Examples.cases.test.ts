/** The examples are programs that people copy: each runs here, and what it shows is held. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { program as density } from "../examples/density.ts"
import { program as ownPipeline } from "../examples/own-pipeline.ts"
import { program as ownSampler } from "../examples/own-sampler.ts"

/** The largest relative difference of two lists. */
const difference = (ours: ReadonlyArray<number>, theirs: ReadonlyArray<number>): number =>
  Math.max(...ours.map((value, i) => Math.abs(value - theirs[i]!) / Math.abs(theirs[i]!)))

describe("examples/density.ts", () => {
  it("a Gaussian's fit is the sample mean to 1e-6 and its standard error sigma / sqrt(N) to 1e-6", async () => {
    const { gaussian } = await Effect.runPromise(density)
    expect(difference(gaussian.means, gaussian.sampleMeans)).toBeLessThan(1e-6)
    expect(difference([gaussian.standardError], [gaussian.closedForm])).toBeLessThan(1e-6)
    expect(gaussian.closedForm).toBeCloseTo(2 / Math.sqrt(1000), 12)
  })

  it("a categorical's fit is the frequencies to 1e-5 and its standard errors sqrt(p (1 - p) / N) to 1e-4", async () => {
    const { categorical } = await Effect.runPromise(density)
    expect(difference(categorical.probabilities, categorical.frequencies)).toBeLessThan(1e-5)
    expect(difference(categorical.standardErrors, categorical.closedForm)).toBeLessThan(1e-4)
  })
})

describe("examples/own-pipeline.ts", () => {
  it("settles on one trace in both structures' own terms, over all 200 examples in four blocks", async () => {
    const shown = await Effect.runPromise(ownPipeline)
    expect(shown.examples).toBe(200)
    expect(shown.traces).toHaveLength(4)
    expect(shown.diagonal).toBe(shown.traces.at(-1))
    // The trace of the diagonal is E|a|^2 |g|^2; K-FAC's is the product of two means: near, and not the same.
    expect(difference([shown.kfac], [shown.diagonal])).toBeLessThan(0.1)
    expect(shown.kfac).not.toBe(shown.diagonal)
  })
})

describe("examples/own-sampler.ts", () => {
  it("strata have less error than as many independent draws", async () => {
    const { independent, stratified } = await Effect.runPromise(ownSampler)
    expect(stratified).toBeLessThan(0.8 * independent)
    expect(stratified).toBeGreaterThan(0)
  })
})
