/** Bad input, the options of the samplers: every numeric option with every value that it must refuse, and records that are none. */
import type { Layer } from "effect"
import { beforeAll, describe, expect, it } from "vitest"
import { Fisher, Likelihood, Sampler, Structure } from "../src/index.ts"
import { type Kind, kinds } from "./support/options.ts"
import { type Case, fails } from "./support/refusals.ts"
import { drawn, outputsOf } from "./support/samplers.ts"
import { given, params, small, wrong } from "./support/small.ts"
import { checkEveryKernel } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

interface Made {
  readonly make: (options: never) => Layer.Layer<Sampler, unknown>
  /** Options that are right. */
  readonly right: object
  readonly options: Readonly<Record<string, Kind>>
}

const fixed = { right: { draws: 2, seed: 0 }, options: { draws: "positiveInt", seed: "seed" } } as const

const samplers: Readonly<Record<string, Made>> = {
  monteCarlo: { make: Sampler.monteCarlo, ...fixed },
  stratified: { make: Sampler.stratified, ...fixed },
  antithetic: { make: Sampler.antithetic, ...fixed },
  curvaturePropagation: { make: Sampler.curvaturePropagation, ...fixed },
  untilPrecise: {
    make: Sampler.untilPrecise,
    right: { relativeError: 0.5, maxDraws: 3, seed: 0 },
    options: { relativeError: "positive", maxDraws: "positiveInt", seed: "seed" }
  }
}

const estimate = (make: Made["make"], options: unknown) => () =>
  given({ sampler: make(wrong(options)) })(Fisher.estimate(small, params, Structure.kfac))

for (const [name, { make, options, right }] of Object.entries(samplers)) {
  describe(name, () => {
    it("its right options are taken", () => {
      const outputs = outputsOf(Likelihood.categorical, 3, new Float32Array(6))
      expect(drawn(make(wrong(right)), outputs).columns).toBeGreaterThanOrEqual(1)
    })
    for (const [argument, kind] of Object.entries(options)) {
      fails(
        kinds[kind].values.map((value): Case => {
          const says = [
            `${argument} is ${value}.`,
            ...(typeof value === "number" ? [kinds[kind].remedy] : [])
          ]
          return [
            `${argument} ${value}`,
            estimate(make, { ...right, [argument]: value }),
            "InvalidArgument",
            ...says
          ]
        })
      )
      const { [argument]: _, ...rest } = right as Record<string, unknown>
      fails([[`no ${argument}`, estimate(make, rest), "InvalidArgument", `${argument} is undefined`]])
    }
    fails([
      ["options null", estimate(make, null), "InvalidArgument", "options is null"],
      ["a name that is none", estimate(make, { ...right, samples: 4 }), "InvalidArgument", "samples is 4"],
      ["text for the seed", estimate(make, { ...right, seed: "4" }), "InvalidArgument", '"4"']
    ])
  })
}

describe("draws that come in pairs", () => {
  const remedy = "Give an even number of draws"
  fails(
    [1, 3, 2 ** 53 - 1].map(
      (draws): Case => [
        `antithetic: ${draws} draws`,
        estimate(Sampler.antithetic, { draws, seed: 0 }),
        "InvalidArgument",
        `draws is ${draws}.`,
        remedy
      ]
    )
  )
})

describe("more draws than memory has", () => {
  const many = 2 ** 40
  fails([
    ...["monteCarlo", "stratified", "antithetic", "curvaturePropagation"].map(
      (name): Case => [
        name,
        estimate(samplers[name]!.make, { draws: many, seed: 0 }),
        "InvalidArgument",
        `draws is ${many}`,
        "Give fewer draws"
      ]
    ),
    [
      "untilPrecise",
      estimate(Sampler.untilPrecise, { relativeError: 1, maxDraws: many, seed: 0 }),
      "InvalidArgument",
      `maxDraws is ${many}`,
      "Give fewer draws"
    ]
  ])
})

describe("a round that is none", () => {
  const outputs = outputsOf(Likelihood.categorical, 3, new Float32Array(6))
  for (const [name, { make, right }] of Object.entries(samplers)) {
    const asked = (round: number) => () =>
      given({ sampler: make(wrong(right)) })(Sampler.use((service) => service.draw(outputs, round)))
    fails(
      [-1, 1.5, Number.NaN].map(
        (round): Case => [`${name}: ${round}`, asked(round), "InvalidArgument", `round is ${round}`]
      )
    )
  }
})
