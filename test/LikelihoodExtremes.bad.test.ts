/** Likelihoods at extreme points: values from 40 digits, and finite numbers or a typed error. */
import { Cause, Effect, Exit } from "effect"
import { describe, expect, it } from "vitest"
import {
  Conditional,
  DataSource,
  Fisher,
  Likelihood,
  Network,
  Params,
  Sampler,
  Structure
} from "../src/index.ts"
import { make as makeKey, uniform } from "../src/random/Key.ts"
import { eps64, ratio } from "./support/ratio.ts"
import { given } from "./support/small.ts"

const { gamma, gaussian, mixtureDensity, negativeBinomial, ordinal, positions, product, studentT, vonMises } =
  Likelihood

describe("values at extreme points, from 40 digits", () => {
  /** In units of the roundoff of z times the score, and of the value. */
  const errorOf = (likelihood: Likelihood.Likelihood, z: number, y: number, due: number): number => {
    const own = likelihood.at([z])
    const size = Math.abs(own.score([y])[0]! * z) + Math.abs(due) + 1
    return ratio(Math.abs(own.logProbability([y]) - due), size * eps64)
  }
  const log1e6 = 13.815510557964274
  const poisson = [
    [40, 235385266837019985, -20.918938533204674],
    [40, 235385267837019968, -23.043115586011634],
    [log1e6, 1000000, -7.826693895520143],
    [log1e6, 1003000, -12.32369838763646],
    [log1e6, 990000, -57.98917376200363]
  ] as const
  const counts = [
    [40, 1e17, -40.340124733262265],
    [-40, 3, -120.86750056770472],
    [300, 1e130, -300.27691296255165],
    [log1e6, 870000, -14.193361075828024]
  ] as const

  it("log p of Poisson and negative binomial counts to 1e130: ratio <= 30; control: off by 1e-6 is not", () => {
    const overdispersed = negativeBinomial({ dispersion: 2.5 })
    for (const [z, y, due] of poisson) {
      expect(errorOf(Likelihood.poisson, z, y, due)).toBeLessThanOrEqual(30)
      expect(errorOf(Likelihood.poisson, z, y, due + 1e-5 * Math.abs(due))).toBeGreaterThan(30)
    }
    for (const [z, y, due] of counts) {
      expect(errorOf(overdispersed, z, y, due)).toBeLessThanOrEqual(30)
      expect(errorOf(overdispersed, z, y, due * (1 + 1e-6))).toBeGreaterThan(30)
    }
  })

  const circle = [
    [0.001, 4.999999375000104e-7, -1.83687731640933],
    [0.5, 0.12124980629040097, -1.3994267855948268],
    [5, 4.466915685220426, -0.14255884223187892],
    [19.9, 19.39337517057283, 0.5699731149693026],
    [20.1, 19.593444776724755, 0.5750390568016748],
    [29.9, 29.39567171464759, 0.7757376230355588],
    [30.1, 29.5957015043267, 0.7790997246394726],
    [700, 699.4998211728982, 2.3564229351472052],
    [1e4, 9999.49998749875, 3.6862191521583534],
    [1e6, 999999.499999875, 5.988816620777402]
  ] as const
  it("von Mises of concentration 0.001 to 1e6: Lambda and log p to ratio <= 10; control: kappa for Lambda is not", () => {
    for (const [concentration, lambda, peak] of circle) {
      const own = vonMises({ concentration }).at([0.3])
      expect(ratio(Math.abs(own.fisher()[0]! - lambda), lambda * eps64)).toBeLessThanOrEqual(10)
      expect(ratio(Math.abs(concentration - lambda), lambda * eps64)).toBeGreaterThan(10)
      expect(
        ratio(Math.abs(own.logProbability([0.3]) - peak), (Math.abs(peak) + 1) * eps64)
      ).toBeLessThanOrEqual(10)
    }
  })

  it("KL of Student's t to 1e-12, of Cauchy's log(1 + d^2 / 4) too; control: with one degree more it is not", () => {
    const divergence = (degrees: number, d: number) =>
      studentT({ degrees, scale: 1 }).at([0]).klDivergence([d])
    const cases = [
      [3, 0.3, 0.6218525025804691],
      [40, 2.5, 10.474598149993977],
      [1e4, 5, 49.774845511195124],
      ...[1e-8, 1e-3, 1, 40, 1e4, 1e8].map((d) => [d, 1, Math.log1p((d * d) / 4)] as const)
    ] as const
    for (const [d, degrees, due] of cases) {
      expect(Math.abs(divergence(degrees, d) / due - 1)).toBeLessThanOrEqual(1e-12)
      expect(Math.abs(divergence(degrees + 1, d) / due - 1)).toBeGreaterThan(1e-12)
    }
  })

  it("KL of Student's t of 1e14 to 1e300 degrees is the normal's to 1e-11, and (nu / 2) log(1 + d^2 / nu); control: d^2 / 2", () => {
    const divergence = (degrees: number, d: number) =>
      studentT({ degrees, scale: 1 }).at([0]).klDivergence([d])
    for (const degrees of [1e14, 1e16, 1e20, 1e100, 1e300])
      for (const d of [1e-9, 1e-3, 1, 5])
        expect(Math.abs(divergence(degrees, d) / (d ** 2 / 2) - 1)).toBeLessThanOrEqual(1e-11)
    for (const d of [1e7, 1e8, 1e10]) {
      const own = divergence(1e14, d)
      expect(Math.abs(divergence(0.999999999e14, d) / own - 1)).toBeLessThanOrEqual(1e-7)
      expect(Math.abs(d ** 2 / 2 / own - 1)).toBeGreaterThan(1e-7)
    }
    expect(studentT({ degrees: 1e300, scale: 1 }).at([0]).score([1e-10])[0]).toBe(1e-10)
  })

  it("von Mises about 1e15: own draws have the mean square score Lambda within 10 %; control: not with angles rounded beside z", () => {
    const z = Math.fround(1e15)
    const own = vonMises({ concentration: 400 })
    const meanSquare = (score: (uniforms: () => number) => number): number => {
      let sum = 0
      for (let draw = 0; draw < 8192; draw++) {
        let slot = 0
        sum += score(() => uniform(makeKey(3), draw, slot++)) ** 2
      }
      return sum / 8192 / own.at([z]).fisher()[0]!
    }
    const right = meanSquare((uniforms) => own.at([z]).score(own.at([z]).sample(uniforms))[0]!)
    const rounded = meanSquare((uniforms) => 400 * Math.sin(z + own.at([0]).sample(uniforms)[0]! - z))
    expect(Math.abs(right - 1)).toBeLessThanOrEqual(0.1)
    expect(Math.abs(rounded - 1)).toBeGreaterThan(0.1)
  })

  it("log p of a Gaussian of variance 1e300 is that of 40 digits to 1e-13", () => {
    const own = gaussian({ variance: 1e300 }).at([0]).logProbability([0])
    expect(Math.abs(own / -346.30670248230967 - 1)).toBeLessThanOrEqual(1e-13)
  })

  it("options from 1e-300 to 1e300: numbers are not NaN, and no KL divergence is below 0", () => {
    for (const value of [1e-300, 1e-100, 1e-17, 1e-10, 1e10, 1e16, 1e100, 1e300]) {
      for (const likelihood of [
        negativeBinomial({ dispersion: value }),
        gamma({ shape: value }),
        studentT({ degrees: value, scale: 1 }),
        studentT({ degrees: 3, scale: value }),
        vonMises({ concentration: value }),
        gaussian({ variance: value })
      ]) {
        for (const z of [-1e38, -40, 0, 0.5, 40, 700, 1e10]) {
          const own = likelihood.at([z])
          const divergences = [0, -40, 1e38].map((other) => own.klDivergence([other]))
          for (const kl of divergences) expect(kl).toBeGreaterThanOrEqual(0)
          const numbers = [...own.fisher(), ...own.factor()]
          for (const u of [2 ** -54, 0.2, 0.9, 1 - 2 ** -53]) {
            const y = own.sample(() => u)
            numbers.push(...y)
            if (likelihood.invalid(y, 1, 0) === undefined)
              numbers.push(...own.score(y), own.logProbability(y))
          }
          expect(numbers.filter(Number.isNaN)).toEqual([])
        }
      }
    }
  })
})

