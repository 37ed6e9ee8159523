/** Quantiles of counts, gamma and Student's t: against sums of masses, other libraries and 40-digit arithmetic. */
import { assert, describe, it } from "@effect/vitest"
import { gamma, negativeBinomial, normal, poisson, studentT } from "../src/random/Distributions.ts"
import { make, uniform } from "../src/random/Key.ts"

const ends = [2 ** -54, 1e-10, 0.01, 0.3, 0.7, 0.99, 1 - 2 ** -30, 1 - 2 ** -53]
const levels = [1e-10, 0.01, 0.3, 0.7, 0.99, 1 - 2 ** -30]
const sortedUniforms = (n: number): ReadonlyArray<number> =>
  Array.from({ length: n }, (_, i) => uniform(make(11), i, 0))
    .concat(ends)
    .sort((a, b) => a - b)
const isMonotone = (quantile: (u: number) => number, n = 1000): boolean => {
  const draws = sortedUniforms(n).map(quantile)
  return draws.every((y, i) => i === 0 || y >= draws[i - 1]!)
}

/** p(0), p(1), ... of a Poisson of this rate, by their recurrence. */
const poissonMasses = (rate: number): ReadonlyArray<number> => {
  const masses = [Math.exp(-rate)]
  for (let y = 1; y < rate + 60 * (1 + Math.sqrt(rate)); y++) masses.push((masses[y - 1]! * rate) / y)
  return masses
}

/** The same for a negative binomial. */
const negativeBinomialMasses = (mean: number, r: number): ReadonlyArray<number> => {
  const masses = [(r / (r + mean)) ** r]
  for (let y = 1; y < 40 * (1 + mean); y++)
    masses.push((masses[y - 1]! * (mean / (r + mean)) * (y - 1 + r)) / y)
  return masses
}

/** How many of 2,000 uniforms have another quantile than the sums of the masses say; a sum within 1e-12 of u counts for both. */
const misses = (quantile: (u: number) => number, masses: ReadonlyArray<number>): number => {
  let sum = 0
  const sums = masses.map((p) => (sum += p))
  return sortedUniforms(2000).filter((u) => {
    const k = quantile(u)
    return !(sums[k]! >= u - 1e-12 && (k === 0 || sums[k - 1]! <= u + 1e-12))
  }).length
}

