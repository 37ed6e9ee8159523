/** Bad input, estimates with errors: options, structures, too little data, a source or a sampler that does not repeat itself. */
import { Effect, Layer, Stream } from "effect"
import { beforeAll, describe } from "vitest"
import {
  Conditional,
  Cotangent,
  DataSource,
  Draws,
  Fisher,
  Likelihood,
  Network,
  Sampler,
  Structure,
  Tangent
} from "../src/index.ts"
import { wide, wideParams } from "./support/programs.ts"
import { type Case, fails, returns } from "./support/refusals.ts"
import { given, ofWidth, params, type Services, small, space, spoilt, wrong } from "./support/small.ts"
import { checkEveryKernel } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const rows = (count: number, features = 3): ReadonlyArray<ReadonlyArray<number>> =>
  Array.from({ length: count }, (_, n) => Array.from({ length: features }, (_, i) => ((n + i) % 7) - 3))
const enough = DataSource.fromArrays({ x: rows(16) })
const monteCarlo = Sampler.monteCarlo({ draws: 2, seed: 0 })

const errors = (
  options: object,
  services: Services = {},
  structure: Structure.AnyStructure<Fisher.Measured> = Structure.kfac
) =>
  given({ source: enough, sampler: monteCarlo, ...services })(
    Fisher.estimateWithErrors(small, params, structure, options)
  )

describe("options", () => {
  const positive = "Give a whole number of at least 1."
  fails([
    ["groupSize 0", () => errors({ groupSize: 0 }), "InvalidArgument", "groupSize is 0", positive],
    ["groupSize -1", () => errors({ groupSize: -1 }), "InvalidArgument", "groupSize is -1", positive],
    ["groupSize 1.5", () => errors({ groupSize: 1.5 }), "InvalidArgument", "groupSize is 1.5", positive],
    [
      "groupSize NaN",
      () => errors({ groupSize: Number.NaN }),
      "InvalidArgument",
      "groupSize is NaN",
      positive
    ],
    ["groupSize infinity", () => errors({ groupSize: 1 / 0 }), "InvalidArgument", "groupSize is Infinity"],
    ["groupSize as text", () => errors({ groupSize: "4" }), "InvalidArgument", 'groupSize is "4"'],
    ["blockSize 0", () => errors({ blockSize: 0 }), "InvalidArgument", "blockSize is 0", positive],
    ["concurrency NaN", () => errors({ concurrency: Number.NaN }), "InvalidArgument", "concurrency is NaN"],
    ["round -1", () => errors({ round: -1 }), "InvalidArgument", "round is -1"],
    ["an option that there is not", () => errors({ groups: 8 }), "InvalidArgument", "groups is 8"],
    ["options that are none", () => errors(wrong(3)), "InvalidArgument", "options is 3"]
  ])
})

describe("directions", () => {
  const other = ofWidth(5).network.space
  const along = (value: unknown) => () => errors({ along: value })
  fails([
    [
      "of another network",
      along([Tangent.make(other, new Float32Array(other.size))]),
      "ShapeMismatch",
      "along[0]",
      "dense(5)",
      "dense(4)"
    ],
    [
      "of another network, the second",
      along([Tangent.make(space, params.values), Tangent.make(other, new Float32Array(other.size))]),
      "ShapeMismatch",
      "along[1]"
    ],
    ["a gradient", along([Cotangent.make(space, params.values)]), "ShapeMismatch", "along[0]", "Cotangent"],
    ["parameters", along([params]), "ShapeMismatch", "along[0]", "Tangent.make"],
    ["numbers", along([1, 2]), "ShapeMismatch", "along[0] is 1"],
    ["null", along([null]), "ShapeMismatch", "along[0] is null"],
    ["one that is no list", along(Tangent.make(space, params.values)), "InvalidArgument", "along is"],
    [
      "with NaN",
      along([spoilt(Tangent.make(space, params.values), Number.NaN)]),
      "NonFinite",
      "form along[0]",
      "NaN"
    ],
    [
      "too long for float32",
      along([Tangent.make(space, new Float32Array(space.size).fill(3e38))]),
      "NonFinite",
      "form along[0]"
    ]
  ])
})

describe("structures", () => {
  const refused = [
    "InvalidArgument",
    "rows",
    "Structure.dense",
    "Structure.ekfac",
    "Structure.diagonal"
  ] as const
  fails([
    ["gram", () => errors({}, {}, Structure.gram), ...refused, "The gram Fisher"],
    [
      "gram in a mixture",
      () => errors({}, {}, Structure.mixed([Structure.gram, Structure.kfac])),
      ...refused,
      "mixed(gram, kfac)"
    ],
    [
      "gram in a mixture of two passes",
      () => errors({}, {}, Structure.mixed([Structure.ekfac, Structure.gram])),
      ...refused,
      "mixed(ekfac, gram)"
    ],
    [
      "gram, without a walk over data that fails",
      () => errors({}, { source: DataSource.fromIterable([wrong(3)]) }, Structure.gram),
      ...refused
    ],
    [
      "a mixture of three for two layers",
      () => errors({}, {}, wrong(Structure.mixed([Structure.kfac]))),
      "ShapeMismatch",
      "Structure.mixed"
    ],
    ["a number", () => errors({}, {}, wrong(3)), "InvalidArgument", "structure is 3"],
    ["null", () => errors({}, {}, wrong(null)), "InvalidArgument", "structure is null"]
  ])
})

