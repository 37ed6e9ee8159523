/** Likelihoods: options, labels and networks that they refuse. */
import { describe, expect, it } from "vitest"
import { Conditional, Likelihood, Network } from "../src/index.ts"
import { wrong } from "./support/small.ts"

const thrown = (make: () => unknown): { readonly _tag: string; readonly message: string } => {
  try {
    make()
  } catch (error) {
    return error as { _tag: string; message: string }
  }
  throw new Error("nothing was thrown")
}

/** Where a typed error is due: its tag, and what its message holds. */
const refused = (make: () => unknown, tag: string, text: string): void => {
  const error = thrown(make)
  expect(error._tag).toBe(tag)
  expect(error.message).toContain(text)
}

const {
  categoricalWith,
  fromLogDensity,
  gamma,
  gaussian,
  mixtureDensity,
  negativeBinomial,
  ordinal,
  positions,
  product,
  studentT,
  vonMises
} = Likelihood

/** The standard normal about z, as one's own. */
const own = {
  name: "own",
  labelSize: 1,
  logDensity: (y: ArrayLike<number>, z: Float64Array) => -((y[0]! - z[0]!) ** 2) / 2,
  score: (y: ArrayLike<number>, z: Float64Array) => [y[0]! - z[0]!],
  sample: (z: Float64Array, uniform: () => number) => [z[0]! + uniform() - 0.5]
}
const notPositive = [0, -1, Number.NaN, Number.POSITIVE_INFINITY, null, undefined, "1"]