const all: Readonly<Record<string, readonly [Likelihood.Likelihood, outputs: number]>> = {
  poisson: [Likelihood.poisson, 2],
  "negative binomial": [negativeBinomial({ dispersion: 2.5 }), 2],
  gamma: [gamma({ shape: 0.01 }), 2],
  "Student's t": [studentT({ degrees: 1, scale: 1e-3 }), 2],
  ordinal: [ordinal({ thresholds: [-1, 0, 2] }), 2],
  "von Mises": [vonMises({ concentration: 1e4 }), 2],
  "gaussian of variances": [gaussian({ variances: [1e-6, 1e6] }), 2],
  "gaussian of a covariance": [gaussian({ covariance: [[2, 1.9], [1.9, 2]] }), 2], // biome-ignore format: one matrix
  heteroscedastic: [Likelihood.heteroscedasticGaussian, 2],
  positions: [positions(Likelihood.bernoulli, { outputs: 1 }), 2],
  heads: [product([{ likelihood: Likelihood.poisson, outputs: 1 }, { likelihood: Likelihood.bernoulli, outputs: 1 }]), 2] // biome-ignore format: one list
}
const ends = [1e4, 1e38, 700, 40, 0].flatMap((v) => [
  [v, -v],
  [-v, v],
  [v, v],
  [-v, -v]
])

