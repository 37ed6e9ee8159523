/** Bad input, structures: Fishers that do not belong together, what is no structure, and structures where they cannot be used. */
import * as tf from "@tensorflow/tfjs"
import { Effect, type Layer, Stream } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import {
  Accumulator,
  Conditional,
  DataSource,
  Fisher,
  Likelihood,
  Network,
  Sampler,
  Structure,
  Training
} from "../src/index.ts"
import { type Case, fails, type Row, cases as refused, returns, throws } from "./support/refusals.ts"
import { given, params, small, space, wrong } from "./support/small.ts"
import { alike, bits, estimated, half, kfac, type Named, spectral } from "./support/smallFishers.ts"
import type { Common } from "./support/structures.ts"
import { checkEveryKernel } from "./support/tensors.ts"

beforeAll(checkEveryKernel)

const before = bits()
afterAll(() => {
  // Whatever was refused left the Fishers as they were.
  expect(bits()).toEqual(before)
})

describe("two Fishers that do not belong together", () => {
  const { blockDiagonal, dense, diagonal, gram } = Structure
  const mixtures = {
    "mixed(dense, gram)": Structure.mixed([dense, gram]),
    "mixed(gram, dense)": Structure.mixed([gram, dense])
  }
  const summable: Readonly<Record<string, Structure.AnyStructure<Common | "sum">>> = {
    dense,
    blockDiagonal,
    diagonal,
    gram,
    ...mixtures
  }
  let ours: Named<Common | "sum"> = []
  let theirs: Named<Common | "sum"> = []
  beforeAll(async () => {
    ours = await estimated(small, summable)
    theirs = await estimated(alike, summable)
  })
  const of = (list: () => typeof ours, name: string) => list().find(([own]) => own === name)![1]
  const names = Object.keys(summable)
  returns(
    names.flatMap((first) =>
      names
        .filter((second) => second !== first)
        .map(
          (second): Case => [
            `sum of ${first} and ${second}`,
            () =>
              Fisher.sum(
                of(() => ours, first),
                of(() => ours, second)
              ),
            "ShapeMismatch",
            `A ${second} Fisher does not add to a ${first} one`,
            "of one structure"
          ]
        )
    )
  )
  returns(
    names.map(
      (name): Case => [
        `sum with another network's, ${name}`,
        () =>
          Fisher.sum(
            of(() => ours, name),
            of(() => theirs, name)
          ),
        "ShapeMismatch",
        space.signature,
        "relu"
      ]
    )
  )
  /** Its largest moment is over half of what float32 holds. */
  const huge = (name: string) => {
    const fisher = of(() => ours, name)
    const largest = Math.max(...fisher.means.flatMap((mean) => Array.from(mean, Math.abs)))
    return Effect.runSync(Effect.fromResult(Fisher.scale(fisher, 3e38 / largest)))
  }
  returns(
    ["dense", "blockDiagonal", "diagonal"].map(
      (name): Case => [
        `sum that overflows, ${name}`,
        () => Fisher.sum(huge(name), huge(name)),
        "NonFinite",
        "moment",
        "at index"
      ]
    )
  )
  for (const [name, fisher] of spectral) {
    returns([
      [
        `compare with another network's, ${name}`,
        () => Fisher.compare(fisher, of(() => theirs, "dense") as unknown as typeof fisher),
        "ShapeMismatch",
        space.signature,
        "relu"
      ]
    ])
  }
  returns([
    [
      "compare where a product of two factors overflows",
      () => {
        const largest = Math.max(...kfac.means[1]!, ...kfac.means[3]!)
        return Fisher.compare(kfac, Effect.runSync(Effect.fromResult(Fisher.scale(kfac, 3e38 / largest))))
      },
      "NonFinite",
      "written out",
      "Infinity"
    ]
  ])
})