describe("too little data", () => {
  const of =
    (count: number, options: object = {}) =>
    () =>
      errors(options, { source: DataSource.fromArrays({ x: rows(count) }) })
  const wideSource = DataSource.fromArrays({ x: rows(1800, 80) })
  const density = Conditional.make(Network.sequential(0, [Network.dense(2)]), Likelihood.categorical)
  fails([
    ["none", of(0), "EmptyData", "at least one"],
    ["one example", of(1), "InvalidArgument", "1 examples are 1 groups", "8 at least", "Give more data."],
    ["7 examples", of(7), "InvalidArgument", "groupSize is 1", "7 examples are 7 groups", "Give more data."],
    [
      "16 examples in groups of 3",
      of(16, { groupSize: 3 }),
      "InvalidArgument",
      "groupSize is 3",
      "16 examples are 6 groups",
      "smaller groupSize"
    ],
    [
      "16 examples in one group",
      of(16, { groupSize: 100 }),
      "InvalidArgument",
      "groupSize is 100",
      "1 groups"
    ],
    [
      "a density without observations",
      () =>
        given({ source: DataSource.density({}), sampler: monteCarlo })(
          Fisher.estimateWithErrors(density, Conditional.init(density, { seed: 0 }), Structure.dense)
        ),
      "InvalidArgument",
      "1 examples are 1 groups"
    ],
    [
      "groups whose sums are too many numbers",
      () =>
        given({ source: wideSource, sampler: Sampler.exact })(
          Fisher.estimateWithErrors(wide, wideParams, Structure.kfac, { groupSize: 1, blockSize: 1800 })
        ),
      "InvalidArgument",
      "groupSize is 1",
      "1800 groups",
      "over the 16777216",
      "larger groupSize"
    ]
  ])
})

/** Draws that depend on how often they were asked for. */
const forgetful = Layer.effect(
  Sampler,
  Effect.sync(() => {
    let asked = 0
    return Sampler.of({
      name: "forgetful",
      draw: ({ batch, size }) =>
        Effect.sync(() =>
          Draws.Cotangents({ columns: 1, cotangents: new Float32Array(batch.examples * size).fill(++asked) })
        )
    })
  })
)
const once = (function* () {
  yield { x: rows(16) }
})()
/** 16 examples in the first pass, other ones in the second. */
const changing = Layer.unwrap(
  Effect.sync(() => {
    let walks = 0
    return DataSource.fromStream({
      name: "changing",
      pass: () =>
        Stream.suspend(() =>
          Stream.succeed({ x: rows(16).map((row) => row.map((value) => value + walks++)) })
        )
    })
  })
)

describe("what does not repeat itself", () => {
  const table: ReadonlyArray<Case> = [
    [
      "an iterator that can be walked once",
      () => errors({}, { source: DataSource.fromIterable(once) }),
      "DataFailure",
      "second walk over iterable",
      "repeat themselves"
    ],
    [
      "a source that changes",
      () => errors({}, { source: changing }),
      "DataFailure",
      "second walk over changing"
    ],
    [
      "a sampler that changes",
      () => errors({}, { sampler: forgetful }),
      "DataFailure",
      "forgetful",
      "repeat themselves"
    ]
  ]
  fails(table)
})

describe("failures on the way", () => {
  fails([
    ["no labels", () => errors({}, { sampler: Sampler.empirical }), "MissingLabels"],
    [
      "parameters of another network",
      () => given({ source: enough })(Fisher.estimateWithErrors(small, wrong(wideParams), Structure.kfac)),
      "ShapeMismatch"
    ]
  ])
})

describe("a level", () => {
  const deviation = { value: 1, bias: 0, standardError: 1, degreesOfFreedom: 9 }
  const level = (value: unknown) => () => Fisher.interval(deviation, wrong(value))
  const remedy = "Give a number between 0 and 1, such as 0.95."
  returns([
    ["of 0", level(0), "InvalidArgument", "level is 0", remedy],
    ["of 1", level(1), "InvalidArgument", "level is 1", remedy],
    ["of -0.5", level(-0.5), "InvalidArgument", "level is -0.5", remedy],
    ["of 95", level(95), "InvalidArgument", "level is 95", remedy],
    ["of NaN", level(Number.NaN), "InvalidArgument", "level is NaN", remedy],
    ["as text", level("0.95"), "InvalidArgument", 'level is "0.95"'],
    ["of null", level(null), "InvalidArgument", "level is null"]
  ])
})