/** For what takes an estimate each. */
const sparse = ends.filter(([a, b]) => a === b || a! > 0).filter((_, i) => i % 2 === 0)

describe("outputs from 0 to 1e38", () => {
  for (const [name, [likelihood, outputs]] of Object.entries(all)) {
    it(`${name}: nothing is NaN, and the KL divergence to itself is 0`, () => {
      const key = makeKey(2)
      for (const [n, z] of ends.entries()) {
        const own = likelihood.at(z)
        const numbers = [...own.fisher(), ...own.factor(), ...ends.map((other) => own.klDivergence(other))]
        for (let draw = 0; draw < 3; draw++) {
          let slot = 0
          const y = own.sample(() => uniform(key, draw, 100 * n + slot++))
          numbers.push(...y)
          if (likelihood.invalid(y, outputs, 0) === undefined)
            numbers.push(...own.score(y), own.logProbability(y))
        }
        expect(numbers.filter(Number.isNaN)).toEqual([])
        expect(own.klDivergence(z)).toBe(0)
      }
    })

    it(`${name}: exact and sampled Fishers are finite, or a typed error`, async () => {
      const conditional = Conditional.make(Network.sequential(0, [Network.dense(outputs)]), likelihood)
      const source = DataSource.density({ y: [[0, 1], [1, 0]] }) // biome-ignore format: one matrix
      for (const z of sparse) {
        const at = Params.make(conditional.network.space, z)
        for (const sampler of [Sampler.exact, Sampler.monteCarlo({ draws: 3, seed: 0 })]) {
          const exit = await Effect.runPromiseExit(
            given({ source, sampler })(Fisher.estimate(conditional, at, Structure.dense))
          )
          if (Exit.isSuccess(exit))
            expect(Array.from(Fisher.toDense(exit.value)).every(Number.isFinite)).toBe(true)
          else {
            expect(Cause.hasDies(exit.cause)).toBe(false)
            expect(String(exit.cause)).toMatch(/NonFinite|InvalidLabel/)
          }
        }
      }
    })
  }
})

describe("a mixture of outputs from 0 to 1e38", () => {
  const mixture = mixtureDensity({ components: 2, dimensions: 1 })
  const points = [1e38, 1e4, 700, 40, 0].flatMap(
    (a) =>
    [0, 1, 2, 3, 4, 5].flatMap((c) => [1, -1].map((sign) => Array.from({ length: 6 }, (_, i) => (i === c ? sign * a : i === (c + 3) % 6 ? a / 2 : 0.5)))) // biome-ignore format: one table
  )

  it("nothing is NaN, of own draws and of labels from -1e38 to 1e38", () => {
    const key = makeKey(4)
    for (const [n, z] of points.entries()) {
      const own = mixture.at(z)
      const numbers: Array<number> = []
      const labels = [[-1e38], [-3], [0], [0.5], [700], [1e38]]
      for (let draw = 0; draw < 3; draw++) {
        let slot = 0
        const y = own.sample(() => uniform(key, draw, 100 * n + slot++))
        if (mixture.invalid(y, 6, 0) === undefined) labels.push(Array.from(y))
      }
      for (const y of labels) numbers.push(...own.score(y), own.logProbability(y))
      expect(numbers.filter(Number.isNaN)).toEqual([])
    }
  })
})