describe("structures", () => {
  const { dense, ekfac, gram, kfac, mixed } = Structure
  const estimate = (structure: unknown) => given()(Fisher.estimate(small, params, wrong(structure)))
  const accumulate = (structure: unknown) => given()(Fisher.accumulate(small, params, wrong(structure)))
  const train = (structure: unknown) =>
    given()(
      Training.run(small, params, {
        learningRate: 0.1,
        damping: half,
        structure: wrong(structure)
      }).pipe(Stream.take(1), Stream.runDrain)
    )
  const empty = (structure: unknown) => Accumulator.empty(wrong(structure), space)

  const parts: ReadonlyArray<Row> = [
    ["no list", () => undefined, "InvalidArgument", "parts is undefined", "Give a list of structures"],
    ["null", () => null, "InvalidArgument", "parts is null"],
    ["one structure", () => kfac, "InvalidArgument", "parts is"],
    ["a name", () => "kfac", "InvalidArgument", 'parts is "kfac"'],
    ["names", () => ["kfac", "dense"], "InvalidArgument", 'parts[0] is "kfac"'],
    ["a part that is null", () => [kfac, null], "InvalidArgument", "parts[1] is null"],
    ["a part that is missing", () => [kfac, undefined], "InvalidArgument", "parts[1] is undefined"],
    ["a part that is a record", () => [{ name: "kfac" }, kfac], "InvalidArgument", "parts[0] is"]
  ]
  throws(refused("Structure.mixed", (value) => mixed(wrong(value)), parts))

  const numbers: ReadonlyArray<Row> = [
    [
      "mixed of none",
      () => mixed([]),
      "ShapeMismatch",
      "in Structure.mixed is 0",
      "2 layers",
      "one for each"
    ],
    [
      "mixed of one",
      () => mixed([kfac]),
      "ShapeMismatch",
      "in Structure.mixed is 1",
      "2 layers",
      "one for each"
    ],
    [
      "mixed of three",
      () => mixed([kfac, dense, gram]),
      "ShapeMismatch",
      "in Structure.mixed is 3",
      "2 layers"
    ],
    [
      "mixed of a mixture of two",
      () => mixed([kfac, mixed([kfac, dense])]),
      "ShapeMismatch",
      "in Structure.mixed is 2",
      "1 layer"
    ]
  ]
  fails(refused("Fisher.estimate", estimate, numbers))
  fails(refused("Fisher.accumulate", accumulate, numbers))
  fails(refused("Training.run", train, numbers))
  throws(refused("Accumulator.empty", empty, numbers))
  fails(
    refused("Fisher.estimate", estimate, [
      [
        "mixed of one, two passes",
        () => mixed([ekfac]),
        "ShapeMismatch",
        "in Structure.mixed is 1",
        "2 layers"
      ],
      [
        "mixed of three, two passes",
        () => mixed([kfac, ekfac, dense]),
        "ShapeMismatch",
        "in Structure.mixed is 3"
      ]
    ])
  )

  const none: ReadonlyArray<Row> = [
    ["nothing", () => undefined, "InvalidArgument", "structure is undefined", "Structure.kfac"],
    ["null", () => null, "InvalidArgument", "structure is null", "Structure.kfac"],
    ["a name", () => "kfac", "InvalidArgument", 'structure is "kfac"', "Structure.kfac"],
    ["a number", () => 3, "InvalidArgument", "structure is 3"],
    ["an empty record", () => ({}), "InvalidArgument", "structure is {}"],
    ["mixed, not called", () => mixed, "InvalidArgument", "structure is a function"]
  ]
  fails(refused("Fisher.estimate", estimate, none))
  fails(refused("Fisher.accumulate", accumulate, none))
  fails(refused("Training.run", train, none))
  throws(refused("Accumulator.empty", empty, none))

  const two: ReadonlyArray<Row> = [
    ["ekfac", () => ekfac, "InvalidArgument", "structure is ekfac", "two passes", "Fisher.estimate"],
    [
      "a mixture with ekfac",
      () => mixed([dense, ekfac]),
      "InvalidArgument",
      "structure is mixed(dense, ekfac)",
      "two passes"
    ]
  ]
  fails(refused("Training.run", train, two))
  fails(refused("Fisher.accumulate", accumulate, two))
  throws(refused("Accumulator.empty", empty, two))
})