describe("options", () => {
  const numbers: Readonly<Record<string, (value: never) => unknown>> = {
    dispersion: (dispersion) => negativeBinomial({ dispersion }),
    shape: (shape) => gamma({ shape }),
    degrees: (degrees) => studentT({ degrees, scale: 1 }),
    scale: (scale) => studentT({ degrees: 3, scale }),
    concentration: (concentration) => vonMises({ concentration }),
    variance: (variance) => gaussian({ variance }),
    "variances.1": (variance) => gaussian({ variances: [1, variance] })
  }
  for (const [argument, make] of Object.entries(numbers)) {
    it(`${argument}: what is not a number from 1e-300 to 1e300 is InvalidArgument; control: both are taken`, () => {
      for (const value of notPositive) refused(() => make(value as never), "InvalidArgument", argument)
      for (const value of [1e-320, 1.7e308])
        refused(() => make(value as never), "InvalidArgument", "Give a number from 1e-300 to 1e300.")
      for (const value of [1e-300, 1e-3, 1e3, 1e300]) expect(() => make(value as never)).not.toThrow()
    })
  }

  it("options of another kind, or of two kinds at once, are InvalidArgument", () => {
    for (const none of [null, undefined, {}, { sigma: 1 }]) {
      refused(() => gaussian(wrong(none)), "InvalidArgument", "options")
      refused(() => gaussian(wrong(none)), "InvalidArgument", "one of variance, variances or covariance.")
    }
    refused(() => gaussian(wrong({ variance: 1, variances: [1] })), "InvalidArgument", "variance")
    refused(() => gaussian(wrong({ variances: [] })), "InvalidArgument", "variances")
    refused(() => gaussian(wrong({ variances: [1], covariance: [[1]] })), "InvalidArgument", "covariance")
    refused(() => gamma(wrong({ rate: 1 })), "InvalidArgument", "rate")
  })

  it("a covariance that is not square, symmetric and finite is InvalidArgument; control: a symmetric one is taken", () => {
    refused(() => gaussian({ covariance: [] }), "InvalidArgument", "not a square matrix")
    refused(() => gaussian({ covariance: [[1, 0]] }), "InvalidArgument", "not a square matrix")
    refused(() => gaussian({ covariance: [[2, 0.5], [0.4, 2]] }), "InvalidArgument", "not symmetric") // biome-ignore format: one matrix
    refused(() => gaussian({ covariance: [[1, Number.NaN], [Number.NaN, 1]] }), "InvalidArgument", "finite") // biome-ignore format: one matrix
    expect(() => gaussian({ covariance: [[2, 0.5], [0.5, 2]] })).not.toThrow() // biome-ignore format: one matrix
  })

  it("a covariance that is not positive definite is NotPositiveDefinite, at the pivot that failed", () => {
    const indefinite = [
      [1, 0.5, 0],
      [0.5, 1, 2],
      [0, 2, 1]
    ]
    refused(() => gaussian({ covariance: indefinite }), "NotPositiveDefinite", "pivot 2")
    refused(() => gaussian({ covariance: [[0]] }), "NotPositiveDefinite", "pivot 0")
    refused(() => gaussian({ covariance: [[4, 2], [2, 1]] }), "NotPositiveDefinite", "pivot 1") // biome-ignore format: one matrix
  })

  it("thresholds that are none, not finite or not increasing are InvalidArgument; control: one is taken", () => {
    for (const thresholds of [[], [1, 1], [2, 1], [0, Number.NaN], [Number.POSITIVE_INFINITY], wrong("01")])
      refused(() => ordinal({ thresholds: thresholds as never }), "InvalidArgument", "thresholds")
    expect(() => ordinal({ thresholds: [0] })).not.toThrow()
  })

  it("heads that are none, no likelihoods, or of no outputs are refused", () => {
    refused(() => product([]), "InvalidArgument", "heads")
    refused(() => product(wrong(null)), "InvalidArgument", "heads")
    refused(() => product([wrong({ outputs: 2 })]), "InvalidArgument", "likelihood")
    refused(() => product([wrong(null)]), "InvalidArgument", "likelihood")
    for (const outputs of [0, 1.5, -1, Number.NaN])
      refused(() => product([{ likelihood: Likelihood.bernoulli, outputs }]), "InvalidArgument", "outputs")
    refused(() => product([{ likelihood: Likelihood.categorical, outputs: 1 }]), "ShapeMismatch", "class")
  })

  it("positions of no likelihood, of outputs that are no whole number or of an ignored label that is none are refused", () => {
    for (const none of [null, undefined, {}, 3])
      refused(() => positions(wrong(none), { outputs: 2 }), "InvalidArgument", "likelihood")
    for (const outputs of [0, 1.5, -1, Number.NaN, null])
      refused(
        () => positions(Likelihood.bernoulli, { outputs: outputs as never }),
        "InvalidArgument",
        "outputs"
      )
    for (const ignored of [Number.NaN, Number.POSITIVE_INFINITY, "-1", null])
      refused(
        () => positions(Likelihood.categorical, { outputs: 3, ignored: ignored as never }),
        "InvalidArgument",
        "ignored"
      )
    refused(() => positions(Likelihood.categorical, { outputs: 1 }), "ShapeMismatch", "class")
    refused(
      () => positions(Likelihood.categorical, wrong({ outputs: 3, ignore: -1 })),
      "InvalidArgument",
      "ignore"
    )
    expect(() => positions(Likelihood.categorical, { outputs: 3, ignored: -1 })).not.toThrow()
  })

  it("class weights that are fewer than 2, below 0 or past 1e-150 to 1e150 are InvalidArgument; control: 0 is taken", () => {
    for (const classWeights of [[], [1], [1, -1], [1, Number.NaN], [1, 1e-200], [1e200, 1], wrong("12")])
      refused(
        () => categoricalWith({ classWeights: classWeights as never }),
        "InvalidArgument",
        "classWeights"
      )
    expect(() => categoricalWith({ classWeights: [0, 1e150] })).not.toThrow()
  })

  it("a mixture of components or dimensions that are no whole numbers of at least 1 is InvalidArgument", () => {
    for (const bad of [0, -1, 1.5, Number.NaN, "2", null]) {
      refused(
        () => mixtureDensity({ components: bad as never, dimensions: 1 }),
        "InvalidArgument",
        "components"
      )
      refused(
        () => mixtureDensity({ components: 1, dimensions: bad as never }),
        "InvalidArgument",
        "dimensions"
      )
    }
  })

  it("a likelihood of one's own without a name, a log-density or a rule, or of no label, is InvalidArgument; control: a whole one", () => {
    const cases: Readonly<Record<string, ReadonlyArray<unknown>>> = {
      name: ["", undefined, 3],
      labelSize: [0, 1.5, undefined],
      outputs: [0, -1, "2"],
      support: [0, Number.NaN, "2"],
      logDensity: [undefined, 3],
      sample: [undefined, [1]],
      score: [3, null],
      holds: [true],
      "closedForms.columns": [{ columns: 0, factor: () => [1], klDivergence: () => 0 }],
      "closedForms.factor": [{ columns: 1, factor: [1], klDivergence: () => 0 }],
      rate: [1]
    }
    for (const [argument, values] of Object.entries(cases)) {
      const [key] = argument.split(".")
      for (const value of values)
        refused(() => fromLogDensity(wrong({ ...own, [key!]: value })), "InvalidArgument", argument)
    }
    expect(() => fromLogDensity(own)).not.toThrow()
  })

  it("a name carries every parameter", () => {
    expect(positions(Likelihood.categorical, { outputs: 3, ignored: -1 }).name).toBe(
      "positions(categorical of 3, ignored -1)"
    )
    expect(categoricalWith({ classWeights: [1, 0.5] }).name).toBe("categorical(class weights 1, 0.5)")
    expect(mixtureDensity({ components: 3, dimensions: 2 }).name).toBe(
      "mixtureDensity(3 components, 2 dimensions)"
    )
    expect(gaussian({ variance: 0.5 }).name).toBe("gaussian(variance 0.5)")
    expect(gaussian({ variances: [1, 2] }).name).toBe("gaussian(variances 1, 2)")
    expect(gaussian({ covariance: [[2, 1], [1, 3]] }).name).toBe("gaussian(covariance 2, 1; 1, 3)") // biome-ignore format: one matrix
    expect(studentT({ degrees: 3, scale: 2 }).name).toBe("studentT(degrees 3, scale 2)")
    expect(
      product([
        { likelihood: Likelihood.categorical, outputs: 3 },
        { likelihood: gamma({ shape: 2 }), outputs: 2 }
      ]).name
    ).toBe("product(categorical of 3, gamma(shape 2) of 2)")
  })
})