describe("poisson and negativeBinomial", () => {
  it("are the least count whose distribution function reaches u, at 2,008 u; control: the next count is not", () => {
    for (const rate of [1e-3, 0.7, 3, 40, 300]) {
      const masses = poissonMasses(rate)
      assert.strictEqual(
        misses((u) => poisson(u, rate), masses),
        0
      )
      assert.isAbove(
        misses((u) => poisson(u, rate) + 1, masses),
        1000
      )
      const spread = negativeBinomialMasses(rate, 2.5)
      assert.strictEqual(
        misses((u) => negativeBinomial(u, rate, 2.5), spread),
        0
      )
      assert.isAbove(
        misses((u) => negativeBinomial(u, rate, 2.5) + 1, spread),
        1000
      )
    }
  })

  it("have the quantiles of other libraries at means to 1e6; control: those of twice the mean differ", () => {
    const poissons: ReadonlyArray<readonly [rate: number, quantiles: ReadonlyArray<number>]> = [
      [1e-5, [0, 0, 0, 0, 0, 1]],
      [0.3, [0, 0, 0, 0, 2, 8]],
      [40, [7, 26, 37, 43, 55, 83]],
      [1e4, [9370, 9768, 9947, 10052, 10233, 10607]],
      [1e6, [993645, 997674, 999475, 1000524, 1002327, 1006015]]
    ]
    const binomials: typeof poissons = [
      [0.3, [0, 0, 0, 0, 2, 10]],
      [40, [0, 3, 24, 49, 123, 418]],
      [1e4, [0, 1107, 5999, 12129, 30175, 101698]],
      [1e6, [63, 110859, 599981, 1212886, 3017257, 10168624]]
    ]
    const differs = (quantile: (u: number) => number, due: ReadonlyArray<number>) =>
      levels.some((u, i) => quantile(u) !== due[i])
    for (const [rate, due] of poissons) {
      assert.isFalse(differs((u) => poisson(u, rate), due))
      if (rate > 1e-5) assert.isTrue(differs((u) => poisson(u, 2 * rate), due))
    }
    for (const [mean, due] of binomials) {
      assert.isFalse(differs((u) => negativeBinomial(u, mean, 2.5), due))
      assert.isTrue(differs((u) => negativeBinomial(u, 2 * mean, 2.5), due))
    }
  })

  it("are monotone in u at means 0.3 to 1e15, and 0 and infinite where the mean is", () => {
    for (const mean of [0.3, 30, 1e4, 1e7, 1e15]) {
      assert.isTrue(isMonotone((u) => poisson(u, mean), 200))
      assert.isTrue(isMonotone((u) => negativeBinomial(u, mean, 0.8), 200))
    }
    for (const mean of [0, Number.POSITIVE_INFINITY]) {
      assert.strictEqual(poisson(0.3, mean), mean)
      assert.strictEqual(negativeBinomial(0.3, mean, 2), mean)
    }
  })

  it("poisson: search and expansion meet at a rate of 2^22 within 1 count; control: a normal's are 3 counts off", () => {
    const [under, over] = [2 ** 22 - 2 ** -8, 2 ** 22]
    for (const u of ends) assert.isAtMost(Math.abs(poisson(u, under) - poisson(u, over)), 1)
    const off = ends.map((u) => Math.abs(poisson(u, under) - (under + Math.sqrt(under) * normal(u))))
    assert.isAbove(Math.max(...off), 3)
  })

  it("negativeBinomial: of dispersion 1e15 to 1e300 it is poisson at means 1 to 1e10; control: of 10 it is not", () => {
    for (const mean of [1, 100, 1e5, 1e10]) {
      const off = (dispersion: number): number =>
        Math.max(
          ...levels.map((u) => Math.abs(negativeBinomial(u, mean, dispersion) / poisson(u, mean) - 1) || 0)
        )
      // At 1e15 the variance of a mean of 1e10 is 1e-5 more of itself.
      for (const dispersion of [1e15, 1e16, 1e18, 1e22, 1e26, 1e100, 1e300])
        assert.isAtMost(off(dispersion), mean > 1e9 ? 1e-8 : 0)
      assert.isAbove(off(10), 1e-2)
    }
  })

  it("negativeBinomial: of dispersion 1 it is geometric within 1 and 1e-13 of it, at means e^5 to e^700; control: twice the mean", () => {
    const off = (u: number, mean: number, times: number): number => {
      const due = -Math.log1p(-u) / Math.log1p(1 / mean) - 1
      return (Math.abs(negativeBinomial(u, times * mean, 1) - due) - 1) / Math.max(1, due)
    }
    for (const z of [5, 12, 15, 16, 20, 25, 30, 34, 37, 45, 100, 700]) {
      for (const u of levels) assert.isAtMost(off(u, Math.exp(z), 1), 1e-13)
      assert.isAbove(off(0.7, Math.exp(z), 2), 0.1)
    }
  })

  it("negativeBinomial: search and limits meet within 1 count; control: 3 counts off without their corrections", () => {
    const under = 1 - 2 ** -50
    const meets: ReadonlyArray<readonly [mean: number, dispersion: number]> = [
      [2 ** 18, 2 ** 18],
      [2 ** 18, 2 ** 30]
    ]
    for (const [mean, dispersion] of meets) {
      const deviation = Math.sqrt(mean * (1 + mean / dispersion))
      const searched = ends.map((u) => negativeBinomial(u, mean * under, dispersion))
      ends.forEach((u, i) => {
        assert.isAtMost(Math.abs(searched[i]! - negativeBinomial(u, mean, dispersion)), 1)
      })
      assert.isAbove(
        Math.max(...ends.map((u, i) => Math.abs(searched[i]! - mean - deviation * normal(u)))),
        3
      )
    }
    for (const dispersion of [64, 100, 1000]) {
      const mean = 2 ** 16 * dispersion
      const searched = ends.map((u) => negativeBinomial(u, mean * under, dispersion))
      ends.forEach((u, i) => {
        assert.isAtMost(Math.abs(searched[i]! - negativeBinomial(u, mean, dispersion)), 1)
      })
      const rates = ends.map((u) => (mean * gamma(u, dispersion)) / dispersion)
      assert.isAbove(Math.max(...rates.map((rate, i) => Math.abs(searched[i]! - rate))), 3)
    }
  })

  it("negativeBinomial: 0 or more, not NaN, at means and dispersions from 1e-300 to 1e300", () => {
    const sizes = [1e-300, 1e-100, 1e-10, 1e-3, 1, 1e6, 1e10, 1e16, 1e100, 1e300]
    for (const mean of sizes)
      for (const dispersion of sizes)
        for (const u of ends) assert.isAtLeast(negativeBinomial(u, mean, dispersion), 0)
  })
})

