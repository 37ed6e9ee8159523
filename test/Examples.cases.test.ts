/** The examples are programs that people copy: each runs here, and what it shows is held. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { program as characters, text } from "../examples/characters.ts"
import { program as counts } from "../examples/counts.ts"
import { program as density } from "../examples/density.ts"
import { program as fineTuning } from "../examples/fine-tuning.ts"
import { program as heteroscedastic } from "../examples/heteroscedastic.ts"
import { program as mixtureDensity } from "../examples/mixture-density.ts"
import { relativeDistance } from "../examples/mnist/draws.ts"
import { program as ownFunction, times, truth } from "../examples/own-function.ts"
import { program as ownPipeline } from "../examples/own-pipeline.ts"
import { program as ownSampler } from "../examples/own-sampler.ts"
import {
  Conditional,
  DataSource,
  Device,
  Fisher,
  Likelihood,
  Network,
  Sampler,
  Structure
} from "../src/index.ts"
import { congruence, diagonal, identity, scale, solveMatrix } from "./oracle/linear.ts"

/** The largest relative difference of two lists. */
const difference = (ours: ReadonlyArray<number>, theirs: ReadonlyArray<number>): number =>
  Math.max(...ours.map((value, i) => Math.abs(value - theirs[i]!) / Math.abs(theirs[i]!)))

describe("examples/characters.ts", () => {
  it("80 steps take the loss from over 3 to under 0.6 nats a character, and 7 in 10 triples of what it writes are the text's; control: read backwards", async () => {
    const { after, before, sample } = await Effect.runPromise(characters)
    expect(before).toBeGreaterThan(3)
    expect(after).toBeLessThan(0.6)
    const known = (of: string): number => {
      const triples = Array.from({ length: of.length - 2 }, (_, at) => of.slice(at, at + 3))
      return triples.filter((triple) => text.includes(triple)).length / triples.length
    }
    expect(known(sample)).toBeGreaterThan(0.7)
    expect(known([...sample].toReversed().join(""))).toBeLessThan(0.7)
  })
})

describe("examples/mnist/draws.ts", () => {
  const { dense, diagonal, kfac } = Structure
  for (const structure of [dense, diagonal, kfac]) {
    it(`the distance of two Fishers from their moments is that of the matrices, to 1e-5; control: off-diagonals once [${structure.name}]`, async () => {
      const net = Conditional.make(
        Network.sequential(2, [Network.dense(3), Network.tanh, Network.dense(4)]),
        Likelihood.categorical
      )
      const x = Array.from({ length: 7 }, (_, n) => [Math.sin(n), Math.cos(2 * n)])
      const params = Conditional.init(net, { seed: 1 })
      const estimate = (sampler: typeof Sampler.exact | ReturnType<typeof Sampler.monteCarlo>) =>
        Effect.runPromise(
          Fisher.estimate(net, params, structure).pipe(
            Effect.provide([DataSource.fromArrays({ x }), sampler, Device.cpu])
          )
        )
      const [exact, sampled] = [
        await estimate(Sampler.exact),
        await estimate(Sampler.monteCarlo({ draws: 5, seed: 0 }))
      ]
      const [due, other] = [Fisher.toDense(exact), Fisher.toDense(sampled)]
      const norm = (values: Iterable<number>): number => Math.hypot(...values)
      const apart = due.map((value, i) => other[i]! - value)
      expect(difference([relativeDistance(sampled, exact)], [norm(apart) / norm(due)])).toBeLessThan(1e-5)
      const lower = (matrix: Float32Array) =>
        matrix.filter((_, at) => at % net.network.space.size <= Math.floor(at / net.network.space.size))
      const once = norm(lower(apart)) / norm(lower(due))
      if (structure !== diagonal) {
        expect(difference([once], [norm(apart) / norm(due)])).toBeGreaterThan(1e-5)
      }
    })
  }
})

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