describe("matrices that are too large", () => {
  /** One unit of so many inputs: a parameter more than inputs. */
  const empty = (structure: Structure.Structure<never>, inputs: number) =>
    Accumulator.empty(structure, Network.sequential(inputs, [Network.dense(1)]).space)
  const { dense, kfac, unitwise } = Structure
  it("control: triangles of 2^26 numbers or just under are not", () => {
    for (const structure of [dense, kfac, unitwise]) expect(empty(structure, 11_583).sums).toEqual([])
  })
  throws(
    [dense, kfac, unitwise].map(
      (structure): Case => [
        `Accumulator.empty of ${structure.name}: one row more`,
        () => empty(structure, 11_584),
        "InvalidArgument",
        `The ${structure.name} Fisher of 11585 parameters`,
        "over the 67108864"
      ]
    )
  )
})

describe("a triangle that is none", () => {
  throws(
    [2, 4, 5, 9, 12].map(
      (numbers): Case => [
        `Structure.unpacked of ${numbers} numbers`,
        () => Structure.unpacked(new Float32Array(numbers)),
        "InvalidArgument",
        `triangle is ${numbers} numbers`,
        "one matrix"
      ]
    )
  )
  it("control: of n = 0 to 300 rows it gives [n, n]", () => {
    for (let n = 0; n <= 300; n++) {
      expect(Structure.unpacked(new Float32Array((n * (n + 1)) / 2)).length).toBe(n * n)
    }
  })
})

describe("structures of one's own whose reduce and moments disagree", () => {
  const { dense } = Structure
  const own = (reduce: (typeof dense)["reduce"]) =>
    given()(Fisher.estimate(small, params, { ...dense, name: "own", reduce }))
  const size = space.size
  fails([
    [
      "a whole matrix for a symmetric moment",
      () => own(() => [tf.zeros([size, size])]),
      "InvalidArgument",
      `reduces a block to ${size * size} numbers`,
      "the lower triangle"
    ],
    ["no tensor", () => own(() => []), "InvalidArgument", "one tensor for each moment"]
  ])
  it("control: with a triangle it is a Fisher", async () => {
    expect((await Effect.runPromise(own(dense.reduce))).means[0]!.length).toBe((size * (size + 1)) / 2)
  })
})

describe("rows that are too many", () => {
  const empty = Accumulator.empty(Structure.gram, space)
  /** Sums that say how many they are, and are not there. */
  const claimed = (length: number) => ({
    ...empty,
    weight: 1,
    sums: [wrong({ length, slice: () => [] }) as Float64Array]
  })
  const some = { ...empty, weight: 1, sums: [new Float64Array(space.size)] }
  const due = ["InvalidArgument", "gram", "67108864", "Structure.kfac"] as const
  returns([
    ["Accumulator.combine", () => Accumulator.combine(some, claimed(2 ** 26)), ...due],
    ["Accumulator.movingAverage", () => Accumulator.movingAverage(some, claimed(2 ** 26), 0.5), ...due]
  ])
  // 160,002 parameters: 8.2e7 numbers for 256 examples of 2 columns, or 64 of 8.
  const layers = [Network.dense(400), Network.tanh, Network.dense(2)] as const
  const of = (
    likelihood: Likelihood.Likelihood,
    blockSize: number,
    sampler?: Layer.Layer<Sampler, unknown>
  ) => {
    const wide = Conditional.make(Network.sequential(399, layers), likelihood)
    const x = Array.from({ length: blockSize }, (_, n) =>
      Array.from({ length: 399 }, (_, i) => Math.sin(n + i))
    )
    return given({ source: DataSource.fromArrays({ x }), sampler })(
      Fisher.estimate(wide, Conditional.init(wide, { seed: 0 }), Structure.gram)
    )
  }
  fails([
    [
      "of one block",
      () => of(Likelihood.bernoulli, 256),
      "InvalidArgument",
      "256 examples with 2 columns",
      "smaller blockSize",
      "67108864"
    ],
    [
      "of one block with draws",
      () => of(Likelihood.gaussian({ variance: 1 }), 64, Sampler.monteCarlo({ draws: 8, seed: 0 })),
      "InvalidArgument",
      "64 examples with 8 columns",
      "fewer draws"
    ]
  ])
})
