/** Bad input, values: NaN and infinity in the data and the parameters, labels that cannot be. */
import { Stream } from "effect"
import { beforeAll, describe } from "vitest"
import {
  Conditional,
  Damping,
  DataSource,
  Device,
  Fisher,
  Likelihood,
  Network,
  Params,
  Sampler,
  Structure,
  Training
} from "../src/index.ts"
import { type Case, cases, fails, type Row } from "./support/refusals.ts"
import { given, network, params, small, space, spoilt, wrong, x, y } from "./support/small.ts"
import { checkEveryKernel } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const at = (row: number, column: number, value: number) =>
  x.map((numbers, n) => numbers.map((old, f) => (n === row && f === column ? value : old)))
const labels = (value: number) => y.map((old, n) => (n === 2 ? value : old))
const withData = (data: object) =>
  given({ source: DataSource.fromArrays(wrong(data)) })(Conditional.gradient(small, params))

const numbers: ReadonlyArray<readonly [value: number, shown: string]> = [
  [Number.NaN, "NaN"],
  [Number.POSITIVE_INFINITY, "Infinity"],
  [Number.NEGATIVE_INFINITY, "-Infinity"],
  [1e39, "1e+39"],
  [-1e300, "-1e+300"]
]
const inX = numbers.map(
  ([value, shown]): Row => [
    `${shown} in row 2`,
    () => at(2, 1, value),
    "NonFinite",
    `x holds ${shown}`,
    "index 7"
  ]
)
const inY = numbers.map(
  ([value, shown]): Row => [`${shown} at 2`, () => labels(value), "NonFinite", `y holds ${shown}`, "index 2"]
)

describe("NaN, infinity and what float32 cannot hold, in the data", () => {
  fails(cases("x of predict", (value) => given()(Conditional.predict(small, params, wrong(value))), inX))
  fails(cases("x of the data", (value) => withData({ x: value, y }), inX))
  fails(cases("y of the data", (value) => withData({ x, y: value }), inY))
  fails(
    cases(
      "y of a density",
      (value) =>
        given({ source: DataSource.density({ y: wrong(value) }) })(Conditional.gradient(small, params)),
      inY
    )
  )
})

describe("labels that the likelihood cannot have drawn", () => {
  const labelled = (likelihood: Likelihood.Likelihood, values: unknown) => {
    const source = DataSource.fromArrays({ x, y: wrong(values) })
    const conditional = Conditional.make(network, likelihood)
    return {
      gradient: () => given({ source })(Conditional.gradient(conditional, params)),
      loss: () => given({ source })(Conditional.negativeLogLikelihood(conditional, params)),
      empirical: () =>
        given({ source, sampler: Sampler.empirical })(Fisher.estimate(conditional, params, Structure.kfac))
    }
  }
  for (const value of [2, -1, 0.5, 1.0001]) {
    const programs = Object.entries(labelled(Likelihood.categorical, labels(value)))
    const says = [`is ${Math.fround(value)}`, "example 2", "from 0 to 1"]
    fails(
      programs.map(([of, program]): Case => [`${of}, class ${value} of 2`, program, "InvalidLabel", ...says])
    )
  }
  for (const value of [0.5, 2, -1]) {
    const bits = [
      [0, 1],
      [1, value],
      [0, 0],
      [1, 1]
    ]
    const programs = Object.entries(labelled(Likelihood.bernoulli, bits))
    fails(
      programs.map(
        ([of, program]): Case => [
          `${of}, bit ${value}`,
          program,
          "InvalidLabel",
          `is ${value}`,
          "example 1",
          "0 or 1"
        ]
      )
    )
  }
})