describe("examples/fine-tuning.ts", () => {
  it("8 steps on the 330 weights of the last layer take mirrored digits from under 1 in 2 to over 3 in 4 right", async () => {
    const { after, before, parameters } = await Effect.runPromise(fineTuning)
    expect(parameters).toBe(330)
    expect(before).toBeLessThan(0.5)
    expect(after).toBeGreaterThan(0.75)
  })
})

/** sqrt of the diagonal of (J^T J / variance)^-1 for the oscillation's derivatives by hand. */
const oscillationErrors = ([h, k, w, p]: ReadonlyArray<number>, variance: number): ReadonlyArray<number> => {
  const rows = times.map((t) => {
    const [c, s] = [Math.cos(w! * t + p!), Math.sin(w! * t + p!)]
    const e = Math.exp(-k! * t)
    return Float64Array.of(e * c, -t * h! * e * c, -t * h! * e * s, -h! * e * s)
  })
  const information = scale(1 / variance, congruence(rows, identity(rows.length)))
  return Array.from(diagonal(solveMatrix(information, identity(4))), Math.sqrt)
}

describe("examples/own-function.ts", () => {
  it("the fit is within 4 standard errors of the truth, and they are those of derivatives by hand to 1e-3", async () => {
    const { errors, fitted, losses } = await Effect.runPromise(ownFunction)
    const due = [truth.height, truth.rate, truth.frequency, truth.phase]
    expect(Math.max(...fitted.map((value, i) => Math.abs(value - due[i]!) / errors[i]!))).toBeLessThan(4)
    expect(difference(errors, oscillationErrors(fitted, 0.01))).toBeLessThan(1e-3)
    expect(difference(errors, oscillationErrors(fitted, 0.02))).toBeGreaterThan(0.2)
    // The noise's own: half a nat, and log of the density's height.
    expect(losses.at(-1)).toBeCloseTo(0.5 + 0.5 * Math.log(2 * Math.PI * 0.01), 0)
    expect(Math.abs(losses.at(-1)! - losses.at(-2)!)).toBeLessThan(1e-5)
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

describe("examples/heteroscedastic.ts", () => {
  it("ends a nat lower, with the noise within 20 % and 93 to 98 % of fresh y within two deviations; control: of one noise", async () => {
    const { after, before, noise, withinTwoDeviations } = await Effect.runPromise(heteroscedastic)
    expect(before - after).toBeGreaterThan(1)
    const found = noise.map((each) => each.found)
    const due = noise.map((each) => each.due)
    expect(difference(found, due)).toBeLessThan(0.2)
    expect(difference(noise.map(() => found[2]!), due)).toBeGreaterThan(0.2) // biome-ignore format: one line
    expect(withinTwoDeviations).toBeGreaterThan(0.93)
    expect(withinTwoDeviations).toBeLessThan(0.98)
  })
})

describe("examples/counts.ts", () => {
  it("the truth is within 4 standard errors of the negative binomial fit, and not of the Poisson fit", async () => {
    const { negativeBinomial, poisson } = await Effect.runPromise(counts)
    const far = ({ coefficients, standardErrors }: typeof poisson) =>
      Math.max(...[0.8, -0.6, 0.5].map((due, i) => Math.abs(coefficients[i]! - due) / standardErrors[i]!))
    expect(far(negativeBinomial)).toBeLessThan(4)
    expect(far(poisson)).toBeGreaterThan(4)
    expect(negativeBinomial.after).toBeLessThan(poisson.after - 0.1)
  })
})

describe("examples/mixture-density.ts", () => {
  it("three components are half a nat better than one, and each has an answer within 0.06", async () => {
    const { one, three } = await Effect.runPromise(mixtureDensity)
    expect(one.after).toBeLessThan(one.before)
    expect(three.after).toBeLessThan(one.after - 0.5)
    const worst = (answers: typeof one.answers) =>
      Math.max(...[0.21, 0.5, 0.79].map((t) => Math.min(...answers.map(({ mean }) => Math.abs(mean - t)))))
    expect(worst(three.answers)).toBeLessThan(0.06)
    expect(worst(one.answers)).toBeGreaterThan(0.06)
  })
})
