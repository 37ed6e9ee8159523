/** Bad input, numbers: every numeric option of the public interface with every value that it must refuse. */
import { Stream } from "effect"
import { beforeAll, describe } from "vitest"
import {
  Blocks,
  Conditional,
  Damping,
  DataSource,
  Distributions,
  Fisher,
  Init,
  Key,
  Likelihood,
  NaturalGradient,
  Network,
  Params,
  Sampler,
  Structure,
  Tangent,
  Training
} from "../src/index.ts"
import {
  effectPlaces,
  fisher,
  gradient,
  kinds,
  type Place,
  resultPlaces,
  thrownPlaces
} from "./support/options.ts"
import { type Case, fails, returns, throws } from "./support/refusals.ts"
import { given, params, small, space, wrong, x, y } from "./support/small.ts"
import { checkEveryKernel } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const everyValue = (places: ReadonlyArray<Place>): ReadonlyArray<Case> =>
  places.flatMap(([where, argument, kind, program]) =>
    kinds[kind].values.map((value): Case => {
      const says = `${argument} is ${value}.`
      return typeof value === "number"
        ? [
            `${where}, ${argument} ${value}`,
            () => program(wrong(value)),
            "InvalidArgument",
            says,
            kinds[kind].remedy
          ]
        : [`${where}, ${argument} ${value}`, () => program(wrong(value)), "InvalidArgument", says]
    })
  )

describe("every numeric option, every value out of its range", () => {
  fails(everyValue(effectPlaces))
  returns(everyValue(resultPlaces))
  throws(everyValue(thrownPlaces))
})

const estimate = (options: unknown) =>
  given()(Fisher.estimate(small, params, Structure.dense, wrong(options)))
const train = (options: unknown) =>
  given()(Training.run(small, params, wrong(options)).pipe(Stream.take(1), Stream.runDrain))
const settings = { learningRate: 0.1, structure: Structure.dense, damping: Damping.absolute(1) }
const step = (options: unknown) => NaturalGradient.step(params, gradient, fisher, wrong(options))
const withSource = (options: object) =>
  given({ source: DataSource.fromArrays(wrong(options)) })(Conditional.gradient(small, params))
const withSampler = (options: unknown) =>
  given({ sampler: Sampler.monteCarlo(wrong(options)) })(Fisher.estimate(small, params, Structure.dense))

describe("the value is shown as what it is", () => {
  fails([
    ["text for blockSize", () => estimate({ blockSize: "4" }), "InvalidArgument", "blockSize is", '"4"'],
    [
      "text for batchSize",
      () => withSource({ x, y, batchSize: "4" }),
      "InvalidArgument",
      "batchSize is",
      '"4"'
    ],
    ["a big integer for round", () => estimate({ round: 4n }), "InvalidArgument", "round is 4n"],
    ["a list for concurrency", () => estimate({ concurrency: [4] }), "InvalidArgument", "concurrency is [4]"],
    ["a record for pass", () => estimate({ pass: { n: 4 } }), "InvalidArgument", "pass is", '"n"'],
    ["a value without text", () => estimate({ pass: Object.create(null) }), "InvalidArgument", "pass is"],
    ["unbounded concurrency", () => estimate({ concurrency: "unbounded" }), "InvalidArgument", "unbounded"]
  ])
  returns([
    [
      "text for damping",
      () => Fisher.solve(fisher, gradient, Damping.absolute(wrong("1"))),
      "InvalidArgument",
      '"1"'
    ],
    [
      "a bare number for damping",
      () => Fisher.solve(fisher, gradient, wrong(0.25)),
      "InvalidArgument",
      "0.25",
      "Absolute"
    ],
    ["no damping", () => Fisher.solve(fisher, gradient, wrong(undefined)), "InvalidArgument", "undefined"],
    [
      "a damping of no kind",
      () => Fisher.solve(fisher, gradient, wrong({ _tag: "Relative", value: 1 })),
      "InvalidArgument",
      "Relative"
    ]
  ])
  throws([
    ["text for units", () => Network.dense(wrong("4")), "InvalidArgument", '"4"'],
    [
      "an init of no kind",
      () => Conditional.init(small, { seed: 0, init: wrong({ _tag: "Xavier" }) }),
      "InvalidArgument",
      "Xavier"
    ],
    ["text for init", () => Conditional.init(small, { seed: 0, init: wrong("he") }), "InvalidArgument", "he"],
    ["text for bias", () => Network.dense(4, { bias: wrong("no") }), "InvalidArgument", "bias is", "no"]
  ])
})