describe("parameters that are not finite, or too large", () => {
  for (const [device, layer] of Object.entries({ cpu: Device.cpu, wasm: Device.wasm })) {
    for (const name of Object.keys(Network.activations) as ReadonlyArray<keyof typeof Network.activations>) {
      const of = Conditional.make(
        Network.sequential(3, [Network.dense(4), Network.activations[name], Network.dense(2)]),
        Likelihood.categorical
      )
      const start = Conditional.init(of, { seed: 0 })
      const huge = Params.make(
        of.network.space,
        start.values.map(() => 1e38)
      )
      const predict = (at: typeof start) => () => given({ device: layer })(Conditional.predict(of, at, x))
      fails([
        [
          `NaN below ${name}, on ${device}`,
          predict(spoilt(start, Number.NaN)),
          "NonFinite",
          "NaN",
          "outputs"
        ],
        [
          `1e38 around ${name}, on ${device}`,
          predict(name === "tanh" || name === "sigmoid" ? spoilt(huge, Number.NaN) : huge),
          "NonFinite",
          "outputs"
        ]
      ])
    }
  }
  const nan = spoilt(params, Number.NaN)
  fails([
    ["gradient at NaN", () => given()(Conditional.gradient(small, nan)), "NonFinite", "NaN"],
    ["loss at NaN", () => given()(Conditional.negativeLogLikelihood(small, nan)), "NonFinite", "NaN"],
    ["klDivergence of NaN", () => given()(Conditional.klDivergence(small, nan, params)), "NonFinite", "NaN"],
    ["klDivergence to NaN", () => given()(Conditional.klDivergence(small, params, nan)), "NonFinite", "NaN"],
    ["estimate at NaN", () => given()(Fisher.estimate(small, nan, Structure.dense)), "NonFinite", "NaN"]
  ])
})

describe("a loss that is no number", () => {
  for (const [shown, value] of [
    ["NaN", Number.NaN],
    ["Infinity", Number.NEGATIVE_INFINITY]
  ] as const) {
    const likelihood = Likelihood.fromLogDensity({
      name: "own",
      labelSize: (outputs) => outputs,
      sample: (z) => z,
      logDensity: () => value,
      score: (_, z) => z.map(() => 0)
    })
    const own = Conditional.make(network, likelihood)
    const source = DataSource.fromArrays({ x, y: x.map(() => [0, 0]) })
    const options = { structure: Structure.dense, damping: Damping.absolute(1), learningRate: 1 }
    const sampler = Sampler.monteCarlo({ draws: 2, seed: 0 })
    fails([
      [
        `${shown} of a step of training`,
        () => given({ source, sampler })(Training.run(own, params, options).pipe(Stream.runHead)),
        "NonFinite",
        shown,
        "loss"
      ]
    ])
  }
})

describe("results that no number holds", () => {
  const narrow = Conditional.make(network, Likelihood.gaussian({ variance: 1e-300 }))
  const far = { source: DataSource.fromArrays({ x, y: x.map(() => [1e9, -1e9]) }) }
  const away = Params.make(
    space,
    params.values.map((value) => value + 1e9)
  )
  fails([
    [
      "variance 1e-300, loss",
      () => given(far)(Conditional.negativeLogLikelihood(narrow, params)),
      "NonFinite",
      "Infinity"
    ],
    [
      "variance 1e-300, klDivergence",
      () => given(far)(Conditional.klDivergence(narrow, params, away)),
      "NonFinite",
      "Infinity"
    ],
    [
      "variance 1e-300, gradient",
      () => given(far)(Conditional.gradient(narrow, params)),
      "NonFinite",
      "Infinity"
    ],
    [
      "variance 1e-300, exact Fisher",
      () => given(far)(Fisher.estimate(narrow, params, Structure.kfac)),
      "NonFinite",
      "Infinity"
    ],
    [
      "inputs of 1e30, dense Fisher",
      () =>
        given({ source: DataSource.fromArrays({ x: [[1e30]] }) })(
          Fisher.estimate(wide, Conditional.init(wide, { seed: 0 }), Structure.dense)
        ),
      "NonFinite",
      "Infinity"
    ]
  ])
  const wide = Conditional.make(
    Network.sequential(1, [Network.dense(1)]),
    Likelihood.gaussian({ variance: 1 })
  )
})