describe("gamma and studentT", () => {
  const at = [1e-10, 0.01, 0.3, 0.7, 0.99, 1 - 2 ** -40]
  const gammas: ReadonlyArray<readonly [shape: number, quantiles: ReadonlyArray<number>]> = [
    [
      0.05,
      [
        5.844632057286653e-201, 5.844632057286532e-41, 2.0378971887326642e-11, 0.00046656368489525837,
        1.0876274000918096, 21.788709280517335
      ]
    ],
    [
      0.5,
      [
        7.853981633974484e-21, 7.854392895485099e-5, 0.07423593091627272, 0.5370970854287925,
        3.317448300510607, 25.515167833748652
      ]
    ],
    [
      2.5,
      [
        0.00016167785731248467, 0.27714903836413857, 1.499954066379953, 3.0322149920774524, 7.543136234694494,
        32.718605696040555
      ]
    ],
    [
      40,
      [
        11.814506651842262, 26.77003864553937, 36.45767115693809, 43.05985495117296, 56.164396260148656,
        101.90466916281275
      ]
    ],
    [
      1e3,
      [
        811.7987627175607, 927.9081597966425, 983.1784467578987, 1016.3382513786677, 1075.032832086435,
        1239.3460253241583
      ]
    ]
  ]
  const students: ReadonlyArray<readonly [nu: number, quantiles: ReadonlyArray<number>]> = [
    [
      0.5,
      [
        -1.02849115631634e19, -1028.4910104716218, -1.0095258786071661, 1.0095258786071661, 1028.49101047162,
        1.243369514116129e23
      ]
    ],
    [
      2.5,
      [
        -8765.437771364572, -5.353111173030874, -0.5973077382523175, 0.5973077382523175, 5.3531111730308725,
        57445.1736883858
      ]
    ],
    [
      5,
      [
        -156.8255927088943, -3.3649299989072188, -0.5594296444693608, 0.5594296444693608, 3.364929998907218,
        401.5031580874538
      ]
    ],
    [
      100,
      [
        -7.083375481400722, -2.364217366238482, -0.5260762706003463, 0.5260762706003463, 2.3642173662384818,
        8.044971788107167
      ]
    ]
  ]
  const worst = (
    quantile: (u: number, parameter: number) => number,
    table: ReadonlyArray<readonly [number, ReadonlyArray<number>]>
  ): number =>
    Math.max(
      ...table.flatMap(([parameter, due]) => at.map((u, i) => Math.abs(quantile(u, parameter) / due[i]! - 1)))
    )

  it("have the quantiles of 40-digit arithmetic to 1e-12 relative; control: a parameter 1e-9 larger has not", () => {
    assert.isAtMost(worst(gamma, gammas), 1e-12)
    assert.isAbove(
      worst((u, shape) => gamma(u, shape * (1 + 1e-9)), gammas),
      1e-12
    )
    assert.isAtMost(worst(studentT, students), 1e-12)
    assert.isAbove(
      worst((u, nu) => studentT(u, nu * (1 + 1e-9)), students),
      1e-12
    )
  })

  it("are those of the exponential and of Cauchy's distribution to 1e-13, at 1,008 u", () => {
    for (const u of sortedUniforms(1000)) {
      assert.isAtMost(Math.abs(gamma(u, 1) / -Math.log1p(-u) - 1), 1e-13)
      const cauchy = -Math.cos(Math.PI * u) / Math.sin(Math.PI * Math.min(u, 1 - u))
      assert.isAtMost(Math.abs(studentT(u, 1) - cauchy), 1e-13 * Math.max(1, Math.abs(cauchy)))
    }
  })

  it("search and expansion meet at 2^22, relative 1e-12; control: a normal distribution is 1e-8 off", () => {
    const [under, over] = [2 ** 22 - 2 ** -30, 2 ** 22]
    const relative = (a: number, b: number): number => Math.abs(a / b - 1)
    for (const u of at) {
      assert.isAtMost(relative(gamma(u, under), gamma(u, over)), 1e-14)
      assert.isAtMost(relative(studentT(u, under), studentT(u, over)), 1e-12)
      assert.isAbove(relative(gamma(u, under), over + Math.sqrt(over) * normal(u)), 1e-8)
      assert.isAbove(relative(studentT(u, under), normal(u)), 1e-8)
    }
  })

  it("tend to the normal quantile, to 1e-5 at shapes of 1e20 and to 1e-9 at degrees of 1e14 to 1e300; control: at 100 they are not near", () => {
    const standard = (u: number, shape: number): number => (gamma(u, shape) - shape) / Math.sqrt(shape)
    for (const u of at) {
      // A shape of 1e21 has an ulp of 4e-6 deviations.
      for (const shape of [1e20, 1e21]) assert.isAtMost(Math.abs(standard(u, shape) - normal(u)), 1e-5)
      for (const nu of [1e14, 1e100, 1e300]) assert.isAtMost(Math.abs(studentT(u, nu) / normal(u) - 1), 1e-9)
      assert.strictEqual(gamma(u, 1e300), 1e300)
      assert.isAbove(Math.abs(standard(u, 100) - normal(u)), 1e-2)
      assert.isAbove(Math.abs(studentT(u, 100) / normal(u) - 1), 1e-3)
    }
  })

  it("are monotone in u, and finite and over 0 at shapes and degrees of 1e-300 to 1e300", () => {
    for (const parameter of [0.3, 1, 40, 1e4]) {
      assert.isTrue(isMonotone((u) => gamma(u, parameter)))
      assert.isTrue(isMonotone((u) => studentT(u, parameter)))
    }
    for (const parameter of [
      1e-300, 1e-100, 1e-17, 1e-14, 1e-10, 1e-3, 0.1, 1, 1e3, 1e6, 1e14, 1e20, 1e300
    ]) {
      for (const u of ends) {
        assert.isTrue(gamma(u, parameter) > 0 && gamma(u, parameter) < Number.POSITIVE_INFINITY)
        assert.isFalse(Number.isNaN(studentT(u, parameter)))
      }
    }
  })
})