describe("options that are no record, or hold a name that is none", () => {
  fails([
    ["Fisher.estimate, options null", () => estimate(null), "InvalidArgument", "options is null"],
    ["Fisher.estimate, options text", () => estimate("exact"), "InvalidArgument", "exact"],
    ["Fisher.estimate, blocksize", () => estimate({ blocksize: 4 }), "InvalidArgument", "blocksize is 4"],
    [
      "Fisher.estimate, no structure",
      () => given()(Fisher.estimate(small, params, wrong(undefined))),
      "InvalidArgument",
      "undefined"
    ],
    [
      "Conditional.gradient, batchSize",
      () => given()(Conditional.gradient(small, params, wrong({ batchSize: 4 }))),
      "InvalidArgument",
      "batchSize is 4"
    ],
    ["Training.run, options null", () => train(null), "InvalidArgument", "null"],
    [
      "Training.run, momentun",
      () => train({ ...settings, momentun: 0.5 }),
      "InvalidArgument",
      "momentun is 0.5"
    ],
    [
      "Training.run, no structure",
      () => train({ ...settings, structure: undefined }),
      "InvalidArgument",
      "structure is undefined"
    ],
    [
      "Training.run, no damping",
      () => train({ ...settings, damping: undefined }),
      "InvalidArgument",
      "damping is undefined"
    ],
    ["Sampler.monteCarlo, options null", () => withSampler(null), "InvalidArgument", "options is null"],
    ["Sampler.monteCarlo, no seed", () => withSampler({ draws: 1 }), "InvalidArgument", "seed is undefined"],
    [
      "Sampler.monteCarlo, samples",
      () => withSampler({ draws: 1, seed: 0, samples: 3 }),
      "InvalidArgument",
      "samples is 3"
    ],
    ["DataSource.fromArrays, options null", () => withSource(wrong(null)), "InvalidArgument", "null"],
    [
      "DataSource.fromArrays, batchsize",
      () => withSource({ x, y, batchsize: 4 }),
      "InvalidArgument",
      "batchsize is 4"
    ],
    ["DataSource.fromArrays, labels", () => withSource({ x, labels: y }), "InvalidArgument", "labels is"],
    [
      "DataSource.fromArrays, shuffle true",
      () => withSource({ x, y, shuffle: true }),
      "InvalidArgument",
      "shuffle is true"
    ],
    [
      "DataSource.density, x",
      () => given({ source: DataSource.density(wrong({ x })) })(Conditional.gradient(small, params)),
      "InvalidArgument",
      "x is"
    ]
  ])
  returns([
    ["NaturalGradient.step, options null", () => step(null), "InvalidArgument", "null"],
    [
      "NaturalGradient.step, maxkl",
      () => step({ learningRate: 1, damping: Damping.absolute(1), maxkl: 1 }),
      "InvalidArgument",
      "maxkl is 1"
    ],
    [
      "NaturalGradient.step, no damping",
      () => step({ learningRate: 1 }),
      "InvalidArgument",
      "damping is undefined"
    ]
  ])
  throws([
    [
      "Conditional.init, options null",
      () => Conditional.init(small, wrong(null)),
      "InvalidArgument",
      "options is null"
    ],
    ["Conditional.init, sead", () => Conditional.init(small, wrong({ sead: 1 })), "InvalidArgument", "sead"],
    [
      "Network.dense, biass",
      () => Network.dense(4, wrong({ biass: false })),
      "InvalidArgument",
      "biass is false"
    ],
    [
      "Likelihood.gaussian, options null",
      () => Likelihood.gaussian(wrong(null)),
      "InvalidArgument",
      "options is null"
    ],
    ["Likelihood.gaussian, sigma", () => Likelihood.gaussian(wrong({ sigma: 1 })), "InvalidArgument", "sigma"]
  ])
})

const key = Key.make(0)
const cut = (size: number) => {
  // A cut that does not end is stopped at its 1,000th block.
  let blocks = 0
  const endless = { subarray: () => (++blocks > 1000 ? expectEnd() : new Float32Array(6)) }
  const batch = { x: wrong(endless), examples: 2, features: 3, indices: wrong(endless) }
  return Stream.make(batch).pipe(Blocks.rebatch(size), Stream.runDrain)
}
const expectEnd = (): never => {
  throw new Error("rebatch does not end")
}

describe("counts of plain functions", () => {
  throws([
    ["Key.make(-1)", () => Key.make(-1), "InvalidArgument", "seed is -1"],
    ["Key.make(1.5)", () => Key.make(1.5), "InvalidArgument", "seed is 1.5"],
    ["Key.make(NaN)", () => Key.make(Number.NaN), "InvalidArgument", "seed is NaN"],
    ["Key.make(2^53)", () => Key.make(2 ** 53), "InvalidArgument", "9007199254740992"],
    ["Key.make(undefined)", () => Key.make(wrong(undefined)), "InvalidArgument", "undefined"],
    ["Key.fold(key, -1)", () => Key.fold(key, -1), "InvalidArgument", "n is -1"],
    ["Key.fold(key, 0.5)", () => Key.fold(key, 0.5), "InvalidArgument", "n is 0.5"],
    ["a permutation of -1 things", () => Distributions.permutation(key, -1), "InvalidArgument", "n is -1"],
    [
      "a permutation of 2^32 things",
      () => Distributions.permutation(key, 2 ** 32),
      "InvalidArgument",
      "4294967296"
    ],
    [
      "classes of probability NaN",
      () => Distributions.categorical(0.5, [Number.NaN, 1]),
      "InvalidArgument",
      "NaN"
    ],
    ["no class", () => Distributions.categorical(0.5, []), "InvalidArgument", "0 classes"],
    ["classes that sum to 0.5", () => Distributions.categorical(0.9, [0.25, 0.25]), "InvalidArgument", "0.5"],
    [
      "a step of NaN",
      () => Params.move(params, Tangent.make(space, params.values), Number.NaN),
      "NonFinite",
      "NaN"
    ],
    [
      "a network of 2^40 parameters",
      () =>
        Conditional.init(
          Conditional.make(Network.sequential(2 ** 20, [Network.dense(2 ** 20)]), Likelihood.categorical),
          { seed: 0, init: Init.he }
        ),
      "InvalidArgument",
      "1099512676352"
    ]
  ])
  for (const size of [0, -1, 1.5, Number.NaN]) {
    fails([[`blocks of ${size} examples`, () => cut(size), "InvalidArgument", `size is ${size}`]])
  }
  fails([
    [
      "2^40 draws",
      () => withSampler({ draws: 2 ** 40, seed: 0 }),
      "InvalidArgument",
      "draws is 1099511627776"
    ],
    [
      "a pass of -1 of a shuffled source",
      () =>
        given({ source: DataSource.fromArrays({ x, y, shuffle: { seed: 0 } }) })(
          Stream.runDrain(Blocks.blocks({ size: 2, pass: -1 }))
        ),
      "InvalidArgument",
      "pass is -1"
    ]
  ])
})