const heads = product([
  { likelihood: Likelihood.categorical, outputs: 3 },
  { likelihood: Likelihood.poisson, outputs: 2 }
])

describe("networks", () => {
  it("of another number of outputs are ShapeMismatch; control: the right number is not", () => {
    const cases = [
      [gaussian({ variances: [1, 2] }), 2, 3],
      [gaussian({ covariance: [[2, 1], [1, 3]] }), 2, 1], // biome-ignore format: one matrix
      [Likelihood.heteroscedasticGaussian, 4, 3],
      [heads, 5, 4],
      [positions(Likelihood.categorical, { outputs: 3 }), 9, 10],
      [categoricalWith({ classWeights: [1, 2, 3] }), 3, 4],
      [mixtureDensity({ components: 3, dimensions: 2 }), 12, 11],
      [fromLogDensity({ ...own, outputs: 2 }), 2, 3]
    ] as const
    for (const [likelihood, right, other] of cases) {
      expect(likelihood.misfit(right)).toBeUndefined()
      expect(likelihood.misfit(other)?._tag).toBe("ShapeMismatch")
      refused(
        () => Conditional.make(Network.sequential(2, [Network.dense(other)]), likelihood),
        "ShapeMismatch",
        String(other)
      )
    }
  })

  it("for which a likelihood of one's own has sizes that are none are ShapeMismatch; control: the right number is not", () => {
    const closedForms = { factor: () => [1], klDivergence: () => 0 }
    const cases: Readonly<Record<string, object>> = {
      labelSize: { labelSize: (outputs: number) => outputs / 2 },
      support: { support: (outputs: number) => (outputs % 2 === 0 ? 4 : Number.NaN) },
      "closedForms.columns": { closedForms: { ...closedForms, columns: (outputs: number) => outputs / 2 } }
    }
    for (const [what, changed] of Object.entries(cases)) {
      const likelihood = fromLogDensity(wrong({ ...own, ...changed }))
      expect(likelihood.misfit(4)).toBeUndefined()
      const of3 = [
        () => Conditional.make(Network.sequential(2, [Network.dense(3)]), likelihood),
        () => product([{ likelihood, outputs: 3 }]),
        () => positions(likelihood, { outputs: 3 })
      ]
      for (const make of of3) refused(make, "ShapeMismatch", what)
    }
  })
})

describe("labels", () => {
  const cases: Readonly<
    Record<
      string,
      readonly [
        Likelihood.SampledLikelihood,
        outputs: number,
        bad: ReadonlyArray<number>,
        good: ReadonlyArray<number>
      ]
    >
  > = {
    poisson: [Likelihood.poisson, 2, [-1, 0.5], [0, 7]],
    "negative binomial": [negativeBinomial({ dispersion: 2 }), 2, [-1, 0.5], [0, 7]],
    gamma: [gamma({ shape: 2 }), 2, [0, -1], [1e-300, 7]],
    "Student's t": [studentT({ degrees: 3, scale: 1 }), 2, [], [-7, 0]],
    ordinal: [ordinal({ thresholds: [0, 1] }), 2, [-1, 0.5, 3], [0, 2]],
    "von Mises": [vonMises({ concentration: 2 }), 2, [], [-7, 100]],
    gaussian: [gaussian({ variances: [1, 2] }), 2, [], [-7, 0]],
    heteroscedastic: [Likelihood.heteroscedasticGaussian, 4, [], [-7, 0]],
    positions: [positions(Likelihood.categorical, { outputs: 3, ignored: -1 }), 6, [-2, 3, 0.5], [-1, 2]],
    "a mixture": [mixtureDensity({ components: 3, dimensions: 2 }), 12, [], [-7, 0]],
    "one's own": [fromLogDensity({ ...own, labelSize: 2 }), 3, [], [-7, 0]]
  }
  for (const [name, [likelihood, outputs, bad, good]] of Object.entries(cases)) {
    it(`${name}: NaN, infinity and what it never draws are InvalidLabel; control: labels it draws are not`, () => {
      expect(likelihood.labelSize(outputs)).toBe(2)
      expect(likelihood.invalid(good, outputs, 5)).toBeUndefined()
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, ...bad]) {
        const error = likelihood.invalid([good[0]!, value], outputs, 5)
        expect(error?._tag).toBe("InvalidLabel")
        expect(error?.example).toBe(5)
        expect(error?.message).toContain(String(value))
      }
    })
  }

  it("of heads are those of each: class, then counts", () => {
    expect(heads.invalid([2, 0, 5], 5, 0)).toBeUndefined()
    expect(heads.invalid([3, 0, 5], 5, 1)?.likelihood).toBe("categorical")
    expect(heads.invalid([2, 0, 0.5], 5, 1)?.likelihood).toBe("poisson")
    expect(heads.support(5)).toBe(Number.POSITIVE_INFINITY)
    expect(
      product([
        { likelihood: Likelihood.categorical, outputs: 3 },
        { likelihood: ordinal({ thresholds: [0, 1, 2] }), outputs: 2 }
      ]).support(5)
    ).toBe(48)
  })
})
